# SPDX-License-Identifier: MIT
"""This package in the place of httpx-sse.

May import: _replace, _api, _decoders, _exceptions, _models.
"""

from __future__ import annotations

import sys

from .._replace import take_the_place


def install() -> None:
    """Have `import httpx_sse` give this package, in this process, its private modules included.

    Call it before anything imports httpx_sse; httpx-sse need not be installed. A second call
    does nothing. It imports httpx, as importing httpx_sse does.

    Raises:
        StateError: httpx_sse was imported before.
        ImportError: httpx is not there.
    """
    from . import _api, _decoders, _exceptions, _models

    inner = [_api, _decoders, _exceptions, _models]
    modules = {f"httpx_sse.{each.__name__.rpartition('.')[2]}": each for each in inner}
    ours = sys.modules[__name__.rpartition(".")[0]]
    take_the_place("httpx_sse", {"httpx_sse": ours, **modules})
