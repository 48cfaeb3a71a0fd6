"""The event stream parser: bytes in, events out. The specification of both parsers.

The rules are those of "Interpreting an event stream" in the WHATWG HTML
standard. `_end_line` and `_dispatch` are that text in Python; they see every
line that is not covered by the shortcut `_feed_blocks`, which takes whole
events of the usual form at once and hands any other to them.

Lines are split as bytes and text is decoded afterwards, so that no cut in a
UTF-8 sequence can show. Each byte is scanned a bounded number of times.
May import: errors, _checks, _limits, event.
"""

from __future__ import annotations

from sys import maxsize

from ._checks import check_parser_options, not_bytes, unpicklable
from ._limits import MAX_EVENT_SIZE, MAX_RETRY, PARSER_CONTRACT
from .errors import EventTooLarge, StateError
from .event import Comment, make_event

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from typing import Generic, Literal, NoReturn, TypeVar, Union, overload

    from typing_extensions import Buffer

    from .event import ServerSentEvent

    Item = TypeVar("Item", bound=Union[ServerSentEvent, Comment], covariant=True)
else:
    # Only type checkers need the real ones, and theirs is most of an import's time.
    Generic = {None: object}
    Item = None

    def overload(function):
        return function


CONTRACT = PARSER_CONTRACT

_BOM = b"\xef\xbb\xbf"
_CR, _LF, _COLON = 13, 10, 58

# How many bytes of whole events are decoded at a time. Text of four bytes a
# character stays below malloc's mmap threshold (128 KiB) in pieces of this size;
# larger ones cost a page fault per 4 KiB (`python -m benchmarks --corpus cjk`).
_WINDOW = 16 * 1024

# Event types are few in a stream (some hundreds at most) and short, so the lines
# that set them are remembered; a peer that makes up new ones for ever must not
# fill the memory.
_MAX_HEADS = 1024
_MAX_HEAD = 128


class Parser(Generic[Item]):
    """Turn the bytes of one event stream into events (WHATWG HTML, "Interpreting
    an event stream"). Content never raises, only its size does.

    A parser belongs to one stream and one thread at a time.

    Args:
        last_event_id: the ID known from an earlier connection.
        max_event_size: bytes that one unfinished event may hold, counted as
            its data so far plus its current line; None lifts the limit.
        comments: give out `Comment` objects too, each at its line end.
        default_event: the type of events that name none.

    Raises:
        TypeError: an option of the wrong type.
        ValueError: a last_event_id with CR, LF or NUL, a negative size.
    """

    __slots__ = (
        "__weakref__",
        "_attention",
        "_between_events",
        "_blank",
        "_block_retry",
        "_bom",
        "_closed",
        "_comments",
        "_data",
        "_default_event",
        "_event_type",
        "_heads",
        "_id",
        "_last_event_id",
        "_limit",
        "_line",
        "_poisoned",
        "_prefix",
        "_prefix_type",
        "_retry",
        "_skip_lf",
        "_window",
    )

    @overload
    def __init__(
        self: Parser[ServerSentEvent],
        *,
        last_event_id: str = "",
        max_event_size: int | None = MAX_EVENT_SIZE,
        comments: Literal[False] = False,
        default_event: str = "message",
    ) -> None: ...

    @overload
    def __init__(
        self: Parser[ServerSentEvent | Comment],
        *,
        last_event_id: str = "",
        max_event_size: int | None = MAX_EVENT_SIZE,
        comments: Literal[True],
        default_event: str = "message",
    ) -> None: ...

    @overload
    def __init__(
        self: Parser[ServerSentEvent | Comment],
        *,
        last_event_id: str = "",
        max_event_size: int | None = MAX_EVENT_SIZE,
        comments: bool,
        default_event: str = "message",
    ) -> None: ...

    def __init__(
        self,
        *,
        last_event_id: str = "",
        max_event_size: int | None = MAX_EVENT_SIZE,
        comments: bool = False,
        default_event: str = "message",
    ) -> None:
        check_parser_options(last_event_id, max_event_size, default_event)
        # sys.maxsize: no bytes object is longer, so it is no limit.
        self._limit = maxsize if max_event_size is None else max_event_size
        self._comments = bool(comments)
        self._default_event = str.__str__(default_event)
        # The shortcut counts no line lengths, so it must not be able to pass
        # the limit: a window of invalid UTF-8 triples when it is encoded again.
        self._window = _WINDOW if self._limit >= 3 * _WINDOW else 0
        # What stands before "data: " in a block -> the type it gives the event.
        self._heads = {"": self._default_event}
        self._last_event_id = str.__str__(last_event_id)
        self._retry: int | None = None
        self.reset()

    def __reduce__(self) -> NoReturn:
        raise unpicklable(self)

    if not TYPE_CHECKING:
        # Parser[ServerSentEvent] at run time, without the typing module.
        __class_getitem__ = classmethod(type(list[int]))

    def reset(self) -> None:
        """Make ready for a new connection, in whatever state: an unfinished event is dropped.

        Equals a new parser with the same options and the current
        `last_event_id`; `retry` is kept, and a BOM is expected again.
        """
        self._closed = False
        self._poisoned = False
        # What came of a BOM so far.
        self._bom = b""
        # The next feed has more to do than to parse: at the start, closed or poisoned.
        self._attention = True
        # The last byte was a CR: it ended its line, an LF after it belongs to it.
        self._skip_lf = False
        # How the last event began, as a guess at how the next ones will.
        self._prefix = b"data: "
        self._blank = b"\n\n"
        self._prefix_type = self._default_event
        self._drop_event()

    def _drop_event(self) -> None:
        # The current line as far as it came. A bytearray, not a list of pieces:
        # dripped in 16-byte chunks a list takes ten times the line's size.
        self._line = bytearray()
        # The standard's data buffer: each value with an LF after it.
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
        """End the input: an unfinished event is dropped, as the standard says. Idempotent."""
        self._closed = self._attention = True
        self._drop_event()

    def feed(self, data: Buffer, /) -> list[Item]:
        """Return the events that `data`, the stream's next bytes, completes.

        Takes any bytes-like object, cut anywhere; nothing of it is kept
        borrowed. Cost: linear in its length.

        Raises:
            TypeError: data is not a bytes-like object.
            StateError: the parser is closed.
            EventTooLarge: an event is larger than `max_event_size`; what was
                complete before is on its `.events`. Every later feed raises
                again, without events, until `reset`.
        """
        if type(data) is not bytes:
            try:
                data = memoryview(data).tobytes()
            except TypeError:
                raise not_bytes(data) from None
        if self._attention:
            data = self._before_feed(data)
        size = len(data)
        # One event begun like the last one, and nothing else: what a socket
        # mostly gives. In half the time (`python -m benchmarks --chunks event`).
        if (
            self._between_events
            and data.startswith(self._prefix)
            and data.endswith(self._blank)
            and size <= self._window
        ):
            value = data[len(self._prefix) : -len(self._blank)]
            if _LF not in value and _CR not in value:
                self._skip_lf = False
                text = str(value, "utf-8", "replace")
                event = make_event(text, self._prefix_type, self._last_event_id, None)
                return [event]  # type: ignore[list-item]
        # A piece of a line (`python -m benchmarks --chunks 16`).
        if self._line and _LF not in data and _CR not in data:
            self._line += data
            if len(self._data) + len(self._line) > self._limit:
                raise self._poison([])
            return []
        events: list[Item] = []
        # A stream keeps to one kind of line end; CR alone is not worth a shortcut.
        if _CR in data:
            eol = "\r\n"
            blank = b"\r\n\r\n"
        else:
            eol = "\n"
            blank = b"\n\n"
        pos = 0
        while pos < size:
            if self._skip_lf:
                self._skip_lf = False
                if data[pos] == _LF:
                    pos += 1
                    continue
            stop = pos + _WINDOW
            if self._between_events and self._window:
                end = data.rfind(blank, pos, stop)
                if end >= 0:
                    self._feed_blocks(str(data[pos:end], "utf-8", "replace"), eol, events)
                    pos = end + len(blank)
                    continue
            else:
                # Up to the end of the unfinished event; then the shortcut may go on.
                end = data.find(blank, pos, stop)
                if end >= 0:
                    stop = end + len(blank)
            self._feed_lines(data[pos:stop], events)
            pos = stop
        return events

    def _before_feed(self, data: bytes) -> bytes:
        """Refuse `data` in a state that does; else return it less the stream's leading BOM.

        While a BOM has begun and is not complete, nothing is returned.
        """
        if self._closed:
            raise StateError("feed() after close(); reset() makes the parser ready again")
        if self._poisoned:
            raise EventTooLarge(self._limit)
        data = self._bom + data
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._bom = data
            return b""
        self._attention = False
        return data[len(_BOM) :] if data.startswith(_BOM) else data

    def _poison(self, events: list[Item]) -> EventTooLarge:
        """Refuse all further input; return the error for this one."""
        self._poisoned = self._attention = True
        self._drop_event()
        return EventTooLarge(self._limit, events)

    def _feed_lines(self, piece: bytes, events: list[Item]) -> None:
        """Take lines of any kind, the last one perhaps not complete."""
        # splitlines() of bytes, unlike that of str, cuts at CR, LF and CR LF only.
        lines = piece.splitlines()
        last = piece[-1]
        if last in (_LF, _CR):
            # A CR ends its line at once; an LF after it belongs to it.
            self._skip_lf = last == _CR
            rest = b""
        else:
            rest = lines.pop()
        line: bytes | bytearray
        for line in lines:
            if self._line:
                self._line += line
                line = self._line
                self._line = bytearray()
            if len(self._data) + len(line) > self._limit:
                raise self._poison(events)
            self._end_line(line, events)
        if rest:
            self._line += rest
            self._between_events = False
            if len(self._data) + len(self._line) > self._limit:
                raise self._poison(events)

    def _end_line(self, line: bytes | bytearray, events: list[Item]) -> None:
        """Act on a complete line, given without its end; a bytearray is taken over."""
        if not line:
            self._dispatch(events)
            return
        self._between_events = False
        # Nearly every line of a long event; the rules below say the same of it
        # (`python -m benchmarks --corpus many_data_lines`).
        if self._data and line.startswith(b"data: "):
            self._data += line[len(b"data: ") :]
            self._data += b"\n"
            return
        colon = line.find(_COLON)
        if colon == 0:
            if self._comments:
                events.append(Comment(line[1:].decode("utf-8", "replace")))  # type: ignore[arg-type]
            return
        field = line if colon < 0 else line[:colon]
        start = len(field) + 1
        if line.startswith(b" ", start):
            start += 1
        if field == b"data":
            if not self._data and isinstance(line, bytearray):
                # Cut off in place: a second copy of a huge line would double the peak.
                del line[:start]
                self._data = line
            else:
                self._data += line[start:]
            self._data += b"\n"
        elif field == b"event":
            self._event_type = line[start:].decode("utf-8", "replace")
        elif field == b"id":
            if 0 not in line:
                self._id = line[start:].decode("utf-8", "replace")
        elif field == b"retry" and line[start:].isdigit():
            # Ten digits hold MAX_RETRY; int() of thousands of them would raise.
            digits = line[start:].lstrip(b"0")
            milliseconds = int(digits or b"0") if len(digits) <= 10 else MAX_RETRY
            self._retry = self._block_retry = min(milliseconds, MAX_RETRY)

    def _dispatch(self, events: list[Item]) -> None:
        """Act on a blank line: fire the event if any data line was seen, and start anew."""
        self._last_event_id = self._id
        data = self._data
        if data:
            self._data = bytearray()
            del data[-1:]
            # Decoding all lines at once gives the same text as one by one: a
            # UTF-8 sequence that was cut ends at the LF, whatever follows it.
            text = data.decode("utf-8", "replace")
            event_type = self._event_type or self._default_event
            event = make_event(text, event_type, self._last_event_id, self._block_retry)
            events.append(event)  # type: ignore[arg-type]
        self._event_type = ""
        self._block_retry = None
        self._between_events = True

    # The shortcut for whole events, several times as fast as a state machine in
    # Python can be (`python -m benchmarks --corpus claude`). It knows three
    # things about usual streams: an event is a block between blank lines; most
    # blocks are `data` lines after at most an `id` and an `event` line; and most
    # begin like the one before. Whatever is not so goes through `_end_line`.

    def _feed_blocks(self, text: str, eol: str, events: list[Item]) -> None:
        """Take whole events; `text` ends before the last one's blank line.

        May only be called between events. There is no CR in text unless `eol`
        is CR LF.
        """
        prefix = self._prefix.decode()
        if not text.startswith(prefix):
            self._feed_each_block(text, eol, events)
            return
        # Cut where a block begins like the last one did: what stands between
        # two cuts is the data of one event, unless there is a line end in it.
        event_type = self._prefix_type
        last_event_id = self._last_event_id
        for data in text[len(prefix) :].split(eol + eol + prefix):
            if "\n" in data or (eol == "\r\n" and "\r" in data):
                self._feed_each_block(prefix + data, eol, events)
                last_event_id = self._last_event_id
            else:
                events.append(make_event(data, event_type, last_event_id, None))  # type: ignore[arg-type]

    def _feed_each_block(self, text: str, eol: str, events: list[Item]) -> None:
        """Take whole events that begin in different ways; otherwise as `_feed_blocks`."""
        if eol == "\r\n":
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        head = block = ""
        event_type = None
        for block in text.split("\n\n"):
            # A keep-alive comment: no less frequent than events on an idle stream.
            if block.startswith(":") and "\n" not in block and not self._comments:
                continue
            head, field, value = block.partition("data: ")
            if not field:
                head, field, value = block.partition("data:")
            event_id = self._last_event_id
            if head.startswith("id: ") and head.endswith("\n"):
                event_id, _, head = head[len("id: ") :].partition("\n")
            event_type = self._heads.get(head)
            if event_type is None:
                event_type = self._learn_head(head)
            data = value
            usual = event_type is not None and field and "\0" not in event_id
            if usual and "\n" in value:
                data = value.replace("\ndata: ", "\n")
                # If each LF belongs to a data line, that much has gone.
                usual = len(value) - len(data) == data.count("\n") * len("data: ")
            if usual:
                self._id = self._last_event_id = event_id
                events.append(make_event(data, event_type, event_id, None))  # type: ignore[arg-type]
            else:
                self._feed_lines((block + "\n\n").encode(), events)
        prefix = head + "data: "
        if event_type is not None and block.startswith(prefix):
            self._prefix = prefix.replace("\n", eol).encode()
            self._prefix_type = event_type
            self._blank = (eol + eol).encode()

    def _learn_head(self, head: str) -> str | None:
        """Return the type that the lines before a block's data set; None if they do more."""
        value = head[len("event:") : -1]
        if head != f"event:{value}\n" or "\n" in value:
            return None
        event_type = value[value.startswith(" ") :] or self._default_event
        if len(head) <= _MAX_HEAD:
            if len(self._heads) >= _MAX_HEADS:
                self._heads = {"": self._default_event}
            self._heads[head] = event_type
        return event_type
