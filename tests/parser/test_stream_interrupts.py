# SPDX-License-Identifier: MIT
"""An exception of the caller's in the middle of a step: on whole, or StateError; no false end.

At every line of a step, at every await, from signal handlers and from `asyncio.wait_for`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import signal
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, Callable

import pytest

import ssewire
from ssewire import (
    EventDataError,
    EventTooLarge,
    Parser,
    StateError,
    aiter_events,
    aiter_json,
    iter_events,
    iter_json,
)
from tests.clients.test_client_interrupts import InterruptAt, Interrupted, in_its_own_thread
from tests.kit.alarms import alarms, needs_alarms, ring_after

pytestmark = pytest.mark.traced

CHUNKS = [
    b"id: 1\ndata: 1\n\ndata: 2\n\nda",
    b"ta: 3\n\n",
    b": c\n\n",
    b"",
    b"data: 4\n\ndata: 5\r\n\r",
    b"\n",
    # The end completes it.
    b"data: 6\n",
]
WHOLE = [1, 2, 3, 4, 5, 6]


class Surviving:
    """A source that an exception does not end, as an object over a socket or a queue is."""

    def __init__(self, chunks: list[bytes] = CHUNKS) -> None:
        self.left = list(chunks)
        self.closed = 0

    def __iter__(self) -> Surviving:
        return self

    def __next__(self) -> bytes:
        if not self.left:
            raise StopIteration
        return self.left.pop(0)

    def close(self) -> None:
        self.closed += 1

    def __aiter__(self) -> Surviving:
        return self

    async def __anext__(self) -> bytes:
        await asyncio.sleep(0)
        if not self.left:
            raise StopAsyncIteration
        return self.left.pop(0)

    async def aclose(self) -> None:
        await asyncio.sleep(0)
        self.closed += 1


def generated() -> Iterator[bytes]:
    yield from CHUNKS


async def agenerated() -> AsyncIterator[bytes]:
    for chunk in CHUNKS:
        await asyncio.sleep(0)
        yield chunk


def value_of(item: Any) -> int:
    return item if isinstance(item, int) else int(item.data)


def read_on(iterator: Any, caught: type[BaseException]) -> tuple[list[int], bool]:
    """Read to the end, going on after what is caught; return what came and whether it was all."""
    seen = []
    while True:
        try:
            seen.append(value_of(next(iterator)))
        except StopIteration:
            return seen, True
        except StateError:
            return seen, False
        except caught:
            continue


async def aread_on(iterator: Any, caught: Any) -> tuple[list[int], bool]:
    seen = []
    while True:
        try:
            seen.append(value_of(await iterator.__anext__()))
        except StopAsyncIteration:
            return seen, True
        except StateError:
            return seen, False
        except caught:
            continue


def check(seen: list[int], whole: bool, number: object) -> str:
    if whole:
        assert seen == WHOLE, number
        return "whole"
    assert seen == WHOLE[: len(seen)], number
    return "refused"


class BaseInterrupted(BaseException):
    """What is no Exception, such as a KeyboardInterrupt."""


@contextlib.contextmanager
def interrupt_at(number: int, kind: type[BaseException]) -> Iterator[InterruptAt]:
    interrupt = InterruptAt(number)
    if kind is not Interrupted:
        plain = interrupt._trace

        def trace(frame: Any, event: str, argument: object) -> Any:
            try:
                return trace if plain(frame, event, argument) else None
            except Interrupted:
                raise kind from None

        interrupt._trace = trace  # type: ignore[method-assign]
    with interrupt:
        yield interrupt


SYNC: dict[str, Callable[[Any], Any]] = {
    "iter_events": lambda source: iter_events(source, unfinished="dispatch"),
    "iter_json": lambda source: iter_json(iter_events(source, unfinished="dispatch")),
}
ASYNC: dict[str, Callable[[Any], Any]] = {
    "aiter_events": lambda source: aiter_events(source, unfinished="dispatch"),
    "aiter_json": lambda source: aiter_json(aiter_events(source, unfinished="dispatch")),
}


@pytest.mark.parametrize("kind", [Interrupted, BaseInterrupted, MemoryError])
@pytest.mark.parametrize("source", [Surviving, generated], ids=["object", "generator"])
@pytest.mark.parametrize("name", SYNC)
@in_its_own_thread
def test_interrupted_before_any_line_goes_on_whole_or_refuses_but_never_ends_too_early(
    name: str, source: Callable[[], Any], kind: type[BaseException]
) -> None:
    outcomes = set()
    for number in itertools.count(1):
        iterator = SYNC[name](source())
        with interrupt_at(number, kind) as interrupt:
            seen, whole = read_on(iterator, kind)
        outcomes.add(check(seen, whole, number))
        iterator.close()
        assert next(iterator, None) is None
        if interrupt.left:
            break
    assert outcomes == {"whole", "refused"}
    assert number > 100


# An exception may come between the making of a coroutine and its start.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kind", [Interrupted, BaseInterrupted, MemoryError])
@pytest.mark.parametrize("source", [Surviving, agenerated], ids=["object", "generator"])
@pytest.mark.parametrize("name", ASYNC)
@in_its_own_thread
def test_asynchronous_ones_interrupted_before_any_line_never_end_too_early(
    name: str, source: Callable[[], Any], kind: type[BaseException]
) -> None:
    async def run(number: int) -> int:
        iterator = ASYNC[name](source())
        with interrupt_at(number, kind) as interrupt:
            seen, whole = await aread_on(iterator, kind)
        outcomes.add(check(seen, whole, number))
        await iterator.aclose()
        return interrupt.left

    outcomes: set[str] = set()
    for number in itertools.count(1):
        if asyncio.run(run(number)):
            break
    assert outcomes == {"whole", "refused"}
    assert number > 100


@pytest.mark.parametrize("source", [Surviving, agenerated], ids=["object", "generator"])
@pytest.mark.parametrize("name", ASYNC)
def test_cancelled_at_every_await_they_go_on_whole_or_refuse(
    name: str, source: Callable[[], Any]
) -> None:
    async def run(number: int) -> tuple[str, bool]:
        iterator = ASYNC[name](source())
        task = asyncio.ensure_future(aread_on(iterator, asyncio.CancelledError))
        for _ in range(number):
            await asyncio.sleep(0)
        reached = not task.done()
        task.cancel()
        seen, whole = await task
        await iterator.aclose()
        return check(seen, whole, number), reached

    outcomes = []
    for number in itertools.count(1):
        outcome, reached = asyncio.run(run(number))
        if not reached:
            break
        outcomes.append(outcome)
    assert len(outcomes) > 6
    # An object loses nothing. A generator is finished by its first cancellation.
    if source is Surviving:
        assert set(outcomes) == {"whole"}
    else:
        assert "refused" in outcomes


@pytest.mark.parametrize("name", ASYNC)
def test_wait_for_around_each_step_loses_nothing_that_could_be_kept(name: str) -> None:
    async def run() -> tuple[list[int], int]:
        iterator = ASYNC[name](Queued())
        seen, timeouts = [], 0
        while True:
            try:
                seen.append(value_of(await asyncio.wait_for(iterator.__anext__(), 0.004)))
            except asyncio.TimeoutError:
                timeouts += 1
            except StopAsyncIteration:
                return seen, timeouts

    class Queued(Surviving):
        """Over a queue, from which a cancelled wait takes nothing."""

        def __init__(self) -> None:
            super().__init__()
            self.queue: asyncio.Queue[Any] = asyncio.Queue()
            self.task = asyncio.ensure_future(self.fill())

        async def fill(self) -> None:
            for chunk in [*CHUNKS, None]:
                await asyncio.sleep(0.01)
                await self.queue.put(chunk)

        async def __anext__(self) -> bytes:
            chunk = await self.queue.get()
            if chunk is None:
                raise StopAsyncIteration
            assert isinstance(chunk, bytes)
            return chunk

    seen, timeouts = asyncio.run(run())
    # After an end that comes right after a timeout nobody can know: Queued says its end once only,
    # and with luck not then.
    assert seen == WHOLE
    assert timeouts >= 5


@pytest.mark.parametrize("name", ASYNC)
def test_a_generator_that_a_timeout_has_finished_is_told(name: str) -> None:
    closed = []

    async def source() -> AsyncIterator[bytes]:
        try:
            yield CHUNKS[0]
            await asyncio.sleep(30)
            yield CHUNKS[1]
        finally:
            closed.append(True)

    async def run() -> None:
        iterator = ASYNC[name](source())
        assert [value_of(await iterator.__anext__()) for _ in range(2)] == [1, 2]
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(iterator.__anext__(), 0.01)
        assert closed == [True]
        for _ in range(2):
            with pytest.raises(StateError, match="missing"):
                await iterator.__anext__()
        await iterator.aclose()
        with pytest.raises(StopAsyncIteration):
            await iterator.__anext__()

    asyncio.run(run())


class Alarm(Exception):
    """What a handler raises: an Exception, as a source's own are."""


@contextlib.contextmanager
def raising(raised: type[BaseException], seconds: float) -> Iterator[list[object]]:
    """Raise from a signal's handler, once after so many seconds; 0: each time it is asked to.

    Not again and again: on a busy machine the next one could come into what runs the tests.
    """

    def act(frame: object) -> None:
        count.append(frame)
        raise raised

    count: list[object] = []
    with alarms(act):
        ring_after(seconds)
        yield count


class Waiting:
    """Is interrupted by a signal in each second wait, and takes a chunk in none of them."""

    def __init__(self) -> None:
        self.given = 0
        self.closed = 0
        self.waits = 0

    def __iter__(self) -> Waiting:
        return self

    def __next__(self) -> bytes:
        self.waits += 1
        if self.waits % 2:
            signal.raise_signal(signal.SIGALRM)
        if self.given == len(CHUNKS):
            raise StopIteration
        self.given += 1
        return CHUNKS[self.given - 1]

    def close(self) -> None:
        self.closed += 1


@needs_alarms
@pytest.mark.parametrize("raised", [Alarm, KeyboardInterrupt, TimeoutError, OSError])
@pytest.mark.parametrize("name", SYNC)
def test_a_signal_in_a_wait_loses_nothing(name: str, raised: type[BaseException]) -> None:
    source = Waiting()
    iterator = SYNC[name](source)
    with raising(raised, 0.0) as count:
        seen, whole = read_on(iterator, raised)
    assert (seen, whole) == (WHOLE, True)
    assert len(count) > 6
    assert source.closed == 1


@needs_alarms
@pytest.mark.parametrize("raised", [Alarm, KeyboardInterrupt])
@pytest.mark.parametrize("name", SYNC)
def test_a_generator_that_a_signal_has_finished_is_told(
    name: str, raised: type[BaseException]
) -> None:
    def source() -> Iterator[bytes]:
        yield CHUNKS[0]
        time.sleep(30)

    iterator = SYNC[name](source())
    assert [value_of(next(iterator)) for _ in range(2)] == [1, 2]
    with raising(raised, 0.1), pytest.raises(raised):
        next(iterator)
    for _ in range(2):
        with pytest.raises(StateError, match="missing"):
            next(iterator)
    iterator.close()
    assert next(iterator, None) is None


def test_an_exception_that_interrupts_telling_an_error_does_not_hide_it() -> None:
    for number in range(1, 80):
        parser = Parser(max_event_size=8)
        events = iter_events([b"data: a\n\ndata: cccccc"], parser)
        quiet = contextlib.suppress(BaseInterrupted, EventTooLarge, StateError)
        with quiet, interrupt_at(number, BaseInterrupted):
            for _ in range(2):
                next(events)
        told: list[type[BaseException]] = []
        try:
            for _ in range(3):
                next(events)
        except (EventTooLarge, StateError, StopIteration) as exc:
            told.append(type(exc))
        assert told


def test_data_that_is_no_json_is_told_once_however_often_it_is_interrupted() -> None:
    texts = ["1", "{oops", "2"]
    items = [ssewire.ServerSentEvent(text) for text in texts]
    causes: set[type[Any]] = set()
    for number in itertools.count(1):
        values = iter_json(items)
        seen: list[Any] = []
        with interrupt_at(number, BaseInterrupted) as interrupt:
            while True:
                try:
                    seen.append(next(values))
                except EventDataError as exc:
                    seen.append(exc.data)
                    causes.add(type(exc.__cause__))
                except BaseInterrupted:
                    continue
                except StopIteration:
                    assert seen == [1, "{oops", 2], number
                    break
                except StateError:
                    assert seen == [1, "{oops", 2][: len(seen)], number
                    break
        if interrupt.left:
            break
    assert number > 20
    assert causes == {json.JSONDecodeError}
