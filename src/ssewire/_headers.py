# SPDX-License-Identifier: MIT
"""The header fields of a request or response.

Immutable; names compare without case and keep their spelling and order.
May import: _checks.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Iterable, Mapping

from ._checks import exact_str, shortened, wrong_type

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Union

    HeaderSource = Union[Mapping[str, Union[str, bytes]], Iterable[tuple[str, Union[str, bytes]]]]

# Fields in a repr: more than people read, and a peer may send any number through a transport.
_SHOWN = 100

# Names that hold a part like these are credentials, whoever made them up: Authorization, Cookie,
# x-api-key, X-Auth-Token, PRIVATE-TOKEN, X-Amz-Signature. Not tokens in the plural, which
# rate limits count, nor a challenge such as WWW-Authenticate.
_SECRET = re.compile(
    "auth(?!enticate$)|cookie|key|token(?!s)|secret|passw|session|credential|signature|jwt"
)


def is_secret(name: str) -> bool:
    """Whether a header's value may be a credential.

    Such a value is never shown in a repr, and so in no log; a redirect to another origin loses it.
    """
    return _SECRET.search(name.lower()) is not None


def basic_auth(user: str, password: str) -> str:
    """Return the value of an Authorization header for a user and a password (RFC 7617).

    They are sent as UTF-8, and can be read by all who see the header.

    Raises:
        TypeError: not a str.
        ValueError: a colon in the user's name, which nobody could tell from the one after it; a
            control character, or half a surrogate pair, in either.
    """
    user = exact_str("user", user)
    password = exact_str("password", password)
    if ":" in user:
        raise ValueError("the user of basic_auth must not contain a colon")
    both = f"{user}:{password}"
    if re.search(r"[\x00-\x1f\x7f]", both):
        raise ValueError("user and password must not contain control characters")
    try:
        return basic_value(both.encode())
    except UnicodeEncodeError:
        # Without the original, whose text holds the password.
        raise ValueError("user and password must be encodable as UTF-8") from None


def basic_value(credentials: bytes) -> str:
    """Return the value of a header that sends `user:password`."""
    return f"Basic {b2a_base64(credentials, newline=False).decode('ascii')}"


class Headers(Mapping[str, str]):
    """Header fields, by name in any case.

    `headers[name]` is the first field of that name, `get_all(name)` the list
    of all. Bytes values are taken as UTF-8; bytes that are not UTF-8 come out
    on the wire as they went in. Looking one up walks all of them, of which
    there are few: an index would be most of what an open stream holds.

    Raises:
        TypeError: neither a mapping nor pairs; a name or value of the wrong type.
    """

    __slots__ = ("_flat",)

    # Name, value, name, value, ...
    _flat: tuple[str, ...]

    def __init__(self, headers: HeaderSource | None = None) -> None:
        if headers is None:
            pairs: Any = ()
        elif isinstance(headers, Headers):
            pairs = headers.multi_items()
        elif isinstance(headers, Mapping):
            pairs = headers.items()
        elif isinstance(headers, (str, bytes)) or not isinstance(headers, Iterable):
            raise wrong_type("headers", "a mapping or pairs of name and value", headers)
        else:
            pairs = headers
        flat: list[str] = []
        for pair in pairs:
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise wrong_type("each header", "a pair of name and value", pair)
            name, value = pair
            name = exact_str("a header name", name)
            if isinstance(value, bytes):
                value = bytes.decode(value, "utf-8", "surrogateescape")
            else:
                value = exact_str(f"the value of header {name!r}", value, "a str or bytes")
            flat += (name, value)
        self._flat = tuple(flat)

    def __getitem__(self, name: str) -> str:
        values = self.get_all(name)
        if not values:
            raise KeyError(name)
        return values[0]

    def __iter__(self) -> Iterator[str]:
        seen = set()
        for name in self._flat[::2]:
            if name.lower() not in seen:
                seen.add(name.lower())
                yield name

    def __len__(self) -> int:
        return len({name.lower() for name in self._flat[::2]})

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.get_all(name))

    def get_all(self, name: str) -> list[str]:
        """Return the values of all fields of that name, in order; [] where there is none."""
        wanted = name.lower()
        return [value for field, value in self.multi_items() if field.lower() == wanted]

    def multi_items(self) -> list[tuple[str, str]]:
        """Return every field as it came, repeated names included."""
        return list(zip(self._flat[::2], self._flat[1::2]))

    def _by_name(self) -> dict[str, tuple[str, ...]]:
        return {name.lower(): tuple(self.get_all(name)) for name in self}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Headers):
            return NotImplemented
        return self._by_name() == other._by_name()

    def __hash__(self) -> int:
        return hash(frozenset(self._by_name().items()))

    def __repr__(self) -> str:
        fields = self.multi_items()
        shown = [
            (shortened(name), "[hidden]" if is_secret(name) else shortened(value))
            for name, value in fields[:_SHOWN]
        ]
        more = f", {len(fields) - _SHOWN} more" if len(fields) > _SHOWN else ""
        return f"Headers({shown!r}{more})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Headers, (self.multi_items(),)
