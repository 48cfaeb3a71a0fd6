# SPDX-License-Identifier: MIT
"""URLs taken apart and checked, before anything is looked up or sent.

May import: _checks.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from .._checks import exact_str, excerpt, shortened

CONTROLS = re.compile(r"[\x00-\x1f\x7f]")

_HOST = re.compile(r"[a-z0-9._~-]+|[0-9a-f:.]*:[0-9a-f:.%a-z_-]*")

# All that may stand in a request target as it is, so that what was quoted stays.
TARGET_SAFE = "!$%&'()*+,/:;=?@[]~"

_DEFAULT_PORTS = {"http": 80, "https": 443}

_BRACKETS = re.compile(r"\[[^\[\]]*:[^\[\]]*\](:[0-9]*)?")


class URL(NamedTuple):
    """The parts of a checked URL. `host` is ASCII, without the brackets of IPv6."""

    scheme: str
    host: str
    port: int
    # Path and query as the request line has them.
    target: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """What two URLs must share for credentials to go to both."""
        return self.scheme, self.host, self.port

    @property
    def address(self) -> str:
        """Host and port, with brackets around an IPv6 address."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def authority(self) -> str:
        """The value of the Host header: the port only where it is not the scheme's own."""
        if self.port != _DEFAULT_PORTS[self.scheme]:
            return self.address
        return f"[{self.host}]" if ":" in self.host else self.host


def parse_url(url: object) -> URL:
    """Return the parts of an http or https URL.

    Raises:
        TypeError: not a str.
        ValueError: another scheme, no host, credentials in it, control
            characters, a port out of range.
    """
    url = exact_str("url", url)
    # First of all: urlsplit drops some of these silently.
    if CONTROLS.search(url):
        raise ValueError("the URL contains control characters")
    try:
        # Spaces around it: some versions of urlsplit drop the leading ones, some do not.
        parts = urlsplit(url.strip(" "))
        port = parts.port
        host = parts.hostname or ""
    except ValueError:
        # Without the original, whose text may quote credentials.
        raise ValueError("not a valid URL") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError(f"only http and https URLs can be opened{_instead(url, parts.scheme)}")
    if "@" in parts.netloc:
        raise ValueError(
            "credentials in a URL end up in logs and are refused; send them in an "
            "Authorization header, whose value basic_auth(user, password) gives"
        )
    check_brackets(parts.netloc)
    return URL(
        parts.scheme,
        check_host(host),
        _DEFAULT_PORTS[parts.scheme] if port is None else check_port(port),
        quote(parts.path or "/", safe=TARGET_SAFE)
        + (f"?{quote(parts.query, safe=TARGET_SAFE)}" if parts.query else ""),
    )


def _instead(url: str, scheme: str) -> str:
    """Return what the text says of a URL with another scheme, or without one."""
    given = url.strip(" ").lstrip("/")
    after = given[len(scheme) + 1 :]
    # "h.example:80" and "localhost:80" look as if the host were a scheme.
    if scheme and not (scheme == "localhost" or "." in scheme or after[:1].isdigit()):
        return f", not {excerpt(scheme)}"
    if not given:
        return "; the URL is empty"
    if url.startswith("/") and not url.startswith("//"):
        return "; the URL has no host either"
    # Less a query and whatever may be a password.
    place = given.partition("#")[0].partition("?")[0]
    return f"; write https://{'...' if '@' in place else shortened(place)}"


def check_brackets(netloc: str) -> None:
    """Refuse what is not an IPv6 address in brackets, where there are any; urlsplit does not."""
    if ("[" in netloc or "]" in netloc) and not _BRACKETS.fullmatch(netloc):
        raise ValueError(f"not a valid host name: {excerpt(netloc)}")


def check_host(host: str) -> str:
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii").lower()
        except UnicodeError as exc:
            raise ValueError(f"not a valid host name: {excerpt(host)}") from exc
    labels = host[:-1].split(".") if host.endswith(".") else host.split(".")
    # Longer or empty labels make the resolver raise UnicodeError, not OSError.
    if not _HOST.fullmatch(host) or (
        ":" not in host and not all(0 < len(label) < 64 for label in labels)
    ):
        raise ValueError(f"not a valid host name: {excerpt(host)}" if host else "no host in URL")
    return host


def check_port(port: int) -> int:
    if port == 0:
        raise ValueError("port 0 cannot be connected to")
    return port
