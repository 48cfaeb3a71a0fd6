# SPDX-License-Identifier: MIT
"""A response, and what carries requests in place of our own sockets.

May import: _checks, _closing, _headers, _http.
"""

from __future__ import annotations

from typing import Callable

from .._checks import shown_url
from .._closing import Closeable
from .._headers import Headers
from .._http.request import HTTPRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .._headers import HeaderSource
    from .._http.request import Body


class HTTPResponse(Closeable):
    """A response; a context manager that closes itself.

    A `Transport` makes one of what its library gives.

    Args:
        status: as on the wire.
        headers: Headers, a mapping or pairs.
        chunks: the body's bytes, decoded, as they arrive.
        url: what was asked in the end, after redirects.
        close: called once by `close()`, from whichever thread; `chunks.close`
            if not given and there is one.
    """

    __slots__ = ("__weakref__", "_close", "chunks", "headers", "status", "url")

    def __init__(
        self,
        status: int,
        headers: HeaderSource,
        chunks: Iterable[Body],
        *,
        url: str = "",
        close: Callable[[], object] | None = None,
    ) -> None:
        self.status: int = status
        self.headers: Headers = headers if isinstance(headers, Headers) else Headers(headers)
        self.chunks: Iterator[Body] = iter(chunks)
        self.url: str = url
        # Whoever takes it out calls it: in one step, also for other threads.
        self._close = [close if close is not None else getattr(chunks, "close", None)]

    def close(self) -> None:
        """Close the connection. Idempotent; a blocked reader ends."""
        try:
            close = self._close.pop()
        except IndexError:
            return
        if close is not None:
            close()

    def __repr__(self) -> str:
        return f"<HTTPResponse {self.status} from {shown_url(self.url)}>"


Transport = Callable[[HTTPRequest], HTTPResponse]
"""How other HTTP libraries carry our requests. What it raises is wrapped in a TransportError."""
