# SPDX-License-Identifier: MIT
"""A response, and what carries requests in place of our own sockets.

May import: _checks, _headers, _http, _tasks.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Callable

from .._checks import shown_url, wrong_type
from .._headers import Headers
from .._http.request import HTTPRequest
from ._tasks import Closing, EitherCloseable, awaited, in_background

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator

    from .._headers import HeaderSource
    from .._http.request import Body


class HTTPResponse(EitherCloseable):
    """A response; an asynchronous context manager that closes itself.

    A `Transport` makes one of what its library gives.

    Args:
        status: as on the wire.
        headers: Headers, a mapping or pairs.
        chunks: the body's bytes, decoded, as they arrive.
        url: what was asked in the end, after redirects.
        close: called once by `close()`, and awaited if it returns an
            awaitable; `chunks.aclose` or `chunks.close` if not given and there is one.
    """

    __slots__ = ("_close", "_given", "chunks", "headers", "status", "url")

    def __init__(
        self,
        status: int,
        headers: HeaderSource,
        chunks: AsyncIterable[Body],
        *,
        url: str = "",
        close: Callable[[], object] | None = None,
    ) -> None:
        if not hasattr(chunks, "__aiter__"):
            raise wrong_type("chunks", "an asynchronous iterable of bytes", chunks)
        self.status: int = status
        self.headers: Headers = headers if isinstance(headers, Headers) else Headers(headers)
        self.chunks: AsyncIterator[Body] = chunks.__aiter__()
        self.url: str = url
        self._close: Callable[[], object] | None = close
        # To be closed if `close` is not given.
        self._given: AsyncIterable[Body] | None = chunks if close is None else None

    def close(self) -> Closing:
        """Close the connection. Idempotent; a blocked reader ends. May be awaited."""
        close, self._close = self._close, None
        given, self._given = self._given, None
        if given is not None:
            close = getattr(given, "aclose", None) or getattr(given, "close", None)
        done = close() if close is not None else None
        if done is None or isinstance(done, Closing):
            return done or Closing()
        if not hasattr(done, "__await__"):
            return Closing()
        try:
            return in_background(awaited(done))
        except RuntimeError:
            # No loop runs that could await it: its own has been closed, for one.
            return Closing()

    def __repr__(self) -> str:
        return f"<HTTPResponse {self.status} from {shown_url(self.url)}>"


Transport = Callable[[HTTPRequest], Awaitable[HTTPResponse]]
"""How other HTTP libraries carry our requests. What it raises is wrapped in a TransportError."""
