# SPDX-License-Identifier: MIT
"""The way to a server, and which proxy stands on it.

May import: _checks, _headers, url.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

from .._checks import exact_str, shortened
from .._headers import basic_value
from .url import CONTROLS, URL, check_brackets, check_host, check_port

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Callable


class Proxy(NamedTuple):
    """An HTTP proxy: where it is, the Proxy-Authorization value that it wants, if any, and whence.

    `variable` is the environment variable that names it; "" where the caller did.
    """

    host: str
    port: int
    authorization: str | None
    variable: str = ""

    @property
    def named(self) -> str:
        """What it is, for people: where it is, and who says so if the caller does not."""
        return f"the proxy {self.address}" + (f" of {self.variable}" if self.variable else "")

    def explain(self, reason: str) -> str:
        """Return why it failed, and where it comes from: nobody may have asked for a proxy."""
        return f"{reason} (the proxy of {self.variable})" if self.variable else reason

    def same_as(self, other: Proxy | None) -> bool:
        """Whether it is the same server, whoever named it."""
        return other is not None and (self.host, self.port) == (other.host, other.port)

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
    environ: Iterable[str] = (),
) -> Proxy | None:
    """Return the proxy to use for `url`; None for a direct connection.

    Args:
        proxy: "env" asks the two functions; else a proxy's URL, or None.
        getproxies, bypass: as `getproxies` and `proxy_bypass` of
            urllib.request: proxy URLs by scheme, and whether to leave them out for "host:port".
        environ: the names of the environment's variables.

    Raises:
        TypeError: `proxy` is neither a str nor None.
        ValueError: a proxy URL that cannot be used; the text names the variable that has it.
    """
    if proxy is None:
        return None
    proxy = exact_str("proxy", proxy, 'a URL, "env" or None')
    if proxy != "env":
        return parse_proxy(proxy)
    proxies = getproxies()
    kind = url.scheme if proxies.get(url.scheme) else "all"
    found = proxies.get(kind)
    # NO_PROXY may name a host as it stands in a URL, or bare: ::1 and [::1], with and without the
    # dot that ends a full name.
    named = {url.address, url.host, url.host.rstrip(".")}
    if not found or any(bypass(name) for name in named):
        return None
    variable = _variable(f"{kind}_proxy", environ)
    try:
        return parse_proxy(found)._replace(variable=variable)
    except ValueError as exc:
        why = f"{variable} cannot be used: {exc}; proxy=None, or NO_PROXY, goes without"
    # Not as its cause, and without these: tracebacks show the variables of their frames, and the
    # environment's URLs may hold passwords.
    del proxies, found
    raise ValueError(why)


def _variable(name: str, environ: Iterable[str]) -> str:
    """Return a variable's name as it is spelled; in lower case it wins, as in urllib."""
    spelled = [given for given in environ if given.lower() == name]
    if not spelled:
        return f"the system's {name}"
    return name if name in spelled else spelled[0]


def parse_proxy(proxy: str) -> Proxy:
    """Return where a proxy URL, with or without "http://", points; spaces around it do not count.

    Raises:
        ValueError: another scheme than http, no host, a port out of range.
    """
    proxy = proxy.strip(" ")
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
    if not parts.scheme:
        # In quotes, such as a shell or a file of settings has left around it.
        raise ValueError("not a valid proxy URL")
    if parts.scheme != "http":
        raise ValueError(f"only http:// proxies can be used, not {shortened(parts.scheme)}://")
    authorization = None
    if parts.username is not None:
        user = unquote_to_bytes(parts.username)
        password = unquote_to_bytes(parts.password or "")
        authorization = basic_value(user + b":" + password)
    check_brackets(parts.netloc.rpartition("@")[2])
    return Proxy(check_host(host), 80 if port is None else check_port(port), authorization)
