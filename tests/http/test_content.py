# SPDX-License-Identifier: MIT
"""The content of a body: `content.Body` driven as both clients do, at any cut, against zlib."""

from __future__ import annotations

import gzip
import random
import zlib
from collections.abc import Iterator
from typing import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssewire._headers import Headers
from ssewire._http.content import INFLATE_STEP, Body
from ssewire.errors import ContentDecodingError


def body_of(encoding: str | None) -> Body:
    return Body(Headers({} if encoding is None else {"Content-Encoding": encoding}))


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


ENCODERS: dict[str | None, Callable[[bytes], bytes]] = {
    None: bytes,
    "identity": bytes,
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "GZip": gzip.compress,
    "deflate": zlib.compress,
    " deflate ": raw_deflate,
}


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    """Return the data in pieces of these sizes in turn; the last one takes the rest."""
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    return [piece for piece in (*pieces, data[at:]) if piece]


def drive(body: Body, pieces: list[bytes]) -> Iterator[bytes]:
    """Generate what comes out, as a reader gets it that takes all it can before it feeds more."""
    body = body.begin(not pieces)
    for data in pieces:
        assert body.take() is None
        if body.plain:
            yield data
            continue
        body.feed(data)
        piece = body.take()
        while piece is not None:
            yield piece
            piece = body.take()
    body.close()


@given(
    st.sampled_from(list(ENCODERS)),
    st.one_of(
        st.binary(max_size=300),
        # What inflates to several steps, and what hardly deflates at all.
        st.integers(0, 300_000).map(lambda size: b"a" * size),
        st.integers(0, 100_000).map(lambda size: random.Random(size).randbytes(size)),
    ),
    st.lists(st.integers(0, 40_000), max_size=8),
)
def test_every_encoding_at_every_cut_decodes_to_what_was_encoded(
    encoding: str | None, data: bytes, sizes: list[int]
) -> None:
    pieces = cut(ENCODERS[encoding](data), sizes)
    out = list(drive(body_of(encoding), pieces))
    assert b"".join(out) == data
    assert all(out)
    assert ENCODERS[encoding] is bytes or max(map(len, out), default=0) <= INFLATE_STEP


@given(
    st.sampled_from(["gzip", "deflate"]),
    st.binary(min_size=1, max_size=300),
    st.integers(1, 10_000),
    st.lists(st.integers(0, 50), max_size=8),
)
def test_what_is_cut_short_gives_what_there_is_and_then_the_error_however_often_asked(
    encoding: str, data: bytes, less: int, sizes: list[int]
) -> None:
    encoded = ENCODERS[encoding](data)
    encoded = encoded[: -(1 + less % (len(encoded) - 1))]
    body = body_of(encoding)
    got: list[bytes] = []
    with pytest.raises(ContentDecodingError, match="cut short"):
        got.extend(drive(body, cut(encoded, sizes)))
    assert data.startswith(b"".join(got))
    for _ in range(2):
        with pytest.raises(ContentDecodingError, match="cut short"):
            body.close()


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress"])
def test_an_unknown_encoding_is_refused_at_the_first_step_and_at_each_after_it(
    encoding: str,
) -> None:
    body = body_of(encoding)
    for _ in range(3):
        assert not body.begun
        with pytest.raises(ContentDecodingError, match="not supported"):
            body.begin(False)


def test_the_encoding_of_a_body_that_is_none_does_not_matter() -> None:
    body = body_of("br").begin(True)
    assert (body.begun, body.plain, body.take()) == (True, True, None)
    body.close()


@pytest.mark.parametrize(
    ("encoding", "untouched"),
    [(None, True), ("identity", False), ("gzip", False), ("br", False)],
)
def test_a_body_is_untouched_until_it_is_begun_and_only_without_any_encoding(
    encoding: str | None, untouched: bool
) -> None:
    body = body_of(encoding)
    assert (body.untouched, body.begun, body.plain) == (untouched, False, False)
    if encoding != "br":
        body = body.begin(False)
        assert (body.untouched, body.begun, body.plain) == (False, True, encoding != "gzip")


def test_plain_bodies_are_all_the_same_one_from_the_first_step_on() -> None:
    bodies = [body_of(None), body_of("identity"), body_of("gzip")]
    first, second, other = (body.begin(False) for body in bodies)
    assert first is second
    assert first is not bodies[0]
    assert other is bodies[2]
    assert first.begin(False) is first


def test_damaged_data_is_an_error_after_the_pieces_before_it() -> None:
    data = random.Random(1).randbytes(200_000)
    encoded = bytearray(gzip.compress(data))
    encoded[150_000:150_010] = b"\xff" * 10
    body = body_of("gzip")
    got: list[bytes] = []
    with pytest.raises(ContentDecodingError) as caught:
        got.extend(drive(body, [bytes(encoded)]))
    assert b"".join(got)[:100_000] == data[:100_000]
    assert isinstance(caught.value.__cause__, zlib.error)
    # Nothing comes out any more, and the end is none.
    assert body.take() is None
    with pytest.raises(ContentDecodingError, match="cut short"):
        body.close()


def test_a_bomb_costs_no_more_than_a_step_at_a_time() -> None:
    body = body_of("gzip").begin(False)
    body.feed(gzip.compress(bytes(50_000_000)))
    for _ in range(20):
        assert body.take() == bytes(INFLATE_STEP)
