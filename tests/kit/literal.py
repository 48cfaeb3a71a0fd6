# SPDX-License-Identifier: MIT
"""A literal reading of the standard, byte by byte: a second opinion on every parser.

It follows the text of "Parsing an event stream" and "Interpreting an event
stream" (WHATWG HTML) and of "UTF-8 decoder" (WHATWG Encoding) sentence by
sentence and has no thought for speed. It shares nothing with the parsers, so
that a mistake is not made twice: it may import nothing of ssewire.
"""

from __future__ import annotations

from typing import NamedTuple, Union

LF, CR, SPACE, COLON = 0x0A, 0x0D, 0x20, 0x3A
BOM = [0xEF, 0xBB, 0xBF]
# Ours, not the standard's: reconnection times are kept up to this many milliseconds.
RETRY_BOUND = 2147483647


class Event(NamedTuple):
    """A dispatched event."""

    data: str
    event: str
    id: str
    retry: int | None


class CommentLine(NamedTuple):
    """A comment, for whoever asked for them."""

    text: str


Item = Union[Event, CommentLine]


class TooLarge(Exception):
    """An event has passed the limit; `events` are those of the same feed before it."""

    def __init__(self, events: list[Item]) -> None:
        super().__init__(events)
        self.events = events


class Machine:
    """One event stream. `feed` takes bytes and returns what they dispatch."""

    def __init__(
        self,
        *,
        last_event_id: str = "",
        max_event_size: int | None = 64 * 2**20,
        comments: bool = False,
        default_event: str = "message",
    ) -> None:
        self.limit = max_event_size
        self.comments = comments
        self.default_event = default_event
        self.last_event_id = last_event_id
        self.retry: int | None = None
        self.refused = False
        # Bytes that may be the beginning of a BOM; None once that is settled.
        self.bom: list[int] | None = []
        self.last_was_cr = False
        self.line: list[int] = []
        self.data_buffer: list[int] = []
        self.event_type_buffer = ""
        self.last_event_id_buffer = last_event_id
        self.block_retry: int | None = None
        self.out: list[Item] = []

    @property
    def pending(self) -> int:
        """What counts against the limit."""
        return len(self.data_buffer) + len(self.line)

    def feed(self, data: bytes) -> list[Item]:
        """Take the next bytes; return the events they complete.

        Raises:
            TooLarge: now or in an earlier call.
        """
        self.out = []
        if self.refused:
            raise TooLarge([])
        for byte in data:
            self.take_first(byte)
        self.check_size()
        return self.out

    def take_first(self, byte: int) -> None:
        """One leading BOM is ignored."""
        if self.bom is None:
            self.take(byte)
            return
        begun = [*self.bom, byte]
        if begun == BOM:
            self.bom = None
        elif begun == BOM[: len(begun)]:
            self.bom = begun
        else:
            self.bom = None
            for held in begun:
                self.take(held)

    def take(self, byte: int) -> None:
        """Lines end at CR LF, LF, or CR."""
        lf_of_crlf = byte == LF and self.last_was_cr
        self.last_was_cr = byte == CR
        if lf_of_crlf:
            return
        if byte not in (CR, LF):
            self.line.append(byte)
            return
        self.check_size()
        line, self.line = self.line, []
        self.interpret(line)

    def check_size(self) -> None:
        """Refuse the stream if its unfinished event is too large."""
        if self.limit is not None and self.pending > self.limit:
            self.refused = True
            self.line = []
            self.data_buffer = []
            raise TooLarge(self.out)

    def interpret(self, line: list[int]) -> None:
        """Act on a line: blank, comment, field with colon, field without."""
        if not line:
            self.dispatch()
        elif line[0] == COLON:
            if self.comments:
                self.out.append(CommentLine(utf8_decode(line[1:])))
        elif COLON in line:
            at = line.index(COLON)
            value = line[at + 1 :]
            if value and value[0] == SPACE:
                value = value[1:]
            self.process_field(utf8_decode(line[:at]), value)
        else:
            self.process_field(utf8_decode(line), [])

    def process_field(self, field: str, value: list[int]) -> None:
        """Process the field; any name that is not listed is ignored."""
        if field == "event":
            self.event_type_buffer = utf8_decode(value)
        elif field == "data":
            self.data_buffer += value
            self.data_buffer.append(LF)
        elif field == "id":
            if 0 not in value:
                self.last_event_id_buffer = utf8_decode(value)
        elif field == "retry":
            number = 0
            for byte in value:
                if not 0x30 <= byte <= 0x39:
                    return
                number = min(number * 10 + byte - 0x30, RETRY_BOUND)
            if value:
                self.retry = self.block_retry = number

    def dispatch(self) -> None:
        """Dispatch the event."""
        self.last_event_id = self.last_event_id_buffer
        if self.data_buffer:
            assert self.data_buffer.pop() == LF
            text = utf8_decode(self.data_buffer)
            name = self.event_type_buffer or self.default_event
            self.out.append(Event(text, name, self.last_event_id, self.block_retry))
        self.data_buffer = []
        self.event_type_buffer = ""
        self.block_retry = None


class Moment(NamedTuple):
    """What can be seen of a parser after so many bytes."""

    items: int
    last_event_id: str
    retry: int | None
    pending: int
    refused: bool


class History(NamedTuple):
    """All items of a stream, and what could be seen after each of its bytes."""

    items: list[Item]
    moments: list[Moment]


def history(
    data: bytes,
    *,
    last_event_id: str = "",
    max_event_size: int | None = 64 * 2**20,
    comments: bool = False,
    default_event: str = "message",
) -> History:
    """Feed `data` byte by byte; moments[n] is what holds after n bytes, however they were cut."""
    machine = Machine(
        last_event_id=last_event_id,
        max_event_size=max_event_size,
        comments=comments,
        default_event=default_event,
    )
    items: list[Item] = []
    moments = [Moment(0, last_event_id, None, 0, False)]
    for at in range(len(data)):
        if not machine.refused:
            try:
                items += machine.feed(data[at : at + 1])
            except TooLarge as exc:
                items += exc.events
        moments.append(
            Moment(
                len(items), machine.last_event_id, machine.retry, machine.pending, machine.refused
            )
        )
    return History(items, moments)


def utf8_decode(data: list[int]) -> str:
    """Decode as the UTF-8 decoder of WHATWG Encoding does, errors to U+FFFD, no BOM dropped."""
    text: list[str] = []
    code_point = seen = needed = 0
    lower, upper = 0x80, 0xBF
    at = 0
    while at < len(data):
        byte = data[at]
        at += 1
        if needed == 0:
            if byte <= 0x7F:
                text.append(chr(byte))
            elif 0xC2 <= byte <= 0xDF:
                needed = 1
                code_point = byte & 0x1F
            elif 0xE0 <= byte <= 0xEF:
                lower = 0xA0 if byte == 0xE0 else 0x80
                upper = 0x9F if byte == 0xED else 0xBF
                needed = 2
                code_point = byte & 0xF
            elif 0xF0 <= byte <= 0xF4:
                lower = 0x90 if byte == 0xF0 else 0x80
                upper = 0x8F if byte == 0xF4 else 0xBF
                needed = 3
                code_point = byte & 0x7
            else:
                text.append("\ufffd")
        elif not lower <= byte <= upper:
            code_point = seen = needed = 0
            lower, upper = 0x80, 0xBF
            at -= 1  # "restore byte to ioQueue": it may begin another sequence
            text.append("\ufffd")
        else:
            lower, upper = 0x80, 0xBF
            code_point = code_point << 6 | byte & 0x3F
            seen += 1
            if seen == needed:
                text.append(chr(code_point))
                code_point = seen = needed = 0
    if needed:
        text.append("\ufffd")
    return "".join(text)
