"""Every Python program in README and docs runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def programs() -> list[tuple[str, str]]:
    found = []
    for path in [ROOT / "README.md", ROOT / "docs" / "clients.md"]:
        for number, match in enumerate(PROGRAM.finditer(path.read_text(encoding="utf-8")), 1):
            found.append((f"{path.name} program {number}", match.group(1)))
    return found


def expected_output(program: str) -> list[str]:
    """What the `# ...` comments after print calls say that it prints, in order."""
    return re.findall(r"print\(.*\) +# ([^\n]+?)(?: \(.*\))?$", program, re.MULTILINE)


def test_the_readme_has_programs() -> None:
    assert len(programs()) >= 3


@pytest.mark.parametrize(("name", "program"), programs(), ids=[name for name, _ in programs()])
def test_a_program_of_the_documentation_runs(
    name: str, program: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(compile(program, name, "exec"), {"__name__": "__main__"})
    printed = capsys.readouterr().out
    for line in expected_output(program):
        if line.startswith(("nothing", "ends")):
            continue
        assert line in printed
