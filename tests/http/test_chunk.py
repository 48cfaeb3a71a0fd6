# SPDX-License-Identifier: MIT
"""The short way of a read that is one chunk: both twins, and what the reader would say.

By hand: `python -m tests.http.test_chunk 1000000 [SEED]` compares so many random reads.
"""

from __future__ import annotations

import random
import sys
from importlib import import_module
from typing import Any, Callable

import pytest

from ssewire._http._chunk_py import CHUNK_CONTRACT
from ssewire._http._chunk_py import one_chunk as specified
from ssewire._http.reader import ResponseReader
from tests.conftest import chosen_key

MODULES = {"python": "ssewire._http._chunk_py", "cython": "ssewire._http._chunk_cy"}
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

OneChunk = Callable[[Any, int], "bytes | None"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "one_chunk" in metafunc.fixturenames:
        names = metafunc.config.stash[chosen_key]
        metafunc.parametrize("one_chunk", names, ids=names, indirect=True)


@pytest.fixture
def one_chunk(request: pytest.FixtureRequest) -> OneChunk:
    found: OneChunk = import_module(MODULES[request.param]).one_chunk
    return found


def taken(one_chunk: OneChunk, data: bytes) -> bytes | None:
    """Return what is taken of a read; behind it the buffer holds what an earlier one left."""
    return one_chunk(memoryview(bytearray(data + b"\r\n1\r\nx\r\n")), len(data))


def check(one_chunk: OneChunk, data: bytes) -> None:
    """Compare with the other twin, and with a reader that is fed the same."""
    found = taken(one_chunk, data)
    assert found == taken(specified, data), data
    if found is None:
        return
    reader, short = ResponseReader(), ResponseReader()
    reader.feed(HEAD)
    short.feed(HEAD)
    assert reader.feed(data) == [found], data
    assert short.feed_one_chunk(memoryview(data), len(data)) == found
    for one in (reader, short):
        assert one.error is None, data
        assert one.feed(b"1\r\nx\r\n0\r\n\r\n") == [b"x"], data
        assert one.complete, data


def random_read(rng: random.Random) -> bytes:
    """Return a chunk, nearly one, or anything."""
    data = bytes(rng.choices(b"x\r\n0;", k=rng.choice((0, 1, 2, 15, 16, 17, 120, 300))))
    size = rng.choice((b"%x", b"%X", b"0%x", b"%08x", b"%09x", b"%016x", b"%x ", b"%x;a", b"0x%x"))
    read = size % len(data) + b"\r\n" + data + b"\r\n"
    if rng.random() < 0.5:
        changed = bytearray(read)
        for _ in range(rng.randint(1, 2)):
            where = rng.randrange(len(changed) + 1)
            what = rng.choice((b"", b"\r", b"\n", b"0", b"f", b"g", b"G", b"@", b"`", b"/", b":"))
            changed[where : where + rng.randint(0, 2)] = what
        read = bytes(changed)
    return read[: rng.randint(0, len(read))] if rng.random() < 0.1 else read


@pytest.mark.parametrize(
    ("read", "data"),
    [
        (b"3\r\nabc\r\n", b"abc"),
        (b"0000000a\r\n0123456789\r\n", b"0123456789"),
        (b"A\r\n0123456789\r\n", b"0123456789"),
        (b"2\r\n\r\n\r\n", b"\r\n"),
    ],
)
def test_a_read_that_is_one_chunk_gives_its_data(
    one_chunk: OneChunk, read: bytes, data: bytes
) -> None:
    assert taken(one_chunk, read) == data
    check(one_chunk, read)


@pytest.mark.parametrize(
    "read",
    [
        *(b"", b"3", b"3\r", b"3\r\n", b"3\r\nab", b"3\r\nabc", b"3\r\nabc\r"),
        *(b"3\r\nabc\r\n1", b"3\r\nabc\n\n", b"3\n\nabc\r\n", b"3\nabcd\r\n", b"3\r\nabcde"),
        *(b"0\r\n\r\n", b"00\r\n\r\n", b"\r\n\r\n", b"000000003\r\nabc\r\n"),
        *(b"3;a\r\nabc\r\n", b"3 \r\nabc\r\n", b"+3\r\nabc\r\n", b"0x3\r\nabc\r\n"),
        *(b"-3\r\nabc\r\n", b"1_0\r\n0123456789abcdef\r\n", b"ffffffff\r\n\r\n"),
    ],
)
def test_what_is_not_exactly_one_chunk_is_left_to_the_reader(
    one_chunk: OneChunk, read: bytes
) -> None:
    assert taken(one_chunk, read) is None


def test_random_reads_are_taken_as_the_reader_would(one_chunk: OneChunk) -> None:
    rng = random.Random(1)
    for _ in range(5_000):
        check(one_chunk, random_read(rng))


@pytest.mark.parametrize("name", MODULES)
def test_the_reader_takes_no_chunk_where_it_is_within_something_else(name: str) -> None:
    module = pytest.importorskip(MODULES[name], reason="never built")
    whole = b"3\r\nabc\r\n"
    for before in (
        b"",
        HEAD[:-2],
        HEAD + b"3",
        HEAD + b"9\r\nab",
        HEAD + b"3\r\nabc",
        HEAD + b"0\r\n",
    ):
        reader = ResponseReader()
        reader.feed(before)
        assert module.feed_one_chunk(reader, memoryview(whole), len(whole)) is None, before
    reader = ResponseReader()
    reader.feed(HEAD)
    assert module.feed_one_chunk(reader, memoryview(whole), len(whole)) == b"abc"


def test_the_compiled_twin_has_the_contract_of_its_specification() -> None:
    compiled = pytest.importorskip(MODULES["cython"], reason="never built")
    assert compiled.CONTRACT == CHUNK_CONTRACT


def main(count: int, seed: int) -> None:
    compiled = import_module(MODULES["cython"]).one_chunk
    rng = random.Random(seed)
    chunks = 0
    for _ in range(count):
        read = random_read(rng)
        chunks += taken(compiled, read) is not None
        check(compiled, read)
    print(f"{count} reads of seed {seed}, {chunks} of them one chunk: equal")


if __name__ == "__main__":
    main(int(sys.argv[1]), int((sys.argv[2:] or ["1"])[0]))
