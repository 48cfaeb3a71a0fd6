# SPDX-License-Identifier: MIT
"""The corpus as others run it: its rules, the page that names them, and who judges the peers."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks import conformance
from benchmarks.conformance import CORPUS, Case, Verdict
from benchmarks.harness import candidates
from benchmarks.harness.asking import Worker
from benchmarks.harness.processes import ROOT, NoAnswer
from ssewire import Parser

pytestmark = pytest.mark.once

PAGE = (ROOT / "docs" / "conformance.md").read_text("utf-8")
RULES = conformance.rules()
CASES = conformance.cases()
OURS = candidates.ours(Parser)
STANDARD = "https://html.spec.whatwg.org/multipage/server-sent-events.html"


def reading(case: Case, sizes: list[int]) -> list[Any]:
    """What our parser makes of a case, as a worker answers it."""
    chunks = []
    at = 0
    for size in sizes:
        chunks.append(case.wire[at : at + size])
        at += size
    events, state = OURS.read(chunks)
    found: list[Any] = json.loads(json.dumps([events, state, sorted(OURS.tells)]))
    return found


# --- the data and the page


def test_every_case_is_found_and_belongs_to_a_rule() -> None:
    assert sorted(case.name for case in CASES) == sorted(p.stem for p in CORPUS.glob("*.sse"))
    assert {case.rule for case in CASES} == {rule.name for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.name))
def test_a_rule_has_its_section_of_the_standard_or_is_ours(rule: conformance.Rule) -> None:
    assert rule.title
    assert (rule.section is None) == (rule.anchor is None) == (rule.says is None)
    assert rule.name == "size" or rule.section is not None
    assert {name.partition("__")[0] for name in rule.beyond} <= {rule.name}
    assert set(rule.beyond) <= {case.name for case in CASES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.name))
def test_a_rule_of_the_standard_quotes_it_whole_and_names_tests_of_browsers(
    rule: conformance.Rule,
) -> None:
    for sentence in rule.says or ():
        # Word for word: nothing is left out within a sentence.
        assert sentence == " ".join(sentence.split())
        assert "..." not in sentence
        assert sentence[0].isupper()
        assert f"\n> {sentence}\n" in PAGE
    for name in rule.wpt:
        assert re.fullmatch(r"[\w-]+\.(any|window)\.js", name)
        assert f"[{name}](" in PAGE


def test_a_change_of_the_cases_is_a_version_of_its_own() -> None:
    about = conformance.described()
    versions = [int(version) for version in about["digests"]]
    assert versions == list(range(1, about["version"] + 1))
    assert len(set(about["digests"].values())) == len(versions)
    # Not equal: raise `version` in rules.json, and add what stands on the left to `digests`.
    assert conformance.digest() == about["digests"][str(about["version"])]


def test_the_digest_changes_with_a_case_and_not_with_the_layout(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    shutil.copytree(CORPUS, folder)
    before = conformance.digest(folder)
    path = folder / "data__lines_are_joined_by_lf.json"
    expected = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(expected), "utf-8")
    assert conformance.digest(folder) == before
    expected["events"][0]["data"] += "."
    path.write_text(json.dumps(expected), "utf-8")
    changed = conformance.digest(folder)
    path.unlink()
    path.with_suffix(".sse").unlink()
    assert len({before, changed, conformance.digest(folder)}) == 3


def test_page_and_format_note_name_the_version_of_the_corpus() -> None:
    version = conformance.described()["version"]
    assert f"version {version}, as data" in " ".join(PAGE.split())
    note = (CORPUS / "README.md").read_text("utf-8")
    assert f"Version {version} has {len(CASES)} cases." in note


def test_each_rule_but_ours_has_a_case_that_any_parser_can_run() -> None:
    common = Counter(case.rule for case in CASES if case.common)
    assert set(common) == {rule.name for rule in RULES} - {"size"}


def test_the_page_has_each_rule_with_its_section_in_order() -> None:
    assert re.findall(r"^## `(\w+)`", PAGE, re.MULTILINE) == [rule.name for rule in RULES]
    for rule in RULES:
        text = PAGE.partition(f"## `{rule.name}`")[2].partition("\n## ")[0]
        if rule.section is not None:
            assert f"[{rule.section}]({STANDARD}{rule.anchor})" in text


def test_the_page_names_every_case_once_under_its_rule() -> None:
    for rule in RULES:
        text = PAGE.partition(f"## `{rule.name}`")[2].partition("\n## ")[0]
        named = re.findall(r"^\| `(\w+)`", text, re.MULTILINE)
        assert named == [case.name for case in CASES if case.rule == rule.name]


def test_the_page_is_what_its_data_make() -> None:
    data = json.loads((ROOT / "docs" / "benchmarks" / "conformance.json").read_text("utf-8"))
    assert conformance.page(data) == PAGE


def test_the_page_counts_the_cases_that_are_there() -> None:
    common = sum(case.common for case in CASES)
    assert f"\n{len(CASES)} wire cases" in PAGE
    assert f"| passed of {common} |" in PAGE
    for implementation in ("py", "cy"):
        assert re.search(
            rf"^\| ssewire {implementation} [\d.]+ +\| +{common} \|", PAGE, re.MULTILINE
        )


def test_the_format_note_explains_every_key_that_the_data_have() -> None:
    note = (CORPUS / "README.md").read_text("utf-8")
    keys = set()
    for path in CORPUS.glob("*__*.json"):
        expected = json.loads(path.read_text("utf-8"))
        keys |= {*expected, *expected.get("options", {}), *expected.get("error", {})}
        keys |= {key for event in expected["events"] for key in event}
    standing = json.loads((CORPUS / "rules.json").read_text("utf-8"))
    keys |= {*standing, *(key for rule in standing["rules"].values() for key in rule)}
    assert {key for key in keys if f"`{key}`" not in note} == set()


# --- the judge


@pytest.mark.parametrize("case", [c for c in CASES if c.common], ids=lambda case: str(case.name))
def test_our_parser_passes_each_case_of_the_standard(case: Case) -> None:
    sizes = conformance.cuts(case.wire)
    assert conformance.judge(case, [reading(case, each) for each in sizes]) is None


def test_cuts_begin_with_the_whole_and_join_to_it_without_empty_chunks() -> None:
    for size in (0, 1, 9, 5_000):
        found = conformance.cuts(b"x" * size)
        assert found[0] == ([size] if size else [])
        assert all(sum(sizes) == size and all(sizes) for sizes in found)
    assert [1] * 9 in conformance.cuts(b"x" * 9)


EXPECTED = Case(
    "id__made_up",
    b"id: 1\nretry: 5\nevent: e\ndata: x\n\n",
    [{"data": "x", "event": "e", "id": "1", "retry": 5}],
    {"last_event_id": "1", "retry": 5},
    True,
)
RIGHT: list[Any] = [
    [["x", "e", "1", 5]],
    {"last_event_id": "1", "retry": 5},
    ["id", "retry"],
]


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ([[], RIGHT[1], RIGHT[2]], "0 events for 1"),
        ([[["y", "e", "1", 5]], RIGHT[1], RIGHT[2]], "data"),
        ([[["x", "message", "1", 5]], RIGHT[1], RIGHT[2]], "event type"),
        ([[["x", "e", "", 5]], RIGHT[1], RIGHT[2]], "ID"),
        ([[["x", "e", "1", None]], RIGHT[1], RIGHT[2]], "retry"),
        ([RIGHT[0], {"last_event_id": "", "retry": 5}, RIGHT[2]], "ID at the end"),
        ([RIGHT[0], {"last_event_id": "1", "retry": None}, RIGHT[2]], "retry at the end"),
    ],
)
def test_a_wrong_reading_is_called_so_whole_and_in_pieces(wrong: Any, what: str) -> None:
    assert conformance.judge(EXPECTED, [RIGHT, RIGHT]) is None
    assert conformance.judge(EXPECTED, [wrong, RIGHT]) == Verdict("wrong", what, True)
    in_pieces = conformance.judge(EXPECTED, [RIGHT, wrong])
    assert in_pieces == Verdict("wrong", what, False)
    assert str(in_pieces) == f"{what} in pieces"


def test_what_a_parser_does_not_tell_is_not_held_against_it() -> None:
    assert conformance.judge(EXPECTED, [[[["x", "e", "", None]], {}, []]]) is None


def test_a_parser_that_raises_is_told_from_one_that_is_wrong() -> None:
    verdict = conformance.judge(EXPECTED, ["UnicodeDecodeError"])
    assert verdict == Verdict("raises", "raises UnicodeDecodeError", True)


def test_a_peer_with_the_ids_of_blocks_only_is_read_with_the_last_one() -> None:
    ids = [None, "1", None]
    found = [candidates.Found("x", "message", last_id) for last_id in ids]
    peer = candidates.Candidate(
        "peer", len, lambda chunks: candidates.Reading(found, {}), frozenset()
    )
    events = candidates.remembering(peer).read([]).events
    assert [event.id for event in events] == ["", "1", "1"]


# --- the processes


def worker(program: str) -> Worker:
    return Worker([sys.executable, "-c", program], dict(os.environ))


def test_a_worker_that_hangs_is_stopped_and_the_next_request_starts_anew() -> None:
    program = (
        "import sys, json, time\n"
        "for line in sys.stdin:\n"
        "    if json.loads(line) == ['hang']: time.sleep(600)\n"
        "    print(json.dumps({'answer': json.loads(line)}), flush=True)"
    )
    hanging = worker(program)
    try:
        assert hanging.ask("first", 1) == ["first", 1]
        with pytest.raises(NoAnswer, match=r"over 0\.2 s"):
            hanging.ask("hang", limit=0.2)
        assert hanging.ask("again") == ["again"]
    finally:
        hanging.close()


def test_a_worker_that_dies_or_raises_gives_no_answer() -> None:
    with pytest.raises(NoAnswer, match="its process died"):
        worker("import sys; sys.stdin.readline()").ask("x")
    raising = worker('input(); print(\'{"raised": "ValueError"}\')')
    try:
        with pytest.raises(NoAnswer, match="raises ValueError"):
            raising.ask("x")
    finally:
        raising.close()


def test_our_own_worker_answers_reads_as_a_peer_does() -> None:
    env = {**os.environ, "SSEWIRE_PARSER": "python"}
    ours = Worker([sys.executable, "-m", "benchmarks.harness.worker", "ssewire py"], env)
    try:
        wire = "ZGF0YTogeA1ldmVudDogZQ0N"  # data: x, event: e, with CR
        whole, pieces = ours.ask("read", wire, [[18], [1] * 18])
        assert whole == pieces
        assert whole[0] == [["x", "e", "", None]]
        assert ours.ask("grow", "line", 1024)[1] == 1
        assert ours.ask("check", "keep_alive", "64k") == ""
    finally:
        ours.close()
