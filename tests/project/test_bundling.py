# SPDX-License-Identifier: MIT
"""docs/how-to/bundling.md: the package in one file that Python runs (zipapp)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipapp
from pathlib import Path
from typing import Callable

import pytest

import ssewire

pytestmark = pytest.mark.once

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "bundling.md"
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run the archive that the page makes; nothing else finds the package."""
    folder = tmp_path_factory.mktemp("bundle")
    # What `pip install --target` does, less the index.
    package = Path(ssewire.__file__).parent
    shutil.copytree(
        package, folder / "app" / "ssewire", ignore=shutil.ignore_patterns("__pycache__", "*.c")
    )
    main = re.search(r"^\$ echo '(.*)' >app/__main__\.py$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert main is not None
    (folder / "app" / "__main__.py").write_text(main[1], "utf-8")
    archive = folder / "events.pyz"
    zipapp.create_archive(folder / "app", archive)

    def call(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        environment = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            "PYTHONIOENCODING": "utf-8",
            "SSEWIRE_PARSER": "auto",
        }
        return subprocess.run(
            [sys.executable, "-I", str(archive), *arguments], input=stdin, cwd=folder,
            env=environment, capture_output=True, encoding="utf-8", timeout=60, check=False,
        )  # fmt: skip

    return call


def test_a_zipapp_parses(run: Run) -> None:
    done = run("parse", "-", stdin="data: Grüße\n\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert '"data": "Grüße"' in done.stdout.replace('":"', '": "')


def test_a_zipapp_has_the_python_parser(run: Run) -> None:
    done = run("--version")
    assert done.returncode == 0
    assert ssewire.__version__ in done.stdout
    archive = Path(done.args[2])
    program = "import ssewire; print(ssewire.IMPLEMENTATION, ssewire.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(archive), "SSEWIRE_PARSER": "auto"}
    said = subprocess.run(
        [sys.executable, "-S", "-c", program], cwd=archive.parent, env=environment,
        capture_output=True, encoding="utf-8", timeout=60, check=True,
    ).stdout  # fmt: skip
    assert said.startswith("python ")
    assert "events.pyz" in said


def test_a_zipapp_keeps_exit_codes(run: Run) -> None:
    assert run("parse", "--no-such-option").returncode == 2


def test_the_demo_finds_its_recording_in_a_zipapp(run: Run) -> None:
    done = run("demo")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
