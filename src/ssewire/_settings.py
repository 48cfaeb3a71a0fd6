"""What `client` and `aio` share of doing I/O: settings of a call, words for failures, hooks.

May import: _checks, errors, _http.
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

from ._checks import wrong_type
from ._http.proxy import choose_proxy
from ._http.redirects import Redirects
from ._http.request import HTTPRequest
from .errors import TransportError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._http.proxy import Proxy

log = logging.getLogger("ssewire")

# Bytes asked of a socket at a time: what a busy stream has ready on loopback, and
# below the size from which malloc maps fresh pages for every read.
READ_SIZE = 64 * 1024

# Idle connections that a pool keeps for one server: a client talks to one, and
# what is idle beyond these is left over from a burst.
POOL_SIZE = 20

# Seconds after which an idle connection is not used again: below the 60 s and
# 75 s after which common balancers and nginx close it.
POOL_IDLE = 30.0


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
        Redirects(max_redirects)
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

    def tls_context(self) -> ssl.SSLContext:
        """Return what the caller gave, or the one that verifies as the system does."""
        return _default_context() if self._tls is None else self._tls


@lru_cache(1)
def _default_context() -> ssl.SSLContext:
    # Loading the certificates takes tens of milliseconds: once per process.
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


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


def foreign(exc: Exception) -> TransportError:
    """Return the error for what a transport of the caller's raised; `exc` is to be its cause."""
    return TransportError(f"the transport raised {type(exc).__name__}")
