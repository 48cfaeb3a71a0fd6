# SPDX-License-Identifier: MIT
"""The benchmarks' streams are what they promise; a wrong one would measure something else."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from benchmarks.harness.shapes import CHUNKS, CORPORA, SHAPES, Corpus, build, cut
from ssewire import Parser

# A few dozen events of each: enough for every branch of a generator.
COUNTS = {"one_huge_line": 5_000, "many_data_lines": 300, "drip_fed": 4, "keep_alive": 30}


def small_build(name: str, seed: int = 0) -> Corpus:
    return build(name, COUNTS.get(name, 60), seed)


@pytest.mark.parametrize("kind", CHUNKS)
@pytest.mark.parametrize("name", SHAPES)
def test_a_parser_gives_the_expected_events_at_each_cut(name: str, kind: str) -> None:
    stream = small_build(name)
    parser = Parser()
    events = [event for chunk in cut(stream, kind) for event in parser.feed(chunk)]
    assert [(event.data, event.event, event.id) for event in events] == stream.expected
    assert parser.pending == 0


@pytest.mark.parametrize("kind", CHUNKS)
@pytest.mark.parametrize("name", SHAPES)
def test_chunks_join_to_the_body_and_none_is_empty(name: str, kind: str) -> None:
    stream = small_build(name)
    chunks = cut(stream, kind)
    assert b"".join(chunks) == stream.document
    assert all(chunks)


@pytest.mark.parametrize("name", SHAPES)
def test_one_seed_gives_one_stream(name: str) -> None:
    random.seed(1)
    first = small_build(name, seed=3)
    build.cache_clear()
    random.seed(2)
    assert small_build(name, seed=3) == first


@pytest.mark.parametrize("name", sorted(set(SHAPES) - {"small"}))
def test_another_seed_gives_another_stream(name: str) -> None:
    assert small_build(name, seed=3).document != small_build(name, seed=4).document


@pytest.mark.parametrize("name", SHAPES)
def test_each_event_chunk_completes_one_event(name: str) -> None:
    stream = small_build(name)
    chunks = cut(stream, "event")
    parser = Parser()
    counts = [len(parser.feed(chunk)) for chunk in chunks]
    assert counts[: len(stream.expected)] == [1] * len(stream.expected)
    # What follows the last event, as the comments of an idle stream, completes none.
    assert counts[len(stream.expected) :] in ([], [0])


@pytest.mark.parametrize(("name", "size"), [("claude", 120), ("openai", 160), ("crlf", 123)])
def test_events_have_about_the_size_that_is_told(name: str, size: int) -> None:
    stream = build(name, 2_000)
    assert len(stream.document) / len(stream.expected) == pytest.approx(size, rel=0.05)


@pytest.mark.parametrize(("kind", "size"), [("64k", 65536), ("1400", 1400), ("16", 16)])
def test_chunks_of_a_fixed_size_have_it_except_the_last(kind: str, size: int) -> None:
    chunks = cut(build("claude", 2_000), kind)
    assert {len(chunk) for chunk in chunks[:-1]} == {size}
    assert len(chunks[-1]) <= size


def test_each_corpus_has_the_usual_count_of_its_shape() -> None:
    assert list(CORPORA) == list(SHAPES)
    assert len(CORPORA["small"]().expected) == SHAPES["small"][1]


def test_claude_is_nearly_all_text_deltas() -> None:
    counts = Counter(event for _, event, _ in build("claude", 100).expected)
    assert counts["content_block_delta"] == 100
    assert counts["message_start"] == counts["message_stop"] == 1
    assert sum(counts.values()) < 110


def test_openai_has_no_event_lines_and_ends_with_done() -> None:
    stream = small_build("openai")
    assert b"event:" not in stream.document
    assert stream.expected[-1] == ("[DONE]", "message", "")


def test_cjk_has_characters_of_two_three_and_four_bytes() -> None:
    sizes = {len(char.encode()) for char in small_build("cjk").document.decode()}
    assert sizes == {1, 2, 3, 4}


def test_only_crlf_and_drip_fed_have_cr() -> None:
    assert {name for name in SHAPES if b"\r" in small_build(name).document} == {"crlf", "drip_fed"}
    body = small_build("crlf").document
    assert body.count(b"\r") == body.count(b"\n") == body.count(b"\r\n")


def test_multiline_has_id_event_and_eight_data_lines() -> None:
    stream = small_build("multiline")
    block = stream.wire[0].decode().splitlines()
    assert [line.partition(":")[0] for line in block] == ["id", "event", *["data"] * 8, ""]
    assert all(event == "update" and last_id for _, event, last_id in stream.expected)


def test_ids_are_set_kept_and_reset() -> None:
    stream = build("ids", 500)
    pairs = list(zip(stream.expected, stream.expected[1:]))
    assert any(a[2] == b[2] != "" for a, b in pairs)
    assert any(a[2] != "" == b[2] for a, b in pairs)
    assert any("" != a[2] != b[2] != "" for a, b in pairs)


def test_mixed_types_has_hundreds_of_event_types() -> None:
    assert len({event for _, event, _ in build("mixed_types", 5_000).expected}) == 301


def test_one_huge_line_is_one_line_of_the_size_that_is_told() -> None:
    stream = build("one_huge_line", 5_000)
    assert [len(data) for data, _, _ in stream.expected] == [5_000, len("small")]
    assert "\n" not in stream.expected[0][0]


def test_many_data_lines_is_one_event_of_as_many_lines_as_told() -> None:
    assert build("many_data_lines", 300).expected[0][0].count("\n") == 299


def test_keep_alive_has_ten_comment_blocks_for_each_event() -> None:
    stream = build("keep_alive", 30)
    assert stream.document.count(b": ping") == 31 * 10
    assert len(stream.expected) == 30
