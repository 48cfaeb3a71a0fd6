# SPDX-License-Identifier: MIT
"""Every program in README, docs and examples runs as it stands there and prints what it says.

A program under the line "With `ssewire replay ARGUMENTS`:" finds that server at ANTHROPIC_BASE_URL,
and so does one under `<!-- served: hello.sse -->`, which is what a reader has without being told. A
page says so once. One under `<!-- file: NAME -->` is a file of a project with a test of its own. In
a program with a server, what opens EVENTS opens its first recording as plain events.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.kit import nodejs
from tests.kit.serving import environment, served

pytestmark = [pytest.mark.once, pytest.mark.sockets]

ROOT = Path(__file__).resolve().parents[2]
# Pages with tests of their own.
APART = {"docs/claude.md", "docs/client-authors.md", "docs/embedding.md", "docs/serving.md"}
PAGES = [
    "README.md",
    *sorted(
        path.relative_to(ROOT).as_posix()
        for folder in ("docs", "docs/how-to")
        for path in (ROOT / folder).glob("*.md")
        if path.relative_to(ROOT).as_posix() not in APART
    ),
]
# In a program with a server, what stands for a stream of the reader's own.
EVENTS = "https://example.com/events"
PROGRAM = re.compile(
    r"(?:^<!-- (?P<file>file)?(?:served)?: (?P<served>[^\n]*) -->\n"
    r"|^With `ssewire replay (?P<shown>[^`\n]*)`:\n\n)?"
    r"^```(?P<language>python|sh|js|ipython)\n(?P<text>.*?)^```",
    re.MULTILINE | re.DOTALL,
)
# `print(...)  # what it prints`, or in JavaScript `console.log(...); // what it prints`.
EXPECTED = re.compile(
    r"(?:print|console\.log)\(.*\);? +(?:#|//) ([^\n]+?)(?: \(.*\))?$", re.MULTILINE
)


class Program(NamedTuple):
    name: str
    language: str
    text: str
    # Arguments of `served`; None where no server is wanted.
    served: str | None


def programs() -> list[Program]:
    found: list[Program] = []
    for page in PAGES:
        path = ROOT / page
        if not path.exists():
            continue
        for match in PROGRAM.finditer(path.read_text("utf-8")):
            if match["file"]:
                continue
            against = match["served"] or match["shown"]
            number = 1 + sum(program.name.startswith(f"{page} ") for program in found)
            found.append(Program(f"{page} {number}", match["language"], match["text"], against))
    for path in sorted((ROOT / "examples").glob("*.py")):
        text = path.read_text("utf-8")
        header = re.search(r"^# With `ssewire replay ([^`\n]*)`.$", text, re.MULTILINE)
        found.append(
            Program(f"examples/{path.name}", "python", text, header[1] if header else None)
        )
    return found


def expected_output(program: str) -> list[str]:
    """What the comments after print calls say that it prints, in order."""
    return [line for line in EXPECTED.findall(program) if not line.startswith(("nothing", "ends"))]


def output(program: Program, tmp_path: Path) -> str:
    """Run a program in a process of its own and return what it wrote to stdout."""
    # The ssewire of the tests, wherever the program is started.
    # `python` is the one of the tests.
    path = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
    found = environment(PYTHONIOENCODING="utf-8", PATH=path)
    with served(program.served, found) as variables:
        text = program.text.replace(EVENTS, variables.get("ANTHROPIC_BASE_URL", EVENTS))
        if program.language == "js":
            return nodejs.output(text, variables)
        if program.language == "sh":
            command = ["bash", "-e", "-o", "pipefail", "-c", text]
        elif program.language == "ipython":
            # One cell of a notebook, with its `await`.
            (tmp_path / "cell.ipy").write_text(text, "utf-8")
            command = [sys.executable, "-m", "IPython", "--colors=NoColor", "cell.ipy"]
            variables = {**variables, "IPYTHONDIR": str(tmp_path / "ipython")}
        else:
            command = [sys.executable, "-W", "error::ResourceWarning", "-c", text]
        done = subprocess.run(
            command, cwd=tmp_path, env=variables, capture_output=True, encoding="utf-8",
            timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "ResourceWarning" not in done.stderr
    return done.stdout


def test_a_program_that_goes_with_another_recording_than_hello_says_so_where_it_is_seen() -> None:
    for page in PAGES[1:]:
        text = (ROOT / page).read_text("utf-8")
        hidden = set(re.findall(r"^<!-- served: (.*) -->$", text, re.MULTILINE))
        assert hidden <= {"hello.sse"}, page
        assert not hidden or "ssewire replay" in text, page


def test_the_pages_have_programs() -> None:
    names = [program.name for program in programs()]
    assert sum(name.startswith("README.md") for name in names) >= 3
    assert sum(name.startswith("docs/first-hour.md") for name in names) >= 6
    assert sum(name.startswith("docs/claude-") for name in names) >= 20
    assert sum(name.startswith("examples/") for name in names) >= 5


@pytest.mark.parametrize("name", ["errors.py", "thinking.py", "tools.py"])
def test_an_example_that_meets_another_recording_than_its_own_does_not_crash(
    name: str, tmp_path: Path
) -> None:
    (program,) = [each for each in programs() if each.name == f"examples/{name}"]
    output(program._replace(served="--example hello"), tmp_path)


@pytest.mark.parametrize("program", programs(), ids=lambda program: program.name)
def test_a_program_of_the_documentation_runs_and_prints_what_it_says(
    program: Program, tmp_path: Path
) -> None:
    if "match " in program.text and sys.version_info < (3, 10):
        pytest.skip("the match statement came with Python 3.10")
    if "import httpx2" in program.text and sys.version_info < (3, 11):
        pytest.skip("httpx2 needs Python 3.11")
    if program.language == "sh" and shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    printed = output(program, tmp_path)
    if program.served is not None:
        assert printed.strip()
    for line in expected_output(program.text):
        assert line in printed
