# SPDX-License-Identifier: MIT
"""What `client` and `aio` share of doing I/O: settings of a call, words for failures, hooks.

May import: _checks, _http, _logger, _unfinished, errors, reconnect.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import socket
import ssl
import urllib.request
from functools import lru_cache

from ._checks import check_count, wrong_type
from ._http.exchange import exchange
from ._http.keepalive import keepalive_options
from ._http.proxy import choose_proxy
from ._http.refusal import EVENT_STREAM, accepted, check_media_types, refusal
from ._http.request import HTTPRequest
from ._http.timeouts import given_timeouts, timeouts_of
from ._logger import known_logger
from ._unfinished import dispatches
from .errors import TransportError
from .reconnect import Connect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Protocol

    from typing_extensions import TypedDict

    from ._headers import Headers, HeaderSource
    from ._http.exchange import Steps
    from ._http.proxy import Proxy
    from ._http.refusal import MediaTypes
    from ._http.request import Body
    from ._http.timeouts import Deadlines, NotGiven, Timeouts
    from ._unfinished import Unfinished
    from .reconnect import Command

    class Answer(Protocol):
        """An HTTPResponse of either client."""

        status: int
        headers: Headers
        url: str

    class RequestOptions(TypedDict, total=False):
        """The keywords of `request` for checkers, but for `transport`."""

        method: str
        headers: HeaderSource | None
        body: Body | None
        timeouts: Timeouts | float | NotGiven | None
        timeout: Timeouts | float | NotGiven | None
        tls: ssl.SSLContext | None
        proxy: str | None
        max_redirects: int

    class StreamOptions(RequestOptions, total=False):
        """Those of `open_stream` besides, but for `comments`: that decides what it gives."""

        media_types: MediaTypes
        last_event_id: str
        max_event_size: int | None
        default_event: str
        unfinished: Unfinished


log = logging.getLogger("ssewire")
known_logger()  # Now, and not within a stream.

_KEEPALIVE = keepalive_options(socket)

# Bytes asked of a socket at a time: what a busy stream has ready on loopback, and
# below the size from which malloc maps fresh pages for every read.
READ_SIZE = 64 * 1024


class Settings:
    """What goes for all connections of one call, or of one client.

    Args:
        pool: keeps connections for further requests; None closes each after its response.
        unfinished: what becomes of an event that a response ends within.
        media_types: of the responses that are taken for event streams; None for any.
        within: redirects to another origin are refused.

    Raises:
        TypeError, ValueError: an argument that makes no sense.
    """

    def __init__(
        self,
        tls: ssl.SSLContext | None,
        proxy: str | None,
        max_redirects: int,
        transport: Any,
        pool: Any = None,
        unfinished: Unfinished = "drop",
        media_types: MediaTypes = EVENT_STREAM,
        within: bool = False,
    ) -> None:
        if tls is not None and not isinstance(tls, ssl.SSLContext):
            raise wrong_type("tls", "an ssl.SSLContext or None", tls)
        if tls is not None and tls.protocol == ssl.PROTOCOL_TLS_SERVER:
            raise ValueError("tls is a context for servers")
        if transport is not None and not callable(transport):
            raise wrong_type("transport", "a callable", transport)
        check_count("max_redirects", max_redirects)
        self._tls = tls
        self._proxy = proxy
        self.max_redirects: int = max_redirects
        self.transport: Any = transport
        self.pool: Any = pool
        self.dispatch: bool = dispatches(unfinished)
        self._within = within
        self._media_types = check_media_types(media_types)

    def check(self, first: HTTPRequest) -> None:
        """Refuse a proxy that cannot be used, before any I/O."""
        if self.transport is None:
            self.proxy_for(first)

    def proxy_for(self, current: HTTPRequest) -> Proxy | None:
        """Return the proxy to use, as the environment is now."""
        return choose_proxy(
            current.parts,
            self._proxy,
            urllib.request.getproxies,
            urllib.request.proxy_bypass,
            [*os.environ],  # the names alone: among the values are keys
        )

    def proxy_in_use(self, first: HTTPRequest) -> Proxy | None:
        """Return the proxy that sees the request, as far as that is known; raises nothing."""
        if self.transport is not None:
            return None
        try:
            return self.proxy_for(first)
        except ValueError:
            # No proxy: the request fails with that.
            return None

    def steps(self, first: HTTPRequest, deadlines: Deadlines, clock: Callable[[], float]) -> Steps:
        """Return the steps of an exchange by these settings; arguments as of `_http.exchange`."""
        return exchange(
            first,
            deadlines,
            clock,
            proxy_for=self.proxy_for,
            max_redirects=self.max_redirects,
            keeps=self.pool is not None,
            carried=self.transport is not None,
            within=self._within,
        )

    def accepts(self, response: Answer) -> bool:
        """Whether a response is taken for an event stream."""
        return accepted(response.status, response.headers, self._media_types)

    def refusal(self, first: HTTPRequest, response: Answer, body: bytes) -> TransportError:
        """Return the error for a response to `first` that is not; `body` is how its body begins."""
        types = self._media_types
        asked, url = first.url, response.url or first.url
        return refusal(response.status, response.headers, body, types, asked=asked, url=url)

    def tls_context(self) -> ssl.SSLContext:
        """Return what the caller gave, or the one that verifies as the system does."""
        return _default_context() if self._tls is None else self._tls

    @property
    def tls_is_ready(self) -> bool:
        """Whether `tls_context` returns at once: it has no certificates to read."""
        return self._tls is not None or _default_context.cache_info().currsize > 0


def checked_arguments(
    url: str,
    method: str,
    headers: HeaderSource | None,
    body: Body | None,
    timeouts: Timeouts | float | NotGiven | None,
    timeout: Timeouts | float | NotGiven | None,
    tls: ssl.SSLContext | None,
    proxy: str | None,
    max_redirects: int,
    transport: Any,
    unfinished: Unfinished = "drop",
    media_types: MediaTypes = EVENT_STREAM,
) -> tuple[HTTPRequest, Settings]:
    """Return what the arguments of `request` and its kin come to, checked before any I/O.

    Raises:
        TypeError, ValueError: an argument that makes no sense.
    """
    given = timeouts_of(given_timeouts(timeouts, timeout))
    settings = Settings(
        tls, proxy, max_redirects, transport, unfinished=unfinished, media_types=media_types
    )
    first = HTTPRequest(url, method=method, headers=headers, body=body, timeouts=given)
    settings.check(first)
    return first, settings


def log_command(command: Command, failures: int) -> None:
    """Log what an event source does about the end of a connection, `failures` in a row so far."""
    if not isinstance(command, Connect):
        if command.error is not None:
            log.warning("stopped: %s", command.error)
    elif command.failed:
        text = "attempt %d failed: %s; the next in %.1f s"
        log.warning(text, failures, command.error, command.delay)
    else:
        log.info("%s; connecting again in %.1f s", command.error, command.delay)


@lru_cache(1)
def _default_context() -> ssl.SSLContext:
    # Loading the certificates takes tens of milliseconds: once per process.
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    tell_cuts(context)
    return context


def tell_cuts(context: ssl.SSLContext) -> None:
    """Have a context tell a connection that was cut from one that was closed (RFC 8446, 6.1).

    Some builds of CPython up to 3.11 have OpenSSL 3 take both for the end (gh-95494).
    """
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)


def keep_alive(new: socket.socket) -> None:
    """Have TCP find out when the peer of a new socket is gone."""
    for option in _KEEPALIVE:
        try:
            new.setsockopt(*option)
        except OSError as exc:
            # A system may have a name for what it does not do; then its own times count.
            # What has no number is not the system's but a signal handler's.
            if exc.errno is None:
                raise


def reason(exc: BaseException) -> str:
    """Return an operating system's or OpenSSL's own words for a failure."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return exc.verify_message
    if isinstance(exc, ssl.SSLError):
        return exc.reason or type(exc).__name__
    if isinstance(exc, OSError) and exc.strerror:
        # asyncio puts words of its own there. Those of a name lookup have numbers of their own.
        if (
            exc.errno is not None
            and exc.errno in errno.errorcode
            and not isinstance(exc, socket.gaierror)
        ):
            return os.strerror(exc.errno)
        return exc.strerror
    if isinstance(exc, ConnectionResetError) and not str(exc):
        # asyncio's, of a TLS handshake.
        return os.strerror(errno.ECONNRESET)
    return str(exc) or type(exc).__name__


# Characters of what another library says of its failure: its own words come last in some.
_FOREIGN = 300

# The query of a URL in such words: people put keys there.
_QUERY = re.compile(r"\?[^\s'\")>]*")


def foreign(exc: BaseException) -> TransportError:
    """Return the error for what a transport of the caller's raised; `exc` is to be its cause."""
    said = _QUERY.sub("?...", str(exc)[: 10 * _FOREIGN])
    # It may quote the peer: nothing that a terminal acts on.
    said = "".join(char if char.isprintable() else " " for char in said).strip()
    more = f": {said[:_FOREIGN]}" if said else ""
    return TransportError(f"the transport raised {type(exc).__name__}{more}")


def check_carried(response: object, expected: type) -> None:
    """Refuse what a transport of the caller's returned, if it is no response of that client.

    Raises:
        TypeError: it is not.
    """
    if not isinstance(response, expected):
        raise wrong_type("what a transport returns", "an HTTPResponse", response)
