# SPDX-License-Identifier: MIT
"""What does the page say of the figures? `python -m benchmarks` writes it at its end.

It is docs/benchmarks.md, made from the JSON files beside it; nothing is measured here.
`python -m benchmarks.report` writes it anew.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import conformance, footprint, growth, memory
from .harness import figures
from .harness.candidates import PEERS
from .harness.field import OURS
from .harness.figures import Cell, Sheet
from .harness.processes import ROOT
from .harness.tables import amount, duration, prose, significant, table

CHUNK_TITLES = {"event": "One event", "1400": "1400 B", "16": "16 B", "64k": "64 KiB"}
# In the order of the page: as people have them first.
PARTS = ("clients", "claude", "parsers", "embedding", "serving", "footprint", "growth", "memory")
SHEET_TITLES = {
    "clients": "Clients",
    "claude": "Claude",
    "embedding": "Embedding",
    "serving": "Serving",
    "footprint": "Start-up, memory at rest, disk",
}
# A table of so few candidates is read as fast as a chart of it.
CHARTED_FROM = 3
# The corpus by which parsers are ranked in tables and charts.
FIRST = "claude"


# --- figures as cells -----------------------------------------------------------


def parser_cells(part: dict[str, Any]) -> dict[str, dict[str, dict[str, Cell]]]:
    """Return chunk shape -> candidate -> corpus -> nanoseconds an event."""
    found: dict[str, dict[str, dict[str, Cell]]] = defaultdict(lambda: defaultdict(dict))
    for row in part["rows"]:
        runs = row.get("runs", [row["seconds"]] if row["seconds"] else [])
        events = row["events"]
        cell = Cell(tuple(run / events * 1e9 for run in runs) if events else (), row["fault"])
        found[row["chunks"]][row["candidate"]][row["corpus"]] = cell
    return found


def sheets(part: dict[str, Any]) -> list[Sheet]:
    return [figures.from_json(sheet) for sheet in part["sheets"]]


def ranked(parts: dict[str, Any]) -> Iterator[tuple[str, dict[str, Cell]]]:
    """Yield each row that is ranked: its title, and the cells of the candidates."""
    for part in parts.values():
        for sheet in _sheets_of(part):
            for column in sheet.columns:
                yield f"{sheet.title}, {column}", sheet.column(column)
    if "parsers" in parts:
        for chunks, candidates in parser_cells(parts["parsers"]).items():
            for corpus in dict.fromkeys(c for row in candidates.values() for c in row):
                row = {name: row[corpus] for name, row in candidates.items() if name != "floor"}
                yield f"parsers, {CHUNK_TITLES[chunks]}, {corpus}", row


# --- the parts ----------------------------------------------------------------


def parser_tables(part: dict[str, Any]) -> dict[str, str]:
    """Return a table of nanoseconds per event for each chunk shape, in the order of the page."""
    cells = parser_cells(part)
    return {chunks: _parser_table(cells[chunks]) for chunks in CHUNK_TITLES if chunks in cells}


def _parser_table(candidates: dict[str, dict[str, Cell]]) -> str:
    corpora = list(next(iter(candidates.values())))
    first = {name: row[corpora[0]] for name, row in candidates.items() if name != "floor"}
    place = figures.places(first)

    rows = []
    # The floor is no candidate.
    floor = ["floor"] if "floor" in candidates else []
    for name in [*floor, *figures.by_place(first)]:
        row = [candidates[name][corpus] for corpus in corpora]
        shown = [significant(c.median) + ("*" if c.fault else "") for c in row]
        spread = max(cell.spread for cell in row)
        rows.append([str(place.get(name, "")), name, *shown, f"{spread:.0%}".replace("%", " %")])
    peers = [name for name in candidates if name in PEERS]
    for ours in OURS:
        if ours in candidates and peers:
            times = [
                min(candidates[peer][corpus].median for peer in peers)
                / candidates[ours][corpus].median
                for corpus in corpora
            ]
            title = f"fastest Python peer / {ours}"
            rows.append(["", title, *(f"{t:.3g} x" for t in times), ""])
    return table(["", "", *corpora, "±"], rows, words=(1,))


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


def sheet_faults(sheet: Sheet) -> Iterator[str]:
    """Yield a line for each thing that is wrong in a sheet, with the columns."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, row in sheet.cells.items():
        for column, cell in row.items():
            if cell.fault:
                found[name, cell.fault].append(column)
    for (name, fault), columns in found.items():
        yield f"- {name}, {', '.join(columns)}: {fault}"


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
        row = [_duration(seconds, fault) for _, seconds, fault in points]
        rows.append([name, *row, *[""] * (len(sizes) - len(row))])
    in_bytes = growth.KINDS[kind].unit == "bytes"
    return table(["", *(amount(s) if in_bytes else f"{s:,}" for s in sizes)], rows)


def _duration(seconds: float | None, fault: str) -> str:
    """Return a time, marked if what it gave was wrong, or why there is none."""
    return duration(seconds) + ("*" if fault else "") if seconds else fault


def growth_faults(candidates: dict[str, list[Any]]) -> Iterator[str]:
    """Yield a line for each candidate whose events were wrong though it was timed."""
    for name, points in candidates.items():
        wrong = dict.fromkeys(fault for _, seconds, fault in points if seconds and fault)
        if wrong:
            yield f"- {name}: {', '.join(wrong)}"


def memory_table(peaks: dict[str, list[Any]]) -> str:
    rows = []
    for name, (line, stream, fault) in peaks.items():
        mark = "*" if fault and line is not None and stream is not None else ""
        rows.append(
            [
                name,
                f"{line / memory.LINE:.2f} x{mark}" if line is not None else fault,
                f"{amount(stream)}{mark}" if stream is not None else fault,
            ]
        )
    return table(["", "one event, over its size", "stream of small events"], rows)


def overview(parts: dict[str, Any]) -> str:
    """Return the table of all parsers: what each costs beside how right it is."""
    cells = parser_cells(parts["parsers"])
    found = parts.get("conformance", {"failed": {}})
    common = sum(case.common for case in conformance.cases())
    at_rest = {s.title: s for s in sheets(parts["footprint"])} if "footprint" in parts else {}
    columns = [("event", "one event a chunk"), ("64k", "64 KiB chunks")]
    columns = [(chunks, title) for chunks, title in columns if chunks in cells]
    names = list(next(iter(cells.values())))

    def of(title: str, name: str) -> str:
        sheet = at_rest.get(title)
        row = sheet.cells.get(footprint.package(name)) if sheet else None
        return significant(next(iter(row.values())).median) if row else ""

    def line(name: str) -> str:
        points = parts.get("growth", {"kinds": {}})["kinds"].get("line", {}).get(name, [])
        if not points:
            return ""
        size, seconds, fault = points[-1]
        return _duration(seconds, fault) if seconds else f"{fault} at {amount(size)}"

    rows = []
    first = {name: cells[columns[0][0]][name].get(FIRST, Cell()) for name in names}
    first.pop("floor", None)
    for name in figures.by_place(first):
        failed = found["failed"].get(name)
        times = [cells[chunks][name].get(FIRST, Cell()) for chunks, _ in columns]
        rows.append(
            [
                name,
                "" if failed is None else str(common - len(failed)),
                *(significant(t.median) + ("*" if t.fault else "") for t in times),
                line(name),
                of(footprint.IMPORTS, name),
                of(footprint.DISK, name),
            ]
        )
    for name, failed in found["failed"].items():
        if name not in names:  # a client, which is judged and not timed here
            at_rest_of = (of(footprint.IMPORTS, name), of(footprint.DISK, name))
            passed = str(common - len(failed))
            rows.append([name, passed, *[""] * (len(columns) + 1), *at_rest_of])
    lines = parts.get("growth", {"kinds": {}})["kinds"].get("line", {})
    largest = max((size for points in lines.values() for size, _, _ in points), default=0)
    header = ["", f"right, of {common}", *(title for _, title in columns)]
    header += [f"one event of {amount(largest)}"]
    header += ["import, ms", "disk, MiB"]
    return table(header, rows)


def in_brief(parts: dict[str, Any]) -> str:
    """Return the table that README shows: of each thing people come for, one figure."""
    found = {sheet.title: sheet for part in parts.values() for sheet in _sheets_of(part)}

    def figure(title: str, name: str, column: str) -> str:
        sheet = found[title]
        return f"{significant(sheet.cells[name][column].median)} {sheet.unit}"

    events = {name: row[FIRST] for name, row in parser_cells(parts["parsers"])["event"].items()}
    peers = [events[name] for name in PEERS if name in events and events[name].runs]
    parsed = {name: f"{significant(events[name].median)} ns" for name in OURS}
    fastest = significant(min(peer.median for peer in peers))
    message = "Claude, from bytes to messages, one event a chunk"
    start, tls = "Start of a process to Claude's first text", "Asyncio clients, over TLS"
    first, required = found[start].columns[0], "with all it requires"
    rust = f"{figure(tls, 'ry', '100 streams')}, ry, which is in Rust"
    rows = [
        (
            "one event of Claude's, parsed",
            f"{parsed['ssewire cy']} compiled, {parsed['ssewire py']} in Python",
            f"{fastest} ns, the fastest of {len(peers)} other Python parsers",
        ),
        (
            "one text delta of a Claude message, from its bytes",
            f"{figure(message, 'ssewire', 'text')} compiled",
            f"{figure(message, 'anthropic', 'text')}, the official SDK",
        ),
        (
            "one event of 100 streams over TLS, asyncio",
            figure(tls, "ssewire", "100 streams"),
            f"{figure(tls, 'httpx2', '100 streams')}, httpx2; {rust}",
        ),
        (
            "start of a process to Claude's first text",
            figure(start, "ssewire", first),
            f"{figure(start, 'anthropic', first)}, the official SDK",
        ),
        (
            "on disk, with all it requires",
            figure(footprint.DISK, "ssewire", required),
            f"{figure(footprint.DISK, 'anthropic', required)}, the official SDK",
        ),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _sheets_of(part: dict[str, Any]) -> list[Sheet]:
    return sheets(part) if "sheets" in part else []


# --- the page -----------------------------------------------------------------


def read(folder: Path) -> dict[str, Any]:
    """Return the parts whose figures lie in a folder, in the order of the page."""
    return {
        name: json.loads((folder / f"{name}.json").read_text("utf-8"))
        for name in (*PARTS, "conformance")
        if (folder / f"{name}.json").exists()
    }


def write(folder: Path) -> Path:
    """Write `folder`/benchmarks.md and the charts from the JSON in `folder`/benchmarks."""
    data = folder / "benchmarks"
    parts = read(data)
    path = folder / "benchmarks.md"
    path.write_text(page(parts), "utf-8")
    draw(parts, data)
    return path


def page(parts: dict[str, Any]) -> str:
    """Return the page of what was measured."""
    return "\n\n".join(_page(parts)) + "\n"


def draw(parts: dict[str, Any], folder: Path) -> None:
    """Draw the charts of what was measured into a folder."""
    from .harness import plots

    def bars(cells: dict[str, Cell], title: str, file: str) -> None:
        chosen = [
            plots.Bar(name, cell.median, cell.low, cell.high, bool(cell.fault))
            for name, cell in ((name, cells[name]) for name in figures.by_place(cells))
            if cell.runs
        ]
        if chosen:
            plots.bars(chosen, title, folder / f"{file}.svg")

    for name, part in parts.items():
        for number, sheet in enumerate(_sheets_of(part), 1):
            if chart := _chart(name, number, sheet):
                column = sheet.columns[0]
                title = f"{sheet.title}, {column}: {sheet.unit}" if column else sheet.title
                bars(sheet.column(column), title, chart)
    if "parsers" in parts:
        for chunks, candidates in parser_cells(parts["parsers"]).items():
            cells = {name: row[FIRST] for name, row in candidates.items() if FIRST in row}
            cells.pop("floor", None)
            what = "per chunk" if chunks == "event" else "chunks"
            title = f"{FIRST}, {CHUNK_TITLES[chunks]} {what}: ns an event; * wrong events"
            bars(cells, title, f"parsers-{chunks}")
    if "growth" in parts:
        for kind, file in GROWTH_FILES.items():
            plots.lines(growth.KINDS[kind], parts["growth"]["kinds"][kind], folder / f"{file}.svg")


GROWTH_FILES = {
    "line": "growth-line",
    "data_lines": "growth-lines",
    "text": "claude",
    "tool": "growth-tool",
}


def _chart(name: str, number: int, sheet: Sheet) -> str:
    """Return the name of the chart of a part's sheet; "" if it has none.

    It has one if the table takes more than a glance.
    """
    few = len(sheet.column(sheet.columns[0])) <= CHARTED_FROM
    return "" if few else f"{name}-{number}"


def _page(parts: dict[str, Any]) -> Iterator[str]:
    yield "# Benchmarks"
    yield "<!-- Written by `python -m benchmarks`. To change it, change benchmarks/report.py. -->"
    yield prose(
        "Everybody on the same work in one run: `make bench` repeats it on your machine, in half "
        "an hour. What people do comes first, one event a packet; then bulk. All peers are here "
        "that are to be had from PyPI, and those of other languages beside them. What is measured "
        "is checked too: a candidate that gives something wrong is marked `*`, and what is wrong "
        "is said below its table. Less is better everywhere."
    )
    prose_of_order = (
        "A figure is the median of "
        f"{_most_runs(parts)} runs, in which all candidates take turns, each in a process of its "
        "own; ± is how far the middle half of its runs is from it. A table is in the order of its "
        "first column of figures, whose places stand before the names: one begins with who takes "
        f"{figures.APART - 1:.0%} more than each of the place before, and the middle halves of "
        "whose runs meet none of theirs; who stand on one stand by name. "
        "`python -m benchmarks.order A B` compares the order of two runs."
    ).replace("%", " %")
    yield prose(prose_of_order)
    if not parts:
        return
    if any("quick" in part for part in parts.values()):
        yield "**A quick run**: of fewer runs than that and of less work, and not to be compared."
    yield from _machine(parts)
    if "parsers" in parts:
        yield from _overview_section(parts)
    for name in PARTS:
        if name not in parts:
            continue
        part = parts[name]
        if "sheets" in part:
            yield f"## {SHEET_TITLES[name]}"
            yield from _sheets_section(name, part)
        elif name == "parsers":
            yield from _parsers_section(part)
        elif name == "growth":
            yield from _growth_section(part)
        else:
            yield from _memory_section(part)
    yield from _versions(parts)


def _most_runs(parts: dict[str, Any]) -> int:
    return min((part["runs"] for part in parts.values() if "runs" in part), default=0)


def _machine(parts: dict[str, Any]) -> Iterator[str]:
    measured = {name: part for name, part in parts.items() if "began" in part}
    facts = {
        name: (part["machine"], part["began"], part.get("forced", ""))
        for name, part in measured.items()
    }
    if len(set(facts.values())) > 1:
        yield "The parts are not of one run:"
        rows = [[name, part["machine"], part["began"]] for name, part in measured.items()]
        yield table(["", "machine", "begun"], rows, words=(0, 1, 2))
    elif measured:
        first = next(iter(measured.values()))
        forced = ", though it was too busy to be sure of it" if "forced" in first else ""
        yield f"Measured on {first['machine']}{forced}; begun {first['began']}."
    if measured:
        # Our own work counts in the load of all parts but the first.
        first = next(iter(measured.values()))
        shares = ", ".join(
            f"{part['others']:.1%} ({name})".replace("%", " %")
            for name, part in measured.items()
            if "others" in part
        )
        text = f"How busy it was with other things: {first['load']} at the start"
        yield prose(f"{text}; of its time others took {shares}." if shares else f"{text}.")


def _versions(parts: dict[str, Any]) -> Iterator[str]:
    yield "## Who was measured"
    versions: dict[str, str] = {}
    skipped: dict[str, str] = {}
    for part in parts.values():
        versions.update(part["versions"])
        skipped.update(part["skipped"])
    rows = [[name, number.strip("()")] for name, number in versions.items()]
    yield table(["", "version"], rows, words=(0, 1))
    missing = {name: why for name, why in skipped.items() if name not in versions}
    if missing:
        yield "Not measured:"
        yield "\n".join(f"- {name}: {why}" for name, why in missing.items())


def _overview_section(parts: dict[str, Any]) -> Iterator[str]:
    yield "## What a parser costs, and how right it is"
    yield prose(
        "How many wire cases that follow from the standard alone each passes "
        "([conformance](conformance.md)); nanoseconds of CPU time an event of Claude's; what one "
        "large event takes, or where it was stopped; milliseconds that the import of the "
        "package takes, and MiB on disk with all that it requires. Those that only come as HTTP "
        "clients are imported and installed as such; ry's parser cannot be had without its client, "
        "which is among the clients below."
    )
    yield overview(parts)


def _sheets_section(name: str, part: dict[str, Any]) -> Iterator[str]:
    for number, sheet in enumerate(sheets(part), 1):
        yield f"### {sheet.title}"
        yield prose(f"{sheet.about} Command: `{sheet.command}`.")
        if chart := _chart(name, number, sheet):
            yield f"![Bars of {sheet.unit}, {sheet.title}](benchmarks/{chart}.svg)"
        yield f"In {sheet.unit}:"
        yield figures.sheet_table(sheet)
        wrong = "\n".join(sheet_faults(sheet))
        if wrong:
            yield wrong
    yield f"Data: [{name}.json](benchmarks/{name}.json)."


def _parsers_section(part: dict[str, Any]) -> Iterator[str]:
    yield "## Parsers"
    yield prose(
        "Nanoseconds of CPU time per event, for JavaScript of the clock on the wall. `ssewire cy` "
        "is the compiled parser, `ssewire py` the one in Python; `floor` makes the same event "
        "objects from offsets known beforehand, which no parser can beat. Where a peer takes text, "
        "decoding is part of its work; those that only come as HTTP clients read a response made "
        "of the chunks, without a network. ± is the largest of the row. Command: "
        "`python -m benchmarks --only parsers`. The data are in "
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
        "What ten times the input costs should be ten times the time: a line in these charts "
        f"rises by as much as it goes right. Who takes more than {growth.LIMIT:g} s (for a "
        f"message {growth.MESSAGE_LIMIT:g} s) is stopped, marked, and asked for no more of the "
        f"same. What takes over {growth.REPEATED_BELOW:g} s is measured once. Command: "
        "`python -m benchmarks --only growth`. Data: [growth.json](benchmarks/growth.json)."
    )
    for kind, file in GROWTH_FILES.items():
        yield f"### {growth.KINDS[kind].title}"
        yield f"![Time over size, log-log](benchmarks/{file}.svg)"
        yield growth_table(kind, part["kinds"][kind])
        wrong = "\n".join(growth_faults(part["kinds"][kind]))
        if wrong:
            yield f"`*`: wrong.\n\n{wrong}"


def _memory_section(part: dict[str, Any]) -> Iterator[str]:
    yield "## Memory"
    yield prose(
        "The most that Python has taken at once, by tracemalloc, beyond the chunks: for one "
        f"event of {amount(memory.LINE)} in 1 KiB chunks, over its size, of which 1.00 "
        f"is the event's own text; and while {memory.STREAM:,} events pass in 64 KiB chunks "
        f"and none is kept. It is the same each time. Not measured: those of other languages, "
        "whose memory is not Python's. Command: `python -m benchmarks --only memory`. Data: "
        "[memory.json](benchmarks/memory.json)."
    )
    yield memory_table(part["peaks"])
    wrong = [
        f"- {name}: {fault}"
        for name, (line, stream, fault) in part["peaks"].items()
        if fault and line is not None and stream is not None
    ]
    if wrong:
        yield "\n".join(["`*`: wrong.", "", *wrong])


if __name__ == "__main__":
    print(write(ROOT / "docs"))
    print(f"for README:\n{in_brief(read(ROOT / 'docs' / 'benchmarks'))}")
