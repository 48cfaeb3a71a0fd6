# SPDX-License-Identifier: MIT
"""`ssewire man`: the page has all that --help has, and roff's checkers find no fault with it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ssewire
from ssewire.cli import main
from ssewire.cli._definition import (
    COMMANDS,
    command_parser,
    help_of,
    operands_of,
    options_of,
    value_of,
)
from ssewire.cli._exit import EXIT_CODES


@pytest.fixture
def page(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert main(["man"]) == 0
    return capfd.readouterr().out


def shown(page: str) -> str:
    """Return the page without what is roff's: on one line, to be searched."""
    lines = [line for line in page.splitlines() if not line.startswith(".TP")]
    text = " ".join(re.sub(r"^\.(?:SS|SH|B|I|PP|br) ?", "", line) for line in lines)
    text = re.sub(r"\\f[BIR]|\\&", "", text)
    return " ".join(text.replace("\\-", "-").replace("\\e", "\\").split())


def test_every_command_option_and_exit_code_is_in_it(page: str) -> None:
    text = shown(page)
    for command in COMMANDS:
        parser = command_parser(command)
        assert parser.format_usage().removeprefix("usage: ").strip() in text
        for action in (*options_of(parser), *operands_of(parser)):
            value = value_of(action)
            names = ", ".join(action.option_strings)
            head = " ".join(filter(None, (names, value)))
            assert f"{head} {help_of(action)}" in text
        assert f"Exit codes: {', '.join(map(str, parser.exits))}." in text
    for code, meaning in EXIT_CODES.items():
        assert f"{code} {meaning}" in text


def test_its_head_names_version_and_date(page: str) -> None:
    head = f'.TH SSEWIRE 1 "2023-11-14" "ssewire {ssewire.__version__}"'
    assert page.splitlines()[0] == head


@pytest.mark.once
@pytest.mark.parametrize(
    "command",
    [
        ["mandoc", "-Tlint", "-Wstyle"],
        ["groff", "-ww", "-z", "-man", "-Tutf8"],
        ["man", "--warnings", "-l", "-P", "cat"],
    ],
    ids=lambda command: command[0],
)
def test_what_reads_manual_pages_finds_no_fault(
    command: list[str], page: str, tmp_path: Path
) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"there is no {command[0]}")
    path = tmp_path / "ssewire.1"
    path.write_text(page, "utf-8")
    done = subprocess.run([*command, str(path)], capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    if command[0] == "mandoc":
        # It has its warnings there.
        assert done.stdout == b""


@pytest.mark.skipif(sys.platform == "win32", reason="pipes end otherwise there")
def test_a_reader_that_has_gone_away_is_code_141() -> None:
    for arguments in ("man", "tail --help"):
        shell = f"{sys.executable} -m ssewire {arguments}; echo $? >&2"
        done = subprocess.run(
            ["/bin/sh", "-c", f"({shell}) | true"], stderr=subprocess.PIPE, check=True
        )
        # Where all of it fits into the pipe before the reader goes, there is nothing to notice.
        assert done.stderr in (b"141\n", b"0\n"), arguments
