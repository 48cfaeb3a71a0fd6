"""The way to a server, and which proxy stands on it.

May import: _checks, url.
"""

from __future__ import annotations

import base64
from typing import NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

from .._checks import exact_str, excerpt
from .url import CONTROLS, URL, check_brackets, check_host, check_port

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Callable


class Proxy(NamedTuple):
    """An HTTP proxy: where it is, and the Proxy-Authorization value that it wants, if any."""

    host: str
    port: int
    authorization: str | None

    @property
    def address(self) -> str:
        """Host and port, with brackets around an IPv6 address."""
        return URL("http", self.host, self.port, "").address

    def __repr__(self) -> str:
        return f"<Proxy {self.address}>"


class Route(NamedTuple):
    """The way to a server: what two requests must share to go over one connection."""

    scheme: str
    host: str
    port: int
    proxy: Proxy | None

    @property
    def secure(self) -> bool:
        """Whether TLS goes all the way, through a proxy in a tunnel."""
        return self.scheme == "https"

    @property
    def first_hop(self) -> tuple[str, int, str]:
        """What to connect to: host, port, and both of them for people."""
        if self.proxy is not None:
            return self.proxy.host, self.proxy.port, self.proxy.address
        return self.host, self.port, URL(self.scheme, self.host, self.port, "").address


def choose_proxy(
    url: URL,
    proxy: str | None,
    getproxies: Callable[[], Mapping[str, str]],
    bypass: Callable[[str], object],
) -> Proxy | None:
    """Return the proxy to use for `url`; None for a direct connection.

    Args:
        proxy: "env" asks the two functions; else a proxy's URL, or None.
        getproxies, bypass: as `getproxies` and `proxy_bypass` of
            urllib.request: proxy URLs by scheme, and whether to leave them out for "host:port".

    Raises:
        TypeError: `proxy` is neither a str nor None.
        ValueError: a proxy URL that cannot be used.
    """
    if proxy is None:
        return None
    proxy = exact_str("proxy", proxy, 'a URL, "env" or None')
    if proxy != "env":
        return parse_proxy(proxy)
    proxies = getproxies()
    found = proxies.get(url.scheme) or proxies.get("all")
    # NO_PROXY may name a host as it stands in a URL, or bare: ::1 and [::1], with and without the
    # dot that ends a full name.
    named = {url.address, url.host, url.host.rstrip(".")}
    if not found or any(bypass(name) for name in named):
        return None
    return parse_proxy(found)


def parse_proxy(proxy: str) -> Proxy:
    """Return where a proxy URL, with or without "http://", points.

    Raises:
        ValueError: another scheme than http, no host, a port out of range.
    """
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    if CONTROLS.search(proxy):
        raise ValueError("the proxy URL contains control characters")
    try:
        parts = urlsplit(proxy)
        port = parts.port
        host = parts.hostname or ""
    except ValueError:
        raise ValueError("not a valid proxy URL") from None
    if parts.scheme != "http":
        raise ValueError(f"only http:// proxies can be used, not {excerpt(parts.scheme)}")
    authorization = None
    if parts.username is not None:
        user = unquote_to_bytes(parts.username)
        password = unquote_to_bytes(parts.password or "")
        authorization = f"Basic {base64.b64encode(user + b':' + password).decode('ascii')}"
    check_brackets(parts.netloc.rpartition("@")[2])
    return Proxy(check_host(host), 80 if port is None else check_port(port), authorization)
