# SPDX-License-Identifier: MIT
"""Every command that a document, a comment or a docstring quotes is there, and takes its arguments.

Nothing is run but the parsing of arguments. A quoted command stands in backticks, or on a line of
its own in a document's program; words in capitals (`FILE`, `N`) stand for something.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import runpy
import shlex
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pytest

from ssewire.cli._definition import CommandParser, parse_arguments

# Of the benchmarks only a few could be asked on PyPy, where most packages are missing.
pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("src", "tests", "benchmarks", "docs", "examples", "fuzz", ".ci")
FILES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile", "pyproject.toml", "setup.py")
SUFFIXES = {".md", ".py", ".pyx", ".pxi", ".h", ".sh", ".txt", ""}
# Where the modules of each name that we run with -m are.
OURS = {
    "ssewire": ROOT / "src" / "ssewire",
    **{name: ROOT / name for name in ("tests", "benchmarks", "examples", "fuzz")},
}
# The benchmarks' tables name the candidates `ssewire cy` and `ssewire py`, which are no commands.
PROGRAM = (
    r"(?:python3? -m (?:ssewire|tests|benchmarks|examples|fuzz|pytest)\b|make |pytest "
    r"|ssewire (?![cp]y\b))"
)
QUOTED = re.compile(rf"(?<!`)`\$? ?((?:[A-Z_]+=\S+ )*{PROGRAM}[^`]*)`")
# In a program of a page: at the start of a line, or after a pipe.
ON_A_LINE = re.compile(rf"^(?:.*\| |\$ |    )?((?:[A-Z_]+=\S+ )*{PROGRAM}.*)$", re.MULTILINE)
# In our own code: [sys.executable, "-m", "tests.kit.surface"], prog="python -m benchmarks".
IN_CODE = re.compile(r'"-m", "((?:ssewire|tests|benchmarks|examples|fuzz)[\w.]*)"')
PROG = re.compile(r'prog="(python -m [\w.]+)"')
PATH = re.compile(r"(?<![\w./-])((?:tests|benchmarks|docs|examples|fuzz|src)/[\w./-]+\.[a-z]+)\b")


class Command(NamedTuple):
    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


def sources() -> Iterator[tuple[str, str]]:
    """Yield the name and text of each file that may quote a command."""
    paths = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*"))]
    for path in [*(ROOT / name for name in FILES), *paths]:
        name = path.relative_to(ROOT).as_posix()
        built = ".egg-info/" in name or "/build/" in name or "/node_modules/" in name
        if path.is_file() and path.suffix in SUFFIXES and path != Path(__file__) and not built:
            yield name, path.read_text("utf-8")


def quoted(name: str, text: str) -> Iterator[str]:
    """Yield the commands that a file quotes."""
    yield from (f"python -m {module}" for module in IN_CODE.findall(text))
    yield from PROG.findall(text)
    if name.endswith(".md"):
        pages = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        pages += re.findall(r"(?:^    .*\n)+", text, re.MULTILINE)
        yield from (command for page in pages for command in ON_A_LINE.findall(page))
        text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    elif name.startswith(".ci/") or name.endswith(".sh"):
        yield from ON_A_LINE.findall(text)
    # What is quoted may go on in the next line, behind the sign of a comment.
    yield from QUOTED.findall(re.sub(r"\n *(?:#|//|\*)? *", " ", text))


def commands() -> list[Command]:
    found = {
        Command(name, " ".join(re.split(r" (?:\||&|#|>|2>)", command)[0].split()))
        for name, text in sources()
        for command in quoted(name, text)
    }
    return sorted(found)


def fault(command: str) -> str | None:
    """Return what is wrong with a command; None if nothing is."""
    words = [word for word in shlex.split(command) if word not in ("...", "$")]
    while re.fullmatch(r"[A-Z_]+=.*", words[0]):
        del words[0]
    if words[0] == "make":
        return fault_of_make(words[1:])
    if words[0] == "pytest" or words[:3] == ["python", "-m", "pytest"]:
        return fault_of_pytest(words[1:])
    if words[0] == "ssewire":
        return fault_of_ssewire(words[1:])
    module, arguments = words[2], words[3:]
    if module == "ssewire":
        return fault_of_ssewire(arguments)
    return fault_of_module(module, arguments)


def fault_of_make(words: list[str]) -> str | None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    options = [word for word in words if word.startswith("-")]
    if options:
        said = subprocess.run(["make", *options, "--version"], capture_output=True, text=True)
        if said.returncode:
            return said.stderr.partition("\n")[0]
    for word in words:
        if word in options:
            continue
        name, given, _ = word.partition("=")
        if not re.search(rf"^{re.escape(name)}( \??=|:(?!=))", makefile, re.MULTILINE):
            return f"the Makefile has no {'variable' if given else 'target'} {name}"
    return None


def fault_of_pytest(words: list[str]) -> str | None:
    for word in words:
        path = word.partition("::")[0]
        if ("/" in path or path.endswith(".py")) and not (ROOT / path).exists():
            return f"there is no {path}"
    return None


def fault_of_ssewire(arguments: list[str]) -> str | None:
    if arguments[:1] in ([], ["COMMAND"]):
        return None
    return refused(lambda: taken(arguments), arguments)


def taken(arguments: list[str]) -> NoReturn:
    parse_arguments(arguments)
    raise _Parsed


def fault_of_module(module: str, arguments: list[str]) -> str | None:
    top, *rest = module.split(".")
    if rest and rest[-1].isupper():
        return None
    file = OURS[top].joinpath(*rest)
    file = file / "__main__.py" if file.is_dir() else file.with_suffix(".py")
    if not file.is_file():
        return f"there is no module {module} to run"
    text = file.read_text("utf-8")
    if "ArgumentParser(" in text:
        return refused(lambda: runpy.run_module(module, run_name="__main__"), arguments)
    unknown = [word for word in arguments if word.startswith("--") and f'"{word}"' not in text]
    return f"{module} knows no {', '.join(unknown)}" if unknown else None


class _Parsed(BaseException):
    """The arguments are taken; nothing more is to happen."""


class _Refused(BaseException):
    """The arguments are not taken."""


def refused(run: Any, arguments: list[str]) -> str | None:
    """Return why a program that uses argparse does not take its arguments; None if it does."""
    parse = argparse.ArgumentParser.parse_args

    def parse_args(self: Any, args: Any = None, namespace: Any = None) -> NoReturn:
        parse(self, args, namespace)
        raise _Parsed

    def error(self: Any, message: str) -> NoReturn:
        raise _Refused(message)

    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()):
        patch.setattr(argparse.ArgumentParser, "parse_args", parse_args)
        patch.setattr(argparse.ArgumentParser, "error", error)
        patch.setattr(CommandParser, "error", error)
        patch.setattr(sys, "argv", ["program", *arguments])
        try:
            with warnings.catch_warnings():
                # A module that another test has imported runs anew all the same.
                warnings.simplefilter("ignore", RuntimeWarning)
                run()
        except _Parsed:
            return None
        except SystemExit as exc:
            return None if exc.code in (0, None) else str(exc.code)
        except _Refused as exc:
            # A command's name alone is quoted, too.
            return None if "required" in str(exc) else str(exc)
    return "it did not parse its arguments"


@pytest.mark.parametrize("command", commands(), ids=str)
def test_a_quoted_command_is_there_and_takes_its_arguments(command: Command) -> None:
    assert fault(command.text) is None


def test_there_are_commands_and_a_wrong_one_is_found() -> None:
    assert len(commands()) > 60
    for wrong in (
        "make tset",
        "make test PYTHN=python3",
        "make --output-snc test",
        "pytest tests/test_parser.py",
        "python -m benchmarks.nothing",
        "python -m benchmarks targets",
        "python -m benchmarks --corpus mixed",
        "python -m examples.relay --prot 8000",
        "python -m ssewire tial",
        "ssewire tail --tining https://example.com/",
    ):
        assert fault(wrong) is not None, wrong
    assert fault("python -m benchmarks --corpus cjk --chunks 16") is None


def test_a_path_that_is_named_exists() -> None:
    # From the top, or beside the file; what the benchmarks write is meant to lie in docs.
    absent = [
        f"{name}: {path}"
        for name, text in sources()
        for path in PATH.findall(text)
        if not any((base / path).exists() for base in (ROOT, (ROOT / name).parent, ROOT / "docs"))
    ]
    assert not absent
