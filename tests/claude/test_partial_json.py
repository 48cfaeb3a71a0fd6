# SPDX-License-Identifier: MIT
"""The push parser for tool inputs: the fact sheet's table, and json.loads at the end."""

from __future__ import annotations

import copy
import itertools
import json
import os
import pickle
import random
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssewire._choice import IMPLEMENTATION
from ssewire.claude import partial_json
from ssewire.claude._json import MAX_DEPTH, MISSING
from ssewire.claude._partial_json_py import MAX_PIECES, PARTIAL_JSON_CONTRACT
from tests.claude.conftest import PARTIAL_JSON_MODULES
from tests.claude.partial_json_campaign import campaign
from tests.conftest import chosen_key
from tests.kit.costs import assert_linear
from tests.kit.memory import failing, needs_shortage
from tests.kit.platforms import needs_processes
from tests.kit.surface import surface

INF = float("inf")

# The class under test: that of one implementation after the other.
PartialJSON: Any = partial_json.PartialJSON


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    names = metafunc.config.stash[chosen_key]
    metafunc.parametrize("implementation_of_json", names, ids=names, indirect=True, scope="module")


@pytest.fixture(scope="module", autouse=True)
def implementation_of_json(request: pytest.FixtureRequest) -> Iterator[str]:
    """Have `PartialJSON` be one implementation, as it is or as users have it."""
    global PartialJSON
    name: str = request.param
    PartialJSON = import_module(PARTIAL_JSON_MODULES[name]).PartialJSON
    yield name
    PartialJSON = partial_json.PartialJSON


# The fact sheet's table: buffer, value in mode A, value in mode B.
TABLE: list[tuple[str, Any, Any]] = [
    ("", MISSING, MISSING),
    ("   ", MISSING, MISSING),
    ("{", {}, {}),
    ('{"a', {}, {}),
    ('{"a"', {}, {}),
    ('{"a":', {}, {}),
    ('{"a": ', {}, {}),
    ('{"a": "', {}, {"a": ""}),
    ('{"a": "he', {}, {"a": "he"}),
    (r'{"a": "x\n', {}, {"a": "x\n"}),
    ('{"a": "x\\', {}, {"a": "x"}),
    (r'{"a": "x\u00', {}, {"a": "x"}),
    (r'{"a": "x\ud83d', {}, {"a": "x"}),
    ('{"a": "x\\ud83d\\', {}, {"a": "x"}),
    (r'{"a": "x\ud83d\ude', {}, {"a": "x"}),
    (r'{"a": "x\ud83d\ude00', {}, {"a": "x😀"}),
    ('{"a": 1', {"a": 1}, {"a": 1}),
    ('{"a": 1,', {"a": 1}, {"a": 1}),
    ('{"a": 1 ', {"a": 1}, {"a": 1}),
    ('{"a": -', {}, {}),
    ('{"a": 12.', {}, {}),
    ('{"a": 1e', {}, {}),
    ('{"a": 1e+', {}, {}),
    ('{"a": 12.5', {"a": 12.5}, {"a": 12.5}),
    ('{"a": tru', {}, {}),
    ('{"a": n', {}, {}),
    ('{"a": true', {"a": True}, {"a": True}),
    ("[1, 2", [1, 2], [1, 2]),
    ('[1, 2, {"k', [1, 2, {}], [1, 2, {}]),
    ('[1, "ab', [1], [1, "ab"]),
    ('{"a": ["x", "y"', {"a": ["x", "y"]}, {"a": ["x", "y"]}),
    ('{"a": {"b": "c', {"a": {}}, {"a": {"b": "c"}}),
    ('{"a":1,"a":"he', {"a": 1}, {"a": "he"}),
    ('{"a":1,"a":2}', {"a": 2}, {"a": 2}),
    ('{"a":1,"a":2.', {"a": 1}, {"a": 1}),
    ("1234567890" * 3, int("1234567890" * 3), int("1234567890" * 3)),
    ("1e400", INF, INF),
    ("[Infinity, -Infinity, Na", [INF, -INF], [INF, -INF]),
    ("[-I", [], []),
    ("-0", 0, 0),
    ("12", 12, 12),
    ("true", True, True),
    ("null", None, None),
    ('"ab', MISSING, "ab"),
    ('"ab"', "ab", "ab"),
    # json keeps lone surrogates, which jiter refuses.
    (r'["\ud83d"', ["\ud83d"], ["\ud83d"]),
    (r'["\ud83dx', [], ["\ud83dx"]),
    (r'["\ude00', [], ["\ude00"]),
]

# Documents that no JSON begins with; the value stays that of the valid part before.
BROKEN: list[tuple[str, Any, Any]] = [
    ('{"a":1}x', {"a": 1}, {"a": 1}),
    ('{"a":1}}', {"a": 1}, {"a": 1}),
    ('{"a":1} {"b":2}', {"a": 1}, {"a": 1}),
    ('{"a": 1 "b": 2}', {"a": 1}, {"a": 1}),
    ('{"a": 1,}', {"a": 1}, {"a": 1}),
    ("[1,]", [1], [1]),
    ("[1 2]", [1], [1]),
    ("[1}", [1], [1]),
    ("[,", [], []),
    ("{1", {}, {}),
    ('{"a" 1', {}, {}),
    ('{"a"}', {}, {}),
    ("{'a': 1}", {}, {}),
    ("{]", {}, {}),
    ("]", MISSING, MISSING),
    (":", MISSING, MISSING),
    ("01", 0, 0),
    ("-a", MISSING, MISSING),
    ("+1", MISSING, MISSING),
    (".5", MISSING, MISSING),
    ("[1.x", [], []),
    ("[1.5.", [1.5], [1.5]),
    ("[1e5e", [1e5], [1e5]),
    ("[1x", [1], [1]),
    ("[٣", [], []),
    ("bare", MISSING, MISSING),
    ("[trux", [], []),
    ("[nuLl", [], []),
    ("[-Infinite", [], []),
    ("[truex", [True], [True]),
    ('["a\n', [], ["a"]),
    ('["a\t', [], ["a"]),
    ('["a\x00', [], ["a"]),
    (r'["a\q', [], ["a"]),
    (r'["a\u00g', [], ["a"]),
    (r'["a\u+', [], ["a"]),
    (r'["a\u1_', [], ["a"]),
    (r'["a\ud83d\u0g', [], ["a\ud83d"]),
    (r'["a\n\q', [], ["a\n"]),
    ('{"k\n', {}, {}),
    ("\ufeff{", MISSING, MISSING),
    ("\xa0{", MISSING, MISSING),
    ("/* */", MISSING, MISSING),
]


def same(value: object, expected: object) -> bool:
    """Compare values with their types, the order of keys and NaN."""
    return repr(value) == repr(expected)


def cuts(document: str, seed: int) -> Iterator[list[str]]:
    """Yield the document whole, char by char, with empty fragments, and at random places."""
    yield [document]
    yield list(document)
    yield [piece for char in document for piece in ("", char, "")]
    rng = random.Random(seed)
    for _ in range(6):
        pieces = []
        at = 0
        while at < len(document):
            size = rng.randrange(1, 8)
            pieces.append(document[at : at + size])
            at += size
        yield pieces


def parsed(pieces: list[str], mode: str, look_after: float = 0.5) -> PartialJSON:
    """Feed a parser, looking at its value now and then."""
    rng = random.Random(len(pieces))
    parser = PartialJSON(mode)
    for piece in pieces:
        parser.feed(piece)
        if rng.random() < look_after:
            assert parser.value is parser.value or parser.value != parser.value
    return parser


@pytest.mark.parametrize(("document", "a", "b"), TABLE, ids=[ascii(row[0]) for row in TABLE])
@pytest.mark.parametrize("mode", ["A", "B"])
def test_valid_prefix_shows_what_the_table_says(document: str, a: Any, b: Any, mode: str) -> None:
    for pieces in cuts(document, 1):
        for look_after in (0, 0.5, 1):
            parser = parsed(pieces, mode, look_after)
            assert same(parser.value, a if mode == "A" else b)
            assert parser.error is None


@pytest.mark.parametrize(("document", "a", "b"), BROKEN, ids=[ascii(row[0]) for row in BROKEN])
@pytest.mark.parametrize("mode", ["A", "B"])
def test_first_invalid_character_sets_the_error_and_freezes_the_value(
    document: str, a: Any, b: Any, mode: str
) -> None:
    errors = set()
    for pieces in cuts(document, 2):
        parser = parsed(pieces, mode)
        assert isinstance(parser.error, ValueError)
        errors.add(str(parser.error))
        for more in ("", "1", '"]}', " "):
            assert same(parser.value, a if mode == "A" else b)
            assert not parser.complete
            parser.feed(more)
        assert str(parser.error) in errors
    assert len(errors) == 1


def can_be_ended(start: str) -> bool:
    """Say whether some JSON begins so."""
    tokens = (
        "",
        '"',
        '"]',
        "0",
        "]",
        "}",
        ":0",
        "e]",
        "ll]",
        "y]",
        '"":0}',
        '0"]',
        '000"]',
        "n",
    )
    for ending in itertools.product(tokens, repeat=3):
        try:
            json.loads(start + "".join(ending))
        except ValueError:
            continue
        return True
    return False


@pytest.mark.parametrize("document", [row[0] for row in BROKEN], ids=ascii)
def test_error_comes_with_the_first_invalid_character_and_tells_where_that_is(
    document: str,
) -> None:
    parser = PartialJSON()
    at = -1
    while parser.error is None:
        at += 1
        parser.feed(document[at])
    assert can_be_ended(document[:at])
    assert not can_be_ended(document[: at + 1])
    # A faulty escape is named by its backslash.
    fault = document.rindex("\\", 0, at + 1) if "\\" in document[max(0, at - 5) : at + 1] else at
    assert str(parser.error) == f"invalid JSON at character {fault}"


def test_vector_of_the_fact_sheet_whose_fragments_have_no_value_yet() -> None:
    parser = PartialJSON()
    seen = []
    for fragment in ("", '{"locati', 'on": "P', "ar", 'is"}'):
        parser.feed(fragment)
        seen.append(repr(parser.value))
    assert seen == ["MISSING", "{}", "{}", "{}", "{'location': 'Paris'}"]
    assert parser.complete


def test_vector_of_the_fact_sheet_that_was_cut_keeps_the_complete_strings() -> None:
    parser = PartialJSON()
    for fragment in ('{"filename": "taxes.txt', '", "lines": [\n"# T",\n"",', '\n"Fil'):
        parser.feed(fragment)
    assert parser.value == {"filename": "taxes.txt", "lines": ["# T", ""]}
    assert not parser.complete


@pytest.mark.parametrize("mode", ["", "a", "C", None])
def test_unknown_mode_is_refused(mode: Any) -> None:
    with pytest.raises(ValueError, match="mode must be 'A' or 'B'"):
        PartialJSON(mode)


def test_complete_means_a_whole_document() -> None:
    whole = ["1", "12", "-0", "1.5", "1e5", "true", "NaN", '"a"', '""', "[]", "{}", " [1] \n\t\r"]
    for document in whole:
        for pieces in cuts(document, 3):
            assert parsed(pieces, "A").complete
            assert parsed(pieces, "B").complete
    for document in ["", " ", "-", "1.", "1e", "t", '"a', '"a\\', "[", "[1", "{", '{"a":1', "]"]:
        for pieces in cuts(document, 4):
            assert not parsed(pieces, "A").complete
            assert not parsed(pieces, "B").complete


def test_value_is_live() -> None:
    parser = PartialJSON()
    parser.feed('{"a": [1')
    value = parser.value
    assert value == {"a": [1]}
    parser.feed('2, {"b": t')
    assert value is parser.value
    assert value == {"a": [12, {}]}
    parser.feed("rue")
    assert value == {"a": [12, {"b": True}]}


def test_string_that_the_caller_kept_does_not_change() -> None:
    parser = PartialJSON("B")
    kept = []
    for fragment in ('["', "ab", "cd", 'e"]'):
        parser.feed(fragment)
        kept.append(parser.value[0])
    assert kept == ["", "ab", "abcd", "abcde"]


def test_unstable_number_is_taken_back_where_a_key_is_repeated() -> None:
    parser = PartialJSON()
    seen = []
    for piece in ('{"a":"x","a":', "1", ".", "5", ',"b":', "2", "."):
        parser.feed(piece)
        seen.append(copy.deepcopy(parser.value))
    x, y = {"a": "x"}, {"a": 1.5}
    assert seen == [x, {"a": 1}, x, y, y, {"a": 1.5, "b": 2}, y]


def test_surrogate_pair_cut_between_two_fragments_is_one_character() -> None:
    # What relays in JavaScript do; where the fragments are joined it is joined as well.
    for mode, half in (("A", []), ("B", ["x"])):
        parser = PartialJSON(mode)
        parser.feed('["x\ud83d')
        assert parser.value == half
        parser.feed("")
        parser.feed('\ude00"]')
        assert parser.value == ["x😀"]
        assert parser.complete


def test_raw_lone_surrogates_stay() -> None:
    for mode in "AB":
        parser = PartialJSON(mode)
        for fragment in ('["\ud83d', "\ud83d", "a\ude00", '"]'):
            parser.feed(fragment)
        assert parser.value == ["\ud83d\ud83da\ude00"]


@pytest.mark.skipif(not hasattr(sys, "get_int_max_str_digits"), reason="no limit on integers")
def test_integer_over_the_digit_limit_is_an_error_as_for_json() -> None:
    limit = sys.get_int_max_str_digits()
    for digits in (limit, limit + 1):
        document = '{"a": ' + "7" * digits
        fits = digits == limit
        for ending in ("}", ", "):
            parser = parsed([document[i : i + 500] for i in range(0, len(document), 500)], "A")
            parser.feed(ending)
            assert (parser.error is None) is fits
            assert parser.value == ({"a": int("7" * limit)} if fits else {})
        parser = PartialJSON()
        parser.feed("7" * digits)
        assert parser.complete is fits
        assert (parser.value is MISSING) is not fits


def test_unfinished_float_of_absurd_length_is_shown_when_it_ends() -> None:
    digits = "0." + "3" * 10_000
    parser = PartialJSON()
    parser.feed("[" + digits)
    assert parser.value == []
    parser.feed("3]")
    assert parser.value == [float(digits)]
    parser = PartialJSON()
    parser.feed(digits)
    assert parser.value == float(digits)


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
def test_document_at_the_greatest_depth_is_parsed_and_can_be_compared_and_printed(
    opening: str,
) -> None:
    depth = MAX_DEPTH // (opening.count("[") + opening.count("{"))
    closing = "".join({"[": "]", "{": "}"}.get(char, "") for char in reversed(opening))
    for document in (opening * depth + "1", opening * depth + "1" + closing * depth):
        parser = parsed(list(document), "A", 0.01)
        assert parser.error is None
        assert parser.value == parsed([document], "B").value
        assert repr(parser.value).count("a") == document.count("a")
        if sys.implementation.name == "cpython":  # PyPy's json.dumps does not go so deep
            assert json.loads(json.dumps(parser.value)) == parser.value
    assert parser.complete


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_document_beyond_the_greatest_depth_is_an_error_at_once(opening: str) -> None:
    document = opening * 200_000
    parser = PartialJSON()
    parser.feed(document)
    assert str(parser.error) == (
        f"JSON nested deeper than {MAX_DEPTH} levels at character {MAX_DEPTH * len(opening)}"
    )
    level: Any = parser.value
    depth = 0
    while level:
        level = level[0] if type(level) is list else level["a"]
        depth += 1
    assert depth == MAX_DEPTH - 1


def test_missing_is_one_object_in_copies_and_pickles() -> None:
    assert pickle.loads(pickle.dumps(MISSING)) is MISSING
    assert copy.deepcopy([MISSING])[0] is MISSING
    assert copy.copy(MISSING) is MISSING
    assert repr(MISSING) == "MISSING"


@pytest.mark.parametrize("how", [copy.deepcopy, lambda parser: pickle.loads(pickle.dumps(parser))])
@pytest.mark.parametrize("mode", ["A", "B"])
def test_copy_of_a_parser_goes_on_independently(how: Any, mode: str) -> None:
    document = '{"a": [1.5, "x\\ud83d\\ude00", true], "b": {"c": 12}}'
    for at in range(len(document)):
        parser = parsed([document[:at]], mode, 1)
        copied = how(parser)
        parser.feed("\x00")
        copied.feed(document[at:])
        assert copied.complete
        assert copied.value == json.loads(document)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=12)
    | st.sampled_from(["\\", '"', "\n", "\ud83d", "\x00", "😀", 10**40, -1e-300]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(), max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(
    value=json_values,
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 0, 1]),
    mode=st.sampled_from("AB"),
    seed=st.integers(0, 2**32),
)
def test_document_cut_anywhere_ends_equal_to_json_loads(
    value: Any, ascii_only: bool, indent: int | None, mode: str, seed: int
) -> None:
    document = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    # Raw halves that stand side by side are a pair to us where a cut parts them.
    if any("\ud800" <= char <= "\udfff" for char in document):
        document = json.dumps(value, indent=indent)
    for pieces in cuts(document, seed):
        parser = parsed(pieces, mode)
        assert parser.complete
        assert parser.error is None
        assert same(parser.value, json.loads(document))


def faulty(rng: random.Random, document: str) -> str:
    for _ in range(rng.choice((1, 1, 2))):
        at = rng.randrange(len(document) + 1)
        noise = rng.choice([*'{}[]",:\\u0dnatf1.e-+ \x02NI', "", "\\ud83d", "true", '"a":', "1,"])
        document = document[:at] + noise + document[at + rng.randrange(3) :]
    return document


@given(value=json_values, mode=st.sampled_from("AB"), seed=st.integers(0, 2**32))
def test_faulty_document_is_complete_exactly_where_json_loads_takes_it(
    value: Any, mode: str, seed: int
) -> None:
    document = faulty(random.Random(seed), json.dumps(value))
    try:
        expected = json.loads(document)
        valid = True
    except ValueError:
        valid = False
    outcomes = set()
    for pieces in cuts(document, seed):
        parser = parsed(pieces, mode)
        outcomes.add((repr(parser.value), str(parser.error), parser.complete))
        assert parser.complete is valid
        if valid:
            assert same(parser.value, expected)
    # The same at every cut, broken or not.
    assert len(outcomes) == 1


def within(part: Any, whole: Any, mode: str) -> bool:
    """Say whether a snapshot can grow into a value: the sheet's invariants 1, 2 and 4."""
    if type(part) is dict and type(whole) is dict:
        keys = list(whole)
        return list(part) == keys[: len(part)] and all(
            within(part[key], whole[key], mode) for key in part
        )
    if type(part) is list and type(whole) is list:
        return len(part) <= len(whole) and all(within(a, b, mode) for a, b in zip(part, whole))
    if type(part) is str and type(whole) is str:
        return whole.startswith(part) if mode == "B" else part == whole
    if type(part) in (int, float) and type(whole) in (int, float):
        return True  # a number at the end of what has come is not stable
    return part is whole


def count_open(document: str) -> int:
    """Return how many containers were opened; brackets in strings do not count."""
    count = 0
    inside = False
    skip = False
    for char in document:
        if skip:
            skip = False
        elif char == "\\":
            skip = inside
        elif char == '"':
            inside = not inside
        elif char in "{[" and not inside:
            count += 1
    return count


def containers(value: Any) -> int:
    if type(value) is dict:
        return 1 + sum(containers(item) for item in value.values())
    if type(value) is list:
        return 1 + sum(containers(item) for item in value)
    return 0


@given(value=json_values, mode=st.sampled_from("AB"))
def test_every_prefix_holds_the_invariants_of_the_fact_sheet(value: Any, mode: str) -> None:
    document = json.dumps(value)
    whole = json.loads(document)
    parser = PartialJSON(mode)
    for at, char in enumerate(document):
        parser.feed(char)
        part = parser.value
        if part is MISSING:
            assert type(whole) not in (dict, list)
            continue
        assert within(part, whole, mode)
        # Containers appear as soon as they are opened.
        assert containers(part) == count_open(document[: at + 1])
    assert same(parser.value, whole)


def shapes(count: int) -> dict[str, list[str]]:
    """Return documents of about `count` fragments of 12 characters each."""
    lines = json.dumps([f"line {i} of text" for i in range(count * 12 // 20)])
    string = json.dumps("words and \\ \n" * count)
    nested = json.dumps([{"a": {"b": [i, {"c": "d"}]}} for i in range(count * 12 // 40)])
    number = "0." + "7" * 12 * count
    return {
        name: [document[i : i + 12] for i in range(0, len(document), 12)]
        for name, document in (
            ("lines", lines),
            ("string", string),
            ("nested", nested),
            ("number", f"[{number}]"),
        )
    }


@pytest.mark.parametrize("shape", ["lines", "string", "nested", "number"])
@pytest.mark.parametrize("mode", ["A", "B"])
@pytest.mark.parametrize("look", [False, True], ids=["end", "each"])
def test_a_fragment_costs_the_same_however_long_the_document(
    shape: str, mode: str, look: bool
) -> None:
    def make(count: int) -> Any:
        pieces = shapes(count)[shape]

        def work() -> None:
            parser = PartialJSON(mode)
            for piece in pieces:
                parser.feed(piece)
                if look:
                    parser.value  # noqa: B018 # kept it would be copied, once it is a string
            assert parser.complete

        return work

    assert_linear(make, 1_000)


@pytest.mark.parametrize("mode", ["A", "B"])
@pytest.mark.parametrize("look_after", [0, 0.003])
def test_pieces_of_a_long_string_are_joined_now_and_then(mode: str, look_after: float) -> None:
    for size in (MAX_PIECES - 1, MAX_PIECES, MAX_PIECES + 1, 2 * MAX_PIECES, 3 * MAX_PIECES + 2):
        text = "".join(chr(97 + i % 26) for i in range(size))
        parser = parsed(list(json.dumps({text: [text, 1]})), mode, look_after)
        assert parser.value == {text: [text, 1]}


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise AssertionError("asked for its str")


def test_fragment_may_be_a_str_of_a_class_of_its_own() -> None:
    parser = PartialJSON("B")
    for fragment in ('["a', "b", "", 'c"]'):
        parser.feed(Text(fragment))
    assert parser.value == ["abc"]
    assert type(parser.value[0]) is str


def test_fragment_that_is_no_text_is_refused_and_changes_nothing() -> None:
    parser = PartialJSON()
    parser.feed("[1")
    for fragment in (b"2", 2, object()):
        with pytest.raises(TypeError):
            parser.feed(fragment)
    for nothing in (b"", None, 0):
        parser.feed(nothing)
    parser.feed("]")
    assert parser.value == [1]
    assert parser.complete


def test_unfinished_value_that_the_caller_took_out_raises() -> None:
    for document in ('["a', '{"k": "a', '{"k": 1', "[1"):
        parser = PartialJSON("B")
        parser.feed(document)
        parser.value.clear()
        with pytest.raises((IndexError, KeyError)):  # noqa: PT012
            parser.feed("2")
            _ = parser.value


def test_begun_again_it_is_as_new() -> None:
    parser = PartialJSON("B")
    parser.feed('{"a": "x\\u00')
    parser.__init__()
    parser.feed('["a')
    assert parser.value == []
    parser.feed('"]')
    assert parser.complete


@needs_shortage
def test_memory_error_leaves_a_parser_that_raises_or_goes_on() -> None:
    parser = PartialJSON("B")

    def read() -> Any:
        parser.feed('{"a": ["x\\ny", 1.5, {"bc": "d')
        return parser.value

    for _, result in failing(read):
        if result is not None:
            break
        try:
            parser.feed('"}]}')
            repr(parser.value)
        except (TypeError, IndexError, KeyError, ValueError):
            pass
        parser = PartialJSON("B")
    assert result == {"a": ["x\ny", 1.5, {"bc": "d"}]}


def test_twins_agree_on_random_documents(request: pytest.FixtureRequest) -> None:
    names = request.config.stash[chosen_key]
    classes = [import_module(PARTIAL_JSON_MODULES[name]).PartialJSON for name in names]
    campaign(1_000, 14, classes)


def test_twins_look_alike(request: pytest.FixtureRequest) -> None:
    names = request.config.stash[chosen_key]
    classes = [import_module(PARTIAL_JSON_MODULES[name]).PartialJSON for name in names]
    assert all(surface(cls) == surface(partial_json.PartialJSON) for cls in classes)
    for cls in (*classes, partial_json.PartialJSON):
        parser = cls()
        assert not hasattr(parser, "__dict__")
        for name in ("value", "error", "complete", "new"):
            with pytest.raises(AttributeError):
                setattr(parser, name, 1)


def test_class_of_this_process_is_of_the_chosen_implementation() -> None:
    module = PARTIAL_JSON_MODULES[IMPLEMENTATION]
    assert partial_json.PartialJSON.__bases__[0].__module__ == module
    assert partial_json.PartialJSON.__module__ == "ssewire.claude.partial_json"


def test_contract_numbers_agree(implementation_of_json: str) -> None:
    module = import_module(PARTIAL_JSON_MODULES[implementation_of_json])
    name = "CONTRACT" if implementation_of_json == "cython" else "PARTIAL_JSON_CONTRACT"
    assert getattr(module, name) == PARTIAL_JSON_CONTRACT


@needs_processes
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_is_read_by_the_other_implementation(protocol: int, tmp_path: Path) -> None:
    parser = partial_json.PartialJSON("B")
    parser.feed('{"a": [1.')
    _ = parser.value
    (tmp_path / "pickle").write_bytes(pickle.dumps(parser, protocol))
    code = (
        "import pickle, sys; parser = pickle.load(open(sys.argv[1], 'rb')); "
        "parser.feed('5, \"x'); "
        "print(parser.value, type(parser).__bases__[0].__module__)"
    )
    env = {**os.environ, "SSEWIRE_PARSER": "python"}
    command = [sys.executable, "-c", code, str(tmp_path / "pickle")]
    printed = subprocess.run(command, env=env, capture_output=True, check=True, text=True).stdout
    assert printed == "{'a': [1.5, 'x']} ssewire.claude._partial_json_py\n"
