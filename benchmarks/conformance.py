# SPDX-License-Identifier: MIT
"""Which wire cases does each parser pass? `python -m benchmarks.conformance`.

Writes docs/conformance.md: which rule, which case, how each fares; and the
verdicts as JSON beside the benchmarks. Each case runs in many chunkings, and
each parser in a process of its own with a time limit. `tests/corpus` holds the
cases and says what their fields mean. May import: tests.kit.chunkings.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from tests.kit.chunkings import chunkings

from .harness import progress
from .harness.field import OURS, Field, ssewire_version
from .harness.processes import ROOT, NoAnswer
from .harness.tables import as_json, prose, table

CORPUS = ROOT / "tests" / "corpus"
# Seconds for one case in all its chunkings: the slowest take a tenth.
LIMIT = 10.0


# What one has to know of a peer to judge its row.
NOTES = {
    "assel": "all its parsers share one UTF-8 decoder, which is reset here before each stream.",
    "axio-sse": "it refuses invalid UTF-8 on purpose, as its source says.",
    "eventsource-parser": "it takes text; TextDecoder replaces invalid bytes, and drops the "
    "BOM for version 3; version 4 does so itself, and tells the ID of a block without data.",
    "go-sse": "it hands on the bytes as they came, decoded by nobody; here they pass through "
    "encoding/json, which replaces what is invalid byte by byte. Its `Read` tells no `retry`.",
    "launchdarkly-eventsource": "it reads `retry` and drops it, so that it is not judged by it.",
    "ry": "a client, whose parser cannot be had without it: it reads from a server on loopback, "
    "each piece an HTTP chunk of its own. Its events tell no `retry`, but the stream does.",
    "sseclient": "it decodes as requests guesses: ISO-8859-1 unless the header has a charset.",
    "undici": "the stream that Node's own `EventSource` is made of, as the npm package has it.",
}


class Rule(NamedTuple):
    """What the standard says, and the cases that probe it."""

    name: str
    title: str
    section: str | None  # None: the rule is ours
    anchor: str | None
    says: tuple[str, ...] | None  # its sentences, word for word
    beyond: tuple[str, ...] = ()  # cases of what the standard leaves open
    wpt: tuple[str, ...] = ()  # files of web-platform-tests/eventsource that probe it


class Case(NamedTuple):
    """One wire case, as far as any parser can be judged by it."""

    name: str
    wire: bytes
    events: list[dict[str, Any]]
    state: dict[str, Any]  # `retry` and `last_event_id` after the end
    common: bool  # any parser can run it: it needs no option, and the standard decides

    @property
    def rule(self) -> str:
        return self.name.partition("__")[0]


class Verdict(NamedTuple):
    """What is wrong with what a parser makes of a case."""

    kind: str  # wrong, raises or stopped
    what: str
    whole: bool  # in one chunk too, not only in pieces

    def __str__(self) -> str:
        return self.what if self.whole else f"{self.what} in pieces"


def described() -> dict[str, Any]:
    """Return what stands in the corpus's rules.json."""
    found: dict[str, Any] = json.loads((CORPUS / "rules.json").read_text("utf-8"))
    return found


def rules() -> list[Rule]:
    return [
        Rule(
            name,
            fields["title"],
            fields["section"],
            fields["anchor"],
            None if fields["says"] is None else tuple(fields["says"]),
            tuple(fields.get("beyond", ())),
            tuple(fields["wpt"]),
        )
        for name, fields in described()["rules"].items()
    ]


def digest(corpus: Path = CORPUS) -> str:
    """Return a hash of what implementations are judged by: another one is another version.

    The cases' names, bytes and what has to come of them, and which are of the standard. The
    words about rules are no part of it, nor is how the JSON is laid out.
    """
    described = json.loads((corpus / "rules.json").read_text("utf-8"))["rules"]
    whose = {
        name: [fields["section"] is None, sorted(fields.get("beyond", ()))]
        for name, fields in described.items()
    }
    found = hashlib.sha256(json.dumps(whose, sort_keys=True).encode())
    for path in sorted(corpus.glob("*.sse")):
        expected = json.loads(path.with_suffix(".json").read_text("utf-8"))
        wire = base64.b64encode(path.read_bytes()).decode()
        found.update(json.dumps([path.stem, wire, expected], sort_keys=True).encode())
    return found.hexdigest()


def cases() -> list[Case]:
    """Return all wire cases, in the order of their rules."""
    found = []
    for rule in rules():
        for path in sorted(CORPUS.glob(f"{rule.name}__*.sse")):
            expected = json.loads(path.with_suffix(".json").read_text("utf-8"))
            common = (
                rule.section is not None
                and path.stem not in rule.beyond
                and "options" not in expected
            )
            state = {key: expected[key] for key in ("retry", "last_event_id")}
            found.append(Case(path.stem, path.read_bytes(), expected["events"], state, common))
    return found


def cuts(wire: bytes) -> list[list[int]]:
    """Return the sizes of the chunks in each way to cut a case, whole first.

    Without empty chunks: not every transport has them.
    """
    found = dict.fromkeys(
        tuple(len(chunk) for chunk in chunks if chunk) for chunks in chunkings(wire)
    )
    return [list(sizes) for sizes in found]


def fault(case: Case, reading: list[Any] | str) -> tuple[str, str] | None:
    """Return the kind of fault of one reading, and in words what it is; None if there is none."""
    if isinstance(reading, str):
        return "raises", f"raises {reading}"
    events, state, tells = reading
    if len(events) != len(case.events):
        return "wrong", f"{len(events)} events for {len(case.events)}"
    for (data, event, last_id, retry), wanted in zip(events, case.events):
        if data != wanted["data"]:
            return "wrong", "data"
        if event != wanted["event"]:
            return "wrong", "event type"
        if "id" in tells and last_id != wanted["id"]:
            return "wrong", "ID"
        if "retry" in tells and retry != wanted["retry"]:
            return "wrong", "retry"
    if state.get("last_event_id", case.state["last_event_id"]) != case.state["last_event_id"]:
        return "wrong", "ID at the end"
    if state.get("retry", case.state["retry"]) != case.state["retry"]:
        return "wrong", "retry at the end"
    return None


def judge(case: Case, readings: Sequence[list[Any] | str]) -> Verdict | None:
    """Return the verdict on the readings of a case, whole first; None if all are right."""
    for number, reading in enumerate(readings):
        found = fault(case, reading)
        if found is not None:
            return Verdict(*found, whole=number == 0)
    return None


def run(field: Field, chosen: list[Case]) -> dict[str, dict[str, Verdict]]:
    """Return, for each candidate, the cases that it fails."""
    names = [name for name in field.workers if name != "floor"]
    failed: dict[str, dict[str, Verdict]] = {name: {} for name in names}
    for case in progress.shown("conformance", chosen):
        wire = base64.b64encode(case.wire).decode()
        sizes = cuts(case.wire)
        for name in names:
            try:
                readings = field.workers[name].ask("read", wire, sizes, limit=LIMIT)
            except NoAnswer as exc:
                failed[name][case.name] = Verdict("stopped", str(exc), True)
            else:
                verdict = judge(case, readings)
                if verdict is not None:
                    failed[name][case.name] = verdict
    return failed


# --- the page -----------------------------------------------------------------


def page(found: dict[str, Any]) -> str:
    """Return docs/conformance.md for what was found (the JSON beside the benchmarks)."""
    failed = {
        name: {case: Verdict(*verdict) for case, verdict in verdicts.items()}
        for name, verdicts in found["failed"].items()
    }
    return "\n\n".join(_page(failed, found["versions"], found["skipped"])) + "\n"


def _page(
    failed: dict[str, dict[str, Verdict]], versions: dict[str, str], skipped: dict[str, str]
) -> Iterator[str]:
    everything = cases()
    common = [case for case in everything if case.common]
    about = described()
    standard = about["standard"]
    yield "# Conformance"
    yield "<!-- Written by `python -m benchmarks.conformance`. To change it, change that. -->"
    yield prose(
        f"{len(everything)} wire cases are in [tests/corpus](../tests/corpus/README.md), "
        f"version {about['version']}, as data that any implementation can run: the bytes, and what "
        "has to come of them. "
        f"{len(common)} follow from [the standard]({standard}) alone; the others need an "
        "option or test rules of ours. Each name begins with the rule that it probes. What the "
        f"standard says is quoted word for word, from its [review draft]({about['checked']}) of "
        "July 2026."
    )
    yield prose(
        "Here is how each parser fares with those of the standard. Each case runs whole, byte "
        "by byte and at every other cut; it is passed if every chunking gives the right "
        "events. A parser is judged by what it tells: one that gives no ID or no `retry` is "
        "not judged by it, and one that gives the ID of an event's own block only is used as "
        "its documentation says, remembering the last one. A case is failed whatever goes "
        "wrong in it: many of `retry` hold a block of a valid `retry` alone, which some make "
        "an event of. Ours pass all cases, those of our own rules too: "
        "`tests/parser/test_corpus.py` runs them."
    )
    rows = []
    for name in _ranked(failed):
        kinds = Counter(verdict.kind for verdict in failed[name].values())
        version = versions.get(name, versions["ssewire"] if name in OURS else "")
        passed = len(common) - len(failed[name])
        rows.append(
            [f"{name} {version}", str(passed)]
            + [str(kinds[kind] or "") for kind in ("wrong", "raises", "stopped")]
        )
    yield table(["", f"passed of {len(common)}", "wrong", "raises", "stopped"], rows)
    yield prose(
        "`raises`: an exception comes out, for bytes that the standard gives a meaning; "
        f"`stopped`: no answer within {LIMIT:g} s, or the process died."
    )
    yield "\n".join(f"- {name}: {note}" for name, note in NOTES.items() if _noted(name, failed))
    if skipped:
        yield "\n".join(f"- not run: {name}, {why}" for name, why in skipped.items())
    yield "## By rule"
    yield "Cases passed, of the number in the head of the column; `.` stands for all of them."
    totals = Counter(case.rule for case in common)
    rows = []
    for name in _ranked(failed):
        missed = Counter(case.partition("__")[0] for case in failed[name])
        rows.append([name, *(str(n - missed[r]) if missed[r] else "." for r, n in totals.items())])
    yield table(["", *(f"{rule} {n}" for rule, n in totals.items())], rows)
    for rule in rules():
        yield from _rule(rule, about, [c for c in everything if c.rule == rule.name], failed)


def _noted(name: str, failed: Iterable[str]) -> bool:
    # One note for a peer's versions and runtimes.
    return any(each == name or each.startswith(f"{name} ") for each in failed)


def _ranked(failed: dict[str, dict[str, Verdict]]) -> list[str]:
    return sorted(failed, key=lambda name: (name not in OURS, len(failed[name])))


def _rule(
    rule: Rule, about: dict[str, Any], chosen: list[Case], failed: dict[str, dict[str, Verdict]]
) -> Iterator[str]:
    yield f"## `{rule.name}`: {rule.title[0].lower()}{rule.title[1:]}"
    if rule.says is None:
        yield "Not in the standard: a rule of ours, which the corpus's README words."
    else:
        yield f"[{rule.section}]({about['standard']}{rule.anchor}):"
        yield "\n>\n".join(f"> {sentence}" for sentence in rule.says)
    if rule.wpt:
        names = ", ".join(f"[{name}]({about['wpt']}{name})" for name in rule.wpt)
        yield f"In web-platform-tests: {names}."
    rows = []
    for case in chosen:
        if not case.common:
            ours = rule.section is None or case.name in rule.beyond
            rows.append([f"`{case.name}`", "(ours)" if ours else "(needs an option)"])
            continue
        by_fault: dict[str, list[str]] = defaultdict(list)
        for name, verdicts in failed.items():
            if case.name in verdicts:
                by_fault[str(verdicts[case.name])].append(name)
        fails = "; ".join(f"{what}: {', '.join(names)}" for what, names in by_fault.items())
        rows.append([f"`{case.name}`", fails])
    yield table(["case", "who fails, and how"], rows, words=(0, 1))


def main() -> None:
    arguments = argparse.ArgumentParser(
        prog="python -m benchmarks.conformance", description=__doc__
    )
    arguments.add_argument(
        "--output", type=Path, metavar="FOLDER", default=ROOT / "docs", help="default: docs"
    )
    arguments.add_argument(
        "--page-only", action="store_true", help="write the page anew from the JSON there"
    )
    args = arguments.parse_args()
    data = args.output / "benchmarks" / "conformance.json"
    if not args.page_only:
        with ExitStack() as stack:
            field = Field(stack, [], clients=True)
            for name, why in field.skipped.items():
                print(f"skipped: {name}: {why}")
            found = {
                "versions": {"ssewire": ssewire_version(), **field.versions},
                "skipped": {n: why for n, why in field.skipped.items() if n != "floor"},
                "failed": run(field, [case for case in cases() if case.common]),
            }
        data.parent.mkdir(parents=True, exist_ok=True)
        data.write_text(as_json(found) + "\n", "utf-8")
    path = args.output / "conformance.md"
    path.write_text(page(json.loads(data.read_text("utf-8"))), "utf-8")
    print(path)


if __name__ == "__main__":
    main()
