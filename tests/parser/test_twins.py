# SPDX-License-Identifier: MIT
"""The two parsers against each other, and against the literal reading of the standard.

Everything that can be seen must be equal: items with exact types, errors with
their texts, the state after each step, names, signatures, docstrings, refusals.
`python -m tests.parser.twins_campaign N [SEED]` does the random part for longer.
"""

from __future__ import annotations

import array
import copy
import ctypes
import importlib.machinery
import inspect
import json
import mmap
import os
import pickle
import random
import shutil
import subprocess
import sys
import types
from importlib import import_module
from pathlib import Path
from typing import Any, Callable, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings

from tests.conftest import COMPILED, MODULES, chosen_key
from tests.kit.chunkings import chunkings
from tests.kit.comparing import feed_and_compare
from tests.kit.literal import history
from tests.kit.streams import (
    CHUNKS,
    Options,
    Step,
    cut_down,
    large_stream,
    options,
    play,
    random_cut,
    random_options,
    random_steps,
    random_stream,
    steps,
)
from tests.kit.surface import event_surface, kind_of_outcome, outcome, parameters, refusals, surface
from tests.kit.trace import PROBE, attempt
from tests.parser.test_corpus import CASES, Case

ROOT = Path(__file__).resolve().parents[2]


class Twins(NamedTuple):
    """The two parser classes."""

    python: Any
    cython: Any


@pytest.fixture(scope="session")
def twins(request: pytest.FixtureRequest) -> Twins:
    """Both parsers; the test is skipped where only one is under test."""
    if len(request.config.stash[chosen_key]) < 2:
        pytest.skip("compares two implementations; one is under test")
    return Twins(*(import_module(MODULES[name]).Parser for name in ("python", "cython")))


def assert_same(twins: Twins, parser_options: Options, run: list[Step]) -> None:
    """Play a run to both parsers; a difference is shown as small as it can be made."""

    def differ(some: list[Step]) -> bool:
        pure, compiled = (play(cls(**parser_options), some) for cls in twins)
        return compiled != pure

    if differ(run):
        run = cut_down(differ, run)
        pure, compiled = (play(cls(**parser_options), run) for cls in twins)
        assert compiled == pure, (parser_options, run)


# What follows the end: enough to show that no state was left behind.
AFTERWARDS: list[Step] = [
    *(("bytes", b""), ("reset", b""), ("bytes", PROBE), ("bytes", b"id: p\ndata: unfinished")),
    *(("close", b""), ("close", b""), ("bytes", b""), ("bytes", b"x"), ("reset", b"")),
    *(("bytes", PROBE), ("reset", b""), ("reset", b""), ("bytes", b"\n")),
]


def seen_of(cls: Any, parser_options: Options, chunks: list[Any]) -> list[object]:
    """Feed chunks of any type to a new parser; return all that is seen, then and afterwards."""
    parser = cls(**parser_options)
    return [*(attempt(parser, chunk) for chunk in chunks), *play(parser, AFTERWARDS)]


# --- behaviour ------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_a_corpus_case_gives_equal_traces_at_every_chunking(twins: Twins, name: str) -> None:
    case = Case(name)
    for comments in (False, True):
        for chunks in chunkings(case.wire):
            every = {"comments": comments, **case.options}
            pure, compiled = (seen_of(cls, every, chunks) for cls in twins)
            if compiled != pure:
                assert compiled == pure, chunks


@pytest.mark.parametrize("seed", range(10))
def test_random_runs_give_equal_outcomes_at_every_step(twins: Twins, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(1000):
        stream = random_stream(rng)
        assert_same(twins, random_options(rng), random_steps(rng, stream))


@pytest.mark.parametrize("limit", [1_000, 49_151, 49_152, 100_000, None])
@pytest.mark.parametrize("seed", range(3))
def test_random_runs_larger_than_any_window_give_equal_outcomes(
    twins: Twins, seed: int, limit: int | None
) -> None:
    rng = random.Random(seed)
    for _ in range(3):
        stream = large_stream(rng, 150_000)
        assert_same(twins, {"comments": True, "max_event_size": limit}, random_steps(rng, stream))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(parser_options=options, run=steps())
def test_any_run_gives_equal_outcomes_at_every_step(
    twins: Twins, parser_options: Options, run: list[Step]
) -> None:
    assert_same(twins, parser_options, run)


@pytest.mark.parametrize("seed", range(5))
def test_random_streams_match_the_literal_reading_after_every_feed(
    parser_cls: Any, seed: int
) -> None:
    rng = random.Random(100 + seed)
    for _ in range(200):
        stream = random_stream(rng)
        parser_options = random_options(rng)
        expected = history(stream, **parser_options)
        for chunks in ([stream], random_cut(rng, stream)):
            feed_and_compare(parser_cls(**parser_options), chunks, expected)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(parser_options=options, run=steps())
def test_any_stream_matches_the_literal_reading_after_every_feed(
    parser_cls: Any, parser_options: Options, run: list[Step]
) -> None:
    chunks = [data for kind, data in run if kind in CHUNKS]
    expected = history(b"".join(chunks), **parser_options)
    feed_and_compare(parser_cls(**parser_options), chunks, expected)


# --- accepted types and errors --------------------------------------------


class Bytes(bytes):
    """A bytes that is not exactly one."""


def odd_chunks() -> list[object]:
    """Return chunks of every kind that is or is not bytes-like."""
    mapped = mmap.mmap(-1, 16)
    mapped.write(b"data: mapped\n\n\n\n")
    released = memoryview(b"data: x\n\n")
    released.release()
    text = b"data: ab\ndata: cd\n\n\n"
    return [
        *(Bytes(text), bytearray(text), memoryview(text), memoryview(bytearray(text)).toreadonly()),
        *(memoryview(text)[::-1], memoryview(text)[3:3], memoryview(text).cast("b")),
        *(memoryview(text).cast("B", (4, 5)), memoryview(text).cast("I"), array.array("H", text)),
        *(
            array.array("d", [0.5]),
            ctypes.create_string_buffer(b"data: c\n\n"),
            ctypes.c_uint32(0x0A0A0A0A),
        ),
        *(mapped, bytearray(), memoryview(b""), released, pickle.PickleBuffer(text)),
        *(
            "data: x\n\n",
            "",
            None,
            5,
            5.5,
            [100],
            (b"x",),
            {},
            object,
            io_like(),
            bytes,
            NotImplemented,
        ),
    ]


def io_like() -> object:
    """Return an object with a method that looks like a buffer's and is none."""
    return types.SimpleNamespace(tobytes=lambda: b"data: x\n\n")


def test_every_kind_of_chunk_gives_the_same_outcome_in_every_state(twins: Twins) -> None:
    chunks = odd_chunks()
    for chunk in chunks:
        # Fresh, within a line, poisoned; then closed.
        for before in ([], [b"data: begun"], [b"x" * 100]):
            run = [*before, chunk, b"\n\n"]
            pure, compiled = (seen_of(cls, {"max_event_size": 60}, run) for cls in twins)
            assert compiled == pure, chunk


@pytest.mark.parametrize("limit", [0, 1, 7, 8, 9, True, 2**31, 2**63 - 1, 2**63, 2**200, None])
def test_every_size_limit_gives_the_same_outcome(twins: Twins, limit: int | None) -> None:
    for chunks in chunkings(b"data: a\n\ndata: bc\ndata: d\n\n"):
        pure, compiled = (seen_of(cls, {"max_event_size": limit}, chunks) for cls in twins)
        assert compiled == pure


class Text(str):
    """A str that is not exactly one."""

    def __str__(self) -> str:
        return "another text"


ODD_OPTIONS: dict[str, list[Any]] = {
    "last_event_id": ["a\rb", "a\n", "\0", b"7", None, 7, Text("7"), "\ud800"],
    "max_event_size": [-1, -(2**70), 1.5, "5", b"5", False],
    "default_event": [None, b"message", 5, Text("t"), ""],
    "comments": [None, 1, "yes", []],
}


@pytest.mark.parametrize(
    "bad",
    [
        *({name: value} for name, values in ODD_OPTIONS.items() for value in values),
        # The first wrong one is named, in the order of the signature.
        {"default_event": 5, "max_event_size": "5", "last_event_id": b"7"},
        {"default_event": 5, "max_event_size": "5"},
    ],
    ids=repr,
)
def test_odd_options_give_the_same_outcome(twins: Twins, bad: Options) -> None:
    chunks = [b": c\ndata: x\n\n", b"id: 5\n\n"]
    pure, compiled = (outcome(seen_of, cls, bad, chunks) for cls in twins)
    assert compiled == pure


@pytest.mark.parametrize(
    "call",
    [
        *(lambda cls: cls(1), lambda cls: cls("", None), lambda cls: cls(limit=5)),
        *(lambda cls: cls().feed(), lambda cls: cls().feed(b"", b""), lambda cls: cls().close(1)),
        *(lambda cls: cls().reset(1), lambda cls: cls().feed(data=b""), lambda cls: cls.feed(b"")),
    ],
)
def test_wrong_arguments_give_the_same_kind_of_error(
    twins: Twins, call: Callable[[Any], object]
) -> None:
    pure, compiled = (kind_of_outcome(call, cls) for cls in twins)
    assert compiled == pure == ["error", "TypeError"]


@pytest.mark.parametrize("state", ["new", "closed", "poisoned"])
@pytest.mark.parametrize("kind", [*CHUNKS, "text"])
def test_errors_have_the_same_cause_and_context(twins: Twins, kind: str, state: str) -> None:
    def error_of(cls: Any) -> tuple[Any, ...]:
        parser = cls(max_event_size=5)
        if state == "closed":
            parser.close()
        if state == "poisoned":
            with pytest.raises(Exception, match="larger"):
                parser.feed(b"123456")
        with pytest.raises(Exception) as caught:  # noqa: PT011
            parser.feed("text" if kind == "text" else CHUNKS[kind](b"123456"))
        exc = caught.value
        shown = None if exc.__suppress_context__ else exc.__context__
        return (type(exc), str(exc), exc.__cause__, shown)

    assert error_of(twins.cython) == error_of(twins.python)


# --- surface --------------------------------------------------------------


def test_the_parsers_have_the_same_names_signatures_and_docstrings(twins: Twins) -> None:
    pure, compiled = (surface(cls) for cls in twins)
    assert compiled == pure
    assert compiled["names"] == [
        "close",
        "feed",
        "flush",
        "last_event_id",
        "pending",
        "reset",
        "retry",
    ]
    for name in compiled["names"]:
        attributes = [inspect.getattr_static(cls, name) for cls in twins]
        docs = [inspect.getdoc(attribute) for attribute in attributes]
        assert docs[0]
        assert docs[1] == docs[0]
        assert inspect.isroutine(attributes[0]) == callable(getattr(twins.cython(), name))
    assert twins.cython[int] == types.GenericAlias(twins.cython, int)
    assert twins.python[int] == types.GenericAlias(twins.python, int)


def test_the_modules_have_the_same_parser_signature_and_contract(twins: Twins) -> None:
    pure, compiled = (sys.modules[cls.__module__] for cls in twins)
    assert compiled.CONTRACT == pure.CONTRACT
    assert parameters(compiled.Parser) == parameters(pure.Parser)


def test_parsers_refuse_the_same_attributes_references_and_comparisons(twins: Twins) -> None:
    names = ["last_event_id", "retry", "pending", "feed", "new", "__class__", "__dict__"]
    pure, compiled = (refusals(cls(), names) for cls in twins)
    assert compiled == pure
    assert ["set", "new", "error", "AttributeError"] in compiled
    assert ["weakref", "result"] in [line[:2] for line in compiled]


def test_parsers_refuse_pickling_and_copying_in_the_same_words(twins: Twins) -> None:
    for function in (pickle.dumps, copy.copy, copy.deepcopy, lambda p: p.__reduce_ex__(2)):
        pure, compiled = (outcome(function, cls()) for cls in twins)
        assert compiled == pure
        assert compiled[:2] == ["error", "TypeError"]


def test_a_subclass_sees_the_same_calls_of_its_overrides(twins: Twins) -> None:
    def calls(cls: Any) -> list[str]:
        seen: list[str] = []

        class Sub(cls):  # type: ignore[misc]
            def __init__(self, **parser_options: Any) -> None:
                super().__init__(**parser_options)
                self.extra = seen

            def feed(self, data: Any) -> Any:
                seen.append(f"feed {type(data).__name__}")
                return super().feed(data)

            def reset(self) -> None:
                seen.append("reset")
                super().reset()

            def close(self) -> None:
                seen.append("close")
                super().close()

        parser = Sub(max_event_size=20)
        for chunk_type in CHUNKS.values():
            items = parser.feed(chunk_type(b"data: x\n\n"))
            seen.append(repr(items))
        seen.append(outcome(parser.feed, CHUNKS["strided"](b"x" * 40))[1])
        parser.close()
        parser.reset()
        return seen

    assert calls(twins.cython) == calls(twins.python)


def test_the_pure_event_class_has_the_surface_of_the_compiled_one(twins: Twins) -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "tests.kit.surface"],
        cwd=ROOT,
        env={**os.environ, "SSEWIRE_PARSER": "python"},
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    compiled = json.loads(json.dumps(event_surface()))
    pure = json.loads(printed)
    for part in compiled:
        assert compiled[part] == pure[part], part


# --- guards ---------------------------------------------------------------


def test_each_id_tests_the_class_of_the_module_that_it_names(
    parser_cls: Any, request: pytest.FixtureRequest
) -> None:
    name = request.node.callspec.params["parser_cls"]
    assert parser_cls.__module__ == MODULES[name]
    is_python_function = isinstance(inspect.getattr_static(parser_cls, "feed"), types.FunctionType)
    assert is_python_function == (name == "python")
    file = sys.modules[parser_cls.__module__].__file__
    assert file is not None
    suffixes = importlib.machinery.SOURCE_SUFFIXES
    if name == "cython":
        suffixes = importlib.machinery.EXTENSION_SUFFIXES
    assert file.endswith(tuple(suffixes))


def test_an_extension_that_is_absent_is_an_error_where_both_are_to_be_tested(
    tmp_path: Path, package_folder: Path
) -> None:
    ignored = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
    shutil.copytree(package_folder, tmp_path / "ssewire", ignore=ignored)

    def collect(impl: str) -> subprocess.CompletedProcess[str]:
        # Any file will do; this one imports little.
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only"]
        return subprocess.run(
            [*command, "--impl", impl, "tests/parser/test_leaks.py"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(tmp_path), "SSEWIRE_PARSER": ""},
            capture_output=True,
            text=True,
        )

    refused = collect("both")
    assert refused.returncode != 0
    assert COMPILED in refused.stderr
    passed = collect("auto")
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert "[python-" in passed.stdout
    assert "[cython-" not in passed.stdout
