# SPDX-License-Identifier: MIT
"""The heads of requests and responses on the wire, and what they say of a body's end.

What can be read in two ways (lengths that differ, a length together with
chunks) is refused, because two readers that disagree about where a body ends
can be played against each other. What is odd but can be read in one way only
is read so, and such a connection carries no other request.
May import: _headers, errors, proxy, request.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from .._headers import Headers
from ..errors import HTTPFormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, Union

    from .proxy import Proxy
    from .request import HTTPRequest

    # How a body's end is known; a number is its Content-Length.
    Framing = Union[int, Literal["none", "chunked", "close"]]


class ResponseHead(NamedTuple):
    """Status line and header fields of a response."""

    status: int
    reason: str
    # 10 or 11, as http.client writes it.
    version: int
    headers: Headers
    # Odd, though it can be read: another reader on the way may see another end of the body.
    odd: bool = False


# Status line, header fields and interim responses together; also a body's
# trailers. Servers send up to 16 KiB, large cookies included.
MAX_HEAD = 64 * 1024

# As many header fields as http.client takes, so that both clients refuse the same.
MAX_HEADERS = 100

_STATUS_LINE = re.compile(rb"HTTP/1\.([0-9]) ([0-9]{3})(?: ([^\r\n\0]*))?")

_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\r\n\0]*)")

# What may stand around a value; str.strip() alone takes much else.
BLANKS = " \t"
_FOLD = BLANKS.encode()


def request_head(
    request: HTTPRequest, proxy: Proxy | None = None, *, keep_alive: bool = False
) -> bytes:
    """Return the head of a request; through a proxy (without CONNECT) if one is given.

    Args:
        keep_alive: do not ask the server to close the connection after the response.
    """
    fields = request.wire_headers()
    parts = request.parts
    target = parts.target
    if proxy is None:
        # Within a tunnel too: what is for the proxy is not for the server.
        fields = [field for field in fields if field[0].lower() != b"proxy-authorization"]
    else:
        target = f"http://{parts.authority}{target}"
        fields += _authorization(fields, proxy)
    if not keep_alive and "connection" not in request.headers:
        # One request per connection, so no server need keep it for another.
        fields.append((b"Connection", b"close"))
    return _head(f"{request.method} {target} HTTP/1.1", fields)


def connect_head(request: HTTPRequest, proxy: Proxy) -> bytes:
    """Return the head that asks a proxy for a tunnel to the request's server."""
    address = request.parts.address
    fields = [(b"Host", address.encode("ascii"))]
    given = request.wire_headers()
    fields += [field for field in given if field[0].lower() == b"proxy-authorization"]
    fields += _authorization(given, proxy)
    return _head(f"CONNECT {address} HTTP/1.1", fields)


def _authorization(fields: list[tuple[bytes, bytes]], proxy: Proxy) -> list[tuple[bytes, bytes]]:
    """Return the field with the credentials of a proxy's URL, unless the caller gave others."""
    if proxy.authorization is None or any(
        name.lower() == b"proxy-authorization" for name, _ in fields
    ):
        return []
    return [(b"Proxy-Authorization", proxy.authorization.encode("ascii"))]


def _head(first_line: str, fields: list[tuple[bytes, bytes]]) -> bytes:
    lines = [first_line.encode("ascii")]
    lines += [name + b": " + value for name, value in fields]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def body_framing(method: str, status: int, headers: Headers) -> Framing:
    """Return how the end of a response's body is known.

    Raises:
        HTTPFormatError: it could be read in more than one way, or in none.
    """
    codings = _transfer_codings(headers)
    lengths = headers.get_all("Content-Length")
    if lengths and "Transfer-Encoding" in headers:
        raise HTTPFormatError("both Content-Length and Transfer-Encoding")
    # Some servers name chunked twice, or identity, which has never changed a byte. After
    # chunked nothing may stand: is the body then chunked or read to the end (RFC 9112, 6.3)?
    chunked = "chunked" in codings
    if any(coding not in ("chunked", "identity") for coding in codings) or (
        chunked and codings[-1] != "chunked"
    ):
        raise HTTPFormatError("a Transfer-Encoding other than chunked")
    length: int | None = None
    if lengths:
        values = {value.strip(BLANKS) for field in lengths for value in field.split(",")}
        digits = values.pop()
        # Nineteen digits hold any file; int() takes signs and underscores too.
        if values or not (digits.isascii() and digits.isdigit() and len(digits) <= 19):
            raise HTTPFormatError("a Content-Length that is not one number")
        length = int(digits)
    if method == "HEAD" or status in (204, 304) or status < 200:
        return "none"
    if chunked:
        return "chunked"
    return "close" if length is None else length


def _transfer_codings(headers: Headers) -> list[str]:
    """Return the names in all Transfer-Encoding fields, in lower case; empty ones are none."""
    fields = ",".join(headers.get_all("Transfer-Encoding")).lower()
    return [name for name in (part.strip(BLANKS) for part in fields.split(",")) if name]


# Names of header fields are few, and so are the values that say nothing of their own: not
# each open stream need hold them (benchmarks/claude_clients.py). Longer names are not usual.
_USUAL_NAME = 40

_USUAL_VALUES = {
    value.encode(): value
    for value in (
        *("text/event-stream", "text/event-stream; charset=utf-8", "no-cache", "chunked"),
        *("keep-alive", "close", "OK"),
    )
}


@lru_cache(256)
def _usual_name(name: bytes) -> str:
    return name.decode("ascii")


def parse_head(lines: list[bytes]) -> ResponseHead:
    """Return the head that consists of these lines, given without their ends.

    A line that begins with a blank goes on with the field before it; one space stands for the
    fold (RFC 9112, 5.2).

    Raises:
        HTTPFormatError: it is not one of an HTTP/1 response.
    """
    match = _STATUS_LINE.fullmatch(lines[0]) if lines else None
    if match is None or match[2] < b"100":
        raise HTTPFormatError("the response does not begin with an HTTP/1 status line")
    folded = any(line[0] in _FOLD for line in lines)
    fields: list[tuple[str, str]] = []
    for line in _unfolded(lines[1:]) if folded else lines[1:]:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise HTTPFormatError("a malformed header field")
        # Latin-1, as http.client reads it: it keeps every byte.
        raw = field[2].rstrip(_FOLD)
        value = _USUAL_VALUES.get(raw) or raw.decode("latin-1")
        name = field[1]
        fields.append(
            (_usual_name(name) if len(name) <= _USUAL_NAME else name.decode("ascii"), value)
        )
    raw = match[3] or b""
    reason = _USUAL_VALUES.get(raw) or raw.decode("latin-1")
    headers = Headers(fields)
    odd = folded or _transfer_codings(headers) not in ([], ["chunked"])
    return ResponseHead(int(match[2]), reason, 11 if match[1] != b"0" else 10, headers, odd)


def _unfolded(lines: list[bytes]) -> list[bytes]:
    """Return the header fields with those lines joined that are one field.

    Raises:
        HTTPFormatError: one goes on with nothing, or holds nothing but blanks, which some
            readers take for the end of the head.
    """
    # A list of pieces each: joining two at a time would be quadratic.
    fields: list[list[bytes]] = []
    for line in lines:
        if line[0] not in _FOLD:
            fields.append([line])
            continue
        more = line.strip(_FOLD)
        if not fields or not more:
            raise HTTPFormatError("a folded header field of nothing")
        fields[-1][-1] = fields[-1][-1].rstrip(_FOLD)
        fields[-1].append(more)
    return [b" ".join(pieces) for pieces in fields]
