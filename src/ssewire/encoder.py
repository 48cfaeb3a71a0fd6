"""Events and comments to bytes, in a form that every client reads.

What could be read as another line is refused, never repaired: a line end in
`event` or `id` would let data forge events (CWE-93). May import: _checks,
_limits, errors, event.
"""

from __future__ import annotations

from ._checks import shown_number, wrong_type
from ._limits import MAX_RETRY
from .errors import EncodeError
from .event import Comment, ServerSentEvent


def encode_event(
    data: str, *, event: str | None = None, id: str | None = None, retry: int | None = None
) -> bytes:
    """Return one event as bytes, its closing blank line included.

    `data` becomes one `data:` line for each of its lines, cut at CR, LF and
    CR LF. A part that is None is left out; `id=""` writes the line that
    resets the client's last event ID. `retry` is in milliseconds.

    Raises:
        EncodeError: CR, LF or NUL in `event` or `id`, a lone surrogate
            anywhere, a `retry` that is not an int from 0 to 2**31-1; `.field`
            names the part.
        TypeError: data, event or id of the wrong type.
    """
    if not isinstance(data, str):
        raise wrong_type("data", "a str", data)
    lines = []
    if event is not None:
        lines.append(f"event: {_one_line('event', event)}")
    if id is not None:
        lines.append(f"id: {_one_line('id', id)}")
    if retry is not None:
        # bool is an int too, but "retry: True" is nobody's intention.
        if not isinstance(retry, int) or isinstance(retry, bool):
            raise EncodeError("retry", f"must be an int or None, not {type(retry).__name__}")
        if not 0 <= retry <= MAX_RETRY:
            raise EncodeError("retry", f"must be from 0 to {MAX_RETRY}, not {shown_number(retry)}")
        lines.append(f"retry: {int(retry)}")
    lines += [f"data: {line}" for line in _lines(data)]
    lines.append("\n")
    return _utf8("data", "\n".join(lines))


def encode_comment(text: str = "") -> bytes:
    """Return `text` as comment lines, one for each of its lines.

    No blank line follows: clients exist that take one for an event.

    Raises:
        EncodeError: a lone surrogate in the text.
        TypeError: text is not a str.
    """
    if not isinstance(text, str):
        raise wrong_type("text", "a str", text)
    return _utf8("text", "".join(f":{line}\n" for line in _lines(text)))


def encode(item: ServerSentEvent | Comment) -> bytes:
    """Return an event or comment as bytes; `parse` gives an event without CR in its data back.

    The event type "message" (or ""), an empty ID and a missing retry are left out.

    Raises:
        EncodeError: as `encode_event`.
        TypeError: item is neither an event nor a comment.
    """
    if isinstance(item, ServerSentEvent):
        event = None if item.event in ("", "message") else item.event
        return encode_event(item.data, event=event, id=item.id or None, retry=item.retry)
    if isinstance(item, Comment):
        return encode_comment(item.text)
    raise wrong_type("item", "a ServerSentEvent or Comment", item)


def _one_line(field: str, value: object) -> str:
    if not isinstance(value, str):
        raise wrong_type(field, "a str or None", value)
    for char, name in (("\r", "CR"), ("\n", "LF"), ("\0", "NUL")):
        if char in value:
            raise EncodeError(field, f"must not contain {name}")
    _utf8(field, value)
    return value


def _lines(text: str) -> list[str]:
    # Not str.splitlines(): it cuts at U+2028, NEL and others that are text here.
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _utf8(field: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as exc:
        raise EncodeError(field, "must not contain lone surrogates") from exc
