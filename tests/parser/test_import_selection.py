# SPDX-License-Identifier: MIT
"""Which parser an import takes: every state of the extension, every value of SSEWIRE_PARSER.

Each case is a fresh interpreter on a copy of the package whose extension is
absent, broken, out of date, without something it needs, or stands in for a good one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import ssewire
from ssewire._limits import PARSER_CONTRACT

# Stands in for a compiled module: only what the package asks of it at import.
STAND_IN = """
CONTRACT = {contract}
class Parser: pass
class ServerSentEvent:
    def __init__(self, data, event="message", id="", retry=None): pass
class Comment: pass
"""
REPORT = (
    "import ssewire; from ssewire import Parser, ServerSentEvent; "
    "print(ssewire.IMPLEMENTATION, Parser.__module__, ssewire.__file__)"
)


@pytest.fixture
def package(tmp_path: Path, package_folder: Path) -> Path:
    """A copy of the package without any compiled module."""
    leave_out = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd", "*.pyx", "claude", "cli")
    return Path(shutil.copytree(package_folder, tmp_path / "ssewire", ignore=leave_out))


def run(package: Path, choice: str | None) -> tuple[bool, str]:
    """Import the copy; return whether that worked, and its report or the last line of the error."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SSEWIRE_")}
    environment["PYTHONPATH"] = str(package.parent)
    if choice is not None:
        environment["SSEWIRE_PARSER"] = choice
    done = subprocess.run(
        [sys.executable, "-c", REPORT],
        env=environment,
        cwd=package.parent,
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    if done.returncode:
        return False, done.stderr.strip().splitlines()[-1]
    implementation, module, origin = done.stdout.strip().split(maxsplit=2)
    assert Path(origin).resolve().parent == package.resolve()
    return True, f"{implementation} {module}"


def break_extension(package: Path) -> None:
    (package / f"_parser_cy{EXTENSION_SUFFIXES[0]}").write_bytes(b"not a shared object" * 99)


def outdate_extension(package: Path) -> None:
    source = STAND_IN.format(contract=PARSER_CONTRACT - 1)
    (package / "_parser_cy.py").write_text(source, encoding="utf-8")


def unnumbered_extension(package: Path) -> None:
    (package / "_parser_cy.py").write_text("class Parser: pass\n", encoding="utf-8")


def extension_in_need(package: Path) -> None:
    (package / "_parser_cy.py").write_text("import no_such_module_xyz\n", encoding="utf-8")


def good_extension(package: Path) -> None:
    source = STAND_IN.format(contract=PARSER_CONTRACT)
    (package / "_parser_cy.py").write_text(source, encoding="utf-8")


BAD = [break_extension, outdate_extension, unnumbered_extension, extension_in_need]
BAD_IDS = ["broken", "stale", "unnumbered", "missing_dependency"]


@pytest.mark.parametrize("choice", [None, "", "auto", "python"])
def test_python_is_taken_where_no_extension_was_built(package: Path, choice: str | None) -> None:
    assert run(package, choice) == (True, "python ssewire._parser_py")


def test_insisting_on_cython_where_none_was_built_is_an_error_that_says_what_to_do(
    package: Path,
) -> None:
    worked, text = run(package, "cython")
    assert not worked
    assert text.startswith(("ImportError: ", "ModuleNotFoundError: "))
    assert "SSEWIRE_PARSER=cython" in text
    assert "SSEWIRE_BUILD_EXTENSION=require" in text


@pytest.mark.parametrize("choice", [None, "auto", "cython"])
def test_a_good_extension_is_taken_unless_python_is_asked_for(
    package: Path, choice: str | None
) -> None:
    good_extension(package)
    assert run(package, choice) == (True, "cython ssewire._parser_cy")
    assert run(package, "python") == (True, "python ssewire._parser_py")


@pytest.mark.parametrize("choice", [None, "cython"])
@pytest.mark.parametrize("spoil", BAD, ids=BAD_IDS)
def test_a_bad_extension_stops_the_import(package: Path, spoil: object, choice: str | None) -> None:
    assert callable(spoil)
    spoil(package)
    worked, text = run(package, choice)
    assert not worked
    assert text.startswith(("ImportError: ", "ModuleNotFoundError: "))


@pytest.mark.parametrize("spoil", BAD, ids=BAD_IDS)
def test_a_bad_extension_does_not_hinder_who_asks_for_python(package: Path, spoil: object) -> None:
    assert callable(spoil)
    spoil(package)
    assert run(package, "python") == (True, "python ssewire._parser_py")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [(break_extension, "is broken"), (outdate_extension, "is out of date")],
    ids=["broken", "stale"],
)
def test_the_error_of_a_bad_extension_names_it_and_says_what_to_do(
    package: Path, spoil: object, words: str
) -> None:
    assert callable(spoil)
    spoil(package)
    _, text = run(package, None)
    for part in ("ssewire._parser_cy", words, "reinstall ssewire", "SSEWIRE_PARSER=python"):
        assert part in text


@pytest.mark.parametrize("choice", ["pure", "Python", "1", "cython ", "no"])
def test_another_value_of_the_variable_stops_the_import_with_a_sentence(
    package: Path, choice: str
) -> None:
    expected = f"ImportError: SSEWIRE_PARSER must be auto, python or cython, not {choice!r}"
    assert run(package, choice) == (False, expected)


# Second interpreters, as mod_wsgi and InterpreterPoolExecutor make them. Each case is a process of
# its own, since what one interpreter has loaded decides what another may.

INTERPRETERS = """
import sys
try:
    import _interpreters as made
    run, kinds = made.exec, ("isolated", "legacy")
    create = made.create
except ImportError:
    import _xxsubinterpreters as made
    run, kinds = made.run_string, (True, False)
    create = lambda kind: made.create(isolated=kind)
CODE = '''
import sys
sys.path[:] = {path!r}
if {logging!r}:
    import logging
    logging.basicConfig(level=logging.DEBUG, stream=sys.stdout, format="LOG %(name)s %(message)s")
try:
    import ssewire
    import ssewire.claude
    events = ssewire.parse(b"id: 1\\\\ndata: x\\\\n\\\\n")
    assert events == [ssewire.ServerSentEvent("x", id="1")]
    accumulator = ssewire.claude.Accumulator()
    accumulator.feed(ssewire.encode_event('{{"type":"ping"}}'))
    print("DONE", ssewire.IMPLEMENTATION, flush=True)
except BaseException as exc:
    print(type(exc).__name__, exc, flush=True)
'''
CODE = CODE.format(path=sys.path, logging="logging" in sys.argv)
if "main-first" in sys.argv:
    exec(CODE)
for kind in kinds * 2:
    interpreter = create(kind)
    failure = run(interpreter, CODE)
    if failure:
        print(failure)
    made.destroy(interpreter)
if "main-last" in sys.argv:
    exec(CODE)
"""


def in_interpreters(*arguments: str, **environment: str) -> list[str]:
    """Import in the interpreters of one process; return what was printed."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", INTERPRETERS, *arguments],
        env={**{k: v for k, v in os.environ.items() if k != "SSEWIRE_PARSER"}, **environment},
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


# What a process finds where SSEWIRE_PARSER does not say.
BUILT = find_spec("ssewire._parser_cy") is not None

needs_interpreters = pytest.mark.skipif(
    not any(map(find_spec, ["_interpreters", "_xxsubinterpreters"])),
    reason="no module makes interpreters here",
)


@needs_interpreters
@pytest.mark.parametrize("order", ["main-first", "main-last", "never"])
def test_every_interpreter_of_a_process_imports_and_parses(order: str) -> None:
    lines = in_interpreters(order)
    assert len(lines) == (4 if order == "never" else 5), lines
    assert set(lines) <= {"DONE python", "DONE cython"}
    if order == "main-first":
        assert lines[0] == ("DONE cython" if BUILT else "DONE python")


@needs_interpreters
def test_a_second_interpreter_says_in_a_debug_line_that_it_uses_python() -> None:
    lines = in_interpreters("main-first", "logging")
    if not BUILT:
        assert not [line for line in lines if line.startswith("LOG")]
        return
    said = [line for line in lines if line.startswith("LOG")]
    assert said
    assert all(line.startswith("LOG ssewire ssewire.") for line in said)
    assert lines[0] == "DONE cython"
    assert lines[-1] == "DONE python"


@needs_interpreters
@pytest.mark.skipif(ssewire.IMPLEMENTATION == "python", reason="nothing is compiled")
def test_insisting_on_cython_in_a_second_interpreter_is_an_error_that_says_why() -> None:
    lines = in_interpreters("main-first", SSEWIRE_PARSER="cython")
    assert lines[0] == "DONE cython"
    for line in lines[1:]:
        assert line.startswith("ImportError SSEWIRE_PARSER=cython, but ssewire._parser_cy")
        assert "one interpreter" in line


# As programs do that import a changed library anew, and tests of programs.
AGAIN = """
import sys
def use():
    import ssewire
    import ssewire.claude
    deltas = b"".join(
        ssewire.encode_event(data, event="message")
        for data in (
            '{"type":"message_start","message":{"type":"message","role":"assistant","content":[]}}',
            '{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
            '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"[1"}}',
            '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"]"}}',
            '{"type":"content_block_stop","index":0}',
            '{"type":"message_stop"}',
        )
    )
    chunks = [chunk + b"\\n\\n" for chunk in deltas.split(b"\\n\\n")[:-1]]
    assert "".join(ssewire.claude.MessageStream(chunks).text_stream) == "[1]"
    assert len(list(ssewire.claude.MessageStream(chunks))) == 8
    assert list(ssewire.claude.MessageStream(chunks).json_stream)[-1] == [1]
    from ssewire.claude._json import MISSING
    assert ssewire.claude.PartialJSON().value is MISSING
    try:
        ssewire.Parser(max_event_size=1).feed(b"data: x")
    except ssewire.EventTooLarge:
        print(ssewire.IMPLEMENTATION)
use()
for name in list(sys.modules):
    if name.partition(".")[0] == "ssewire":
        del sys.modules[name]
use()
"""


def test_imported_again_it_works_and_uses_python() -> None:
    environment = {k: v for k, v in os.environ.items() if k != "SSEWIRE_PARSER"}
    done = subprocess.run(
        [sys.executable, "-c", AGAIN],
        env=environment,
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["cython" if BUILT else "python", "python"]


@pytest.mark.skipif(ssewire.IMPLEMENTATION == "python", reason="nothing is compiled")
def test_insisting_on_cython_when_imported_again_is_an_error_that_says_why() -> None:
    done = subprocess.run(
        [sys.executable, "-c", AGAIN],
        env={**os.environ, "SSEWIRE_PARSER": "cython"},
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    assert done.stdout.split() == ["cython"]
    said = done.stderr.splitlines()[-1]
    assert said.startswith("ImportError: SSEWIRE_PARSER=cython, but ssewire._parser_cy")
    assert "earlier import" in said


@pytest.mark.skipif(sys.version_info < (3, 14), reason="new in 3.14")
def test_a_pool_of_interpreters_parses() -> None:
    futures: Any = import_module("concurrent.futures")
    with futures.InterpreterPoolExecutor(2) as pool:
        found = list(pool.map(ssewire.parse, [b"data: 1\n\n", b"data: 2\n\n"]))
    assert [[event.data for event in events] for events in found] == [["1"], ["2"]]
