# SPDX-License-Identifier: MIT
"""A stand-in for the Claude API on loopback: recorded streams, with their timing, over HTTP.

Its names are loaded when they are asked for: who writes a recording wants `times`
alone, without asyncio and Claude's messages.
May import: errors, _examples, _requests, recording, reply, server.
"""

from __future__ import annotations

from ..errors import RecordingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._examples import EXAMPLES as EXAMPLES
    from ._requests import Seen
    from .recording import PACE as PACE
    from .recording import Recording
    from .recording import Source as Source
    from .recording import split_events as split_events
    from .reply import Reply
    from .server import ReplayServer, serve_in_thread

__all__ = ["Recording", "RecordingError", "ReplayServer", "Reply", "Seen", "serve_in_thread"]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name in ("ReplayServer", "serve_in_thread"):
            from . import server as room
        elif name in ("PACE", "Recording", "split_events"):
            from . import recording as room
        elif name == "EXAMPLES":
            from . import _examples as room
        elif name == "Reply":
            from . import reply as room
        elif name == "Seen":
            from . import _requests as room
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(room, name)
