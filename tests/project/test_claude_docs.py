# SPDX-License-Identifier: MIT
"""docs/claude.md: every program runs as it stands there and prints what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ssewire import claude
from ssewire.claude.errors import API_ERRORS

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "claude.md").read_text("utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def test_there_are_programs() -> None:
    assert len(PROGRAMS) >= 6


@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
def test_program_runs_and_prints_what_it_says(
    program: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(compile(program, "docs/claude.md", "exec"), {"__name__": "__main__"})
    printed = capsys.readouterr().out.splitlines()
    for expected in re.findall(r"^ *print\(.*\) +# (.+)$", program, re.MULTILINE):
        assert expected in printed


def test_every_class_that_is_named_exists() -> None:
    named = set(re.findall(r"`([A-Z]\w+(?:Event|Error|Block|Stream|Closed|Truncated))`", TEXT))
    missing = {name for name in named if not hasattr(claude, name)}
    assert missing == {"StateError"} & named


def test_every_api_error_is_named_with_its_status() -> None:
    for cls, status, _ in API_ERRORS.values():
        assert f"`{cls.__name__}` {status}" in TEXT
