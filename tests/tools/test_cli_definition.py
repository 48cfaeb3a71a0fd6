# SPDX-License-Identifier: MIT
"""The commands' definition: exit codes, help, near misses, and the values of options."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import ssewire
from ssewire.claude import Claude
from ssewire.cli import _values, main
from ssewire.cli._definition import COMMANDS, command_parser, options_of
from ssewire.cli._exit import EXIT_CODES
from tests.claude import wire
from tests.kit.scripted import Server, head
from tests.kit.terminal import Terminal

COMMAND = [sys.executable, "-m", "ssewire"]
DOCS = (Path(__file__).resolve().parents[2] / "docs" / "cli.md").read_text("utf-8")


def run(*arguments: str) -> int:
    try:
        return main(list(arguments))
    except SystemExit as exc:  # how argparse ends
        code: Any = exc.code
        return int(code)


# --- exit codes


def table(text: str) -> dict[int, str]:
    """Return the exit codes of a --help."""
    rows = re.findall(r"^  (\d+) +(.*(?:\n {7}.*)*)", text[text.index("exit codes:") :], re.M)
    return {int(code): " ".join(meaning.split()) for code, meaning in rows}


def test_help_and_the_page_have_the_same_table_of_exit_codes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("--help") == 0
    assert table(capsys.readouterr().out) == EXIT_CODES
    section = DOCS[DOCS.index("## Exit codes") : DOCS.index("What was complete before a failure")]
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", section, re.M)
    shown = {int(code): text.replace("`", "").replace("\\|", "|") for code, text in rows}
    assert shown == EXIT_CODES


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_has_the_codes_that_it_may_end_with(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command, "--help") == 0
    shown = table(capsys.readouterr().out)
    exits = command_parser(command).exits
    assert shown == {code: EXIT_CODES[code] for code in exits}


@pytest.fixture
def places(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Yield what stands for what in the arguments below."""
    (tmp_path / "good").write_bytes(wire.whole(wire.text_block(0, "a")))
    (tmp_path / "page").write_bytes(b"<html>")
    with contextlib.ExitStack() as stack:
        free = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        closed = free.getsockname()[1]
        free.close()
        ok = head() + wire.whole(wire.text_block(0, "a"))
        answers = [[ok], [ok]]
        no = head(404, "Content-Length: 0")
        yield {
            "GOOD": str(tmp_path / "good"),
            "PAGE": str(tmp_path / "page"),
            "NONE": str(tmp_path / "none"),
            "NEW": str(tmp_path / "new"),
            "URL": stack.enter_context(Server(answers)).url,
            "REFUSED": stack.enter_context(Server([[no], [no], [no]])).url,
            "CLOSED": f"http://127.0.0.1:{closed}",
        }


ENDINGS = {
    "parse": {0: "GOOD", 1: "PAGE", 2: "NONE"},
    "claude-parse": {0: "GOOD", 1: "PAGE", 2: "NONE"},
    "tail": {0: "--no-reconnect URL", 1: "REFUSED", 2: "NONE", 3: "--max-attempts 1 CLOSED"},
    "record": {0: "-o NEW URL", 1: "-o NEW REFUSED", 2: "NONE", 3: "-o NEW CLOSED"},
    "claude": {
        0: "--base-url URL hi",
        1: "--base-url REFUSED hi",
        2: "--base-url ftp://x hi",
        3: "--base-url CLOSED --idle 5 hi",
    },
    "replay": {1: "PAGE", 2: "NONE"},
    "demo": {0: "--speed 0", 2: "--speed -1"},
    "bench": {0: "--seconds 0.1", 2: "--seconds 0"},
    "vendor": {0: "NEW", 2: "GOOD"},
    "completion": {0: "bash", 2: "tcsh"},
    "man": {0: "", 2: "--nothing"},
}


@pytest.mark.once
@pytest.mark.sockets
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_ends_with_the_codes_that_it_names(
    command: str, places: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    # The pauses between attempts are no matter of ours.
    monkeypatch.setattr("ssewire.cli.claude.Claude", partial(Claude, max_retries=0))
    endings = ENDINGS[command]
    for code, arguments in endings.items():
        words = [places.get(word, word) for word in arguments.split()]
        assert run(command, *words) == code, arguments
    # A signal has tests of its own, below and with the command.
    assert {*endings} == {*command_parser(command).exits} - {130, 141}


@pytest.mark.skipif(os.name == "nt", reason="signals are others there")
def test_signals_are_the_codes_that_a_shell_shows() -> None:
    with subprocess.Popen([*COMMAND, "parse"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as it:
        assert it.stdin is not None
        assert it.stdout is not None
        it.stdin.write(b"data: x\n\n")
        it.stdin.flush()
        it.stdout.readline()
        it.send_signal(signal.SIGINT)
        assert it.wait(60) == 130 == 128 + signal.SIGINT
    assert 128 + signal.SIGPIPE == 141


# --- help


@pytest.mark.parametrize("command", ["", *COMMANDS])
@pytest.mark.parametrize("columns", [40, 80])
def test_help_fits_the_terminal(
    command: str, columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert run(*command.split(), "--help") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"usage: ssewire {command}".rstrip())
    if columns == 40:
        # A line of usage is one to copy, and titles and names of options are not broken.
        lines = [line for line in lines[1:] if line.startswith("      ") or not line.endswith(":")]
        lines = [line for line in lines if not line.lstrip().startswith("-")]
    assert max(map(len, lines)) <= columns


def test_every_option_of_every_command_says_what_it_does() -> None:
    for command in COMMANDS:
        for action in options_of(command_parser(command)):
            assert action.help, (command, action)


@pytest.mark.once
def test_help_on_a_terminal_has_no_escapes_in_it() -> None:
    # Newer versions of argparse colour it, which our terminal would show as \x1b.
    with Terminal([*COMMAND, "tail", "--help"], environment={"FORCE_COLOR": "1"}) as terminal:
        assert terminal.wait() == 0
        assert not any("x1b" in line for line in terminal.screen())


def test_the_version_says_which_parser_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    said = f"ssewire {ssewire.__version__} ({ssewire.IMPLEMENTATION} parser)\n"
    assert capsys.readouterr().out == said


def test_no_command_is_help_on_stderr_and_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert all(command in err for command in COMMANDS)


# --- near misses


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tial"], "no command tial; did you mean tail?"),
        (["prase", "x"], "no command prase; did you mean parse?"),
        (["claude_parse"], "no command claude_parse; did you mean claude-parse?"),
        (["xyzzy"], "no command xyzzy\n"),
        (["https://example.com/?key=1"], "; to follow it: ssewire tail URL"),
        ([__file__], "; to read that file: ssewire parse FILE"),
        (["--vresion"], "no option --vresion; did you mean --version?"),
        (["--json", "tail", "x"], "the command comes first"),
        (["tail", "--tining", "x"], "no option --tining; did you mean --timing?"),
        (["tail", "--max-attempt=3", "--tining=3", "x"], "no option --tining;"),
        (["parse", "--statistics"], "no option --statistics; did you mean --stats?"),
        (["parse", "-x"], "no option -x"),
        (["tail", "http://a", "http://b"], "one argument too many: http://b"),
        (["tail"], "the following arguments are required: URL"),
        (["record", "http://a"], "the following arguments are required: -o/--output"),
    ],
)
def test_a_near_miss_is_told_what_was_meant(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    # Short enough to be read.
    assert err.count("\n") == 3


# --- values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("4096", 4096),
        ("64k", 65536),
        ("64K", 65536),
        ("1M", 2**20),
        ("1MiB", 2**20),
        ("1mib", 2**20),
        ("1MB", 10**6),
        ("1kB", 1000),
        ("1.5G", 3 * 2**29),
        ("2GiB", 2**31),
        ("10B", 10),
        ("1 M", 2**20),
        ("1T", 2**40),
    ],
)
def test_a_size_is_read_as_people_write_it(text: str, value: int) -> None:
    assert _values.size(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *["", "M", "1X", "-1", "1iB", "1MM", "0x10", "1e3", "1,5M", "٣"],
        # More than a float holds.
        *["9" * 400, "9" * 300 + "T"],
    ],
    ids=lambda text: text[:4],
)
def test_what_is_no_size_is_told_what_one_is(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        _values.size(text)
    assert str(caught.value) == f"not a size: {text!r} (4096, 64k, 1M, 1GiB)"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("30", 30.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("0", 0.0),
        ("500ms", 0.5),
        ("30s", 30.0),
        ("2m", 120.0),
        ("2 min", 120.0),
        ("1.5h", 5400.0),
        ("1H", 3600.0),
    ],
)
def test_a_time_is_read_as_people_write_it(text: str, value: float) -> None:
    assert _values.seconds(text) == value


@pytest.mark.parametrize("text", ["", "s", "2w", "soon", "1m30s", "1,5", "--"])
def test_what_is_no_time_is_told_what_one_is(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        _values.seconds(text)
    assert str(caught.value) == f"not a time: {text!r} (30, 1.5, 500ms, 2m, 1h)"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["replay", "--port", "70000", "x"], "not a port: 70000 (0 to 65535; 0: a free one)"),
        (["replay", "--port", "http", "x"], "not a whole number: 'http'"),
        (["replay", "--speed", "fast", "x"], "not a number: 'fast'"),
        (["replay", "--chunk-size", "1X", "x"], "not a size: '1X'"),
        (["replay", "--times", "0", "x"], "must be at least 1, not 0"),
        (["bench", "--seconds", "x"], "not a time: 'x'"),
        (["claude", "--max-tokens", "many", "x"], "not a whole number: 'many'"),
        (["claude", "--idle", "long", "x"], "not a time: 'long'"),
        (["demo", "--speed", "x"], "not a number: 'x'"),
    ],
)
def test_no_message_speaks_of_python(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    err = capsys.readouterr().err
    assert said in err
    assert "invalid" not in err


def test_every_value_is_read_by_a_function_with_sentences_of_its_own() -> None:
    for command in COMMANDS:
        for action in options_of(command_parser(command)):
            kind: Any = action.type
            assert kind not in (int, float), (command, action.option_strings)
