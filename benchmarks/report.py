# SPDX-License-Identifier: MIT
"""What does the page say of the figures? `python -m benchmarks` writes it at its end.

It is docs/benchmarks.md, made from the JSON files beside it; nothing is measured here.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import growth, memory
from .harness import javascript
from .harness.candidates import PEERS
from .harness.field import OURS
from .harness.tables import amount, duration, prose, significant, table

CHUNK_TITLES = {"64k": "64 KiB", "1400": "1400 B", "event": "One event", "16": "16 B"}
PARTS = ("parsers", "growth", "memory", "clients")


# --- the parts ----------------------------------------------------------------


def parser_tables(part: dict[str, Any]) -> dict[str, str]:
    """Return a table of nanoseconds per event for each chunk shape."""
    cells: dict[str, dict[str, dict[str, Any]]] = defaultdict(lambda: defaultdict(dict))
    for row in part["rows"]:
        cells[row["chunks"]][row["candidate"]][row["corpus"]] = row
    return {chunks: _parser_table(candidates) for chunks, candidates in cells.items()}


def _parser_table(candidates: dict[str, dict[str, Any]]) -> str:
    corpora = list(next(iter(candidates.values())))

    def per_event(name: str, corpus: str) -> float:
        row = candidates[name].get(corpus)
        if row is None or not row["seconds"] or not row["events"]:
            return math.inf
        figure: float = row["seconds"] / row["events"] * 1e9
        return figure

    def rank(name: str) -> tuple[bool, float]:
        return name not in OURS, per_event(name, corpora[0])

    rows = []
    for name in sorted(candidates, key=rank):
        figures = []
        for corpus in corpora:
            mark = "*" if candidates[name][corpus]["fault"] else ""
            figures.append(significant(per_event(name, corpus)) + mark)
        rows.append([name, *figures])
    peers = [name for name in candidates if name in PEERS]
    for ours in OURS:
        if ours in candidates and peers:
            times = [
                min(per_event(peer, corpus) for peer in peers) / per_event(ours, corpus)
                for corpus in corpora
            ]
            rows.append([f"fastest Python peer / {ours}", *(f"{t:.3g} x" for t in times)])
    return table(["", *corpora], rows)


def faults(part: dict[str, Any]) -> str:
    """Return what was wrong with the events of whom, and where."""
    found: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in part["rows"]:
        if row["fault"]:
            found[row["candidate"], row["fault"]][row["corpus"]].append(CHUNK_TITLES[row["chunks"]])
    rows = []
    for (name, fault), corpora in sorted(found.items()):
        where = "; ".join(
            corpus if len(chunks) == len(CHUNK_TITLES) else f"{corpus} ({', '.join(chunks)})"
            for corpus, chunks in corpora.items()
        )
        rows.append([name, fault, where])
    return table(["", "wrong", "in"], rows, words=(0, 1, 2)) if rows else "None was."


def corpora_table(part: dict[str, Any]) -> str:
    rows = [
        [name, f"{c['events']:,}", significant(c["bytes"] / c["events"]), c["about"]]
        for name, c in part["corpora"].items()
    ]
    return table(["", "events", "bytes each", "what it is"], rows, words=(0, 3))


def growth_table(kind: str, candidates: dict[str, list[Any]]) -> str:
    sizes = list(dict.fromkeys(size for points in candidates.values() for size, _, _ in points))
    rows = []
    for name, points in candidates.items():
        row = [duration(seconds) if seconds else fault for _, seconds, fault in points]
        rows.append([name, *row, *[""] * (len(sizes) - len(row))])
    in_bytes = growth.KINDS[kind].unit == "bytes"
    return table(["", *(amount(s) if in_bytes else f"{s:,}" for s in sizes)], rows)


def memory_table(peaks: dict[str, list[Any]]) -> str:
    rows = []
    for name, (line, stream, fault) in peaks.items():
        rows.append(
            [
                name,
                f"{line / memory.LINE:.2f} x" if line is not None else fault,
                amount(stream) if stream is not None else fault,
            ]
        )
    return table(["", "one event, over its size", "stream of small events"], rows)


def client_tables(part: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for title, figures in part["tables"].items():
        # That of a single stream is lost in what the allocator takes at a time.
        with_memory = "one stream" not in title and any("memory" in r for r in figures.values())
        rows = [
            [name, f"{row['cpu']:.1f} µs"] + ([f"{row['memory']:.1f} KiB"] if with_memory else [])
            for name, row in figures.items()
        ]
        header = ["", "CPU per event", *(["memory per stream"] if with_memory else [])]
        yield title, table(header, rows)


# --- the page -----------------------------------------------------------------


def write(folder: Path) -> Path:
    """Write `folder`/benchmarks.md and the plots from the JSON in `folder`/benchmarks."""
    from .harness import plots

    data = folder / "benchmarks"
    parts = {
        name: json.loads((data / f"{name}.json").read_text("utf-8"))
        for name in PARTS
        if (data / f"{name}.json").exists()
    }
    page = "\n\n".join(_page(parts)) + "\n"
    path = folder / "benchmarks.md"
    path.write_text(page, "utf-8")
    if "parsers" in parts:
        for chunks, name in CHUNK_TITLES.items():
            if any(row["chunks"] == chunks for row in parts["parsers"]["rows"]):
                title = f"{name} per chunk" if chunks == "event" else f"{name} chunks"
                plots.bars(parts["parsers"]["rows"], chunks, title, data / f"parsers-{chunks}.svg")
    if "growth" in parts:
        for file, kinds in (("growth", ("line", "data_lines")), ("claude", ("text", "tool"))):
            chosen = [(growth.KINDS[kind], parts["growth"]["kinds"][kind]) for kind in kinds]
            plots.lines(chosen, data / f"{file}.svg")
    return path


def _page(parts: dict[str, Any]) -> Iterator[str]:
    yield "# Benchmarks"
    yield "<!-- Written by `python -m benchmarks`. To change it, change benchmarks/report.py. -->"
    yield prose(
        "Everybody on the same bytes in one run: `make bench` repeats it on your machine. All "
        "peers are here that are to be had from PyPI, and eventsource-parser on Node and "
        "Bun as the yardstick of another language. What is measured is checked too: a peer "
        "whose events are not those that the bytes stand for is marked `*`, and says so below; "
        "[conformance.md](conformance.md) tells how each fares at the corners of the "
        "standard. `ssewire cy` is the compiled parser, `ssewire py` the one in Python; "
        "`floor` makes the same event objects from offsets known beforehand, which no parser "
        "can beat."
    )
    if not parts:
        return
    first = next(iter(parts.values()))
    busy = f"; {first['load']} at the start" if "load" in first else ""
    yield f"Measured on {first['machine']}{busy}."
    versions = [[name, version] for name, version in first["versions"].items()]
    yield table(["", "version"], versions, words=(0, 1))
    if first["skipped"]:
        yield "\n".join(f"- {name}: not measured, {why}" for name, why in first["skipped"].items())
    if "parsers" in parts:
        yield from _parsers_section(parts["parsers"])
    if "growth" in parts:
        yield from _growth_section(parts["growth"])
    if "memory" in parts:
        yield from _memory_section(parts["memory"])
    if "clients" in parts:
        yield from _clients_section(parts["clients"])


def _parsers_section(part: dict[str, Any]) -> Iterator[str]:
    yield "## Parsers"
    yield prose(
        "Nanoseconds of CPU time per event, for JavaScript of the clock on the wall; less is "
        "better. Each candidate has a process of its own, and "
        "they take turns, so that a slow moment of the machine slows all; the best of "
        f"{part['rounds']} rounds counts (of three, where a round takes long). Where a peer "
        "takes text, decoding is part of its work; those that only come as HTTP clients read "
        "a response made of the chunks, without a network. The data are in "
        "[parsers.json](benchmarks/parsers.json)."
    )
    yield corpora_table(part)
    for chunks, text in parser_tables(part).items():
        yield f"### {CHUNK_TITLES[chunks]} {'per chunk' if chunks == 'event' else 'chunks'}"
        yield f"![Bars of nanoseconds per event](benchmarks/parsers-{chunks}.svg)"
        yield text
    yield "### Whose events were wrong"
    yield prose(
        "`N events for M`: so many instead of so many; `data`, `event type`, `id`: the first "
        "difference. An ID is judged only where a peer gives one; it is the one to reconnect "
        "with, which stays until another comes."
    )
    yield faults(part)


def _growth_section(part: dict[str, Any]) -> Iterator[str]:
    yield "## Growth"
    yield prose(
        "What ten times the input costs should be ten times the time: a line in these plots "
        f"rises by as much as it goes right. Who takes more than {growth.LIMIT:g} s (for a "
        f"message {growth.MESSAGE_LIMIT:g} s) is stopped, marked, and asked for no more of the "
        "same. Data: [growth.json](benchmarks/growth.json)."
    )
    for file, kinds in (("growth", ("line", "data_lines")), ("claude", ("text", "tool"))):
        yield f"![Time over size, log-log](benchmarks/{file}.svg)"
        for kind in kinds:
            yield f"### {growth.KINDS[kind].title}"
            yield growth_table(kind, part["kinds"][kind])


def _memory_section(part: dict[str, Any]) -> Iterator[str]:
    yield "## Memory"
    yield prose(
        "The most that Python has taken at once, by tracemalloc, beyond the chunks: for one "
        f"event of {amount(memory.LINE)} in 1 KiB chunks, over its size, of which 1.00 "
        f"is the event's own text; and while {memory.STREAM:,} events pass in 64 KiB chunks "
        f"and none is kept. Not measured: {javascript.NAME}, whose memory is not Python's. Data: "
        "[memory.json](benchmarks/memory.json)."
    )
    yield memory_table(part["peaks"])


def _clients_section(part: dict[str, Any]) -> Iterator[str]:
    yield "## Clients"
    yield prose(
        "CPU time (user and system) of the client's process per event of 120 bytes, and "
        "memory per open stream, over loopback from a server in another process. Data: "
        "[clients.json](benchmarks/clients.json)."
    )
    for title, text in client_tables(part):
        yield f"### {title[0].upper()}{title[1:]}"
        yield text
