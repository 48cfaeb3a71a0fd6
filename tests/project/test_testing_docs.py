# SPDX-License-Identifier: MIT
"""docs/testing.md: the project in it is one whose tests pass, and its tables are true."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import ssewire
from ssewire.replay import EXAMPLES

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "testing.md").read_text("utf-8")
FILES = re.findall(r"^<!-- file: (\S+) -->\n```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def test_the_recordings_are_those_of_the_package() -> None:
    section = TEXT.partition("\n## Recordings\n")[2].partition("\n## ")[0]
    assert dict(re.findall(r"^\| `(\S+)` \| (.+) \|$", section, re.MULTILINE)) == EXAMPLES


@pytest.mark.once
@pytest.mark.sockets
def test_the_project_of_the_page_passes_its_tests_side_by_side(tmp_path: Path) -> None:
    pytest.importorskip("anthropic")
    assert [name for name, _ in FILES] == ["summary.py", "conftest.py", "test_summary.py"]
    for name, text in FILES:
        (tmp_path / name).write_text(text, "utf-8")
    package = str(Path(ssewire.__file__).resolve().parents[1])
    environment = {name: value for name, value in os.environ.items() if "ANTHROPIC" not in name}
    # Where nothing listens: who asks it in place of the server fails.
    environment.update(PYTHONPATH=package, HTTP_PROXY="http://127.0.0.1:9", PYTEST_ADDOPTS="")
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:benchmark", "."]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8",
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout
