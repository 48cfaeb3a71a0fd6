# SPDX-License-Identifier: MIT
"""The delta decoders against json.loads and against each other.

`python -m tests.claude.delta_campaign N [SEED]` does the random part for longer.
"""

from __future__ import annotations

import inspect
import json
import pickle
import random
import threading
import weakref
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ssewire.claude._delta
from ssewire import ServerSentEvent
from ssewire._choice import IMPLEMENTATION
from ssewire.claude._delta_py import DELTA_CONTRACT
from tests.claude.conftest import DELTA_MODULES
from tests.claude.delta_campaign import (
    ESCAPED,
    KEYS,
    WORDS,
    campaign,
    check,
    mutated,
    random_payloads,
)
from tests.conftest import chosen_key
from tests.kit.costs import assert_linear
from tests.kit.surface import surface


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    names = metafunc.config.stash[chosen_key]
    if "decoder_cls" in metafunc.fixturenames:
        metafunc.parametrize("decoder_cls", names, ids=names, indirect=True)


@pytest.fixture
def decoder_cls(request: pytest.FixtureRequest) -> Any:
    """The decoder class under test, once for each implementation."""
    return import_module(DELTA_MODULES[request.param]).DeltaDecoder


@pytest.fixture(scope="module")
def decoder_classes(request: pytest.FixtureRequest) -> list[Any]:
    """The classes of all implementations under test."""
    names = request.config.stash[chosen_key]
    return [import_module(DELTA_MODULES[name]).DeltaDecoder for name in names]


@pytest.fixture(scope="module")
def twins(decoder_classes: list[Any]) -> list[Any]:
    """Both classes; the test is skipped if only one implementation is tested."""
    if len(decoder_classes) < 2:
        pytest.skip("one implementation only")
    return decoder_classes


def payload(kind: str = "text_delta", text: str = "a", index: object = 0, **how: Any) -> str:
    padding: str = " " * how.pop("padding", 0)
    event = {
        "type": "content_block_delta",
        "index": index,
        "delta": {"type": kind, KEYS[kind]: text},
    }
    how.setdefault("separators", (",", ":"))
    data: str = json.dumps(event, **how)
    return data[:-1] + padding + "}"


def events_of(*payloads: str, event: str = "content_block_delta") -> list[ServerSentEvent]:
    return [ServerSentEvent(data, event) for data in payloads]


def test_implementation_is_the_one_that_the_id_says(decoder_cls: Any) -> None:
    compiled = decoder_cls.__module__.endswith("_cy")
    assert decoder_cls.__module__ in DELTA_MODULES.values()
    assert inspect.isfunction(decoder_cls.decode) is not compiled


def test_process_uses_the_implementation_that_its_parser_has() -> None:
    cls = ssewire.claude._delta.DeltaDecoder
    assert cls.__module__ == DELTA_MODULES[IMPLEMENTATION]


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("text", WORDS)
@pytest.mark.parametrize("ascii_only", [False, True])
def test_each_kind_gives_index_kind_and_text(
    decoder_cls: Any, kind: str, text: str, ascii_only: bool
) -> None:
    decoder = decoder_cls()
    for index in (0, 0, 3, 999_999_999, 0):
        data = payload(kind, text, index, ensure_ascii=ascii_only, padding=index % 7)
        assert decoder.decode(data) == (index, kind, text)


@pytest.mark.parametrize("escaped", ESCAPED)
@pytest.mark.parametrize("around", ["", "a", "é", "漢", "😀", "long enough for a vector"])
def test_escapes_are_decoded_as_json_does_at_every_width(
    decoder_cls: Any, escaped: str, around: str
) -> None:
    decoder = decoder_cls()
    for text in (around + escaped, escaped + around, around + escaped * 3 + around):
        data = payload(text="HERE").replace("HERE", text)
        for _ in range(2):  # walked, then by the template
            decoded = decoder.decode(data)
            assert decoded == (0, "text_delta", json.loads(data)["delta"]["text"])
            # Of the narrowest kind that holds it, or equal strs would not be found in dicts.
            assert {decoded[2]: 1}[json.loads(data)["delta"]["text"]] == 1


@pytest.mark.parametrize(
    "data",
    [
        "",
        " ",
        "{}",
        "[]",
        "null",
        '"content_block_delta"',
        '{"type":"ping"}',
        '{"type":"content_block_stop","index":0}',
        payload(index=-1),
        payload(index=-0.0),
        payload(index=1_000_000_000),
        payload(index=10**30),
        payload(index=1.0),
        payload(index=True),
        payload(index=None),
        payload(index="0"),
        payload(index=[0]),
        payload().replace(":0", ":-0"),
        payload().replace(":0", ":00"),
        payload().replace(":0", ":01"),
        payload().replace(":0", ":0e0"),
        payload().replace(":0", ":٣"),
        payload()[:-1],
        payload() + "x",
        payload() + "}",
        payload() + "\x0b",
        "\ufeff" + payload(),
        "\xa0" + payload(),
        payload().replace("content_block_delta", "content_block_start"),
        payload().replace("text_delta", "citations_delta"),
        payload().replace("text_delta", "thinking_delta"),
        payload().replace('"text":', '"thinking":'),
        payload().replace('"text":', '"te\\u0078t":'),
        payload().replace('"index"', '"inde\\u0078"'),
        payload().replace("text_delta", "text\\u005fdelta"),
        payload().replace('"a"', "1"),
        payload().replace('"a"', "null"),
        payload().replace('"a"', '["a"]'),
        payload().replace('"a"', '"a","x":1'),
        payload().replace('"a"', '"a","estimated_tokens":null'),
        payload().replace('"a"', '"a","text":"a"'),
        payload().replace('"a"', '"a","type":"text_delta"'),
        payload().replace('"index":0', '"index":0,"index":0'),
        payload().replace('"index":0', '"index":0,"request_id":"x"'),
        payload().replace('"index":0', '"index":0,"usage":{}'),
        payload().replace('"a"', "'a'"),
        payload().replace('"a"', '"\n"'),
        payload().replace('"a"', '"\x1f"'),
        payload().replace('"a"', '"\x00"'),
        payload().replace('"a"', '"\\q"'),
        payload().replace('"a"', '"\\u12"'),
        payload().replace('"a"', '"\\ud83d\\u12"'),
        payload().replace('"a"', '"\\u+123"'),
        payload().replace('"a"', '"\\u1_23"'),
        payload().replace('"a"', '"a'),
        payload().replace('"a"', '"a\\"'),
        "[" + payload() + "]",
        '{"type":"content_block_delta","index":0,"delta":' + "[" * 5000,
    ],
)
def test_payload_that_is_no_plain_delta_gives_none_before_and_after_a_good_one(
    decoder_cls: Any, data: str
) -> None:
    decoder = decoder_cls()
    assert decoder.decode(data) is None
    assert decoder.decode(payload()) == (0, "text_delta", "a")
    assert decoder.decode(data) is None


@pytest.mark.parametrize("space", [" ", "\t", "\n", "\r", " \n\t\r "])
def test_white_space_of_json_may_stand_anywhere_between_tokens(
    decoder_cls: Any, space: str
) -> None:
    data = payload("thinking_delta", "TEXT")
    for token in "{}:,":
        data = data.replace(token, space + token + space)
    for _ in range(2):
        assert decoder_cls().decode(data) == (0, "thinking_delta", "TEXT")


def test_keys_may_stand_in_any_order(decoder_cls: Any) -> None:
    decoder = decoder_cls()
    for data in (
        '{"delta":{"text":"a","type":"text_delta"},"index":5,"type":"content_block_delta"}',
        '{"index":5,"delta":{"type":"text_delta","text":"a"},"type":"content_block_delta"}',
        '{"delta":{"text":"a","type":"text_delta"},"type":"content_block_delta","index":5}',
    ):
        assert decoder.decode(data) == decoder.decode(data) == (5, "text_delta", "a")


def test_what_stands_after_the_text_is_compared_too(decoder_cls: Any) -> None:
    decoder = decoder_cls()
    start = '{"delta":{"text":"a","type":"text_delta"},"type":"content_block_delta","index":'
    for index in (1, 2, 1, 22, 2):
        assert decoder.decode(f"{start}{index}}}") == (index, "text_delta", "a")
        assert decoder.decode(f"{start}{index}   }}") == (index, "text_delta", "a")
    assert decoder.decode(start + "1 2}") is None
    assert decoder.decode(start + "1}}") is None
    assert decoder.decode(start + "1") is None


def test_padding_of_any_length_is_accepted_only_where_it_means_nothing(decoder_cls: Any) -> None:
    decoder = decoder_cls()
    for spaces in [*range(100), 5000, 0]:
        assert decoder.decode(payload(padding=spaces)) == (0, "text_delta", "a")
        assert decoder.decode(payload(padding=spaces) + "}") is None
        assert decoder.decode(payload(padding=spaces)[:-1]) is None


def test_many_blocks_and_kinds_interleaved(decoder_cls: Any) -> None:
    decoder = decoder_cls()
    for turn in range(3):
        for index in range(40):
            for kind in KEYS:
                data = payload(kind, f"{turn}", index, padding=turn)
                assert decoder.decode(data) == (index, kind, f"{turn}")


def test_long_white_space_is_not_remembered_and_still_decoded(decoder_cls: Any) -> None:
    data = payload().replace(":", ":" + " " * 10_000)
    decoder = decoder_cls()
    assert [decoder.decode(data) for _ in range(3)] == [(0, "text_delta", "a")] * 3


def test_run_gives_the_texts_up_to_the_first_other_event(decoder_cls: Any) -> None:
    same = [payload(text=f"t{i}", padding=i) for i in range(5)]
    for other in (
        payload(index=1),
        payload("thinking_delta"),
        payload().replace('"a"', '"\\q"'),
        payload() + "x",
        '{"type":"ping"}',
        "",
    ):
        for known in (False, True):
            decoder = decoder_cls()
            if known:
                decoder.decode(payload("thinking_delta"))
                decoder.decode(payload(index=1))
                decoder.decode(payload())
            events = events_of(*same, other, *same)
            assert decoder.run(events, 0, 0, "text_delta") == ["t0", "t1", "t2", "t3", "t4"]
            assert decoder.run(events, 3, 0, "text_delta") == ["t3", "t4"]
            assert decoder.run(events, 6, 0, "text_delta") == ["t0", "t1", "t2", "t3", "t4"]
            assert decoder.run(events, 11, 0, "text_delta") == []
            assert decoder.run(events, 99, 0, "text_delta") == []


@pytest.mark.parametrize("name", ["error", "ping", "", "x"])
def test_run_ends_before_an_event_of_another_type(decoder_cls: Any, name: str) -> None:
    decoder = decoder_cls()
    good = events_of(payload()) + events_of(payload(), event="message") + events_of(payload())
    odd = events_of(payload(), event=name)
    assert decoder.run(good + odd + good, 0, 0, "text_delta") == ["a", "a", "a"]
    assert decoder.run(odd, 0, 0, "text_delta") == []


def test_run_of_another_block_kind_or_absurd_index_is_empty(decoder_cls: Any) -> None:
    decoder = decoder_cls()
    events = events_of(payload(index=2), payload(index=2))
    assert decoder.run(events, 0, 2, "text_delta") == ["a", "a"]
    assert decoder.run(events, 0, 1, "text_delta") == []
    assert decoder.run(events, 0, 2, "thinking_delta") == []
    assert decoder.run(events, 0, 2, "citations_delta") == []
    assert decoder.run(events, 0, 10**30, "text_delta") == []
    assert decoder.run(events, 0, -1, "text_delta") == []


def test_run_equals_decode_on_random_streams(decoder_cls: Any) -> None:
    rng = random.Random(20)
    for _ in range(150):
        payloads = random_payloads(rng, 12)
        events = events_of(*payloads)
        expected = [decoder_cls().decode(data) for data in payloads]
        for start, first in enumerate(expected):
            if first is None:
                continue
            texts = []
            for decoded in expected[start:]:
                if decoded is None or decoded[:2] != first[:2]:
                    break
                texts.append(decoded[2])
            assert decoder_cls().run(events, start, first[0], first[1]) == texts


@pytest.mark.parametrize("seed", range(4))
def test_random_payloads_are_read_as_json_reads_them(decoder_classes: list[Any], seed: int) -> None:
    assert campaign(decoder_classes, 5_000, seed) > 1_000


@given(
    texts=st.lists(st.text(st.characters(), max_size=30), min_size=1, max_size=5),
    kind=st.sampled_from(list(KEYS)),
    index=st.integers(0, 10**9 - 1),
    ascii_only=st.booleans(),
    padding=st.integers(0, 40),
)
def test_any_text_comes_back(
    decoder_classes: list[Any],
    texts: list[str],
    kind: str,
    index: int,
    ascii_only: bool,
    padding: int,
) -> None:
    decoders = [cls() for cls in decoder_classes]
    for text in texts:
        data = payload(kind, text, index, ensure_ascii=ascii_only, padding=padding)
        assert check(decoders, data) == (index, kind, text)


@given(data=st.text(), seed=st.integers(0, 2**32))
def test_any_fault_is_judged_as_json_judges_it(
    decoder_classes: list[Any], data: str, seed: int
) -> None:
    decoders = [cls() for cls in decoder_classes]
    rng = random.Random(seed)
    check(decoders, data)
    check(decoders, payload(text="HERE").replace("HERE", data))
    for good in random_payloads(rng, 5):
        check(decoders, good)
        check(decoders, mutated(rng, good))


# Escapes all through, or none; both by walk and by template.
@pytest.mark.parametrize("text", ["x", '\\"', "漢", "\\u00e9"])
def test_cost_of_a_payload_is_linear_in_its_length(decoder_cls: Any, text: str) -> None:
    def make(size: int) -> Any:
        data = payload(text="HERE").replace("HERE", text * size)
        decode = decoder_cls().decode

        def work() -> None:
            assert decode(data) == decode(data) is not None

        return work

    assert_linear(make)


def test_new_attributes_are_refused_and_weak_references_work(decoder_cls: Any) -> None:
    decoder = decoder_cls()
    assert weakref.ref(decoder)() is decoder
    with pytest.raises(AttributeError):
        decoder.other = 1


def test_threads_that_share_a_decoder_by_mistake_do_not_crash(decoder_cls: Any) -> None:
    decoder = decoder_cls()
    wrong: list[Any] = []

    def work(number: int) -> None:
        for i in range(300):
            kind = list(KEYS)[(number + i) % 4]
            found = decoder.decode(payload(kind, f"{i}", number * 7 + i % 5))
            if found is not None and found[2] != f"{i}":
                wrong.append(found)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_twins_look_alike(twins: list[Any]) -> None:
    python, cython = twins
    assert surface(python) == surface(cython)


def test_contract_numbers_agree(twins: list[Any]) -> None:
    assert import_module(DELTA_MODULES["cython"]).CONTRACT == DELTA_CONTRACT


def test_decoded_values_are_ordinary_objects(decoder_cls: Any) -> None:
    decoded = decoder_cls().decode(payload(text="é\ud83d", index=300))
    assert pickle.loads(pickle.dumps(decoded)) == decoded == (300, "text_delta", "é\ud83d")
