# SPDX-License-Identifier: MIT
"""Programs under Node with the official SDK, installed by npm once per test run."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent / "node"


@functools.lru_cache(1)
def modules() -> Path:
    """Return the folder that holds node_modules; skip the test where it cannot be made."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node or npm is not installed")
    wanted = (HERE / "package.json").read_text("utf-8")
    # Beside other caches of the machine, so that each interpreter's run need not install anew; a
    # checkout that wants other packages has a folder of its own, and takes none from under us.
    name = f"ssewire-node-{os.getuid()}-{hashlib.sha256(wanted.encode()).hexdigest()[:8]}"
    folder = Path(tempfile.gettempdir()) / name
    stamp = folder / "installed.json"
    # Tests run side by side: one installs, the others wait for it.
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Written last: what was interrupted is begun anew.
        if not stamp.exists():
            _install(folder, wanted)
            stamp.write_text(wanted, "utf-8")
    return folder


def _install(folder: Path, wanted: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    (folder / "package.json").write_text(wanted, "utf-8")
    done = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--silent"],
        cwd=folder, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    # Not a skip: a machine with npm has a registry, and what is skipped unseen proves nothing.
    assert done.returncode == 0, done.stderr


def start(program: str, environment: dict[str, str]) -> subprocess.Popen[str]:
    """Start a program, an ES module, beside the installed packages."""
    folder = modules()
    with tempfile.NamedTemporaryFile(
        "w", suffix=".mjs", dir=folder, delete=False, encoding="utf-8"
    ) as file:
        file.write(program)
    return subprocess.Popen(
        ["node", file.name], cwd=folder, env=environment, text=True, encoding="utf-8",
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def output(program: str, environment: dict[str, str]) -> str:
    """Run a program to its end and return what it wrote."""
    with start(program, environment) as process:
        try:
            printed, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0, errors
    return printed
