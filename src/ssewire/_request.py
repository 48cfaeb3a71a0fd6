"""What both clients do before and around a request: checks, redirects, proxies, inflating.

Arguments that make no sense raise TypeError or ValueError here, before any
socket is opened; what the peer sends raises TransportErrors. No text holds
credentials. May import: _checks, errors, _headers, _version and the standard library,
but nothing that does I/O or reads a clock.
"""

from __future__ import annotations

import base64
import calendar
import re
import zlib
from email.utils import parsedate_tz
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes, urljoin, urlsplit

from ._checks import check_count, check_seconds, excerpt, wrong_type
from ._headers import SECRET_HEADERS, Headers
from ._version import __version__
from .errors import ContentDecodingError, RedirectError, StreamTimeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, Callable, Union

    from ._headers import HeaderSource

    # The bytes of a request's or response's body.
    Body = Union[bytes, bytearray, memoryview]

__all__ = ["HTTPRequest", "Headers", "Inflater", "Timeouts"]

# The bytes of a refused response that its error carries: enough for the JSON
# error bodies of APIs, too little to hurt.
ERROR_BODY = 1024

# Seconds that such a body may take: an error must not hang on a server that
# says no and then nothing.
ERROR_BODY_PATIENCE = 1.0

# Bytes that inflating gives out at a time. A bomb of 1:1000 thus costs no more
# memory than a plain body; its reader may stop whenever it has enough.
INFLATE_STEP = 64 * 1024

# Compressed bytes given to zlib at a time: it copies what it has not used at
# every step, which would be quadratic for a large piece that inflates a lot.
_DEFLATED_STEP = 16 * 1024

# Redirects followed where the caller sets no other limit; browsers follow 20,
# and no honest chain needs more than a few.
MAX_REDIRECTS = 10

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_HOST = re.compile(r"[a-z0-9._~-]+|[0-9a-f:.]*:[0-9a-f:.%a-z_-]*")
# All that may stand in a request target as it is, so that what was quoted stays.
_TARGET_SAFE = "!$%&'()*+,/:;=?@[]~"
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
    if not isinstance(url, str):
        raise wrong_type("url", "a str", url)
    # First of all: urlsplit drops some of these silently.
    if _CONTROLS.search(url):
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
        raise ValueError(f"only http and https URLs can be opened, not {excerpt(parts.scheme)}")
    if "@" in parts.netloc:
        raise ValueError(
            "credentials in a URL end up in logs and are refused; "
            "send them in an Authorization header"
        )
    _check_brackets(parts.netloc)
    return URL(
        parts.scheme,
        _check_host(host),
        _DEFAULT_PORTS[parts.scheme] if port is None else _check_port(port),
        quote(parts.path or "/", safe=_TARGET_SAFE)
        + (f"?{quote(parts.query, safe=_TARGET_SAFE)}" if parts.query else ""),
    )


def _check_brackets(netloc: str) -> None:
    """Refuse what is not an IPv6 address in brackets, where there are any; urlsplit does not."""
    if ("[" in netloc or "]" in netloc) and not _BRACKETS.fullmatch(netloc):
        raise ValueError(f"not a valid host name: {excerpt(netloc)}")


def _check_host(host: str) -> str:
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


def _check_port(port: int) -> int:
    if port == 0:
        raise ValueError("port 0 cannot be connected to")
    return port


class Timeouts:
    """How long to wait for what, in seconds; None waits for ever. Immutable.

    Args:
        connect: name lookup, TCP, TLS and a proxy's CONNECT together.
        head: until the response head is there.
        idle: without any byte of the body.
        stall: without an event; comments do not count.
        total: the whole exchange, from connecting to the end of the body.

    Raises:
        TypeError: not a number.
        ValueError: zero, negative or not finite.
    """

    __slots__ = ("connect", "head", "idle", "stall", "total")

    connect: float | None
    head: float | None
    idle: float | None
    stall: float | None
    total: float | None

    def __init__(
        self,
        # Three lost SYN packets (1 + 2 + 4 s) still fit. The others depend on
        # the service: a quiet stream is a good stream.
        connect: float | None = 10.0,
        head: float | None = None,
        idle: float | None = None,
        stall: float | None = None,
        total: float | None = None,
    ) -> None:
        values = (connect, head, idle, stall, total)
        for name, value in zip(self.__slots__, values):
            if value is not None:
                value = check_seconds(f"timeout {name}", value, expected="a number or None")
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"Timeouts is read-only: cannot set {name!r}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"Timeouts is read-only: cannot delete {name!r}")

    def _fields(self) -> tuple[float | None, ...]:
        return self.connect, self.head, self.idle, self.stall, self.total

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Timeouts):
            return NotImplemented
        return self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash(self._fields())

    def __repr__(self) -> str:
        return (
            f"Timeouts(connect={self.connect!r}, head={self.head!r}, idle={self.idle!r}, "
            f"stall={self.stall!r}, total={self.total!r})"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return Timeouts, self._fields()


class Deadlines:
    """When which timeout of an exchange runs out. Clock-free: each call is told the time.

    The phases are connect, head and body; a redirect goes back to connect.
    Idle and stall run only while somebody waits for the peer, so that a
    consumer that takes its time cannot time out a good stream.

    Args:
        now: seconds on any clock that only goes forward.
    """

    __slots__ = ("_timeouts", "idle", "running", "stall")

    def __init__(self, timeouts: Timeouts, now: float) -> None:
        self._timeouts = timeouts
        # Kind -> time; only those that are running.
        self.running: dict[str, float] = {}
        # Seconds. Public like `running`: a read needs no clock where there are none.
        self.idle: float | None = timeouts.idle
        self.stall: float | None = timeouts.stall
        self._set("total", now)
        self._set("connect", now)

    def _set(self, kind: str, now: float) -> None:
        seconds = getattr(self._timeouts, kind)
        if seconds is not None:
            self.running[kind] = now + seconds

    def start_connect(self, now: float) -> None:
        """Begin to connect (again, for a redirect)."""
        self.running.pop("head", None)
        self._set("connect", now)

    def start_head(self, now: float) -> None:
        """Begin to send the request and to wait for the response head."""
        self.running.pop("connect", None)
        self._set("head", now)

    def start_body(self) -> None:
        """Note that the response head is there; only `total` runs until somebody waits."""
        self.running.pop("head", None)

    def start_idle(self, now: float) -> None:
        """Begin to wait for bytes, or go on after some came."""
        if self.idle is not None:
            self.running["idle"] = now + self.idle

    def start_stall(self, now: float) -> None:
        """Begin to wait for an event."""
        if self.stall is not None:
            self.running["stall"] = now + self.stall

    def start_error_body(self, now: float) -> None:
        """Begin to read the body of a refused response."""
        self.running["total"] = min(
            now + ERROR_BODY_PATIENCE, self.running.get("total", float("inf"))
        )

    def stop_waiting(self) -> None:
        """Note that nobody waits: an event is in the consumer's hands."""
        self.running.pop("idle", None)
        self.running.pop("stall", None)

    def earliest(self) -> float | None:
        """Return when the next one runs out; None if none is running."""
        return min(self.running.values()) if self.running else None

    def expired(self, now: float) -> StreamTimeout | None:
        """Return the error for the first that has run out by now."""
        due = [(at, kind) for kind, at in self.running.items() if at <= now]
        if not due:
            return None
        kind = min(due)[1]
        return StreamTimeout(kind, getattr(self._timeouts, kind) or ERROR_BODY_PATIENCE)


# Sent unless the caller sends others. The first two are what the standard and
# the field's contract tests ask for; compression would hold small events back.
_DEFAULT_HEADERS = (
    ("Accept", "text/event-stream"),
    ("Cache-Control", "no-cache"),
    ("Accept-Encoding", "identity"),
    ("User-Agent", f"ssewire/{__version__}"),
)
# What says how long the body is, and over what, is for the client to say.
_OURS = frozenset(("content-length", "transfer-encoding"))


class HTTPRequest:
    """One request, checked and complete; what a `Transport` is to carry. Immutable by convention.

    `url` is as given, `parts` the same taken apart; `headers` holds the
    defaults too, but no Host (unless given) and no Content-Length; `body` is bytes or None.

    Raises:
        TypeError: an argument of the wrong type; a str body.
        ValueError: a URL, method or header that cannot be sent.
    """

    __slots__ = ("body", "headers", "method", "parts", "timeouts", "url")

    def __init__(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: HeaderSource | None = None,
        body: Body | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self.parts: URL = parse_url(url)
        self.url: str = url
        if not isinstance(method, str):
            raise wrong_type("method", "a str", method)
        self.method: str = method.upper()
        if not _TOKEN.fullmatch(method) or self.method == "CONNECT":
            raise ValueError(f"not a method that can be sent: {excerpt(method)}")
        self.headers: Headers = _with_defaults(Headers(headers))
        if body is not None and not isinstance(body, (bytes, bytearray, memoryview)):
            hint = "; encode it first, as in text.encode()" if isinstance(body, str) else ""
            raise TypeError(f"body must be bytes or None, not {type(body).__name__}{hint}")
        self.body: bytes | None = None if body is None else bytes(body)
        if timeouts is None:
            timeouts = Timeouts()
        elif not isinstance(timeouts, Timeouts):
            raise wrong_type("timeouts", "a Timeouts object", timeouts)
        self.timeouts: Timeouts = timeouts

    def wire_headers(self) -> list[tuple[bytes, bytes]]:
        """Return the header fields as they go out, Host and Content-Length included."""
        fields = [] if "Host" in self.headers else [("Host", self.parts.authority)]
        fields += self.headers.multi_items()
        if self.body is not None:
            fields.append(("Content-Length", str(len(self.body))))
        elif self.method in ("POST", "PUT", "PATCH"):
            # Without it some servers wait for a body or answer 411.
            fields.append(("Content-Length", "0"))
        return [(name.encode("ascii"), _encode_value(value)) for name, value in fields]

    def with_last_event_id(self, last_event_id: str) -> HTTPRequest:
        """Return this request with that Last-Event-ID, or without one where it is ""."""
        fields = _without(self.headers, ("last-event-id",))
        if last_event_id:
            fields.append(("Last-Event-ID", last_event_id))
        return self._replaced(headers=Headers(fields))

    def _replaced(
        self, *, url: str | None = None, method: str | None = None, headers: Headers, **body: None
    ) -> HTTPRequest:
        return HTTPRequest(
            self.url if url is None else url,
            method=self.method if method is None else method,
            headers=headers,
            body=body.get("body", self.body),
            timeouts=self.timeouts,
        )

    def __repr__(self) -> str:
        return f"<HTTPRequest {self.method} {self.parts.scheme}://{self.parts.authority}>"


def _with_defaults(headers: Headers) -> Headers:
    for name, value in headers.multi_items():
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"not a valid header name: {excerpt(name)}")
        # Never the value in a text: it may be a key.
        if any(char in value for char in "\r\n\0"):
            raise ValueError(f"header {name} must not contain CR, LF or NUL")
        try:
            _encode_value(value)
        except UnicodeEncodeError:
            raise ValueError(f"header {name} is not encodable as UTF-8") from None
        if name.lower() in _OURS:
            raise ValueError(f"header {name} is set by the client and cannot be given")
    missing = [(name, value) for name, value in _DEFAULT_HEADERS if name not in headers]
    return Headers(missing + headers.multi_items()) if missing else headers


def _encode_value(value: str) -> bytes:
    # The standard's encoding of Last-Event-ID; other bytes that the caller
    # gave as bytes came in by surrogateescape.
    return value.encode("utf-8", "surrogateescape")


def _without(headers: Headers, names: Any) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers.multi_items() if name.lower() not in names]


class ResponseHead(NamedTuple):
    """Status line and header fields of a response."""

    status: int
    reason: str
    # 10 or 11, as http.client writes it.
    version: int
    headers: Headers


class Redirects:
    """Follow the redirects of one request, as far as that is safe.

    Args:
        limit: how many to follow.

    Raises:
        TypeError, ValueError: the limit is not an int, or negative.
    """

    def __init__(self, limit: int = MAX_REDIRECTS) -> None:
        self._limit = check_count("max_redirects", limit)
        self._seen: set[tuple[str, URL]] = set()

    def follow(self, request: HTTPRequest, status: int, headers: Headers) -> HTTPRequest | None:
        """Return the request to make next; None if the response is not a redirect.

        As the Fetch standard has it, 303 makes a GET of all but HEAD, and 301
        and 302 make a GET of POST; the body goes with it. What identifies the
        caller is not sent to another origin.

        Raises:
            RedirectError: no Location, too many, a loop, https to http, or a
                URL that cannot be opened (the cause).
        """
        if status not in (301, 302, 303, 307, 308):
            return None
        self._seen.add((request.method, request.parts))
        location = headers.get("Location")
        if not location:
            raise RedirectError("a redirect without a Location", request.url)
        try:
            # Bytes beyond ASCII came in as Latin-1.
            raw = location.encode("latin-1")
        except UnicodeEncodeError:
            raw = location.encode("utf-8", "surrogateescape")
        url = _join(request.url, quote(raw, safe=_TARGET_SAFE + "#"))
        try:
            target = parse_url(url)
        except ValueError as exc:
            raise RedirectError("a redirect to a URL that cannot be opened", request.url) from exc
        if request.parts.scheme == "https" and target.scheme == "http":
            raise RedirectError("a redirect from https to http", request.url)
        method = request.method
        if (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST"):
            method = "GET"
        if (method, target) in self._seen:
            raise RedirectError("a redirect loop", request.url)
        if len(self._seen) > self._limit:
            raise RedirectError(f"more than {self._limit} redirects", request.url)
        dropped: set[str] = set()
        if target.origin != request.parts.origin:
            dropped |= SECRET_HEADERS | {"host"}
        if method == request.method:
            return request._replaced(url=url, headers=Headers(_without(request.headers, dropped)))
        dropped |= _BODY_HEADERS
        return request._replaced(
            url=url, method=method, headers=Headers(_without(request.headers, dropped)), body=None
        )


_BODY_HEADERS = frozenset(
    ("content-type", "content-encoding", "content-language", "content-location")
)


def _join(base: str, location: str) -> str:
    """Return the URL that `location` means, seen from `base`.

    Raises:
        RedirectError: it means none.
    """
    try:
        return urljoin(base, location)
    except ValueError as exc:
        raise RedirectError("a redirect to a URL that cannot be opened", base) from exc


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
    if not isinstance(proxy, str):
        raise wrong_type("proxy", 'a URL, "env" or None', proxy)
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
    if _CONTROLS.search(proxy):
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
    _check_brackets(parts.netloc.rpartition("@")[2])
    return Proxy(_check_host(host), 80 if port is None else _check_port(port), authorization)


def is_event_stream(headers: Headers) -> bool:
    """Whether the media type is text/event-stream, in any case and with any parameters."""
    media_type = headers.get("Content-Type", "").partition(";")[0]
    return media_type.strip().lower() == "text/event-stream"


def parse_retry_after(headers: Headers, now: float) -> float | None:
    """Return the seconds that a Retry-After header asks to wait from `now` (seconds since 1970).

    None where there is none, or one that says nothing sensible.
    """
    value = headers.get("Retry-After", "").strip()
    # An HTTP date has at most 33 characters; longer digits would be slow to convert.
    if not value or len(value) > 64 or not value.isascii():
        return None
    if value.isdigit():
        return float(value)
    try:
        date = parsedate_tz(value)
        if date is None:
            return None
        return max(0.0, calendar.timegm((*date[:6], 0, 0, 0)) - (date[9] or 0) - now)
    except (ValueError, OverflowError, IndexError, TypeError):
        # Dates such as the 99th of March.
        return None


def make_inflater(headers: Headers) -> Inflater | None:
    """Return what undoes the Content-Encoding of a body; None where there is nothing to undo.

    Raises:
        ContentDecodingError: an encoding other than gzip and deflate.
    """
    encoding = ", ".join(headers.get_all("Content-Encoding")).strip().lower()
    if encoding in ("", "identity"):
        return None
    return Inflater(encoding)


class Inflater:
    """Undo gzip or deflate (zlib or raw) of a body that comes in pieces.

    Args:
        encoding: "gzip", "x-gzip" or "deflate".

    Raises:
        ContentDecodingError: another encoding.
    """

    def __init__(self, encoding: str) -> None:
        if encoding not in ("gzip", "x-gzip", "deflate"):
            raise ContentDecodingError(encoding, "not supported", False)
        self._encoding = encoding
        self._gzip = encoding != "deflate"
        # The current zlib stream; None before the first byte of one is complete enough to tell.
        self._stream: Any = None
        # Bytes that came before it could be told what they begin.
        self._undecided = b""
        # A gzip member has ended: another may follow, anything else is ignored as browsers do.
        self._between = False
        self._ended = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Generate what `data` inflates to, in pieces of at most 64 KiB.

        Exhaust it before the next `feed`.

        Raises (while iterating):
            ContentDecodingError: the data is damaged; zlib's error is the cause.
        """
        for start in range(0, len(data), _DEFLATED_STEP):
            rest = data[start : start + _DEFLATED_STEP]
            full = False
            # A full piece may mean that zlib still holds output, its input all taken.
            while (rest or full) and not self._ended:
                if self._stream is None:
                    rest = self._begin(rest)
                    full = False
                    continue
                try:
                    piece = self._stream.decompress(rest, INFLATE_STEP)
                except zlib.error as exc:
                    raise ContentDecodingError(self._encoding, "the body is damaged") from exc
                full = len(piece) == INFLATE_STEP
                rest = self._stream.unconsumed_tail
                if self._stream.eof:
                    rest = self._stream.unused_data
                    full = False
                    self._stream = None
                    self._between = True
                    self._ended = not self._gzip
                if piece:
                    yield piece

    def close(self) -> None:
        """Note the end of the body.

        Raises:
            ContentDecodingError: it ends in the middle. A body of no bytes at all is none.
        """
        if self._stream is not None or (self._undecided and not self._between):
            raise ContentDecodingError(self._encoding, "the body is cut short")

    def _begin(self, data: bytes) -> bytes:
        """Start a zlib stream once its first two bytes are there; return what it is to get."""
        data = self._undecided + data
        if len(data) < 2:
            self._undecided = data
            return b""
        self._undecided = b""
        if self._gzip:
            if self._between and data[:2] != b"\x1f\x8b":
                self._ended = True
                return b""
            self._stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
        else:
            # RFC 9110 means zlib by "deflate"; some servers send the bare format.
            is_zlib = data[0] & 15 == 8 and (data[0] * 256 + data[1]) % 31 == 0
            self._stream = zlib.decompressobj(zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS)
        self._between = False
        return data
