# SPDX-License-Identifier: MIT
"""The event stream format, step by step as the standard says it.

`LineParser` is the text of the WHATWG HTML standard in Python: section 9.2.5
"Parsing an event stream" and section 9.2.6 "Interpreting an event stream"
(https://html.spec.whatwg.org/multipage/server-sent-events.html), whose words stand
in quotes at each step. It reads any stream right; `Parser` in _parser_py adds
shortcuts for the usual ones.

Lines are split as bytes and text is decoded afterwards, so that no cut in a
UTF-8 sequence can show. Each byte is scanned a bounded number of times.
May import: _checks, _limits, errors, event.
"""

from __future__ import annotations

from sys import maxsize

from ._checks import (
    HALF_FED,
    check_parser_options,
    exact_str,
    not_bytes,
    shown_parser,
    unpicklable,
)
from ._limits import MAX_EVENT_SIZE, MAX_RETRY
from .errors import EventTooLarge, StateError
from .event import Comment, make_event

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from typing import Any, NoReturn, Union
    from typing import Generic as Generic

    from typing_extensions import Buffer, TypeVar

    from .event import ServerSentEvent

    # What comes out. An annotation that does not say means events, as most streams give.
    ItemT = TypeVar(
        "ItemT",
        bound=Union[ServerSentEvent, Comment],
        default=ServerSentEvent,
        covariant=True,
    )
else:
    ItemT = None

    class Generic:
        """What stands for typing.Generic at run time: classes may be subscripted, to no effect."""

        __slots__ = ()
        __class_getitem__ = classmethod(type(list[int]))


BOM = b"\xef\xbb\xbf"
CR, LF = 13, 10


class LineParser(Generic[ItemT]):
    """Turn the bytes of one event stream into events, one line after the other."""

    __slots__ = (
        "__weakref__",
        "_attention",
        "_between_events",
        "_block_retry",
        "_bom",
        "_closed",
        "_comments",
        "_data",
        "_default_event",
        "_event_type",
        "_id",
        "_last_event_id",
        "_limit",
        "_line",
        "_poisoned",
        "_retry",
        "_skip_lf",
        "_torn",
    )

    def __init__(
        self,
        *,
        last_event_id: str = "",
        max_event_size: int | None = MAX_EVENT_SIZE,
        comments: bool = False,
        default_event: str = "message",
    ) -> None:
        max_event_size = check_parser_options(last_event_id, max_event_size, default_event)
        # sys.maxsize: no bytes object is longer, so it is no limit.
        self._limit = maxsize if max_event_size is None else max_event_size
        self._comments = bool(comments)
        self._default_event = exact_str("default_event", default_event)
        self._last_event_id = exact_str("last_event_id", last_event_id)
        self._retry: int | None = None
        self.reset()

    def __reduce__(self) -> NoReturn:
        raise unpicklable(self)

    def __repr__(self) -> str:
        if not hasattr(self, "_retry"):
            # Its __init__ failed, and debuggers ask for it.
            return "<Parser closed, last_event_id='', retry=None, pending=0>"
        state = "closed" if self._closed else "failed" if self._poisoned else "open"
        return shown_parser(self, state)

    def reset(self) -> None:
        """Make ready for a new connection, in whatever state: an unfinished event is dropped.

        Equals a new parser with the same options and the current
        `last_event_id`; `retry` is kept, and a BOM is expected again. Cost: constant.
        """
        # An exception that is none of ours ended a feed halfway, or what resets is not done.
        self._torn = True
        # The next feed has more to do than to parse: at the start, closed, poisoned or torn.
        self._attention = True
        self._closed = False
        self._poisoned = False
        # What came of a BOM so far.
        self._bom = b""
        # The last byte was a CR: it ended its line, an LF after it belongs to it.
        self._skip_lf = False
        self._drop_event()
        self._torn = False

    def _drop_event(self) -> None:
        # The current line as far as it came. A bytearray, not a list of pieces:
        # dripped in 16-byte chunks a list takes ten times the line's size.
        self._line = bytearray()
        # "When a stream is parsed, a data buffer, an event type buffer, and a last
        # event ID buffer must be associated with it. They must be initialized to the
        # empty string." The last of them begins as what an earlier connection left.
        self._data = bytearray()
        self._event_type = ""
        self._id = self._last_event_id
        self._block_retry: int | None = None
        # No line of a next event has begun; the fields above are in their start state.
        self._between_events = True

    @property
    def last_event_id(self) -> str:
        """The last event ID of the stream; it changes at blank lines only."""
        return self._last_event_id

    @property
    def retry(self) -> int | None:
        """The last valid reconnection time in milliseconds, as soon as its line has ended."""
        return self._retry

    @property
    def pending(self) -> int:
        """Bytes held of an unfinished event: its data so far plus its current line."""
        return len(self._data) + len(self._line)

    def close(self) -> None:
        """End the input: an unfinished event is dropped, as the standard says.

        Idempotent. Cost: constant.
        """
        # "Once the end of the file is reached, any pending data must be discarded. (If
        # the file ends in the middle of an event, before the final empty line, the
        # incomplete event is not dispatched.)"
        self._closed = self._attention = True
        self._drop_event()

    def flush(self) -> list[ItemT]:
        """End the input as lenient readers do: return the unfinished event, if it has data.

        The last line counts as ended and a blank line as read. The standard
        drops that event, since nothing says that it is whole: use `close` to do so. An
        event without data is dropped here too, and its ID with it. The parser is
        closed afterwards; again, or after `close`, this returns nothing. Cost:
        linear in `pending`.

        Raises:
            StateError: the parser was left halfway.
            EventTooLarge: an event was too large, as in each feed after it.
            MemoryError, or what a signal's handler raised: the event is lost, and
                later calls raise StateError until `reset`.
        """
        if self._closed and not self._torn:
            return []
        last_event_id = self._last_event_id
        try:
            items = self.feed(b"\n" if self._line else b"")
            if self._data:
                # The first LF may belong to a CR before it; of blank lines one more is none.
                items += self.feed(b"\n\n")
            self.close()
            return items
        except (EventTooLarge, StateError):
            raise
        except BaseException:
            # As in feed.
            self._torn = self._attention = True
            self._last_event_id = last_event_id
            raise

    def feed(self, data: Buffer, /) -> list[ItemT]:
        """Return the events that `data`, the stream's next bytes, completes: `Parser.feed`."""
        data = to_bytes(data)
        last_event_id = self._last_event_id
        try:
            if self._attention:
                data = self._before_feed(data)
            events: list[Any] = []
            if data and self._skip_lf:
                self._skip_lf = False
                if data[0] == LF:
                    data = data[1:]
            if data:
                self._feed_lines(data, events)
            return events
        except (EventTooLarge, StateError):
            raise
        except BaseException:
            # A MemoryError, or what a signal's handler raised. Nothing is called here, which
            # could raise the like again. The ID is that of the last event that was given out.
            self._torn = self._attention = True
            self._last_event_id = last_event_id
            raise

    def _before_feed(self, data: bytes) -> bytes:
        """Refuse `data` in a state that does; else return it less the stream's leading BOM.

        While a BOM has begun and is not complete, nothing is returned.
        """
        if self._closed:
            raise StateError("feed() after close(); reset() makes the parser ready again")
        if self._torn:
            raise StateError(HALF_FED)
        if self._poisoned:
            raise EventTooLarge(self._limit)
        # "The UTF-8 decode algorithm strips one leading UTF-8 Byte Order Mark (BOM), if any."
        data = self._bom + data
        if len(data) < len(BOM) and BOM.startswith(data):
            self._bom = data
            return b""
        self._attention = False
        return data[len(BOM) :] if data.startswith(BOM) else data

    def _poison(self, events: list[Any]) -> EventTooLarge:
        """Refuse all further input; return the error for this one."""
        self._poisoned = self._attention = True
        self._drop_event()
        return EventTooLarge(self._limit, events)

    def _feed_lines(self, piece: bytes, events: list[Any]) -> None:
        """Take lines of any kind, the last one perhaps not complete; `piece` is not empty."""
        # "Lines must be separated by either a U+000D CARRIAGE RETURN U+000A LINE FEED
        # (CRLF) character pair, a single U+000A LINE FEED (LF) character, or a single
        # U+000D CARRIAGE RETURN (CR) character": what splitlines() of bytes, unlike
        # that of str, cuts at.
        lines = piece.splitlines()
        last = piece[-1]
        if last in (LF, CR):
            # A CR ends its line at once; an LF after it belongs to it.
            self._skip_lf = last == CR
            rest = b""
        else:
            rest = lines.pop()
        for whole in lines:
            line: bytes | bytearray = whole
            if self._line:
                self._line += whole
                line = self._line
                self._line = bytearray()
            # Ours, not the standard's: a peer must not fill the memory.
            if len(self._data) + len(line) > self._limit:
                raise self._poison(events)
            # "If the line is empty (a blank line): Dispatch the event, as defined below."
            if line:
                self._end_line(line, events)
            else:
                self._dispatch(events)
        if rest:
            self._line += rest
            self._between_events = False
            if len(self._data) + len(self._line) > self._limit:
                raise self._poison(events)

    def _end_line(self, line: bytes | bytearray, events: list[Any]) -> None:
        """Act on a line that is not blank, given without its end; a bytearray is taken over."""
        self._between_events = False
        # Nearly every line of a long event; the steps below say the same of it
        # (`python -m benchmarks --corpus many_data_lines`).
        if self._data and line.startswith(b"data: "):
            self._data += line[len(b"data: ") :]
            self._data += b"\n"
            return
        colon = line.find(b":")
        if colon == 0:
            # "If the line starts with a U+003A COLON character (:): Ignore the line."
            # Ignored: a comment, unless comments were asked for.
            if self._comments:
                events.append(Comment(line[1:].decode("utf-8", "replace")))
        elif colon > 0:
            # "If the line contains a U+003A COLON character (:): Collect the characters on
            # the line before the first U+003A COLON character (:), and let field be that
            # string. Collect the characters on the line after the first U+003A COLON
            # character (:), and let value be that string. If value starts with a U+0020
            # SPACE character, remove it from value."
            value_at = colon + 2 if line.startswith(b" ", colon + 1) else colon + 1
            self._process_field(line[:colon], line, value_at)
        else:
            # "Otherwise, the string is not empty but does not contain a U+003A COLON
            # character (:): Process the field ... using the whole line as the field name,
            # and the empty string as the field value."
            self._process_field(line, line, len(line))

    def _process_field(
        self, field: bytes | bytearray, line: bytes | bytearray, value_at: int
    ) -> None:
        """Act on a field; its value is what stands from `value_at` on in `line`.

        "Field names must be compared literally, with no case folding performed."
        """
        if field == b"data":
            # "Append the field value to the data buffer, then append a single U+000A LINE
            # FEED (LF) character to the data buffer."
            if not self._data and isinstance(line, bytearray):
                # Cut off in place: a second copy of a huge line would double the peak.
                del line[:value_at]
                self._data = line
            else:
                self._data += line[value_at:]
            self._data += b"\n"
        elif field == b"event":
            # "Set the event type buffer to the field value."
            self._event_type = line[value_at:].decode("utf-8", "replace")
        elif field == b"id":
            # "If the field value does not contain U+0000 NULL, then set the last event ID
            # buffer to the field value. Otherwise, ignore the field."
            if 0 in line:
                return  # ignored: an ID that no request header could carry
            self._id = line[value_at:].decode("utf-8", "replace")
        elif field == b"retry":
            # "If the field value consists of only ASCII digits, then interpret the field
            # value as an integer in base ten, and set the event stream's reconnection
            # time to that integer. Otherwise, ignore the field."
            value = line[value_at:]
            if not value.isdigit():
                return  # ignored: no number, or a sign, a space, an underscore in it
            # Ten digits hold MAX_RETRY; int() of thousands of them would raise.
            digits = value.lstrip(b"0")
            milliseconds = int(digits or b"0") if len(digits) <= 10 else MAX_RETRY
            self._retry = self._block_retry = min(milliseconds, MAX_RETRY)
        else:
            # "Otherwise: The field is ignored."
            return  # ignored: no name that the standard knows, "Data" and " data" among them

    def _dispatch(self, events: list[Any]) -> None:
        """Act on a blank line: fire the event if any data line was seen, and start anew."""
        # 1. "Set the last event ID string of the event source to the value of the last
        # event ID buffer. The buffer does not get reset".
        self._last_event_id = self._id
        # 2. "If the data buffer is an empty string, set the data buffer and the event type
        # buffer to the empty string and return."
        data = self._data
        if data:
            self._data = bytearray()
            # 3. "If the data buffer's last character is a U+000A LINE FEED (LF) character,
            # then remove the last character from the data buffer."
            del data[-1:]
            # Decoding all lines at once gives the same text as one by one: a
            # UTF-8 sequence that was cut ends at the LF, whatever follows it.
            text = data.decode("utf-8", "replace")
            # 4. to 6. "Initialize event's type attribute to "message", its data attribute
            # to data, ... and its lastEventId attribute to the last event ID string of the
            # event source. If the event type buffer has a value other than the empty
            # string, change the type of the newly created event to equal the value of the
            # event type buffer."
            event_type = self._event_type or self._default_event
            event = make_event(text, event_type, self._last_event_id, self._block_retry)
            # 8. "Queue a task which ... dispatches the newly created event".
            events.append(event)
        # 7. "Set the data buffer and the event type buffer to the empty string."
        self._event_type = ""
        self._block_retry = None
        self._between_events = True


def to_bytes(data: Buffer) -> bytes:
    """Return the bytes of any bytes-like object.

    Raises:
        TypeError: it is none.
    """
    if type(data) is bytes:
        return data
    try:
        return memoryview(data).tobytes()
    except TypeError:
        raise not_bytes(data) from None
