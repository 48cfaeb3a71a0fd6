"""A stand-in for the Claude API on loopback: recorded streams, with their timing, over HTTP.

May import: errors, _requests, recording, server.
"""

from __future__ import annotations

from ..errors import RecordingError
from ._requests import Seen
from .recording import PACE as PACE
from .recording import Recording
from .recording import split_events as split_events
from .server import ReplayServer, serve_in_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .recording import Source as Source

__all__ = ["Recording", "RecordingError", "ReplayServer", "Seen", "serve_in_thread"]
