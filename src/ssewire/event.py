# SPDX-License-Identifier: MIT
"""The values a parser gives out: events and comments.

Both are immutable. There is one event class per process: the compiled one
where the compiled parser is in use, whichever parser made the event.
May import: _checks, _choice.
"""

from __future__ import annotations

from ._checks import exact_int, exact_str, wrong_type
from ._choice import compiled_parser

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from typing import Any, Callable, NoReturn, Union

    # What a parser gives out that was asked for comments too.
    Item = Union["ServerSentEvent", "Comment"]

__all__ = ["Comment", "ServerSentEvent"]


class _EventFields:
    """The fields of an event, still writable.

    Parsers fill one of these and then change its `__class__`: half the cost
    of going around a refusing `__setattr__` once per field
    (`python -m benchmarks --corpus claude` shows it).
    """

    __slots__ = ("data", "event", "id", "retry")

    data: str
    event: str
    id: str
    retry: int | None

    def __init__(self, data: str, event: str, id: str, retry: int | None) -> None:
        self.data = data
        self.event = event
        self.id = id
        self.retry = retry
        # ServerSentEvent adds nothing to the layout.
        self.__class__ = ServerSentEvent  # pyright: ignore # ty: ignore # pyrefly: ignore


class ServerSentEvent(_EventFields):
    """One dispatched event; read-only, hashable, comparable by value.

    `data` is the text of its data lines joined by LF, `event` the dispatched
    type, `id` the last event ID at dispatch (WHATWG lastEventId, kept from
    earlier events), and `retry` the last valid reconnection time in
    milliseconds that stood in the event's own block, else None.
    Cost: making one is constant; comparing, hashing and repr are linear in its text.

    Raises:
        TypeError: a field is not a str, or retry neither an int nor None.
    """

    __slots__ = ()
    __match_args__ = ("data", "event", "id", "retry")

    def __init_subclass__(cls) -> NoReturn:
        # As the compiled class: a subclass could take read-only and slots away.
        raise TypeError("ServerSentEvent cannot be subclassed")

    def __init__(
        self, data: str, event: str = "message", id: str = "", retry: int | None = None
    ) -> None:
        _set_data(self, exact_str("data", data))
        _set_event(self, exact_str("event", event))
        _set_id(self, exact_str("id", id))
        if retry is not None:
            if not isinstance(retry, int):
                raise wrong_type("retry", "an int or None", retry)
            retry = exact_int(retry)
        _set_retry(self, retry)

    def json(self, loads: Callable[[str], Any] | None = None) -> Any:
        """Return `loads(data)`; `json.loads` unless another decoder is given, at its cost.

        Raises: what `loads` raises for data that it refuses.
        """
        if loads is None:
            import json  # not at import: the parser's users may not need it

            loads = json.loads
        return loads(self.data)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ServerSentEvent):
            return NotImplemented
        return (
            self.data == other.data
            and self.event == other.event
            and self.id == other.id
            and self.retry == other.retry
        )

    def __hash__(self) -> int:
        return hash((self.data, self.event, self.id, self.retry))

    def __repr__(self) -> str:
        return (
            f"ServerSentEvent(data={self.data!r}, event={self.event!r}, "
            f"id={self.id!r}, retry={self.retry!r})"
        )

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"ServerSentEvent is read-only: cannot set {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"ServerSentEvent is read-only: cannot delete {name!r}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore_event, (self.data, self.event, self.id, self.retry)

    def __copy__(self) -> ServerSentEvent:
        return self

    def __deepcopy__(self, memo: object) -> ServerSentEvent:
        return self


# The slot descriptors themselves: they write past the refusing __setattr__.
_set_data = _EventFields.__dict__["data"].__set__
_set_event = _EventFields.__dict__["event"].__set__
_set_id = _EventFields.__dict__["id"].__set__
_set_retry = _EventFields.__dict__["retry"].__set__


class Comment:
    """A comment line; `text` is all that stood after its colon, a leading space included.

    Read-only, hashable, comparable by value.

    Raises:
        TypeError: text is not a str.
    """

    __slots__ = ("text",)
    __match_args__ = ("text",)

    text: str

    def __init__(self, text: str) -> None:
        object.__setattr__(self, "text", exact_str("text", text))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Comment):
            return NotImplemented
        return self.text == other.text

    def __hash__(self) -> int:
        return hash((Comment, self.text))

    def __repr__(self) -> str:
        return f"Comment({self.text!r})"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"Comment is read-only: cannot set {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"Comment is read-only: cannot delete {name!r}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore_comment, (self.text,)

    def __copy__(self) -> Comment:
        return self

    def __deepcopy__(self, memo: object) -> Comment:
        return self


# What a parser calls for each event: no checks, all four fields.
make_event: Callable[[str, str, str, int | None], ServerSentEvent] = _EventFields  # type: ignore[assignment] # ty: ignore

if not TYPE_CHECKING and compiled_parser is not None:
    ServerSentEvent = make_event = compiled_parser.ServerSentEvent
    Comment = compiled_parser.Comment


# Pickles name these functions, so that what one implementation wrote the other reads.
def _restore_event(data: str, event: str, id: str, retry: int | None) -> ServerSentEvent:
    return ServerSentEvent(data, event, id, retry)


def _restore_comment(text: str) -> Comment:
    return Comment(text)
