# SPDX-License-Identifier: MIT
"""Every source file says under which licence it is, so that a copy of it alone does too."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("src", "tests", "benchmarks", "fuzz", "examples", "docs")
COMMENTS = {
    **dict.fromkeys([".py", ".pyx", ".pxi", ".pxd", ".sh"], "# {}"),
    **dict.fromkeys([".h", ".c", ".css"], "/* {} */"),
    **dict.fromkeys([".js", ".mjs"], "// {}"),
}
LINE = "SPDX-License-Identifier: MIT"


def sources() -> list[Path]:
    """Return our source files; what others wrote is `.min.js`, what is generated is left out."""
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    return sorted(
        path
        for path in [*found, *ROOT.glob("*.py")]
        if path.suffix in COMMENTS
        and not path.name.endswith(".min.js")
        and not {"node_modules", "build"} & set(path.parts[len(ROOT.parts) :])
    )


@pytest.mark.once
def test_each_source_file_begins_with_its_licence() -> None:
    missing = []
    for path in sources():
        # A file of nothing is under no licence.
        lines = path.read_text("utf-8").split("\n", 2) if path.stat().st_size else []
        line = lines[1] if lines and lines[0].startswith("#!") else lines[:1] and lines[0]
        if lines and line != COMMENTS[path.suffix].format(LINE):
            missing.append(str(path.relative_to(ROOT)))
    assert not missing, f"first line (after #!) has to be {COMMENTS['.py'].format(LINE)!r}"
