# SPDX-License-Identifier: MIT
"""`ssewire completion`, in real shells: the scripts load, and complete what the parser knows."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import pytest

from ssewire.cli._definition import COMMANDS, command_parser, options_of
from tests.kit.terminal import Terminal

pytestmark = pytest.mark.once

# What is typed; what must be offered, and what must not.
CASES = [
    (["ssewire", ""], {"parse", "tail", "claude-parse", "completion"}, {"--json"}),
    (["ssewire", "rec"], {"record"}, {"parse"}),
    (["ssewire", "tail", "--ti"], {"--timing"}, {"--json"}),
    (["ssewire", "parse", "--color", ""], {"auto", "always", "never"}, {"one.sse"}),
    (["ssewire", "parse", "--co"], {"--color", "--comments", "--count"}, {"--raw"}),
    (["ssewire", "parse", "--raw", "o"], {"one.sse"}, {"parse"}),
    (["ssewire", "parse", ""], {"one.sse", "two words.sse"}, {"tail"}),
    (["ssewire", "record", "-o", "tw"], {"two words.sse"}, {"record"}),
    (["ssewire", "completion", ""], {"bash", "zsh", "fish"}, {"one.sse"}),
    (["ssewire", "claude", "--idle", ""], set(), {"one.sse", "--json", "parse"}),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with two files, which is the one that shells start in."""
    for name in ("one.sse", "two words.sse"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@lru_cache
def printed(shell: str) -> bytes:
    done = subprocess.run(
        [sys.executable, "-m", "ssewire", "completion", shell], capture_output=True, check=True
    )
    return done.stdout


def script(shell: str, tmp_path: Path) -> Path:
    # Apart from the files that are completed.
    path = tmp_path / ".completion" / f"ssewire.{shell}"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(printed(shell))
    return path


def shell(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"there is no {name}")
    return path


def assert_offered(found: list[list[str]]) -> None:
    """Check what a shell offered in each of the cases."""
    assert len(found) == len(CASES)
    for names, (words, offered, absent) in zip(found, CASES):
        assert offered <= set(names), words
        assert not set(names) & absent, words


def test_bash_completes(folder: Path) -> None:
    program = [f"source {shlex.quote(str(script('bash', folder)))}"]
    for words, _, _ in CASES:
        program += [
            f"COMP_WORDS=({' '.join(map(shlex.quote, words))})",
            f"COMP_CWORD={len(words) - 1}",
            "_ssewire ssewire",
            "printf '%s\\n' \"${COMPREPLY[@]}\" ---",
        ]
    program.append("complete -p ssewire")
    done = subprocess.run([shell("bash"), "-c", "\n".join(program)], capture_output=True)
    *found, last = done.stdout.decode().split("---\n")
    assert_offered([names.splitlines() for names in found])
    assert last == "complete -F _ssewire ssewire\n"


def test_bash_completes_a_value_after_an_equals_sign(folder: Path) -> None:
    source = script("bash", folder)
    program = f"""
source {shlex.quote(str(source))}
for words in "=" "= al"; do
    COMP_WORDS=(ssewire parse --color $words)
    COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
    _ssewire
    echo "${{COMPREPLY[@]}}"
done
"""
    done = subprocess.run([shell("bash"), "-c", program], capture_output=True, check=True)
    assert done.stdout.decode().splitlines() == ["auto always never", "always"]


def test_fish_completes(folder: Path) -> None:
    program = [f"source {shlex.quote(str(script('fish', folder)))}"]
    for words, _, _ in CASES:
        program += [f"complete -C {shlex.quote(' '.join(words))}", "echo ---"]
    done = subprocess.run(
        [shell("fish"), "--no-config", "-c", "\n".join(program)],
        capture_output=True,
        env={**os.environ, "HOME": str(folder / ".completion")},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    *found, _ = done.stdout.decode().split("---\n")
    # A description follows each name.
    names = [[line.partition("\t")[0] for line in text.splitlines()] for text in found]
    assert_offered([[name.replace("\\ ", " ") for name in each] for each in names])


@contextmanager
def zsh(folder: Path) -> Iterator[Terminal]:
    """Yield an interactive zsh that has loaded the script."""
    source = script("zsh", folder)
    variables = {"HOME": str(folder / ".completion"), "PS1": "% "}
    with Terminal([shell("zsh"), "-f", "-i"], columns=120, environment=variables) as terminal:
        # The words that are waited for must not be those that are typed.
        terminal.type("autoload -Uz compinit; compinit -u -D; unsetopt list_beep\n")
        terminal.type(f"source {shlex.quote(str(source))}; print lo''aded\n")
        terminal.wait_for("loaded")
        yield terminal


def test_zsh_completes(folder: Path) -> None:
    with zsh(folder) as terminal:
        for typed, shown in (
            ("ssewire rec\t", "ssewire record"),
            ("ssewire tail --ti\t", "ssewire tail --timing"),
            ("ssewire parse --color nev\t", "ssewire parse --color never"),
            ("ssewire parse --raw o\t", "ssewire parse --raw one.sse"),
            ("ssewire record -o tw\t", "ssewire record -o two\\ words.sse"),
            ("ssewire completion f\t", "ssewire completion fish"),
            # What there is to choose, with what --help says of it.
            ("ssewire \t", "follow an event stream, across reconnects"),
            ("ssewire parse --c\t\t", "write comments too"),
        ):
            terminal.type(typed)
            terminal.wait_for(shown)
            # Ctrl-U gives the line up.
            terminal.type("\x15")
        text = " ".join(terminal.screen())
        assert "command not found" not in text
        assert "_arguments" not in text
        terminal.type("exit\n")


def test_zsh_finds_it_among_its_functions(folder: Path) -> None:
    source = script("zsh", folder)
    source.rename(source.with_name("_ssewire"))
    program = (
        f"fpath=({shlex.quote(str(source.parent))} $fpath); autoload -Uz compinit; "
        "compinit -u -D; print $_comps[ssewire]"
    )
    done = subprocess.run([shell("zsh"), "-f", "-c", program], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"_ssewire\n", b"")


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_every_command_and_option_is_in_the_script(name: str, tmp_path: Path) -> None:
    text = script(name, tmp_path).read_text("utf-8")
    for command in COMMANDS:
        assert command in text
        for action in options_of(command_parser(command)):
            for option in action.option_strings:
                shown = option.lstrip("-") if name == "fish" else option
                assert shown in text, option


def test_another_shell_is_wrong_usage() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ssewire", "completion", "tcsh"], capture_output=True
    )
    assert done.returncode == 2
    assert b"(choose from" in done.stderr
