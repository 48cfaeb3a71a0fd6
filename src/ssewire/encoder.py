# SPDX-License-Identifier: MIT
"""Events and comments to bytes, in a form that every client reads.

What could be read as another line is refused, never repaired: a line end in
`event` or `id` would let data forge events (CWE-93). What is checked is an
exact str, and that same str is written. May import: _checks, _limits, errors, event.
"""

from __future__ import annotations

from ._checks import exact_int, exact_str, shown_number, wrong_type
from ._limits import MAX_RETRY
from .errors import EncodeError
from .event import Comment, ServerSentEvent

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from typing import Any

__all__ = ["encode", "encode_comment", "encode_event"]

# What would end the line of a field, and in an ID what makes readers ignore it. In an event
# type the standard lets NUL stand: a parser gives such types out.
_NOT_IN_EVENT = (("\r", "CR"), ("\n", "LF"))
_NOT_IN_ID = (*_NOT_IN_EVENT, ("\0", "NUL"))


def encode_event(
    data: str, *, event: str | None = None, id: str | None = None, retry: int | None = None
) -> bytes:
    """Return one event as bytes, its closing blank line included.

    `data` becomes one `data:` line for each of its lines, cut at CR, LF and
    CR LF. A part that is None is left out; `id=""` writes the line that
    resets the client's last event ID. `retry` is in milliseconds.
    Of a subclass of str or int its plain value is written, whatever it says
    of itself. Cost: linear in the length of the parts.

    Raises:
        EncodeError: CR or LF in `event` or `id`, NUL in `id`, a lone surrogate
            anywhere, a `retry` that is not an int from 0 to 2**31-1; `.field`
            names the part.
        TypeError: data, event or id of the wrong type.
    """
    data = exact_str("data", data)
    lines = []
    if event is not None:
        lines.append(f"event: {_one_line('event', event, _NOT_IN_EVENT)}")
    if id is not None:
        lines.append(f"id: {_one_line('id', id, _NOT_IN_ID)}")
    if retry is not None:
        lines.append(f"retry: {_milliseconds(retry)}")
    lines += [f"data: {line}" for line in _lines(data)]
    lines.append("\n")
    return _utf8("data", "\n".join(lines))


def encode_comment(text: str = "") -> bytes:
    """Return `text` as comment lines, one for each of its lines.

    No blank line follows: clients exist that take one for an event.
    Cost: linear in the length of the text.

    Raises:
        EncodeError: a lone surrogate in the text.
        TypeError: text is not a str.
    """
    return _utf8("text", "".join(f":{line}\n" for line in _lines(exact_str("text", text))))


def encode(item: ServerSentEvent | Comment, *, last_event_id: str | None = None) -> bytes:
    """Return an event or comment as bytes; `parse` gives an event without CR in its data back.

    The event type "message" (or ""), an empty ID and a missing retry are left out.

    Events in a row parse to the same events in a row as long as none without
    an ID comes after one with an ID: left out, an ID is inherited. Who has
    such a row, as a stream gives that was told to reset its ID, says by
    `last_event_id` which ID the reader has before the item, that of the event
    before it, or "" at first:

        for event in events:
            send(encode(event, last_event_id=known))
            known = event.id

    Then an ID that was reset is written, by the line that resets the reader's.
    (The type "" is read back by a parser with `default_event=""`.) Cost: as `encode_event`.

    Raises:
        EncodeError: as `encode_event`.
        TypeError: item is neither an event nor a comment, last_event_id neither a str nor None.
    """
    known = "" if last_event_id is None else exact_str("last_event_id", last_event_id)
    if isinstance(item, ServerSentEvent):
        event = None if item.event in ("", "message") else item.event
        event_id = item.id if item.id or known else None
        return encode_event(item.data, event=event, id=event_id, retry=item.retry)
    if isinstance(item, Comment):
        return encode_comment(item.text)
    raise wrong_type("item", "a ServerSentEvent or Comment", item)


def _one_line(field: str, value: object, refused: tuple[tuple[str, str], ...]) -> str:
    text = exact_str(field, value, "a str or None")
    for char, name in refused:
        if char in text:
            raise EncodeError(field, f"must not contain {name}")
    _utf8(field, text)
    return text


def _milliseconds(retry: Any) -> int:
    # bool is an int too, but "retry: True" is nobody's intention.
    if not issubclass(type(retry), int) or isinstance(retry, bool):
        raise EncodeError("retry", f"must be an int or None, not {type(retry).__name__}")
    number = exact_int(retry)
    if not 0 <= number <= MAX_RETRY:
        raise EncodeError("retry", f"must be from 0 to {MAX_RETRY}, not {shown_number(number)}")
    return number


def _lines(text: str) -> list[str]:
    # Not str.splitlines(): it cuts at U+2028, NEL and others that are text here.
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _utf8(field: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as exc:
        raise EncodeError(field, "must not contain lone surrogates") from exc
