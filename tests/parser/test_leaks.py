# SPDX-License-Identifier: MIT
"""Nothing is left behind by many rounds of parsing, error paths included.

Each measurement runs in a process of its own and compares a later round with
an earlier one, so that caches and free lists are full by then. One block lost per
round, or 30 bytes per feed, would be seen.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(
    sys.implementation.name != "cpython", reason="counts references and blocks of CPython"
)

PRELUDE = r"""
import array, gc, sys, tracemalloc
from importlib import import_module
from ssewire import Comment, EventTooLarge, ServerSentEvent, StateError
Parser = import_module(sys.argv[1]).Parser

wide = "data: \u20ac \U0001f600 \xe9\n".encode()
stream = (
    b"\xef\xbb\xbf: comment \xc3\xa9\nid: 7\nevent: typed\ndata: {}\n\ndata: a\r\ndata: b\r\n\r\n"
    b"retry: 50\ndata: \xff\xc3\n\n" + wide * 3 + b"\ndata: " + b"x" * 3000 + b"\n\n"
    b"event: " + b"t" * 200 + b"\ndata\n\nid: a\0b\n\nevent: \xff\ndata: late\n\n"
)

# Events that are let go are kept for reuse, up to a number; from here on it is reached.
del [ServerSentEvent("x") for _ in range(5000)][:]

def fails(error, function, *args, **options):
    try:
        function(*args, **options)
    except error:
        return
    raise AssertionError(f"no {error}")

def round(number):
    # Options, and how they are refused.
    fails(TypeError, Parser, default_event=5)
    fails(ValueError, Parser, last_event_id="a\nb")
    fails(TypeError, Parser, unknown=1)
    parser = Parser(comments=True, max_event_size=5000, last_event_id="begin %d" % number)
    # All of a stream, in pieces of several sizes and types.
    for length in (len(stream), 7, 64, 1):
        for at in range(0, len(stream), length):
            parser.feed(stream[at : at + length])
        parser.reset()
    parser.feed(bytearray(stream))
    parser.feed(memoryview(stream))
    parser.feed(memoryview(stream)[::-1])
    parser.reset()
    # New types and ids, to displace what was remembered.
    for i in range(40):
        parser.feed(b"event: e%d-%d\nid: i%d\ndata: x\n\n" % (number, i, i))
    # Errors of each kind, with a line and with data pending.
    for wrong in ("text", None, 5, [1], array):
        fails(TypeError, parser.feed, wrong)
    for pending in (b"data: x\n\ndata: begun\ndata: " + b"y" * 100, b"data: " + b"z" * 3000):
        parser.feed(pending)
        fails(EventTooLarge, parser.feed, b"x" * 6000)
        fails(EventTooLarge, parser.feed, stream)
        fails(EventTooLarge, parser.feed, bytearray(stream))
        parser.reset()
        fails(EventTooLarge, parser.feed, stream + b"data: " + b"x" * 6000)
        parser.reset()
        parser.feed(pending)
        parser.close()
        fails(StateError, parser.feed, stream)
        parser.reset()
    # Not given back by anyone but the end of the parser.
    parser.feed(b"data: one\ndata: " + b"u" * 4000)
    fails(TypeError, parser.__reduce__)
    # The event classes.
    event = ServerSentEvent("d%d" % number, "e", "i", 5)
    fails(TypeError, ServerSentEvent, b"bytes")
    fails(TypeError, ServerSentEvent, "x", "y", "z", "retry")
    fails(AttributeError, setattr, event, "data", "x")
    fails(TypeError, Comment, 5)
    hash(event), repr(event), event == ServerSentEvent("x"), event.__reduce__(), Comment("c")
"""

BLOCKS = r"""
def blocks_after(rounds):
    for number in range(rounds):
        round(number % 3)
    gc.collect()
    return sys.getallocatedblocks()

blocks_after(20)
early = blocks_after(20)
late = blocks_after(60)
assert late - early < 30, f"{late - early} more blocks after 60 rounds"
"""

RSS = r"""
import os
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

def rounds(count):
    for number in range(count):
        round(number % 3)
        # Large ones, whose buffers come from and go back to the system.
        parser = Parser(max_event_size=3_000_000)
        parser.feed(b"data: 1\ndata: " + b"x" * 2_000_000)
        parser.feed(b"\n\n")
        fails(EventTooLarge, parser.feed, b"x" * 4_000_000)
    gc.collect()
    return resident()

rounds(15)
early = rounds(5)
late = rounds(40)
# One lost 2 MB buffer in each round would be 80 MB. Two or three may be held up for good by what
# the allocator has put behind them.
assert late - early < 16_000_000, f"{(late - early) // 1000} KB more after 40 rounds"
"""

TRACED = r"""
def traced_after(rounds):
    for number in range(rounds):
        round(number % 3)
    gc.collect()
    return tracemalloc.get_traced_memory()[0]

tracemalloc.start()
traced_after(5)
early = traced_after(5)
late = traced_after(20)
assert late - early < 2000, f"{late - early} bytes more after 20 rounds"
"""

REFERENCES = r"""
default = "".join(["def", "ault"])
first_id = "".join(["first", "-id"])
chunk = b"".join([stream, b"data: begun"])
array_chunk = bytearray(chunk)
# Shared by all: a reference that an error path drops or keeps would show here.
shared = [default, first_id, chunk, array_chunk, Parser, EventTooLarge, StateError, ServerSentEvent]
shared += [Comment, TypeError, memoryview]

def count():
    gc.collect()
    return [sys.getrefcount(value) for value in shared]

def use():
    parser = Parser(default_event=default, last_event_id=first_id, max_event_size=4000)
    for i in range(50):
        events = parser.feed(b"data: x\n\ndata: y\n\n")
        assert events[0].event == default and (i > 0 or events[1].id == first_id)
        parser.feed(b"event: typed\ndata: x\n\n")
        for data in (chunk, array_chunk, memoryview(chunk), memoryview(array_chunk)[::-1]):
            parser.feed(data)
            parser.reset()
        fails(EventTooLarge, parser.feed, b"data: x\n\n" + b"y" * 5000)
        fails(EventTooLarge, parser.feed, chunk)
        fails(EventTooLarge, parser.feed, array_chunk)
        parser.close()
        fails(StateError, parser.feed, chunk)
        parser.reset()
        fails(TypeError, parser.feed, default)
        fails(TypeError, ServerSentEvent, default, first_id, 5)
        ServerSentEvent(default, default, first_id), Comment(default)

use()
early = count()
use()
assert count() == early, (early, count())
array_chunk += b"x"  # nobody holds it any more
"""


@pytest.mark.parametrize(
    "measure",
    [
        pytest.param(BLOCKS, id="allocated_blocks"),
        pytest.param(TRACED, id="traced_memory"),
        pytest.param(REFERENCES, id="reference_counts"),
        pytest.param(
            RSS,
            id="resident_size",
            marks=pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc"),
        ),
    ],
)
def test_many_rounds_of_use_and_misuse_leave_nothing_behind(parser_cls: Any, measure: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + measure + "print('steady')", parser_cls.__module__],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            # Without it glibc moves the size from which a buffer goes back to the system at once.
            "MALLOC_MMAP_THRESHOLD_": "131072",
        },
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "steady\n"), done.stderr[-4000:]
