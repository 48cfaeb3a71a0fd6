# SPDX-License-Identifier: MIT
"""What a parser holds while and after it is fed, by tracemalloc."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pytest

from ssewire import EventTooLarge

if TYPE_CHECKING:
    from tests.conftest import MakeParser

MIB = 2**20
SIZE = 4 * MIB

tracemalloc = pytest.importorskip("tracemalloc", reason="tracemalloc is CPython's")


@pytest.fixture(autouse=True)
def _traced() -> Iterator[None]:
    tracemalloc.start(1)
    yield
    tracemalloc.stop()


def drip(begin: bytes, body: bytes, end: bytes, length: int) -> Iterator[bytes]:
    """Yield a stream in chunks without ever holding more than a few of them."""
    yield begin
    for at in range(0, len(body), length):
        yield body[at : at + length]
    yield end


def peak_of(feed: object, chunks: Iterable[bytes]) -> tuple[int, int]:
    """Feed the chunks, dropping events at once; return the peak and what is held at the end."""
    assert callable(feed)
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    for chunk in chunks:
        feed(chunk)
    held, peak = tracemalloc.get_traced_memory()
    return peak - before, held - before


@pytest.mark.parametrize("length", [16, 1024, 65_536])
def test_one_line_of_ascii_takes_at_most_2_3_times_its_size(
    make_parser: MakeParser, length: int
) -> None:
    body = b"x" * SIZE
    parser = make_parser()
    peak, held = peak_of(parser.feed, drip(b"data: ", body, b"\n\n", length))
    assert peak <= 2.3 * SIZE
    assert held < 0.1 * MIB
    assert parser.pending == 0


@pytest.mark.parametrize("length", [16, 1024])
def test_many_data_lines_take_at_most_2_3_times_their_size(
    make_parser: MakeParser, length: int
) -> None:
    body = (b"data: " + b"x" * 94 + b"\n") * (MIB // 101)
    peak, held = peak_of(make_parser().feed, drip(b"", body, b"\n", length))
    assert peak <= 2.3 * MIB
    assert held < 0.1 * MIB


def test_one_wide_character_costs_the_bytes_and_the_str_only(make_parser: MakeParser) -> None:
    body = "😀".encode() + b"x" * MIB
    peak, _ = peak_of(make_parser().feed, drip(b"data: ", body, b"\n\n", 1024))
    assert peak <= 2.3 * MIB + 4 * MIB


def test_the_buffer_of_a_large_event_is_given_back_after_it(make_parser: MakeParser) -> None:
    parser = make_parser()
    body = b"x" * SIZE
    _, held = peak_of(parser.feed, drip(b"data: ", body, b"\n\ndata: next\n\n", 1024))
    assert held < 0.1 * MIB


@pytest.mark.parametrize("end", ["close", "reset"])
def test_the_buffer_of_an_unfinished_event_is_given_back(make_parser: MakeParser, end: str) -> None:
    parser = make_parser()
    before = tracemalloc.get_traced_memory()[0]
    for line in (b"data: " + b"x" * MIB + b"\n") * 2, b"data: " + b"x" * MIB:
        parser.feed(line)
    del line
    full = tracemalloc.get_traced_memory()[0]
    assert full - before > 2.9 * MIB
    tracemalloc.reset_peak()
    getattr(parser, end)()
    held, peak = tracemalloc.get_traced_memory()
    assert held - before < 0.1 * MIB
    # Nor is any of it copied on the way.
    assert peak - full < 0.1 * MIB


def test_a_poisoned_parser_holds_nothing(make_parser: MakeParser) -> None:
    parser = make_parser(max_event_size=MIB)
    before = tracemalloc.get_traced_memory()[0]
    line = b"data: " + b"x" * 60_000 + b"\n"
    for _ in range(MIB // 60_000):
        parser.feed(line)
    with pytest.raises(EventTooLarge):
        parser.feed(line)
    assert tracemalloc.get_traced_memory()[0] - before < 0.1 * MIB


def test_a_line_past_the_limit_is_not_collected_first(make_parser: MakeParser) -> None:
    def feed_until_refused(chunk: bytes) -> None:
        if not refused:
            try:
                parser.feed(chunk)
            except EventTooLarge:
                refused.append(True)

    refused: list[bool] = []
    parser = make_parser(max_event_size=100_000)
    body = b"x" * SIZE
    peak, held = peak_of(feed_until_refused, drip(b"data: ", body, b"", 1024))
    assert refused
    assert peak < 0.5 * MIB
    assert held < 0.1 * MIB


@pytest.mark.parametrize("comments", [False, True], ids=["ignored", "asked_for"])
@pytest.mark.parametrize(
    "line",
    [b": keep-alive\n", b"unknown: field\n", b"event: another\n", b"id: 123456\n", b"retry: 5\r\n"],
)
def test_lines_without_a_blank_line_do_not_pile_up(
    make_parser: MakeParser, line: bytes, comments: bool
) -> None:
    body = line * (MIB // 4 // len(line))
    peak, held = peak_of(make_parser(comments=comments).feed, drip(b"", body, b"", 512))
    assert peak < 0.1 * MIB
    assert held < 0.05 * MIB


@pytest.mark.parametrize(
    "block",
    [
        b"event: type-%d-" + b"y" * 100 + b"\ndata: x\n\n",
        b"id: %d-" + b"y" * 100 + b"\ndata: x\n\n",
        b"id: %d\nevent: type-%%d-" + b"y" * 90 + b"\ndata: x\n\n",
        b"x%d-" + b"y" * 100 + b": y\ndata: x\n\n",
    ],
    ids=["event", "id", "id_and_event", "unknown_field"],
)
def test_names_made_up_for_ever_do_not_pile_up(make_parser: MakeParser, block: bytes) -> None:
    chunks = ((block % i).replace(b"%d", b"%d" % i) for i in range(8_000))
    peak, held = peak_of(make_parser().feed, chunks)
    assert peak < 0.6 * MIB
    assert held < 0.6 * MIB


@pytest.mark.parametrize("length", [1_000, 20_000])
def test_long_event_types_are_not_kept(make_parser: MakeParser, length: int) -> None:
    chunks = (b"event: %d%s\ndata: x\n\n" % (i, b"y" * length) for i in range(1_000))
    peak, held = peak_of(make_parser().feed, chunks)
    assert peak < 0.4 * MIB
    assert held < 0.2 * MIB


def test_errors_and_resets_leave_nothing_behind(make_parser: MakeParser) -> None:
    parser = make_parser(max_event_size=100)

    def one_round() -> None:
        for chunk in (b"id: 7\nevent: a\ndata: x\n\ndata: " + b"y" * 101, "text", None):
            try:
                parser.feed(chunk)  # type: ignore[arg-type]
            except (EventTooLarge, TypeError):
                continue
            pytest.fail("no error")
        parser.reset()
        parser.feed(b"data: half")
        parser.close()
        parser.reset()

    # More than the compiled event class keeps spare ones of those that were freed.
    for _ in range(600):
        one_round()
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(200):
        one_round()
    gc.collect()
    assert tracemalloc.get_traced_memory()[0] - before < 4096
