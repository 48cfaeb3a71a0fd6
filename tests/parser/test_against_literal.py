# SPDX-License-Identifier: MIT
"""The parser against the literal reading of the standard, on streams nobody thought of."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssewire import EventTooLarge
from tests.kit.chunkings import chunkings
from tests.kit.comparing import as_literal, feed_and_compare
from tests.kit.literal import history

if TYPE_CHECKING:
    from tests.conftest import MakeParser

# Pieces that streams are made of, the crooked ones included. Few letters, so that
# field names come about by accident too.
PIECES = [
    *(b"\r", b"\n", b"\r\n", b"\n\n", b"\r\n\r\n", b"\r\r", b":", b": ", b" ", b"\t", b"\0"),
    *(b"data", b"data:", b"data: ", b"event: ", b"event:", b"id: ", b"id", b"retry: ", b"retry:"),
    *(b"Data: ", b" data: ", b"data : ", b"\ndata: ", b"\nevent: a\n", b"\nid: 7\n", b": ping\n\n"),
    *(b"a", b"d", b"t", b"i", b"e", b"7", b"042", b"1_0", b"+5", b"99999999999", b"message"),
    *(b"\xef", b"\xbb", b"\xbf", b"\xef\xbb\xbf", b"\xc3", b"\xa9", b"\xc3\xa9", b"\xe2\x82\xac"),
    *(b"\xf0\x9f\x98\x80", b"\xf0\x9f", b"\x98", b"\xff", b"\xed\xa0\x80", b"\xc0\x80"),
    *(b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80\xa9", b"\x0b", b"\x0c", b"\x1c", b"\x1d", b"\x1e"),
]
# Blocks as servers send them, to be met in long runs with something crooked between.
BLOCKS = [
    *(b'event: delta\ndata: {"t":"x"}\n\n', b"data: 1\n\n", b"data: \xc3\xa9\n\n", b"data:x\n\n"),
    *(b"id: 1\nevent: a\ndata: x\n\n", b"id: 2\ndata: y\n\n", b"event: b\nid: 3\ndata: z\n\n"),
    *(b"data: a\ndata: b\ndata: c\n\n", b"data: a\ndata:b\ndata\n\n", b"data\n\n", b"data:\n\n"),
    *(b"event: a\r\ndata: x\r\n\r\n", b"data: y\r\n\r\n", b"data: a\r\ndata: b\r\n\r\n"),
    *(b"data: x\r\r", b"data: a\r\ndata: b\r\r", b": ping\n\n", b": ping\r\n\r\n", b":\n", b"\n"),
    *(b"id: 4\n\n", b"id: a\0b\ndata: x\n\n", b"id\ndata: x\n\n", b"id:5\ndata:x\n\n", b"id: \n"),
    *(b"retry: 5\ndata: x\n\n", b"retry: 9\n\n", b"event: a\n\n", b"event\ndata: x\n\n", b"\r\n"),
    *(b"foo: bar\ndata: x\n\n", b"data: x\nfoo\n\n", b"data: x\nevent: late\n\n", b"data: \n\n"),
    *(b"event: data: x\ndata: y\n\n", b"data: a data: b\n\n", b"xdata: a\n\n", b"\xef\xbb\xbf"),
    *(
        b"id: 1\nid: 2\ndata: x\n\n",
        b"data: \xff\n\n",
        b"data: \xe2\x82\n\n",
        b"event: \xff\ndata: x\n\n",
    ),
    *(b"id: \xc3\ndata: x\n\n", b"data: a\n\ndata: b\r\n\r\n", b"event:\ndata: x\n\n", b"data: x"),
    *(b"event:  s\ndata:  x\n\n", b"data: x\n\r\n", b"data: x\r\n\n", b"data: x\r\ndata: y\n\n"),
]
LIMITS = [0, 1, 2, 5, 8, 13, 20, 40]


def random_stream(rng: random.Random) -> bytes:
    """Return a short stream: crooked pieces, usual blocks, or both."""
    kind = rng.randrange(3)
    if kind == 0:
        return b"".join(rng.choices(PIECES, k=rng.randrange(30)))
    if kind == 1:
        return b"".join(rng.choices(BLOCKS, k=rng.randrange(12)))
    parts = rng.choices(rng.sample(BLOCKS, 4), k=rng.randrange(1, 12))
    for _ in range(rng.randrange(4)):
        parts.insert(rng.randrange(len(parts)), rng.choice(PIECES))
    return b"".join(parts)


def random_options(rng: random.Random) -> dict[str, Any]:
    options: dict[str, Any] = {"comments": rng.random() < 0.5}
    if rng.random() < 0.4:
        options["max_event_size"] = rng.choice(LIMITS)
    if rng.random() < 0.2:
        options["last_event_id"] = rng.choice(["7", "€5"])
    if rng.random() < 0.2:
        options["default_event"] = rng.choice(["", "update"])
    return options


def random_cut(rng: random.Random, data: bytes) -> list[bytes]:
    edges = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(len(data) + 2)))
    return [data[a:b] for a, b in zip([0, *edges], [*edges, len(data)])]


@pytest.mark.parametrize("seed", range(20))
def test_random_streams_at_random_cuts_match_the_literal_reading_after_every_feed(
    make_parser: MakeParser, seed: int
) -> None:
    rng = random.Random(seed)
    for _ in range(150):
        stream = random_stream(rng)
        options = random_options(rng)
        expected = history(stream, **options)
        for chunks in ([stream], random_cut(rng, stream), random_cut(rng, stream)):
            feed_and_compare(make_parser(**options), chunks, expected)


@pytest.mark.parametrize("seed", range(10))
def test_flush_gives_what_a_blank_line_at_the_end_would_have(
    make_parser: MakeParser, seed: int
) -> None:
    rng = random.Random(3000 + seed)
    for _ in range(100):
        stream = random_stream(rng)
        options = random_options(rng)
        expected = history(stream + b"\n\n", **options)
        parser = make_parser(**options)
        items: list[Any] = []
        for chunk in random_cut(rng, stream):
            try:
                items += parser.feed(chunk)
            except EventTooLarge as exc:
                items += exc.events
                with pytest.raises(EventTooLarge):
                    parser.flush()
                break
        else:
            before = parser.last_event_id
            items += parser.flush()
            # An ID without an event is dropped with it.
            assert parser.last_event_id in (before, expected.moments[-1].last_event_id)
        assert [as_literal(item) for item in items] == expected.items


@pytest.mark.parametrize("seed", range(4))
def test_random_streams_match_the_literal_reading_at_every_chunking(
    make_parser: MakeParser, seed: int
) -> None:
    rng = random.Random(1000 + seed)
    for _ in range(15):
        stream = random_stream(rng)
        options = random_options(rng)
        expected = history(stream, **options)
        for chunks in chunkings(stream, seed):
            feed_and_compare(make_parser(**options), chunks, expected)


@pytest.mark.parametrize("seed", range(6))
def test_streams_longer_than_any_buffer_match_the_literal_reading(
    make_parser: MakeParser, seed: int
) -> None:
    rng = random.Random(2000 + seed)
    usual = rng.choice(BLOCKS)
    parts = []
    size = 0
    while size < 150_000:
        if rng.random() < 0.02:
            parts.append(rng.choice(BLOCKS))
        elif rng.random() < 0.003:
            # Around the window sizes that implementations use.
            filler = rng.choice([b"x", b"\xc3\xa9", b"\xff", b"\r", b"\ndata: y"])
            parts.append(
                b"data: " + filler * (rng.randrange(2_000, 20_000) // len(filler)) + b"\n\n"
            )
        else:
            parts.append(usual)
        size += len(parts[-1])
    stream = b"".join(parts)
    expected = history(stream, comments=True)
    for length in (len(stream), 65_536, 16_384, 16_385, 4_093, 1_400):
        chunks = [stream[i : i + length] for i in range(0, len(stream), length)]
        feed_and_compare(make_parser(comments=True), chunks, expected)


@settings(max_examples=300)
@given(
    pieces=st.lists(st.sampled_from(PIECES + BLOCKS) | st.binary(max_size=3), max_size=25),
    cuts=st.lists(st.integers(0, 200), max_size=8),
    comments=st.booleans(),
    limit=st.sampled_from([None, None, *LIMITS]),
)
def test_any_stream_at_any_cut_matches_the_literal_reading_after_every_feed(
    make_parser: MakeParser,
    pieces: list[bytes],
    cuts: list[int],
    comments: bool,
    limit: int | None,
) -> None:
    stream = b"".join(pieces)
    expected = history(stream, comments=comments, max_event_size=limit)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    chunks = [stream[a:b] for a, b in zip(edges, edges[1:])]
    for cut in (chunks, [stream], [stream[i : i + 1] for i in range(len(stream))]):
        feed_and_compare(make_parser(comments=comments, max_event_size=limit), cut, expected)
