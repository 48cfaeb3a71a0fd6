# SPDX-License-Identifier: MIT
"""Serve events to browsers: an ASGI application, or the bytes for a framework's response.

asyncio only; no framework is needed. `EventResponse` is there where Starlette
is, which FastAPI stands on: its names are loaded when it is asked for.
May import: _serving, _body, _broadcast, _response, _starlette.
"""

from __future__ import annotations

from .._serving import ERROR_EVENT, HEADERS, KEEP_ALIVE, last_event_id
from ._body import EventBody, event_body
from ._broadcast import Broadcast, Viewer
from ._response import EventStream, event_stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._serving import Item as Item
    from ._starlette import EventResponse as EventResponse

__all__ = [
    "ERROR_EVENT",
    "HEADERS",
    "KEEP_ALIVE",
    "Broadcast",
    "EventBody",
    "EventResponse",
    "EventStream",
    "Viewer",
    "event_body",
    "event_stream",
    "last_event_id",
]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name == "EventResponse":
            from ._starlette import EventResponse

            return EventResponse
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
