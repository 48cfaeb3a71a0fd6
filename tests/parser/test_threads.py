# SPDX-License-Identifier: MIT
"""Many parsers in many threads, and misuse that must not end the process.

What comes of misuse is not defined, so it runs in a process of its own with
faulthandler on; an exception of ours is fine there, a signal or any other
exception is not.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MODULES

ROOT = Path(__file__).resolve().parents[2]

PRELUDE = """
import faulthandler, gc, sys, threading
faulthandler.enable()
faulthandler.dump_traceback_later(60, exit=True)
from importlib import import_module
from ssewire.errors import SSEWireError
Parser = import_module(sys.argv[1]).Parser
sys.setswitchinterval(1e-5)

def in_threads(count, function):
    unexpected = []
    def guarded(number):
        try:
            function(number)
        except BaseException as exc:
            unexpected.append(repr(exc))
    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not unexpected, unexpected
"""


def run_apart(module: str, body: str) -> None:
    """Run `body` after the prelude, with the Parser of `module`, in a process of its own."""
    script = PRELUDE + textwrap.dedent(body) + "\nprint('alive')\n"
    done = subprocess.run(
        [sys.executable, "-c", script, module],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr[-4000:]


@pytest.fixture
def module(parser_cls: Any) -> str:
    """The name of the module whose parser is misused."""
    assert parser_cls.__module__ in MODULES.values()
    return str(parser_cls.__module__)


def test_parsers_in_many_threads_each_give_the_events_of_their_own_stream(parser_cls: Any) -> None:
    count = 8
    got: list[list[tuple[str, str, str]]] = [[] for _ in range(count)]
    start = threading.Barrier(count)

    def read(number: int) -> None:
        parser = parser_cls()
        wire = b"".join(
            b"id: %d\nevent: t%d\ndata: %d\ndata: \xc3\xa9\n\n" % (i, number, i) for i in range(300)
        )
        start.wait()
        for at in range(0, len(wire), 13 + number):
            for event in parser.feed(wire[at : at + 13 + number]):
                got[number].append((event.id, event.event, event.data))

    threads = [threading.Thread(target=read, args=(number,)) for number in range(count)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    for number in range(count):
        assert got[number] == [(str(i), f"t{number}", f"{i}\né") for i in range(300)]


def test_one_parser_fed_from_many_threads_does_not_crash(module: str) -> None:
    run_apart(
        module,
        r"""
        parser = Parser(max_event_size=5000, comments=True)
        chunks = [
            b"data: abc", b"\ndata: d", b"\n\n", b"\r\n\r", b"id: 1\nevent: x\n", b"y" * 700,
            b": comment\n", b"data: \xc3\xa9\n" * 40, b"event: %s\ndata: x\n\n" % (b"t" * 90),
            memoryview(b"data: v\n\n"), b"retry: 5\n\n", b"data: " + b"z" * 2000,
        ]
        def misuse(number):
            for i in range(3000):
                try:
                    parser.feed(chunks[(i * 7 + number) % len(chunks)])
                    if i % 97 == number:
                        parser.close()
                    parser.pending, parser.retry, parser.last_event_id
                except SSEWireError:
                    parser.reset()
                except (ValueError, TypeError, IndexError, AttributeError):
                    # The pure parser may find its own state in two minds.
                    assert Parser.__module__.endswith("_py")
                    parser.reset()
        in_threads(4, misuse)
        parser.reset()
        assert [event.data for event in parser.feed(b"data: alive\n\n")] == ["alive"]
        """,
    )


def test_a_parser_initialised_anew_while_it_is_fed_does_not_crash(module: str) -> None:
    run_apart(
        module,
        r"""
        parser = Parser()
        def misuse(number):
            for i in range(2000):
                try:
                    if number == 0:
                        parser.__init__(last_event_id=str(i), max_event_size=1000 + i)
                    else:
                        parser.feed(b"event: e%d\nid: %d\ndata: x\n\ndata: begun" % (i % 40, i))
                except SSEWireError:
                    parser.reset()
                except (ValueError, TypeError, IndexError, AttributeError):
                    assert Parser.__module__.endswith("_py")
        in_threads(3, misuse)
        """,
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="writes from a forked process")
def test_a_buffer_that_changes_while_it_is_read_does_not_crash(module: str) -> None:
    # As recv_into in another thread does, which writes without the GIL; but a
    # process writes all the time, so that each look at a byte may see another one.
    run_apart(
        module,
        r"""
        import mmap, os, time
        size = 1 << 18
        shared = mmap.mmap(-1, size)
        # Of one length in bytes, and of very different lengths in characters.
        wide = ("data: " + "\u20ac" * 80_000).encode().ljust(size - 2, b" ") + b"\n\n"
        flat = ("data: \u20ac" + "x" * 240_000).encode().ljust(size - 2, b" ") + b"\n\n"
        end = time.monotonic() + 0.5
        child = os.fork()
        while time.monotonic() < end:
            if child == 0:
                shared[:] = wide
                shared[:] = flat
            else:
                parser = Parser()
                for event in parser.feed(memoryview(shared)):
                    event.data.encode("utf-8", "replace")
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        """,
    )


@pytest.mark.skipif(
    sys.implementation.name != "cpython", reason="its collector cannot be made to run at will"
)
def test_a_finalizer_that_uses_the_parser_in_the_middle_of_a_feed_does_not_crash(
    module: str,
) -> None:
    # The collector may run wherever an object is made, also within feed.
    run_apart(
        module,
        r"""
        parser = Parser(comments=True)
        actions = [
            parser.close, parser.reset, lambda: parser.feed(b"data: nested\n"),
            lambda: parser.feed(b"\n\n"), lambda: parser.feed(b"data: " + b"x" * 200_000),
        ]
        class Misuser:
            def __init__(self, action):
                self.cycle, self.action = self, action
            def __del__(self):
                try:
                    self.action()
                except SSEWireError:
                    pass
        chunk = b"data: a\n" + b": comment\n" * 30 + b"data: b\n\n"
        for action in actions:
            for threshold in range(1, 60):
                gc.set_threshold(100_000)
                Misuser(action)
                gc.set_threshold(threshold)
                try:
                    parser.feed(chunk[:-20])
                    parser.feed(chunk[-20:])
                except SSEWireError:
                    pass
                except (ValueError, TypeError, IndexError, AttributeError):
                    assert Parser.__module__.endswith("_py")
                gc.set_threshold(100_000)
                gc.collect()
                parser.reset()
        assert [event.data for event in parser.feed(b"data: alive\n\n")] == ["alive"]
        """,
    )


def test_a_parser_that_was_never_initialised_does_not_crash(module: str) -> None:
    run_apart(
        module,
        r"""
        class Forgetful(Parser):
            def __init__(self):
                pass
        lines = [b"event: " + b"e" * 300, b"event: e", b"data: x", b"id: 5", b":", b"e" * 10, b""]
        for make in (Forgetful, lambda: Parser.__new__(Parser)):
            for line in lines:
                for use in ("feed", "close", "reset", "flush", "pending", "retry"):
                    parser = make()
                    for attempt in range(2):
                        try:
                            if use in ("close", "reset", "flush"):
                                getattr(parser, use)()
                            parser.feed(line + b"\n" + line)
                            parser.feed(b"\n\n")
                            getattr(parser, use)
                        except (SSEWireError, AttributeError):
                            pass
                    del parser
        """,
    )


def test_parsers_that_die_in_cycles_with_what_they_gave_out_do_not_crash(module: str) -> None:
    run_apart(
        module,
        r"""
        class Sub(Parser):
            pass
        class Watcher:
            def __init__(self, parser):
                self.parser = parser
            def __del__(self):
                try:
                    self.parser.feed(b"event: x\ndata: late\n\ndata: later")
                except SSEWireError:
                    pass
        for i in range(2000):
            parser = Sub()
            parser.me = parser
            parser.watcher = Watcher(parser)
            parser.events = parser.feed(b"event: e\ndata: x\n\ndata: y\n: z\ndata: " + b"x" * i)
            if i % 50 == 0:
                gc.collect()
        """,
    )
