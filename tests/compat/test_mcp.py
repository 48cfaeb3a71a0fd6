# SPDX-License-Identifier: MIT
"""The real `mcp` package, 1.x and 2.x, reads with our parser, in processes of its own."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

import ssewire

pytestmark = [pytest.mark.once, pytest.mark.sockets]

PROGRAM = Path(__file__).with_name("mcp_round_trip.py")


# The folder of its group in pyproject.toml; what mcp reads with; the oldest Python that it runs on.
@pytest.mark.parametrize(
    ("folder", "module", "oldest"),
    [("mcp1", "httpx_sse", (3, 10)), ("mcp2", "httpx2", (3, 11))],
    ids=["mcp1", "mcp2"],
)
def test_mcp_gets_each_note_and_all_text_from_our_parser(
    folder: str, module: str, oldest: tuple[int, int]
) -> None:
    if sys.version_info < oldest or platform.python_implementation() != "CPython":
        pytest.skip(f"this mcp needs CPython {oldest[0]}.{oldest[1]} or later")
    apart = Path(sys.prefix) / folder
    assert (apart / "mcp").is_dir(), f"the group test-{folder} is not installed there"
    paths = os.pathsep.join([str(apart), str(Path(ssewire.__file__).resolve().parents[1])])
    done = subprocess.run(
        [sys.executable, str(PROGRAM), f"ssewire.compat.{module}"],
        env={**os.environ, "PYTHONPATH": paths, "NO_PROXY": "*"},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each.pop("transport") for each in found] == ["mcp", "sse"]
    for each in found:
        # The notes, the result, and what a session begins with.
        assert each.pop("events") > 1000
        assert each == {"notes": 1000, "whole": True, "text": True}
