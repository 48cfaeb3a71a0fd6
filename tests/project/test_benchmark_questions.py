# SPDX-License-Identifier: MIT
"""Each file on top of benchmarks/ asks one question and names the command that answers it."""

from __future__ import annotations

import ast
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

import benchmarks

FOLDER = Path(benchmarks.__file__).parent
QUESTIONS = sorted(path for path in FOLDER.glob("*.py") if path.name != "__init__.py")


@pytest.mark.parametrize("path", QUESTIONS, ids=lambda path: str(path.stem))
def test_a_benchmark_opens_with_its_question_and_the_command_that_answers_it(path: Path) -> None:
    first = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n\n")[0]
    found = re.search(r"\? `python -m ([\w.]+)(?: [^`]+)?`", first)
    assert found is not None, first
    assert found[1] == "pytest" or find_spec(found[1]) is not None


def test_the_machinery_knows_none_of_the_questions() -> None:
    for path in (FOLDER / "harness").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.level < 2, f"{path.name} imports from the questions"
