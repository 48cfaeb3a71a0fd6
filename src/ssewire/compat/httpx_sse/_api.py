# SPDX-License-Identifier: MIT
"""Connecting with httpx, and the events of a response.

May import: _responses, _decoders, _exceptions, _models, _checks, _limits.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager

from ..._checks import excerpt
from ..._limits import MAX_EVENT_SIZE
from .._responses import aevents_of, events_of, media_type
from ._decoders import SSELineDecoder
from ._models import ServerSentEvent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
    from typing import Any

    import httpx

    from ._exceptions import SSEError


class EventSource:
    """The events of one response of httpx. Making one reads nothing and checks nothing."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    @property
    def response(self) -> httpx.Response:
        """The response that the events are read from."""
        return self._response

    def iter_sse(self) -> Iterator[ServerSentEvent]:
        """Generate the events. The response is not closed, as in the original: `with` does that.

        An exception that comes out of a step, Ctrl-C too, finishes the generator.

        Raises (while iterating):
            SSEError: the Content-Type has no text/event-stream in it; or an event is larger
                than 64 MiB, after the events before it.
            httpx.TransportError: whatever reading the response raises, unchanged.
        """
        response, check = self._response, self._check_content_type
        return events_of(response, check, ServerSentEvent, _too_large, MAX_EVENT_SIZE)

    def aiter_sse(self) -> AsyncGenerator[ServerSentEvent, None]:
        """Generate the events as `iter_sse` does, awaited; so does a cancellation finish it."""
        response, check = self._response, self._check_content_type
        return aevents_of(response, check, ServerSentEvent, _too_large, MAX_EVENT_SIZE)

    def _check_content_type(self) -> None:
        found = media_type(self._response)
        if "text/event-stream" not in found:
            raise _error(
                "Expected response header Content-Type to contain 'text/event-stream', "
                f"got {excerpt(found)}"
            )


@contextmanager
def connect_sse(
    client: httpx.Client, method: str, url: str | httpx.URL, **kwargs: Any
) -> Generator[EventSource, None, None]:
    """Open a stream with a client of httpx; `with` gives its EventSource and closes it.

    Args:
        kwargs: as for `client.stream`. Accept and Cache-Control of `headers` are replaced, in
            a copy: the original changes the caller's.

    Raises: whatever the client raises.
    """
    kwargs["headers"] = _headers(kwargs.get("headers"))
    with client.stream(method, url, **kwargs) as response:
        yield EventSource(response)


@asynccontextmanager
async def aconnect_sse(
    client: httpx.AsyncClient, method: str, url: str | httpx.URL, **kwargs: Any
) -> AsyncGenerator[EventSource, None]:
    """Open a stream as `connect_sse` does, with an asynchronous client."""
    kwargs["headers"] = _headers(kwargs.get("headers"))
    async with client.stream(method, url, **kwargs) as response:
        yield EventSource(response)


def _headers(headers: Any) -> httpx.Headers:
    from httpx import Headers  # who connects has it loaded

    merged = Headers(headers)
    merged["Accept"] = "text/event-stream"
    merged["Cache-Control"] = "no-store"
    return merged


def _error(text: str) -> SSEError:
    from ._exceptions import SSEError  # httpx with it

    return SSEError(text)


def _too_large(limit: int) -> SSEError:
    return _error(f"Server-sent event exceeded the {limit} byte limit.")


# Private in the original, which has tests for them.


def _iter_sse_lines(response: httpx.Response) -> Iterator[str]:
    decoder = SSELineDecoder()
    for text in response.iter_text():
        yield from decoder.decode(text)
    yield from decoder.flush()


async def _aiter_sse_lines(response: httpx.Response) -> AsyncIterator[str]:
    decoder = SSELineDecoder()
    async for text in response.aiter_text():
        for line in decoder.decode(text):
            yield line
    for line in decoder.flush():
        yield line
