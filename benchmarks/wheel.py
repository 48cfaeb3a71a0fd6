# SPDX-License-Identifier: MIT
"""How large is the wheel with the compiled modules? `python -m benchmarks.wheel`.

Built from a copy of the sources, so that the tree stays as it is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .harness import processes

AT_MOST = 1_000_000
SOURCES = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE")


def main() -> int:
    """Print the size; 0 if the target is reached, 2 if there is no wheel to look at."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for source in SOURCES:
            shutil.copy(processes.ROOT / source, folder / source)
        built = shutil.ignore_patterns("*.so", "*.pyd", "*.c", "__pycache__", "*.egg-info")
        shutil.copytree(processes.ROOT / "src", folder / "src", ignore=built)
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
        done = subprocess.run(
            [*command, "--no-build-isolation", "--wheel-dir", str(folder), str(folder)],
            env={**os.environ, "SSEWIRE_BUILD_EXTENSION": "require"},
        )
        if done.returncode != 0:
            print("wheel: not measured, it cannot be built here")
            return 2
        (wheel,) = folder.glob("*.whl")
        size = wheel.stat().st_size
        fine = size < AT_MOST
        print(
            f"{wheel.name}: {size:,} bytes (below {AT_MOST:,}): {'reached' if fine else 'MISSED'}"
        )
    return 0 if fine else 1


if __name__ == "__main__":
    raise SystemExit(main())
