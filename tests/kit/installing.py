# SPDX-License-Identifier: MIT
"""Install a dependency group of pyproject.toml as far as there are wheels of it.

    python tests/kit/installing.py GROUP [PIP-OPTION...]

For interpreters for which not every package of others has one yet: what has none is named, and
the tests that need it are skipped. Compiling it would test others' sources, not ours.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def pip(*arguments: str) -> bool:
    """Return whether pip could install that."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--only-binary=:all:"]
    done = subprocess.run([*command, *arguments], cwd=PROJECT.parent, stderr=subprocess.PIPE)
    return done.returncode == 0


def wanted(group: str) -> Iterator[str]:
    """Yield the requirements of a group, and of those that it includes."""
    # From 3.11 on; on older ones every package has a wheel.
    tomllib = importlib.import_module("tomllib")
    for item in tomllib.loads(PROJECT.read_text("utf-8"))["dependency-groups"][group]:
        if isinstance(item, dict):
            yield from wanted(item["include-group"])
        else:
            yield item


def main() -> int:
    """Install; 0 also where something has no wheel, 1 where that is true of everything."""
    group, *options = sys.argv[1:]
    if pip("--group", group, *options):
        return 0
    found = False
    for requirement in wanted(group):
        if pip(requirement, *options):
            found = True
        else:
            print(f"== no wheel for {sys.version.split()[0]}: {requirement}", flush=True)
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
