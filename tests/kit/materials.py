# SPDX-License-Identifier: MIT
"""Write the bill of materials of a wheel: CycloneDX, what is in it and what it needs.

    python -m tests.kit.materials WHEEL OUT.json

It is read off an environment that holds this wheel alone; the release attests it for each file.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def write(wheel: Path, out: Path) -> dict[str, Any]:
    """Install the wheel into an environment of its own, describe that; return what is written."""
    name, version = wheel.name.split("-")[:2]
    with tempfile.TemporaryDirectory() as folder:
        alone = Path(folder) / "alone"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(alone)], check=True)
        packages = next(path for path in alone.rglob("site-packages") if path.is_dir())
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(packages)
        # The build finds the version in the sources; who describes wants it here.
        project = Path(folder) / "pyproject.toml"
        text = PROJECT.read_text("utf-8")
        project.write_text(text.replace('dynamic = ["version"]', f'version = "{version}"'), "utf-8")
        python = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
        subprocess.run(
            [
                *(sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible"),
                *("--mc-type", "library", "--pyproject", str(project), "--output-file", str(out)),
                str(alone / python),
            ],
            check=True,
        )
    bill: dict[str, Any] = json.loads(out.read_text("utf-8"))
    # Under what name databases of vulnerabilities know it.
    bill["metadata"]["component"]["purl"] = f"pkg:pypi/{name}@{version}"
    out.write_text(json.dumps(bill, indent=2, sort_keys=True) + "\n", "utf-8")
    return bill


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
