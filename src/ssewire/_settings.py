"""What `client` and `aio` share of doing I/O: settings of a call, words for failures, hooks.

May import: _checks, _http, errors, reconnect.
"""

from __future__ import annotations

import errno
import inspect
import logging
import os
import socket
import ssl
import urllib.request
from functools import lru_cache

from ._checks import check_count, wrong_type
from ._http.exchange import exchange
from ._http.keepalive import keepalive_options
from ._http.proxy import choose_proxy
from ._http.request import HTTPRequest
from .errors import TransportError
from .reconnect import Connect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from ._headers import HeaderSource
    from ._http.exchange import Steps
    from ._http.proxy import Proxy
    from ._http.request import Body
    from ._http.timeouts import Deadlines, Timeouts
    from .reconnect import Command

log = logging.getLogger("ssewire")

_KEEPALIVE = keepalive_options(socket)

# Bytes asked of a socket at a time: what a busy stream has ready on loopback, and
# below the size from which malloc maps fresh pages for every read.
READ_SIZE = 64 * 1024


class Settings:
    """What goes for all connections of one call, or of one client.

    Args:
        pool: keeps connections for further requests; None closes each after its response.

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

    def check(self, first: HTTPRequest) -> None:
        """Refuse a proxy that cannot be used, before any I/O."""
        if self.transport is None:
            self.proxy_for(first)

    def proxy_for(self, current: HTTPRequest) -> Proxy | None:
        """Return the proxy to use, as the environment is now."""
        return choose_proxy(
            current.parts, self._proxy, urllib.request.getproxies, urllib.request.proxy_bypass
        )

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
        )

    def tls_context(self) -> ssl.SSLContext:
        """Return what the caller gave, or the one that verifies as the system does."""
        return _default_context() if self._tls is None else self._tls

    @property
    def tls_is_ready(self) -> bool:
        """Whether `tls_context` returns at once: it has no certificates to read."""
        return self._tls is not None or _default_context.cache_info().currsize > 0


def prepare(
    url: str,
    method: str,
    headers: HeaderSource | None,
    body: Body | None,
    timeouts: Timeouts | None,
    tls: ssl.SSLContext | None,
    proxy: str | None,
    max_redirects: int,
    transport: Any,
) -> tuple[HTTPRequest, Settings]:
    """Return what the arguments of `request` and its kin come to, checked before any I/O.

    Raises:
        TypeError, ValueError: an argument that makes no sense.
    """
    settings = Settings(tls, proxy, max_redirects, transport)
    first = HTTPRequest(url, method=method, headers=headers, body=body, timeouts=timeouts)
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
    return context


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


def plain_callable(name: str, hook: Any) -> Any:
    """Return a hook that can be called and is done when it returns, or None.

    Raises:
        TypeError: it is something else, such as a coroutine function.
    """
    if hook is not None:
        if not callable(hook):
            raise wrong_type(name, "a callable", hook)
        if inspect.iscoroutinefunction(hook) or inspect.iscoroutinefunction(
            getattr(hook, "__call__", None)  # noqa: B004 - its type is looked at, not called
        ):
            raise TypeError(f"{name} must be a plain callable, not a coroutine function")
    return hook


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
    return str(exc) or type(exc).__name__


def foreign(exc: BaseException) -> TransportError:
    """Return the error for what a transport of the caller's raised; `exc` is to be its cause."""
    return TransportError(f"the transport raised {type(exc).__name__}")


def check_carried(response: object, expected: type) -> None:
    """Refuse what a transport of the caller's returned, if it is no response of that client.

    Raises:
        TypeError: it is not.
    """
    if not isinstance(response, expected):
        raise wrong_type("what a transport returns", "an HTTPResponse", response)
