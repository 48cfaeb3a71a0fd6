# SPDX-License-Identifier: MIT
"""`ssewire demo` as a person sees it, at the widths of terminals, and where there is none."""

from __future__ import annotations

import io
import pkgutil
import subprocess
import sys
import unicodedata
import zipapp
from pathlib import Path

import pytest

import ssewire
from ssewire.cli import demo
from ssewire.cli._lines import Lines
from ssewire.replay import Recording
from tests.kit.terminal import Terminal

pytestmark = pytest.mark.sockets

COMMAND = [sys.executable, "-m", "ssewire", "demo"]
PATIENCE = 60
TEXT = "Zürich in November: 6 °C is usual, and the lake keeps the frost away"


def plain(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
    )


@pytest.mark.once
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_no_stale_line_and_no_cut_word_at_any_width(columns: int) -> None:
    with Terminal([*COMMAND, "--speed", "20"], columns=columns) as terminal:
        assert terminal.wait() == 0
    screen = terminal.screen()
    # Of what is written over, one line: the last state, of the tool's input and of the counting.
    assert sum("{'location'" in line for line in screen) == 1
    assert sum("10 answers," in line for line in screen) == 1
    assert not any("done," in line or "…" in line for line in screen)
    assert sum(line.startswith("---") for line in screen) == 2
    text = " ".join(screen)
    # Two columns each, of which a screen has the second as a space or as nothing.
    for wide in "東京":
        text = text.replace(f"{wide} ", wide)
    assert TEXT in text
    assert "'days': ['2026-11-24', '2026-11-25'], 'hours': {'from': 9, 'to': 17}" in text
    assert "[tool_use, 412 input tokens, 187 output tokens]" in text
    # No line is as wide as the terminal: some terminals break the next one twice.
    for line in screen:
        assert sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line) < columns


@pytest.mark.once
class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        *((1, ""), (2, "g"), (3, "fg"), (4, "efg"), (5, "  …g"), (6, "  …fg")),
        *((7, "  …efg"), (8, "  …efg"), (9, "  …東efg"), (10, "  …c東efg"), (11, "  abc東efg")),
    ],
)
def test_a_state_shows_its_end_in_as_many_columns_as_there_are(
    monkeypatch: pytest.MonkeyPatch, columns: int, shown: str
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    screen = Screen()
    Lines(screen, color=False).state("  abc東efg")
    assert screen.getvalue() == f"\r\x1b[K{shown}"


def test_without_colour_there_is_none_and_the_screen_is_the_same() -> None:
    screens = []
    for environment in ({}, {"NO_COLOR": "1"}):
        with Terminal([*COMMAND, "--speed", "0"], environment=environment) as terminal:
            assert terminal.wait() == 0
        screens.append([line for line in terminal.screen() if "answers," not in line])
        assert (b"\x1b[2m" in terminal.written) == (not environment)
    assert screens[0] == screens[1]


def test_to_a_pipe_each_state_is_a_line_and_nothing_steers_a_terminal() -> None:
    done = plain("--speed", "0")
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.split("--- the asyncio client: 10 of these at once\n")
    assert first.startswith("--- the blocking client\n[thinking] The question is")
    assert "東京" in first
    assert "  {'location': 'Zürich, Switz'}\n" in first
    assert first.endswith("[tool_use, 412 input tokens, 187 output tokens]\n")
    # Not the same again.
    assert second.count("\n") == 1
    assert second.startswith("  10 answers, ")
    assert "\x1b" not in done.stdout + done.stderr
    assert "\r" not in done.stdout
    assert f"[parsed by the {ssewire.IMPLEMENTATION} implementation]" in done.stderr


@pytest.mark.once
def test_a_terminal_that_knows_no_commands_gets_none() -> None:
    with Terminal([*COMMAND, "--speed", "0"], environment={"TERM": "dumb"}) as terminal:
        assert terminal.wait() == 0
    assert b"\x1b" not in terminal.written
    assert any("{'location': 'Zürich, Switz'}" in line for line in terminal.screen())


@pytest.mark.once
def test_it_runs_out_of_a_zip_file(tmp_path: Path) -> None:
    package = Path(ssewire.__file__).resolve().parent
    top = tmp_path / "app" / "ssewire"
    for path in package.rglob("*"):
        if path.suffix in (".py", ".sse"):
            target = top / path.relative_to(package)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    archive = tmp_path / "ssewire.pyz"
    zipapp.create_archive(tmp_path / "app", archive, main="ssewire.cli:main")
    done = subprocess.run(
        [sys.executable, "-S", "-E", str(archive), "demo", "--speed", "0"],
        stdout=subprocess.PIPE,
        encoding="utf-8",
        timeout=PATIENCE,
        cwd=tmp_path,
    )
    assert done.returncode == 0
    assert TEXT in done.stdout
    subprocess.run([sys.executable, str(archive), "vendor", "copy"], check=True, cwd=tmp_path)
    assert (tmp_path / "copy" / "parser.py").exists()


def test_it_is_over_in_eight_seconds_at_its_own_pace() -> None:
    body = pkgutil.get_data("ssewire.cli", "demo.sse")
    assert body is not None
    # Twice, and a second for all that is no waiting.
    assert 2 * Recording(body).duration / demo._PACE + 1 < 8
