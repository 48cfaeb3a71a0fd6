# SPDX-License-Identifier: MIT
"""What httpx-sse 0.4.3 has, by the same names, over our parser.

`SSEError` is loaded when it is asked for, and httpx with it. May import: _api, _exceptions,
_install, _models.
"""

from __future__ import annotations

from ._api import EventSource, aconnect_sse, connect_sse
from ._install import install
from ._models import ServerSentEvent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._exceptions import SSEError as SSEError

# Of the original: its names and its behaviour are these.
__version__ = "0.4.3"

__all__ = [
    "EventSource",
    "SSEError",
    "ServerSentEvent",
    "__version__",
    "aconnect_sse",
    "connect_sse",
    "install",
]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name == "SSEError":
            from ._exceptions import SSEError

            return SSEError
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
