# SPDX-License-Identifier: MIT
"""The time of adversarial streams grows with their size, not with its square.

Nothing here depends on how fast the machine is: tests/kit/costs.py compares a
stream with one eight times its size.
"""

from __future__ import annotations

import asyncio
import pickle
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Callable

import pytest

from ssewire import (
    Comment,
    ServerSentEvent,
    aiter_events,
    aiter_json,
    encode,
    encode_comment,
    encode_event,
    iter_events,
    iter_json,
    parse,
    sdk_decoder,
)
from tests.kit.costs import AT_MOST, assert_linear, assert_linear_calls, count_calls, growth

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.conftest import MakeParser
    from tests.kit.costs import Make, Work


def dripped(wire: bytes, length: int) -> list[bytes]:
    return [wire[i : i + length] for i in range(0, len(wire), length)]


# Each gives the chunks of a stream of size n, in units that suit the shape.
SHAPES: dict[str, Callable[[int], list[bytes]]] = {
    "one_line_in_16_byte_chunks": lambda n: dripped(b"data: " + b"x" * (n * 16), 16),
    "one_line_in_1_kib_chunks": lambda n: dripped(b"data: " + b"x" * (n * 16), 1024),
    "one_line_of_colons": lambda n: dripped(b":" * (n * 16), 16),
    "one_unknown_field_without_a_colon": lambda n: dripped(b"x" * (n * 16), 16),
    "one_line_of_multi_byte_characters": lambda n: dripped(b"data: " + b"\xc3\xa9" * (n * 8), 15),
    "many_data_lines_in_one_chunk": lambda n: [b"data: abc\n" * n + b"\n"],
    "many_data_lines_in_16_byte_chunks": lambda n: dripped(b"data: abc\n" * n + b"\n", 16),
    "many_empty_data_lines": lambda n: [b"data\n" * n + b"\n"],
    "many_data_lines_with_crlf": lambda n: dripped(b"data: abc\r\n" * n + b"\r\n", 700),
    "comments_without_a_blank_line": lambda n: dripped(b": ping\n" * n, 4096),
    "comments_amid_an_unfinished_event": lambda n: [
        b"data: x\n" + b"y" * 40_000,
        b"\n",
        *dripped(b": ping\n" * n, 64),
    ],
    "one_byte_chunks_after_a_large_unfinished_event": lambda n: [
        b"data: " + b"x" * (n * 40) + b"\n",
        *dripped(b"data: y\n" * (n // 8), 1),
    ],
    "event_lines_without_data": lambda n: dripped(b"event: x\n" * n, 4096),
    "id_lines_without_blank_lines": lambda n: dripped(b"id: 12345\n" * n, 4096),
    "blank_lines": lambda n: dripped(b"\n" * (8 * n), 4096),
    "cr_only": lambda n: dripped(b"data: abc\r\r" * n, 4096),
    "cr_only_in_one_chunk": lambda n: [b"data: abc\r\r" * n],
    "cr_only_blank_lines": lambda n: [b"\r" * (8 * n)],
    "one_cr_in_each_event_of_lf": lambda n: [b"data: a\rdata: b\n\n" * n],
    "line_ends_in_turn": lambda n: [b"data: a\n\ndata: b\r\n\r\ndata: c\r\r" * n],
    "usual_and_odd_blocks_in_turn": lambda n: [b"data: a\n\nfoo\ndata: b\n\n" * n],
    "many_events_in_one_chunk": lambda n: [b"event: t\ndata: abc\n\n" * n],
    "a_new_event_type_each_time": lambda n: [
        b"".join(b"event: %d\ndata: x\n\n" % i for i in range(n))
    ],
    "field_text_all_over_the_data": lambda n: [b"data: " + b"data: event: id: " * n + b"\n\n"],
    "lf_before_cr_over_and_over": lambda n: [b"data: x" + b"\n\r" * (8 * n)],
    "invalid_utf8": lambda n: dripped(b"data: " + b"\xff\xf0\x9f" * (16 * n) + b"\n\n", 4096),
    "nothing_but_empty_chunks": lambda n: [b"data: " + b"x" * 100_000, *[b""] * (n * 4)],
    "bytes_of_a_bom_for_ever": lambda n: dripped(b"\xef\xbb\xbf" * (n * 6), 16),
    "many_retries": lambda n: dripped(b"retry: 123\n" * n, 4096),
    "a_new_id_each_time": lambda n: [b"".join(b"id: %d\ndata: x\n\n" % i for i in range(n))],
    "a_new_field_each_time": lambda n: [b"".join(b"f%d: x\n" % i for i in range(n)) + b"\n"],
    "one_huge_comment_dripped": lambda n: dripped(b": comments " + b"x" * (n * 16) + b"\n", 16),
    "one_huge_event_type_dripped": lambda n: dripped(b"event: " + b"x" * (n * 16) + b"\n", 16),
    "one_huge_id_for_many_events": lambda n: [
        b"id: " + b"x" * (n * 16) + b"\n",
        b"data: x\n\n" * n,
    ],
    "many_comments_dripped": lambda n: dripped(b":\n: comments\n\n" * n, 7),
    "retry_of_many_digits": lambda n: [b"retry: " + b"9" * (200 * n) + b"\n"],
}


def feeding(make_parser: MakeParser, shape: str, options: dict[str, Any]) -> Make:
    """Return what makes the work of feeding a stream of a size to a new parser."""

    def make(size: int) -> Work:
        chunks = SHAPES[shape](size)
        feed = make_parser(**options).feed

        def work() -> None:
            for chunk in chunks:
                feed(chunk)

        return work

    return make


@pytest.mark.parametrize("shape", SHAPES)
def test_eight_times_the_stream_takes_about_eight_times_the_time(
    make_parser: MakeParser, shape: str
) -> None:
    options = {"max_event_size": None, "comments": "comments" in shape}
    assert_linear(feeding(make_parser, shape, options))


def async_source(chunks: list[Any]) -> Any:
    async def source() -> AsyncIterator[Any]:
        for chunk in chunks:
            yield chunk

    return source()


async def _drain(iterator: Any) -> None:
    async for _ in iterator:
        pass


def of_events(count: int) -> list[ServerSentEvent]:
    return [ServerSentEvent("[1]", id=str(number)) for number in range(count)]


# Public calls on values of size n; each gives the work.
CALLS: dict[str, Make] = {
    "parse": lambda n: partial(parse, b"data: x\n\n" * n),
    "encode_event_of_many_lines": lambda n: partial(encode_event, "a\r\n" * n),
    "encode_event_of_cr_only": lambda n: partial(encode_event, "\r" * (8 * n)),
    "encode_event_of_one_line": lambda n: partial(encode_event, "\u00e9" * (8 * n)),
    "encode_event_of_a_huge_type": lambda n: partial(encode_event, "", event="x" * (8 * n)),
    "encode_event_of_a_huge_id": lambda n: partial(encode_event, "", id="x" * (8 * n)),
    "encode_comment_of_many_lines": lambda n: partial(encode_comment, "\n" * (8 * n)),
    "encode_in_a_row": lambda n: (
        lambda: [encode(event, last_event_id="x" * 100) for event in of_events(n)]
    ),
    "event_equality": lambda n: (
        lambda: ServerSentEvent("x" * 8 * n) == ServerSentEvent("x" * 8 * n)
    ),
    "event_hash": lambda n: lambda: hash(ServerSentEvent("x" * (8 * n))),
    "event_repr": lambda n: partial(repr, ServerSentEvent("\n\x1b" * (4 * n))),
    "event_json": lambda n: ServerSentEvent("[" + "1," * (4 * n) + "1]").json,
    "event_pickle": lambda n: lambda: pickle.loads(pickle.dumps(of_events(n))),
    "iter_events_of_small_chunks": lambda n: lambda: list(iter_events([b"data: x\n\n"] * n)),
    "iter_events_of_one_chunk": lambda n: lambda: list(iter_events([b"data: x\n\n" * n])),
    "iter_events_of_empty_chunks": lambda n: lambda: list(iter_events([b""] * n)),
    "iter_events_of_one_dripped_line": lambda n: (
        lambda: list(iter_events(dripped(b"data: " + b"x" * (16 * n), 16)))
    ),
    "iter_json": lambda n: lambda: list(iter_json(of_events(n))),
    "iter_json_of_comments": lambda n: lambda: list(iter_json([Comment("")] * n)),
    "aiter_events": lambda n: (
        lambda: asyncio.run(_drain(aiter_events(async_source([b"data: x\n\n"] * n))))
    ),
    "aiter_json": lambda n: lambda: asyncio.run(_drain(aiter_json(async_source(of_events(n))))),
    "sdk_decoder": lambda n: (
        lambda: sum(1 for _ in sdk_decoder().iter_bytes(iter([b"data: x\n\n"] * n)))
    ),
}


@pytest.mark.parametrize("call", CALLS)
def test_each_public_call_is_linear_in_what_it_is_given(call: str) -> None:
    assert_linear(CALLS[call])


# That they copy none of it either is in test_memory.py. Their time is no measure of theirs: to give
# a large buffer back to the system costs what the system takes for it.
def test_reset_and_close_make_the_same_calls_whatever_came_before(make_parser: MakeParser) -> None:
    def make(size: int) -> Work:
        parser = make_parser(max_event_size=None)
        parser.feed(b"data: " + b"x" * (1000 * size))

        def work() -> None:
            parser.reset()
            parser.close()

        return work

    assert count_calls(make(1)) == count_calls(make(800))


def test_iterators_make_the_same_number_of_calls_for_each_chunk() -> None:
    assert_linear_calls(lambda n: lambda: list(iter_events([b"data: x\n\n"] * n)))
    assert_linear_calls(lambda n: lambda: list(iter_json(of_events(n))))


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="costs are measured on CPython")
@pytest.mark.once
@pytest.mark.parametrize("scan", [sum, min, lambda line: line.find(b"\n"), lambda line: None])
def test_this_measure_tells_quadratic_from_linear(scan: Any) -> None:
    class Quadratic:
        def __init__(self, **options: object) -> None:
            self.line = b""

        def feed(self, chunk: bytes) -> list[object]:
            self.line = self.line + chunk
            scan(self.line)  # of all that came before, once for each chunk
            return []

    make: Any = Quadratic
    assert growth(feeding(make, "one_line_in_16_byte_chunks", {}), size=150) > AT_MOST
