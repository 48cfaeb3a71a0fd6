# SPDX-License-Identifier: MIT
"""The Python parser: the line parser with shortcuts for usual streams. The specification.

What a stream means is said in _standard; here is how whole events of the usual
form are taken at once, with the same result several times as fast (`python -m
benchmarks --corpus claude`). `_feed_blocks` knows three things about usual
streams: an event is a block between blank lines; most blocks are `data` lines
after at most an `id` and an `event` line; and most begin like the one before.
Whatever is not so goes through `LineParser`, line by line.
May import: _limits, errors, event, _standard.
"""

from __future__ import annotations

from ._limits import MAX_EVENT_SIZE, PARSER_CONTRACT
from ._standard import CR, LF, ItemT, LineParser, to_bytes
from .errors import EventTooLarge, StateError
from .event import make_event

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from typing import Any, Literal, overload

    from typing_extensions import Buffer

    from .event import Comment, ServerSentEvent
else:

    def overload(function):
        return function


CONTRACT = PARSER_CONTRACT

# How many bytes of whole events are decoded at a time. Text of four bytes a
# character stays below malloc's mmap threshold (128 KiB) in pieces of this size;
# larger ones cost a page fault per 4 KiB (`python -m benchmarks --corpus cjk`).
_WINDOW = 16 * 1024

# Event types are few in a stream (some hundreds at most) and short, so the lines
# that set them are remembered; a peer that makes up new ones for ever must not
# fill the memory.
_MAX_HEADS = 1024
_MAX_HEAD = 128


class Parser(LineParser[ItemT]):
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

    __slots__ = ("_blank", "_heads", "_prefix", "_prefix_type", "_window")

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
        super().__init__(
            last_event_id=last_event_id,
            max_event_size=max_event_size,
            comments=comments,
            default_event=default_event,
        )
        # The shortcut counts no line lengths, so it must not be able to pass
        # the limit: a window of invalid UTF-8 triples when it is encoded again.
        self._window = _WINDOW if self._limit >= 3 * _WINDOW else 0
        # What stands before "data: " in a block -> the type it gives the event.
        self._heads = {"": self._default_event}
        # How the last event began, as a guess at how the next ones will.
        self._prefix = b"data: "
        self._blank = b"\n\n"
        self._prefix_type = self._default_event

    def feed(self, data: Buffer, /) -> list[ItemT]:
        """Return the events that `data`, the stream's next bytes, completes.

        Takes any bytes-like object, cut anywhere; nothing of it is kept
        borrowed. Cost: linear in its length.

        Raises:
            TypeError: data is not a bytes-like object.
            StateError: the parser is closed, or was left halfway.
            EventTooLarge: an event is larger than `max_event_size`; what was
                complete before is on its `.events`. Every later feed raises
                again, without events, until `reset`.
            MemoryError, or what a signal's handler raised: the events of `data`
                are lost, and every later feed raises StateError until `reset`.
        """
        if type(data) is not bytes:
            data = to_bytes(data)
        last_event_id = self._last_event_id
        try:
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
                if LF not in value and CR not in value:
                    self._skip_lf = False
                    text = str(value, "utf-8", "replace")
                    event: Any = make_event(text, self._prefix_type, self._last_event_id, None)
                    return [event]
            # A piece of a line (`python -m benchmarks --chunks 16`).
            if self._line and LF not in data and CR not in data:
                self._line += data
                if len(self._data) + len(self._line) > self._limit:
                    raise self._poison([])
                return []
            events: list[Any] = []
            # A stream keeps to one kind of line end; CR alone is not worth a shortcut.
            if CR in data:
                eol = "\r\n"
                blank = b"\r\n\r\n"
            else:
                eol = "\n"
                blank = b"\n\n"
            pos = 0
            while pos < size:
                if self._skip_lf:
                    self._skip_lf = False
                    if data[pos] == LF:
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
        except (EventTooLarge, StateError):
            raise
        except BaseException:
            # As in LineParser.feed; and what was learnt may not fit together.
            self._torn = self._attention = True
            self._last_event_id = last_event_id
            self._prefix = b"data: "
            self._blank = b"\n\n"
            self._prefix_type = self._default_event
            raise

    def _feed_blocks(self, text: str, eol: str, events: list[Any]) -> None:
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
                events.append(make_event(data, event_type, last_event_id, None))

    def _feed_each_block(self, text: str, eol: str, events: list[Any]) -> None:
        """Take whole events that begin in different ways; otherwise as `_feed_blocks`."""
        if eol == "\r\n":
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        # Of the last block that is no comment: what stands before its data, and its type.
        head = ""
        event_type = None
        blocks = text.split("\n\n")
        for block in blocks:
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
                events.append(make_event(data, event_type, event_id, None))  # type: ignore[arg-type] # ty: ignore
            else:
                self._feed_lines((block + "\n\n").encode(), events)
        prefix = head + "data: "
        if event_type is not None and blocks[-1].startswith(prefix):
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
