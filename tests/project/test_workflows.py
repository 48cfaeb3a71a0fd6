# SPDX-License-Identifier: MIT
"""What runs on GitHub asks for no more than it needs, and runs what is pinned.

`make lint` also has actionlint and zizmor look at it.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))

pytestmark = pytest.mark.once


def test_there_are_the_workflows_for_tests_releases_and_the_site() -> None:
    assert [path.stem for path in WORKFLOWS] == ["docs", "release", "test"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_each_action_is_one_commit_and_says_its_version(path: Path) -> None:
    uses = re.findall(r"uses: (.*)", path.read_text("utf-8"))
    assert uses
    for action in uses:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


def test_an_action_has_one_commit_in_all_workflows() -> None:
    texts = "".join(path.read_text("utf-8") for path in WORKFLOWS)
    found = set(re.findall(r"uses: (.+?)@(.*)", texts))
    assert len({action for action, _ in found}) == len(found)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_nothing_that_a_job_does_not_ask_for(path: Path) -> None:
    text = path.read_text("utf-8")
    assert "\npermissions: {}\n" in text
    granted = set(re.findall(r"^      ([\w-]+): (?:write|read)\b", text, re.MULTILINE))
    assert granted <= {"contents", "id-token", "attestations", "pages"}
    assert "contents: write" not in text
    # No secret of the project's is used: who publishes is said by OpenID Connect.
    assert "secrets." not in text
    jobs = text.partition("\njobs:\n")[2]
    names = re.findall(r"^  \w+:$", jobs, re.MULTILINE)
    for needed in ("permissions:", "timeout-minutes:"):
        assert len(re.findall(rf"^    {needed}", jobs, re.MULTILINE)) == len(names)


def test_the_interpreters_tested_are_those_that_are_promised() -> None:
    text = (ROOT / ".github" / "workflows" / "test.yml").read_text("utf-8")
    promised = re.findall(
        r"Programming Language :: Python :: (3\.\d+)\"", (ROOT / "pyproject.toml").read_text()
    )
    matrix = re.search(r"python: \[(.*)\]", text)
    assert matrix
    assert re.findall(r"[\d.]+", matrix[1]) == promised
    assert 'python: "pypy' in text
    assert 'python: "3.14t"' in text
