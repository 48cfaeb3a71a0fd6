"""The time of adversarial streams grows with their size, not with its square.

Nothing here depends on how fast the machine is: tests/kit/costs.py compares a
stream with one eight times its size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

import pytest

from tests.kit.costs import AT_MOST, assert_linear, growth

if TYPE_CHECKING:
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


def test_this_measure_tells_quadratic_from_linear() -> None:
    class Quadratic:
        def __init__(self, **options: object) -> None:
            self.line = b""

        def feed(self, chunk: bytes) -> list[object]:
            self.line += chunk
            sum(self.line)  # a scan of all that came before, once for each chunk
            return []

    make: Any = Quadratic
    assert growth(feeding(make, "one_line_in_16_byte_chunks", {}), size=150) > AT_MOST
