# SPDX-License-Identifier: MIT
"""Open event streams over HTTP/1.1 with blocking sockets; nothing but the standard library.

One thread iterates; `close()` and `restart()` may be called from any. All
waiting stands under the deadlines of `Timeouts`. What to do next is decided
without I/O, in `_http`, `reconnect` and `_following`, as for `ssewire.aio`;
here it is waited for, and bytes are moved.
"""

from __future__ import annotations

from .._headers import Headers, basic_auth
from .._http.request import HTTPRequest
from .._http.timeouts import Timeouts
from ..reconnect import ReconnectPolicy
from ._open import open_stream, request
from ._pool import Pool as Pool
from ._response import HTTPResponse, Transport
from ._source import EventSource
from ._stream import Batches as Batches
from ._stream import EventStream

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
