# SPDX-License-Identifier: MIT
"""A response class for Starlette and FastAPI. May import: _serving, _response, _running."""

from __future__ import annotations

from starlette.background import BackgroundTask  # pyright: ignore[reportMissingImports]
from starlette.responses import (  # pyright: ignore[reportMissingImports]
    Response as StarletteResponse,
)

from .._serving import ERROR_EVENT, KEEP_ALIVE, Options
from ._response import Response
from ._running import source_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from .._headers import HeaderSource
    from ._response import Receive, Scope, Send, Source


class EventResponse(StarletteResponse):  # type: ignore[misc]
    """A response of Starlette's or FastAPI's whose body is these events.

    `return EventResponse(events())` is all that an endpoint needs.

    Args:
        events: as for `event_stream`, for one response.
        status_code: as `status` of `event_stream`.
        background: a BackgroundTask or BackgroundTasks, run when the stream is over.
        keep_alive, headers, send_timeout, error_event, on_close: as for `event_stream`.

    Raises:
        TypeError, ValueError: an argument that makes no sense.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        events: Source,
        status_code: int = 200,
        headers: HeaderSource | None = None,
        background: BackgroundTask | None = None,
        *,
        keep_alive: float | None = KEEP_ALIVE,
        send_timeout: float | None = None,
        error_event: str | None = ERROR_EVENT,
        on_close: Callable[[], object] | None = None,
    ) -> None:
        self._options = Options(
            keep_alive=keep_alive,
            headers=headers,
            status=status_code,
            send_timeout=send_timeout,
            error_event=error_event,
            on_close=on_close,
        )
        self._events = source_of(events)
        self.status_code: int = status_code
        self.background: BackgroundTask | None = background
        # Where cookies and what FastAPI adds come to.
        self.raw_headers: list[tuple[bytes, bytes]] = self._options.fields

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection, as Starlette asks for it."""
        # What was set on the response since it was made.
        self._options.status = self.status_code
        self._options.fields = self.raw_headers
        await Response(self._events, self._options, send).respond(scope["method"], receive)
        if self.background is not None:
            await self.background()
