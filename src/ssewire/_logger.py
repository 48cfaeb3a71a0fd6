# SPDX-License-Identifier: MIT
"""The package's logger, for those who do not import `logging`, which costs as much as the package.

It is looked up once. `getLogger` takes a lock of the whole process, and an exception of a signal
handler can leave that held (up to Python 3.12): whoever looked it up again would wait for ever.
May import: nothing.
"""

from __future__ import annotations

from sys import modules

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    import logging

_known: list[logging.Logger] = []


def known_logger() -> logging.Logger | None:
    """Return the logger; None where nobody has imported `logging`, and so nobody listens."""
    if not _known and "logging" in modules:
        _known.append(modules["logging"].getLogger("ssewire"))
    return _known[0] if _known else None
