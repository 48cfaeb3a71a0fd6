# SPDX-License-Identifier: MIT
"""Open event streams over HTTP/1.1 with asyncio; nothing but the standard library.

The twin of `ssewire.client`: the same names, awaited. A connection receives
into one buffer per event loop and runs framing and parser there and then, so
a task wakes up only for whole events. A consumer that stops reading stops the
socket. Cancelling a task that opens closes its socket; cancelling one that
waits for what comes next takes nothing. Objects belong to the loop they were
opened in; from other threads use `loop.call_soon_threadsafe(stream.close)`.
"""

from __future__ import annotations

from .._headers import Headers, basic_auth
from .._http.request import HTTPRequest
from .._http.timeouts import Timeouts
from ..reconnect import ReconnectPolicy
from ._open import open_stream, request
from ._opening import Opening as Opening
from ._pool import Pool as Pool
from ._response import HTTPResponse, Transport
from ._source import EventSource
from ._stream import Batches as Batches
from ._stream import EventStream
from ._tasks import Closing as Closing

__all__ = [
    "EventSource",
    "EventStream",
    "HTTPRequest",
    "HTTPResponse",
    "Headers",
    "ReconnectPolicy",
    "Timeouts",
    "Transport",
    "basic_auth",
    "open_stream",
    "request",
]
