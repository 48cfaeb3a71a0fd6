# SPDX-License-Identifier: MIT
"""A recorded stream: its wire events, their timing, and its final message.

May import: claude.errors, claude.stream, errors, parser, _examples, times.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from ..claude.errors import ClaudeError
from ..claude.stream import MessageStream
from ..errors import RecordingError
from ..parser import Parser
from ._examples import example_body
from .times import event_seconds, times_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Union

    Source = Union[str, "os.PathLike[str]", bytes, "Recording"]

# Events a second where nothing was recorded about their timing: what Claude's
# models write at, more or less.
PACE = 50.0

# The end of a line and the blank ones after it; CR LF is one line end.
_BLANK_LINES = re.compile(rb"(?:\r\n|\n|\r(?!\n)){2,}")


class Recording:
    """A stream as it was recorded: its wire events, bytes unchanged, and when each was complete.

    Args:
        body: the decoded bytes.
        seconds: for each wire event, since the response's head; None takes an
            even pace of PACE events a second.
        name: for error texts.

    A wire event is what ends in a blank line, or in the end: also a comment that stands alone.

    Raises:
        RecordingError: there is no event in it, or not one time for each.
    """

    def __init__(
        self, body: bytes, seconds: Sequence[float] | None = None, name: str = "the recording"
    ) -> None:
        if not isinstance(body, bytes):
            hint = "; Recording.load() reads a file" if isinstance(body, (str, os.PathLike)) else ""
            raise TypeError(f"body must be bytes, not {type(body).__name__}{hint}")
        self.name: str = name
        self.events: list[bytes] = split_events(body)
        if not Parser(max_event_size=None).feed(_completed(body)):
            raise RecordingError(f"{name} has no events in it")
        if seconds is None:
            seconds = [number / PACE for number in range(len(self.events))]
        elif len(seconds) != len(self.events):
            raise RecordingError(f"{len(seconds)} times for {len(self.events)} events of {name}")
        self.seconds: list[float] = list(seconds)
        self._body = body
        self._message: bytes | None = None
        self._numbered: _Numbered | None = None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Recording:
        """Read FILE, and FILE.times if it is there, as `ssewire record` writes them.

        Raises:
            RecordingError: they are missing, broken or do not belong together.
        """
        name = os.fspath(path)
        try:
            body = Path(name).read_bytes()
        except OSError as exc:
            raise RecordingError(f"cannot read {name}: {exc.strerror}") from exc
        recording = cls(body, None, name)
        times = times_path(name)
        try:
            lines = Path(times).read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return recording
        except OSError as exc:
            raise RecordingError(f"cannot read {times}: {exc.strerror}") from exc
        recording.seconds = event_seconds(map(len, recording.events), lines, name)
        return recording

    @classmethod
    def example(cls, name: str) -> Recording:
        """Return a recording that comes with the package; `ssewire replay --examples` lists them.

        Raises:
            ValueError: there is none of that name; the text has the names.
        """
        return cls(example_body(name), None, name)

    @property
    def message(self) -> bytes:
        """The JSON of the final message, which a request without `stream` is answered with.

        Raises:
            RecordingError: it is not the recording of a whole message.
        """
        if self._message is None:
            try:
                with MessageStream([self._body]) as stream:
                    self._message = stream.get_final_message().to_json().encode()
            except ClaudeError as exc:
                raise RecordingError(f"{self.name} is not a whole message: {exc}") from exc
        return self._message

    @property
    def numbered(self) -> _Numbered:
        """The recording as GET serves it; made once."""
        if self._numbered is None:
            self._numbered = _numbered(self.events)
        return self._numbered

    @property
    def duration(self) -> float:
        """Seconds from the response's head to the last event, as recorded."""
        return self.seconds[-1]

    def __repr__(self) -> str:
        return f"<Recording {self.name}, {len(self.events)} events>"


def split_events(body: bytes) -> list[bytes]:
    """Return the wire events, each with the blank lines after it; joined they are `body`."""
    events: list[bytes] = []
    begin = 0
    for match in _BLANK_LINES.finditer(body):
        end = match.end()
        # Blank lines before the first event belong to it.
        if body[begin:end].strip(b"\r\n"):
            events.append(body[begin:end])
            begin = end
    if begin < len(body):
        events.append(body[begin:])
    return events


def _completed(event: bytes) -> bytes:
    """Return wire events with one blank line at their end, whatever was there."""
    return event.rstrip(b"\r\n") + b"\n\n"


class _Numbered(NamedTuple):
    """Wire events that bring IDs, for GET."""

    events: list[bytes]
    # The ID that each sets; "" where that is none.
    ids: list[str]
    # After how many of them no event is left.
    whole: int


def _numbered(recorded: list[bytes]) -> _Numbered:
    """Give wire events their number as ID, but where they bring IDs of their own.

    If one of those comes twice or is like a number given, all get numbers:
    what follows an ID must be known from it alone.
    """
    whole = 0
    # For those that get none (comments and such) None.
    own: list[str | None] = []
    for position, block in enumerate(recorded, 1):
        parser = Parser(max_event_size=None)
        has_event = bool(parser.feed(_completed(block)))
        if has_event:
            whole = position
        own.append(parser.last_event_id if has_event or parser.last_event_id else None)
    ids: list[str] = []
    given = 0
    for name in own:
        given += name is not None
        ids.append("" if name is None else name or str(given))
    named = [name for name in ids if name]
    if len(set(named)) < len(named):
        own = [name if name is None else "" for name in own]
        numbers = iter(range(1, len(own) + 1))
        ids = ["" if name is None else str(next(numbers)) for name in own]
    events = [
        # Last in its event, where it counts more than one before it.
        _completed(block.rstrip(b"\r\n") + b"\nid: " + name.encode()) if mine == "" else block
        for block, name, mine in zip(recorded, ids, own)
    ]
    if own[-1]:
        # It may lack its blank line: clients would come back for it for ever.
        events[-1] = _completed(events[-1])
    return _Numbered(events, ids, whole)


def recording_of(source: Source) -> Recording:
    if isinstance(source, Recording):
        return source
    if isinstance(source, bytes):
        return Recording(source)
    return Recording.load(source)
