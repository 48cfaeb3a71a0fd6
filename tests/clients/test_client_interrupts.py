# SPDX-License-Identifier: MIT
"""What the exceptions of signal handlers, and handlers that close, do to the sync client."""

from __future__ import annotations

import logging
import signal
import socket
import ssl
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import wraps
from typing import Any, Callable

import pytest

import ssewire
from ssewire.claude import Accumulator
from ssewire.client import EventSource, ReconnectPolicy, Timeouts, open_stream
from ssewire.client._connection import _shut_down
from ssewire.errors import ConnectionLost, StateError
from tests.clients.signal_campaign import campaign
from tests.kit.alarms import alarms, needs_alarms, ring_after
from tests.kit.scripted import (
    CHUNKED,
    LAST_CHUNK,
    Request,
    Server,
    Steps,
    chunk,
    head,
    trusting_context,
)
from tests.kit.tracing import Traced

pytestmark = pytest.mark.sockets

PACKAGE = ssewire.__file__.rpartition("__init__")[0]
AT_ONCE = ReconnectPolicy(initial_delay=0.0)


class Interrupted(Exception):
    """What the handler raises; not a BaseException, which would be the easier case."""


class InterruptAt(Traced):
    """Raise Interrupted once, before the n-th line that the package runs within the block.

    Finer than signals are, whose handlers run between some bytecodes only.

    Args:
        act: what the handler does instead, if it does not raise.
    """

    def __init__(self, number: int, act: Callable[[], object] | None = None) -> None:
        self.left = number
        self._act = act

    def _trace(self, frame: Any, event: str, argument: object) -> Any:
        if not self.left or not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if event == "line":
            self.left -= 1
            if not self.left:
                if self._act is None:
                    raise Interrupted
                self._act()
        return self._trace


def every(step: int) -> range:
    """Return the places at which to interrupt: every so many lines.

    Far fewer on PyPy, which runs the same code and takes ten times as long under a trace.
    """
    return range(1, 20000, step * (20 if sys.implementation.name == "pypy" else 1))


def within(seconds: float, function: Callable[[], Any]) -> Any:
    """Return what a call in a thread of its own gives; fail if that takes longer."""
    outcome: Future[Any] = Future()

    def run() -> None:
        try:
            outcome.set_result(function())
        except BaseException as exc:
            outcome.set_exception(exc)

    # Not an executor's, which would be waited for at the end.
    threading.Thread(target=run, daemon=True).start()
    return outcome.result(seconds)


def in_its_own_thread(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test that uses InterruptAt where it can leave nothing behind.

    CPython forgets to drop the exception being handled where a trace function raises
    in some last steps of `except`; what is raised later has it as its context.
    """

    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        with ThreadPoolExecutor(1) as executor:
            executor.submit(test, *args, **kwargs).result()

    return run


@pytest.mark.skipif(not hasattr(logging, "_lock"), reason="logging has its lock elsewhere")
def test_a_stream_needs_no_lock_that_a_handler_may_have_left_held() -> None:
    """As `logging.getLogger` leaves its own up to Python 3.12, interrupted where it took it."""
    logger = logging.getLogger("ssewire")
    for level in (logging.DEBUG, logging.INFO, logging.WARNING):
        logger.isEnabledFor(level)  # which is looked up under that lock, once
    torn = [head(), b"data: a\n\ndata: torn"]

    def read(url: str) -> tuple[list[str], int]:
        with open_stream(url, proxy=None) as stream:
            return [event.data for event in stream], stream.dropped

    def follow(url: str) -> str:
        with EventSource(url, proxy=None, reconnect=AT_ONCE) as source:
            return f"{next(source).data}{next(source).data}"

    def accumulate() -> bool:
        accumulator = Accumulator()
        accumulator.feed(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')
        return accumulator.message is None

    with Server([torn, torn, torn]) as server:
        logging._lock.acquire()  # type: ignore[attr-defined]
        try:
            assert within(10.0, lambda: read(server.url)) == (["a"], 10)
            assert within(10.0, lambda: follow(server.url)) == "aa"
            assert within(10.0, accumulate)
        finally:
            logging._lock.release()  # type: ignore[attr-defined]


def numbers(last: int, chunked: bool) -> Callable[[Request], Steps]:
    """Return a script that sends events with IDs from the one asked for up to `last`."""

    def script(request: Request) -> Steps:
        first = int(request.last_event_id or 0) + 1
        if first > last:
            return [head(204)]
        events = [b"id: %d\ndata: %d\n\n" % (number, number) for number in range(first, last + 1)]
        if chunked:
            # Two in one chunk, then each cut in its middle.
            body = b"".join(events[2:])
            return [
                head(200, CHUNKED) + chunk(b"".join(events[:2])),
                *(chunk(body[pos : pos + 9]) for pos in range(0, len(body), 9)),
                LAST_CHUNK,
            ]
        return [head() + b"".join(events[:2]), *events[2:]]

    return script


def consume(events: Any) -> list[int]:
    """Return the numbers of all events, going on after an interruption."""
    seen: list[int] = []
    while True:
        try:
            event = next(events, None)
        except Interrupted:
            continue
        if event is None:
            return seen
        for one in event if isinstance(event, list) else [event]:
            assert one.id == one.data, "two events in one"
            seen.append(int(one.data))


# A socket that an exception met as it was made is closed when it is collected.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("tls", [None, "127.0.0.1"])
@pytest.mark.parametrize("chunked", [False, True])
@in_its_own_thread
def test_a_source_interrupted_before_any_line_loses_no_event_and_doubles_none(
    chunked: bool, tls: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "ssewire")
    options: dict[str, Any] = {"tls": trusting_context()} if tls else {}
    with Server([numbers(5, chunked)], tls=tls) as server:
        # Every line of a run would take long; the steps of different cases meet others.
        for number in every(5 if tls is None else 23):
            source = EventSource(server.url, reconnect=AT_ONCE, proxy=None, **options)
            with source, InterruptAt(number) as interrupt:
                seen = consume(source)
            assert seen == [1, 2, 3, 4, 5], number
            if interrupt.left:
                break
        assert interrupt.left, "the range does not reach the end"


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("chunked", [False, True])
@in_its_own_thread
def test_a_stream_interrupted_before_any_line_of_a_read_is_whole_or_ends_with_connection_lost(
    chunked: bool, batched: bool
) -> None:
    whole = 0
    with Server([numbers(5, chunked)]) as server:
        for number in every(3):
            seen: list[int] = []
            stream = open_stream(server.url, proxy=None)
            events = _Noting(stream.batches() if batched else stream, seen)
            with stream, InterruptAt(number) as interrupt:
                try:
                    consume(events)
                except ConnectionLost:
                    assert seen == [1, 2, 3, 4, 5][: len(seen)], number
                else:
                    assert seen == [1, 2, 3, 4, 5], number
                    whole += 1
            if interrupt.left:
                break
        assert interrupt.left, "the range does not reach the end"
    assert whole


def at_second(request: Request) -> Steps:
    """Refuse each other connection, so that there is a wait for another attempt."""
    return [head(503)] if request.connection % 2 == 0 else numbers(5, True)(request)


# A socket that an exception met as it changed hands is closed when it is collected.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_the_id_of_a_source_closed_by_a_handler_that_raises_is_that_of_the_last_event(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL, "ssewire")

    @in_its_own_thread
    def main(url: str) -> None:
        # Each line: there are two at which an event is taken and not yet handed out.
        for number in every(1):
            policy = ReconnectPolicy(initial_delay=0.001, jitter=0.0)
            source = EventSource(url, reconnect=policy, proxy=None)

            def act() -> None:
                source.close()  # noqa: B023
                raise Interrupted

            seen: list[int] = []
            with source, InterruptAt(number, act) as interrupt, suppress(Interrupted):
                seen.extend(int(event.data) for event in source)
            assert seen == [1, 2, 3, 4, 5][: len(seen)], number
            assert int(source.last_event_id or 0) == len(seen), number
            assert list(source) == []
            if interrupt.left:
                return
        pytest.fail("the range does not reach the end")

    with Server([at_second]) as server:
        main(server.url)
        assert server.wait_closed()


@pytest.mark.parametrize("what", ["close", "restart"])
def test_a_handler_may_close_or_restart_a_source_before_any_line(
    what: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "ssewire")

    def main(url: str) -> bool:
        for number in every(41):
            policy = ReconnectPolicy(initial_delay=0.001, jitter=0.0)
            source = EventSource(url, reconnect=policy, proxy=None)

            def act() -> None:
                # It may just have come to its end.
                with suppress(StateError):
                    getattr(source, what)()  # noqa: B023

            with source, InterruptAt(number, act) as interrupt:
                seen = [int(event.data) for event in source]
            assert seen == [1, 2, 3, 4, 5][: len(seen)], number
            assert source.last_event_id == (str(len(seen)) if seen else ""), number
            if interrupt.left or what == "restart":
                assert seen == [1, 2, 3, 4, 5], number
            if interrupt.left:
                return True
        return False

    with Server([at_second]) as server:
        assert within(30.0, lambda: main(server.url)), "the range does not reach the end"
        assert server.wait_closed()


def test_what_a_handler_raises_at_any_line_keeps_no_other_thread_from_closing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL, "ssewire")

    def main(url: str) -> bool:
        for number in every(29):
            source = EventSource(url, reconnect=ReconnectPolicy(initial_delay=0.001), proxy=None)
            with InterruptAt(number) as interrupt, suppress(Interrupted):
                for event in source:
                    if event.data == "3":
                        break

            def end() -> None:
                source.restart()  # noqa: B023
                source.close()  # noqa: B023

            within(5.0, end)
            assert list(source) == []
            if interrupt.left:
                return True
        return False

    with Server([at_second]) as server:
        assert within(30.0, lambda: main(server.url)), "the range does not reach the end"


class _Noting:
    """Pass events on, and note their numbers for when the end is an error."""

    def __init__(self, stream: Any, seen: list[int]) -> None:
        self._stream = stream
        self._seen = seen

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        item = next(self._stream)
        batch = item if isinstance(item, list) else [item]
        self._seen += [int(event.data) for event in batch]
        return item


# --- signals


@pytest.fixture
def alarm() -> Iterator[Callable[..., None]]:
    """Give a function that has a handler called after some seconds, and again every so many."""
    handlers: list[Callable[[], object]] = []

    def start(
        seconds: float, again: float = 0.0, handler: Callable[[], object] = interrupt
    ) -> None:
        handlers.append(handler)
        ring_after(seconds, again)

    with alarms(lambda frame: handlers[-1]()):
        yield start


def interrupt() -> None:
    raise Interrupted


@needs_alarms
@pytest.mark.parametrize("kind", ["stream", "source"])
def test_an_interrupted_wait_over_tls_goes_on_with_the_same_connection(
    kind: str, alarm: Callable[..., None]
) -> None:
    go = threading.Event()

    def script(request: Request) -> Iterator[bytes]:
        yield head(200, CHUNKED)
        yield chunk(b"data: a\n\n")
        go.wait(5)
        yield chunk(b"data: b\n\n") + LAST_CHUNK

    with Server([script, [head(204)]], tls="127.0.0.1") as server:
        open_it: Any = open_stream if kind == "stream" else EventSource
        with open_it(server.url, tls=trusting_context(), proxy=None) as stream:
            assert next(stream).data == "a"
            alarm(0.05)
            with pytest.raises(Interrupted):
                next(stream)
            go.set()
            assert next(stream).data == "b"
        assert server.connections == 1


@needs_alarms
def test_a_handler_that_closes_while_the_socket_is_being_wrapped_ends_the_source(
    alarm: Callable[..., None],
) -> None:
    class Context(ssl.SSLContext):
        def wrap_socket(self, *args: Any, **options: Any) -> Any:
            signal.raise_signal(signal.SIGALRM)
            return super().wrap_socket(*args, **options)

    context = Context(ssl.PROTOCOL_TLS_CLIENT)
    with Server([[head(), "hold"]], tls="127.0.0.1") as server:
        source = EventSource(server.url, tls=context, proxy=None)
        alarm(3600, handler=source.close)
        thread = threading.Timer(5, _fail_loudly)
        thread.start()
        assert list(source) == []
        thread.cancel()
        assert source.state == "closed"


def _fail_loudly() -> None:
    raise AssertionError("the source hangs")


@needs_alarms
@pytest.mark.parametrize("kind", ["stream", "source"])
def test_a_handler_that_closes_ends_a_blocked_iteration(
    kind: str, alarm: Callable[..., None]
) -> None:
    open_it: Any = open_stream if kind == "stream" else EventSource
    with Server([[head(), b"data: a\n\n", "hold"]]) as server:
        stream = open_it(server.url, proxy=None)
        alarm(0.05, handler=stream.close)
        assert [event.data for event in stream] == ["a"]
        assert server.wait_closed()


@needs_alarms
@pytest.mark.parametrize("tls", [None, "127.0.0.1"])
@pytest.mark.parametrize("kind", ["stream", "source"])
def test_what_a_handler_raises_after_it_closed_comes_out(
    kind: str, tls: str | None, alarm: Callable[..., None]
) -> None:
    options: dict[str, Any] = {"tls": trusting_context()} if tls else {}
    open_it: Any = open_stream if kind == "stream" else EventSource

    def close_and_raise() -> None:
        stream.close()
        raise Interrupted

    with Server([[head(), b"data: a\n\n", "hold"]], tls=tls) as server:
        stream = open_it(server.url, proxy=None, **options)
        assert next(stream).data == "a"
        alarm(0.05, handler=close_and_raise)
        with pytest.raises(Interrupted):
            next(stream)
        assert list(stream) == []
        assert server.wait_closed()


def test_a_socket_whose_class_has_no_shutdown_is_shut_down_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Such as eventlet's, which stand in the place of `socket.socket`.
    ours, other = socket.socketpair()
    with ours, other:
        with monkeypatch.context() as patch:
            patch.setattr("ssewire.client._connection.socket.socket", object)
            _shut_down(ours)
        assert other.recv(1) == b""


@needs_alarms
def test_a_post_interrupted_while_it_waits_for_the_head_is_not_sent_again(
    alarm: Callable[..., None],
) -> None:
    with Server([["hold"]]) as server:
        with EventSource(server.url, method="POST", body=b"buy", proxy=None) as source:
            alarm(0.1)
            with pytest.raises(Interrupted):
                next(source)
            assert list(source) == []
            assert source.state == "closed"
        assert server.connections == 1


@needs_alarms
def test_a_delay_longer_than_the_time_between_two_interruptions_is_waited_for_once(
    alarm: Callable[..., None],
) -> None:
    policy = ReconnectPolicy(initial_delay=0.3, jitter=0)
    with Server([[head(), b"data: a\n\n"]]) as server:
        with EventSource(server.url, reconnect=policy, proxy=None) as source:
            assert next(source).data == "a"
            # An alarm raises only where it is caught, and once each time: on a busy machine one
            # could come into anything else, and after the test into what runs the tests.
            caught: list[bool] = []

            def interrupt() -> None:
                if caught:
                    caught.clear()
                    raise Interrupted

            alarm(0.05, 0.05, interrupt)
            interruptions = 0
            give_up = time.monotonic() + 5
            while server.connections < 2 and time.monotonic() < give_up:
                try:
                    caught.append(True)
                    next(source)
                    caught.clear()
                except Interrupted:
                    interruptions += 1
            alarm(0)
        assert server.connections >= 2
        assert interruptions >= 2


@needs_alarms
@pytest.mark.parametrize("raised", [TimeoutError("an alarm"), OSError("an alarm")], ids=repr)
@pytest.mark.parametrize("idle", [None, 30.0])
@pytest.mark.parametrize("tls", [None, "127.0.0.1"])
def test_an_alarm_that_raises_a_timeout_comes_out_of_a_wait_and_takes_nothing(
    raised: OSError, idle: float | None, tls: str | None
) -> None:
    go = threading.Event()

    def script(request: Request) -> Iterator[bytes]:
        yield head() + b"data: 1\n\n"
        go.wait(5)
        yield b"data: 2\n\n"

    def act(frame: object) -> None:
        raise raised

    options: dict[str, Any] = {"proxy": None, "timeouts": Timeouts(idle=idle)}
    if tls:
        options["tls"] = trusting_context()
    with Server([script], tls=tls) as server, open_stream(server.url, **options) as stream:
        assert next(stream).data == "1"
        with alarms(act):
            ring_after(0.05)
            with pytest.raises(type(raised), match="an alarm"):
                next(stream)
        go.set()
        assert [event.data for event in stream] == ["2"]


@needs_alarms
@pytest.mark.parametrize("work", ["source", "stream", "message", "ask"])
def test_signals_at_random_whose_handlers_close_and_raise_lose_nothing_and_hang_nothing(
    work: str,
) -> None:
    hook = sys.unraisablehook
    # A socket that an exception met as it changed hands is closed when it is collected.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        counts = campaign(work, "anything", 0.7)
    assert counts["signals"] > 0
    # What later tests leave must be seen.
    assert sys.unraisablehook is hook


@needs_alarms
def test_a_signal_that_comes_after_its_block_does_nothing() -> None:
    came: list[object] = []
    with alarms(came.append):
        signal.raise_signal(signal.SIGALRM)
        assert len(came) == 1
    signal.raise_signal(signal.SIGALRM)
    assert len(came) == 1
