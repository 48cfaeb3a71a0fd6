# SPDX-License-Identifier: MIT
"""SVG plots of what `python -m benchmarks` has measured. Needs matplotlib.

May import: javascript, tables.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from . import javascript
from .tables import amount

COLORS = {"ssewire cy": "#0b6e4f", "ssewire py": "#5fb08a"}
YARDSTICK = "#d9a441"
PEER = "#9aa5b1"
# No greens: those are ours.
PALETTE = (
    *("#1f77b4", "#ff7f0e", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22"),
    *("#17becf", "#aec7e8", "#ffbb78", "#ff9896", "#c5b0d5"),
)
# Left of this a bar would be empty: no parser of ours or theirs is as fast, in ns per event.
AXIS_FROM = 10.0


def _pyplot() -> Any:
    import matplotlib as mpl

    mpl.use("svg")
    # Text stays text, and the same figures give the same file.
    mpl.rcParams.update(
        {"svg.fonttype": "none", "svg.hashsalt": "ssewire", "font.size": 9, "axes.axisbelow": True}
    )
    from matplotlib import pyplot

    return pyplot


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight", facecolor="white")
    _pyplot().close(figure)
    # matplotlib leaves spaces at the ends of lines.
    lines = path.read_text("utf-8").splitlines()
    path.write_text("".join(line.rstrip() + "\n" for line in lines), "utf-8")


def bars(rows: list[dict[str, Any]], chunks: str, title: str, path: Path) -> None:
    """Draw a panel of bars for each corpus, one bar a candidate, the fastest on top."""
    rows = [row for row in rows if row["chunks"] == chunks and row["candidate"] != "floor"]
    corpora = list(dict.fromkeys(row["corpus"] for row in rows))
    across = min(3, len(corpora))
    down = -(-len(corpora) // across)
    pyplot = _pyplot()
    figure, axes = pyplot.subplots(
        down, across, figsize=(4.6 * across, 3.1 * down), layout="constrained", squeeze=False
    )
    for panel in axes.flat[len(corpora) :]:
        panel.axis("off")
    for corpus, panel in zip(corpora, axes.flat):
        measured = [
            (row["seconds"] / row["events"] * 1e9, row["candidate"], row["fault"])
            for row in rows
            if row["corpus"] == corpus and row["seconds"] and row["events"]
        ]
        for place, (figure_ns, name, fault) in enumerate(sorted(measured, reverse=True)):
            panel.barh(
                place,
                figure_ns,
                color=COLORS.get(name) or (YARDSTICK if javascript.is_one(name) else PEER),
                hatch="///" if fault else None,
                edgecolor="white",
            )
            mark = " *" if fault else ""
            panel.text(figure_ns * 1.1, place, f"{figure_ns:,.0f}{mark}", va="center", fontsize=7)
        panel.set_yticks(range(len(measured)), [name for _, name, _ in sorted(measured)[::-1]])
        panel.tick_params(axis="y", labelsize=7, length=0)
        panel.set_xscale("log")
        panel.set_xlim(AXIS_FROM, max(row[0] for row in measured) * 4)
        panel.minorticks_off()
        panel.set_title(corpus, fontsize=10)
        panel.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"{title}: ns per event, log scale, shorter is better; * wrong events")
    _save(figure, path)


def lines(kinds: list[tuple[Any, dict[str, list[Any]]]], path: Path) -> None:
    """Draw a log-log panel for each kind of growth, one line a candidate.

    Args:
        kinds: what growth.py says of each kind, and the points of each candidate.
    """
    pyplot = _pyplot()
    figure, axes = pyplot.subplots(
        1, len(kinds), figsize=(6.8 * len(kinds), 4.6), layout="constrained", squeeze=False
    )
    names = dict.fromkeys(name for _, candidates in kinds for name in candidates)
    peers = [name for name in names if name not in COLORS]
    colors = {**COLORS, **dict(zip(peers, itertools.cycle(PALETTE)))}
    for (kind, candidates), panel in zip(kinds, axes.flat):
        ends = {}
        for name, points in candidates.items():
            measured = [(size, seconds) for size, seconds, _ in points if seconds]
            if not measured:
                continue
            stopped = points[-1][1] is None
            (line,) = panel.plot(
                *zip(*measured),
                color=colors[name],
                linewidth=2.5 if name in COLORS else 1.0,
                marker="o",
                markersize=4 if name in COLORS else 2.5,
                zorder=3 if name in COLORS else 2,
                label=f"{name} (stopped)" if stopped else name,
            )
            # In the order of their ends, those that were stopped first: so the eye finds them.
            ends[line] = float("inf") if stopped else measured[-1][1]
        panel.legend(
            handles=sorted(ends, key=ends.__getitem__, reverse=True),
            loc="center left",
            bbox_to_anchor=(1, 0.5),
            fontsize=7,
            frameon=False,
        )
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.minorticks_off()
        sizes = sorted({size for points in candidates.values() for size, _, _ in points})
        panel.set_xticks(sizes, [amount(s) if kind.unit == "bytes" else f"{s:,}" for s in sizes])
        panel.set_xlabel(kind.unit)
        panel.set_ylabel("seconds")
        panel.set_title(kind.title, fontsize=9)
        panel.grid(True, color="#e4e7eb", linewidth=0.6)
        panel.spines[["top", "right"]].set_visible(False)
    _save(figure, path)
