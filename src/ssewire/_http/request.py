# SPDX-License-Identifier: MIT
"""A request, checked and complete, before any socket is opened.

Arguments that make no sense raise TypeError or ValueError here. No text holds
the value of a header: it may be a key. May import: _checks, _headers,
_version, timeouts, url.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .._checks import exact_str, excerpt, wrong_type
from .._headers import Headers
from .._version import __version__
from .timeouts import Timeouts
from .url import URL, parse_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container
    from typing import Union

    from .._headers import HeaderSource

    # The bytes of a request's or response's body.
    Body = Union[bytes, bytearray, memoryview]

    # Header fields by name, and None for those to take away.
    HeaderChanges = Mapping[str, Union[str, bytes, None]]

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")

# Sent unless the caller sends others. The first two are what the standard and
# the field's contract tests ask for; compression would hold small events back.
_DEFAULT_HEADERS = (
    ("Accept", "text/event-stream"),
    ("Cache-Control", "no-cache"),
    ("Accept-Encoding", "identity"),
    ("User-Agent", f"ssewire/{__version__}"),
)

# They describe the body, and go with it.
_BODY_HEADERS = frozenset(
    ("content-type", "content-encoding", "content-language", "content-location")
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
        timeouts: Timeouts | None = None,
        headers: HeaderSource | None = None,
        body: Body | None = None,
    ) -> None:
        self._set(url, method, _with_defaults(Headers(headers)), body, timeouts)

    def _set(
        self,
        url: str,
        method: str,
        headers: Headers,
        body: Body | None,
        timeouts: Timeouts | None,
    ) -> None:
        self.url: str = exact_str("url", url)
        self.parts: URL = parse_url(self.url)
        method = exact_str("method", method)
        self.method: str = method.upper()
        if not _TOKEN.fullmatch(method) or self.method == "CONNECT":
            raise ValueError(f"not a method that can be sent: {excerpt(method)}")
        _check_headers(headers)
        self.headers: Headers = headers
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
        return [(name.encode("ascii"), encode_value(value)) for name, value in fields]

    def with_headers(self, headers: HeaderChanges) -> HTTPRequest:
        """Return this request with these header fields in place of those of the same names.

        Args:
            headers: a mapping of names to values, or to None, which takes a field away,
                also one that is sent by default. The other fields stay.

        Raises:
            TypeError: no mapping; a name or value of the wrong type.
            ValueError: a header that cannot be sent.
        """
        if not isinstance(headers, Mapping):
            raise wrong_type("headers", "a mapping of names to values or None", headers)
        given = Headers([(name, value) for name, value in headers.items() if value is not None])
        names = {exact_str("a header name", name).lower() for name in headers}
        kept = without(self.headers, names)
        return self.changed(self.url, self.method, Headers(kept + given.multi_items()), self.body)

    def with_url(self, url: str) -> HTTPRequest:
        """Return this request to another URL.

        Its headers stay as they are, credentials too, whatever host that is: unlike a redirect,
        it is the caller who says so.

        Raises:
            TypeError, ValueError: a URL that cannot be opened.
        """
        return self.changed(url, self.method, self.headers, self.body)

    def with_method(self, method: str, body: Body | None = None) -> HTTPRequest:
        """Return this request with another method and body; without one if it is None.

        What describes the body, such as Content-Type, goes when the body does.

        Raises:
            TypeError, ValueError: a method or body that cannot be sent.
        """
        headers = self.headers
        if body is None:
            headers = Headers(without(headers, _BODY_HEADERS))
        return self.changed(self.url, method, headers, body)

    def with_last_event_id(self, last_event_id: str) -> HTTPRequest:
        """Return this request with that Last-Event-ID, or without one where it is ""."""
        last_event_id = exact_str("last_event_id", last_event_id)
        return self.with_headers({"Last-Event-ID": last_event_id or None})

    def changed(self, url: str, method: str, headers: Headers, body: Body | None) -> HTTPRequest:
        """Return another request that differs in these and has the same timeouts.

        Nothing is added to the headers: a default that was taken away stays away.
        """
        other = HTTPRequest.__new__(HTTPRequest)
        other._set(url, method, headers, body, self.timeouts)
        return other

    def __repr__(self) -> str:
        # Of one whose __init__ failed too: debuggers ask for it.
        parts = getattr(self, "parts", None)
        where = "of nowhere" if parts is None else f"{parts.scheme}://{parts.authority}"
        return f"<HTTPRequest {getattr(self, 'method', 'unfinished')} {where}>"


def _with_defaults(headers: Headers) -> Headers:
    missing = [(name, value) for name, value in _DEFAULT_HEADERS if name not in headers]
    return Headers(missing + headers.multi_items()) if missing else headers


def _check_headers(headers: Headers) -> None:
    # No value in a variable, and so in no traceback: it may be a key.
    for name, fault in [(name, value_fault(value)) for name, value in headers.multi_items()]:
        check_field(name, fault, "client")


def check_field(name: str, fault: str, sender: str) -> None:
    """Refuse a header field that cannot be sent, or that is for `sender` itself to say.

    Args:
        fault: what `value_fault` says of its value.

    Raises:
        ValueError: such a one.
    """
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"not a valid header name: {excerpt(name)}")
    if fault:
        raise ValueError(f"header {name} {fault}")
    if name.lower() in _OURS:
        raise ValueError(f"header {name} is set by the {sender} and cannot be given")


def value_fault(value: str) -> str:
    """Return why a header's value cannot be sent; "" if it can. The text does not hold it."""
    if any(char in value for char in "\r\n\0"):
        return "must not contain CR, LF or NUL"
    try:
        encode_value(value)
    except UnicodeEncodeError:
        return "is not encodable as UTF-8"
    return ""


def encode_value(value: str) -> bytes:
    """Return the value of a header field that has been checked, as bytes of the wire."""
    # The standard's encoding of Last-Event-ID; other bytes that the caller
    # gave as bytes came in by surrogateescape.
    return value.encode("utf-8", "surrogateescape")


def without(headers: Headers, names: Container[str]) -> list[tuple[str, str]]:
    """Return the fields but for those of these names, given in lower case."""
    return [(name, value) for name, value in headers.multi_items() if name.lower() not in names]
