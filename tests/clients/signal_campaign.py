# SPDX-License-Identifier: MIT
"""Real signals while the blocking clients read: handlers that raise, that close, that do both.

`campaign` runs one of the `WORK`s again and again over real sockets, with an alarm every few
hundred microseconds, and raises AssertionError where something is missing that nobody told of, or
comes twice. What hangs is ended by faulthandler, with the stacks of all threads. By hand, seconds
for each kind of work and each kind of handler: `python -m tests.clients.signal_campaign 20`.
"""

from __future__ import annotations

import faulthandler
import gc
import linecache
import logging
import random
import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Iterator
from types import FrameType
from typing import Any, Callable

from ssewire.claude import Claude, ClaudeError, StreamClosed, StreamInterrupted
from ssewire.client import EventSource, EventStream, ReconnectPolicy, Timeouts, open_stream, request
from ssewire.errors import ConnectionLost, SSEWireError, StateError
from tests.claude import wire
from tests.claude.scenarios import ASKED
from tests.kit.alarms import alarms, ring_after
from tests.kit.scripted import CHUNKED, LAST_CHUNK, Request, Server, Steps, chunk, head

# Seconds without an end after which a run counts as hanging.
PATIENCE = 60.0

LAST = 8
PIECES = [letter * 3 for letter in "abcdefgh"]
TEXT = "".join(PIECES)
MESSAGE = [
    wire.message_start() + wire.start(0, wire.TEXT),
    b"".join(wire.text(0, piece) for piece in PIECES[:4]),
    *(wire.text(0, piece) for piece in PIECES[4:]),
    wire.stop(0) + wire.message_delta() + wire.wire("message_stop"),
]


class Raised(Exception):
    """What a handler raises."""


class Stop(BaseException):
    """What a handler raises that is no `Exception`."""


def working(frame: FrameType | None) -> bool:
    """Say whether a signal came into the work, not into what runs it again after an exception."""
    while frame is not None:
        if frame.f_code in ONCE:
            return True
        frame = frame.f_back
    return False


def returning(frame: FrameType | None) -> bool:
    """Say whether an exception would be met in the one place where it may cost an event.

    That is in the line of a `__next__` that returns one, and on Python 3.9 only, whose signals
    come also between its last two instructions (docs/design/0009-interruptions.md). It would go
    there also from a handler that is itself interrupted.
    """
    while frame is not None and sys.version_info < (3, 10):
        code = frame.f_code
        if code in (EventSource.__next__.__code__, EventStream.__next__.__code__):
            line = linecache.getline(code.co_filename, frame.f_lineno)
            return line.split()[:2] == ["return", "item"]
        frame = frame.f_back
    return False


def numbers(asked: Request) -> Steps:
    """Send two events of LAST, after the one asked for, in pieces."""
    first = int(asked.last_event_id or 0) + 1
    if first > LAST:
        return [head(204, "Content-Length: 0")]
    body = b"".join(
        b"id: %d\ndata: %d\n\n" % (n, n) for n in range(first, min(first + 2, LAST + 1))
    )
    return [
        head(200, CHUNKED),
        *(chunk(body[at : at + 9]) for at in range(0, len(body), 9)),
        LAST_CHUNK,
    ]


def all_numbers(asked: Request) -> Steps:
    """Send all events in one response, in pieces."""
    body = b"".join(b"id: %d\ndata: %d\n\n" % (n, n) for n in range(1, LAST + 1))
    return [
        head(200, CHUNKED),
        *(chunk(body[at : at + 20]) for at in range(0, len(body), 20)),
        LAST_CHUNK,
    ]


def answers() -> Callable[[Request], Iterator[Any]]:
    """Return a script of messages on kept connections; a third is asked to come again soon."""
    busy = head(429, "Content-Length: 0", "retry-after-ms: 3")

    def script(asked: Request) -> Iterator[Any]:
        for number in range(asked.connection, 1000):
            if number % 3 == 1:
                yield busy
            else:
                yield head(200, CHUNKED)
                yield from [chunk(piece) for piece in MESSAGE]
                yield LAST_CHUNK
            yield "request"

    return script


class Work:
    """One thing to do over and over, and what must be true of it. `close` may come at any time."""

    script: Any

    def __init__(self, server: Server) -> None:
        self.server = server
        # What a handler closes; None while nothing is open.
        self.open: Any = None
        # Closed by a handler: what comes after it is no failure.
        self.closed = False

    def close(self) -> None:
        current = self.open
        if current is not None:
            self.closed = True
            current.close()

    def once(self) -> None:
        """Do it; goes on where a handler raised, as `guarded` calls it again."""
        raise NotImplementedError

    def begin(self) -> None:
        """Make what is used anew."""

    def check(self) -> str:
        """Say how it ended, in a word."""
        raise NotImplementedError


class Source(Work):
    script = numbers

    def begin(self) -> None:
        self.events: list[Any] = []
        self.closed = False
        policy = ReconnectPolicy(initial_delay=0.002, jitter=0)
        self.open = EventSource(self.server.url, reconnect=policy, proxy=None)

    def once(self) -> None:
        # In C, which no handler interrupts: what was handed out is noted.
        self.events.extend(self.open)

    def check(self) -> str:
        whole = list(range(1, LAST + 1))
        seen = [int(event.data) for event in self.events]
        assert seen == whole[: len(seen)], seen
        assert int(self.open.last_event_id or 0) == len(seen)
        if not self.closed:
            assert seen == whole, seen
        return "closed" if self.closed else "whole"


class Stream(Work):
    script = all_numbers

    def begin(self) -> None:
        self.events: list[Any] = []
        self.closed = self.lost = False
        self.open = None

    def once(self) -> None:
        if self.open is None:
            self.open = open_stream(self.server.url, proxy=None, timeouts=Timeouts(idle=30.0))
        try:
            self.events.extend(self.open)
        except ConnectionLost:
            self.lost = True

    def check(self) -> str:
        whole = list(range(1, LAST + 1))
        seen = [int(event.data) for event in self.events]
        assert seen == whole[: len(seen)], seen
        if self.open is not None:
            assert int(self.open.last_event_id or 0) == len(seen)
        if not self.closed and not self.lost:
            assert seen == whole, seen
        return "closed" if self.closed else "lost" if self.lost else "whole"


class Message(Work):
    script = None

    def begin(self) -> None:
        self.seen: list[str] = []
        self.closed = False
        self.error: ClaudeError | None = None
        self.open = None
        self.stream: Any = None

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.client = self.make()
        self.begin()

    def make(self) -> Claude:
        return Claude(base_url=self.server.url, api_key="k", proxy=None, max_retries=9)

    def close(self) -> None:
        super().close()
        # One of the handlers closes the client too, whose next use is refused.
        if self.stream is not None and len(self.seen) % 5 == 4:
            self.client.close()

    def once(self) -> None:
        try:
            if self.stream is None:
                self.open = self.stream = self.client.messages.stream(**ASKED).__enter__()
            self.seen.extend(self.stream.text_stream)
        except StateError:
            self.client = self.make()
        except ClaudeError as error:
            self.error = error

    def check(self) -> str:
        text = "".join(self.seen)
        assert TEXT.startswith(text), text
        if self.error is not None:
            assert isinstance(self.error, (StreamInterrupted, StreamClosed)), self.error
            return "failed"
        if self.stream is None:
            return "refused"
        if self.closed:
            return "closed"
        assert text == TEXT, text
        assert self.stream.get_final_text() == TEXT
        return "whole"


class Ask(Work):
    """Responses of which nothing is checked, left by `close` at the beginning of the body."""

    script = all_numbers

    def begin(self) -> None:
        self.closed = False
        self.open = None

    def once(self) -> None:
        with request(self.server.url, proxy=None) as response:
            self.open = response
            try:
                for _ in response.chunks:
                    pass
            except ConnectionLost:
                pass

    def check(self) -> str:
        return "closed" if self.closed else "whole"


WORK: dict[str, type[Work]] = {"source": Source, "stream": Stream, "message": Message, "ask": Ask}
ONCE = {work.once.__code__ for work in WORK.values()}

HANDLERS = ("raises", "raises another", "closes", "closes and raises", "anything")


def acting(handler: str, work: Work, chance: random.Random) -> Callable[[], object]:
    """Return what a handler of this kind does."""

    def act() -> None:
        kind = chance.choice(HANDLERS[:4]) if handler == "anything" else handler
        # Most calls do nothing, else no work would come to its end.
        if chance.random() < 0.7:
            return
        if kind.startswith("closes"):
            work.close()
        if kind == "raises another":
            raise Stop
        if kind.endswith("raises"):
            raise Raised

    return act


def campaign(name: str, handler: str, seconds: float, seed: int = 0) -> dict[str, int]:
    """Run one kind of work under one kind of handler for so long; return how its runs ended.

    Raises:
        AssertionError: what it gave is not true.
    """
    chance = random.Random(f"{seed} {name} {handler}")
    counts = {"signals": 0}
    script: Any = WORK[name].script or answers()
    with Server([script]) as server:
        work = WORK[name](server)
        act = acting(handler, work, chance)

        def ring_again() -> None:
            ring_after(chance.uniform(0.00005, 0.002))

        def at_random(frame: FrameType | None) -> None:
            ring_again()
            if working(frame):
                counts["signals"] += 1
                if not returning(frame):
                    act()

        until = time.monotonic() + seconds
        with alarms(at_random):
            ring_again()
            while time.monotonic() < until:
                faulthandler.dump_traceback_later(PATIENCE, exit=True)
                try:
                    ended = run(work)
                finally:
                    faulthandler.cancel_dump_traceback_later()
                counts[ended] = counts.get(ended, 0) + 1
        work.begin()
        if isinstance(work, Message):
            work.client.close()
        gc.collect()
        assert server.wait_closed(), "a connection is left open"
    return counts


def run(work: Work) -> str:
    """Do one work to its end, gone on with after what handlers raise; say how it ended."""
    work.begin()
    # What is raised in a destructor: by one call into C, since a hook of pytest's would be
    # interrupted in its turn.
    dropped: deque[Any] = deque(maxlen=1)
    hook, sys.unraisablehook = sys.unraisablehook, dropped.append
    try:
        while not done(work):
            pass
    finally:
        sys.unraisablehook = hook
    ended = work.check()
    if work.open is not None:
        work.open.close()
    return ended


def done(work: Work) -> bool:
    """Do a work until its end, or until what a handler raises."""
    try:
        work.once()
    except (Raised, Stop):
        return False
    except SSEWireError as error:
        raise AssertionError(f"unexpected {error!r}") from error
    return True


if __name__ == "__main__":
    logging.getLogger("ssewire").setLevel(logging.CRITICAL)
    warnings.simplefilter("error")
    # A socket that an exception met as it was made is closed when it is collected.
    warnings.filterwarnings("ignore", "unclosed", ResourceWarning)
    sys.setswitchinterval(0.0005)
    for kind in WORK:
        for what in HANDLERS:
            print(kind, what, campaign(kind, what, float(sys.argv[1])), flush=True)
    print("threads left:", threading.active_count() - 1)
