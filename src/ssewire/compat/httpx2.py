# SPDX-License-Identifier: MIT
"""The event source of httpx2 2.16.2 over our parser.

Events and errors are of httpx2's own classes, so that what compares or catches them goes on
doing so; they are loaded when asked for, and httpx2 with them.
May import: _responses, _checks.
"""

from __future__ import annotations

from .._checks import excerpt
from ._responses import aevents_of, events_of, media_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import httpx2
    from httpx2 import ServerSentEvent as ServerSentEvent
    from httpx2 import SSEError as SSEError

__all__ = ["EventSource", "SSEError", "ServerSentEvent", "install"]

# 1 MiB, as in httpx2.
_MAX_EVENT_SIZE = 1024 * 1024


class EventSource:
    """The events of one response of httpx2. Making one reads nothing and checks nothing.

    Iterating raises SSEError where the Content-Type is not text/event-stream, or an event is too
    large, after the events before it; whatever reading the response raises comes unchanged. The
    response is not closed: `with` does that. An exception that comes out of a step finishes the
    iterator, Ctrl-C and cancellation too.

    Args:
        max_event_size: bytes that one unfinished event may hold, as for `ssewire.Parser`; None
            lifts the limit.
    """

    def __init__(
        self, response: httpx2.Response, max_event_size: int | None = _MAX_EVENT_SIZE
    ) -> None:
        self._response = response
        # httpx2 calls it so too: the methods below also work on its own objects.
        self._max_event_size = max_event_size

    @property
    def response(self) -> httpx2.Response:
        """The response that the events are read from."""
        return self._response

    def __iter__(self) -> Iterator[ServerSentEvent]:
        from httpx2 import ServerSentEvent

        response, limit = self.response, self._max_event_size
        return events_of(
            response, self._check_content_type, ServerSentEvent, self._too_large, limit
        )

    def __aiter__(self) -> AsyncIterator[ServerSentEvent]:
        from httpx2 import ServerSentEvent

        response, limit = self.response, self._max_event_size
        return aevents_of(
            response, self._check_content_type, ServerSentEvent, self._too_large, limit
        )

    def _check_content_type(self) -> None:
        found = media_type(self.response)
        if found != "text/event-stream":
            wanted = "Expected response with content type 'text/event-stream'"
            raise _error(f"{wanted}, got {excerpt(found)}.", self.response)

    def _too_large(self, limit: int) -> SSEError:
        return _error(f"Server-sent event exceeded the {limit} byte limit.", self.response)


def install() -> None:
    """Have the EventSource of httpx2, which `client.sse` gives too, read with our parser.

    Its class stays and its methods are replaced, so that it makes no difference whether it was
    imported before; a second call does nothing. It imports httpx2.

    Raises:
        ImportError: httpx2 is not there, or so old that it has no EventSource.
    """
    from httpx2 import EventSource as original

    for name in ("__iter__", "__aiter__", "_check_content_type", "_too_large"):
        setattr(original, name, vars(EventSource)[name])


def _error(text: str, response: httpx2.Response) -> SSEError:
    from httpx2 import SSEError

    error = SSEError(text)
    try:
        error.request = response.request
    except RuntimeError:
        # A response that was made by hand belongs to no request.
        pass
    return error


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name in ("SSEError", "ServerSentEvent"):
            import httpx2

            return getattr(httpx2, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
