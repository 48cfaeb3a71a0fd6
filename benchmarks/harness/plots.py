# SPDX-License-Identifier: MIT
"""SVG charts of what `python -m benchmarks` has measured. Needs matplotlib.

One panel each, as narrow as a phone; text stays text, the ground is that of the page, and
what is drawn in `INK` turns light where the page is dark: a browser tells an image so.
May import: javascript, tables.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, NamedTuple

from . import javascript
from .tables import amount, significant

# Both are seen on white and on the dark grey of a dark page.
COLORS = {"ssewire": "#1f9e74", "ssewire cy": "#1f9e74", "ssewire py": "#7cc4a6"}
YARDSTICK = "#d9a441"
PEER = "#8d9aa8"
# No greens: those are ours.
PALETTE = (
    *("#3b8fd0", "#ff7f0e", "#e0524f", "#a77fd0", "#a8786c", "#e377c2", "#8f8f8f", "#bcbd22"),
    *("#17becf", "#aec7e8", "#ffbb78", "#ff9896", "#c5b0d5"),
)
# Stands for the color of text in what matplotlib writes: no other thing has it.
INK = "#123456"
STYLE = """<style>
 svg { color: #1f2328 }
 @media (prefers-color-scheme: dark) { svg { color: #e6e8eb } }
</style>
"""
# Inches: at this width the letters are as large on a phone as they are in its text.
WIDTH = 4.4
# A figure of that much more than the least goes over the edge: bars are on a log scale then.
LOG_FROM = 30.0


class Bar(NamedTuple):
    """A candidate's figure, and the ends of the middle half of its runs."""

    name: str
    figure: float
    low: float
    high: float
    wrong: bool


def _pyplot() -> Any:
    import matplotlib as mpl

    mpl.use("svg")
    ink = {
        f"{what}.{key}": INK
        for what, key in (
            ("text", "color"),
            ("axes", "edgecolor"),
            ("axes", "labelcolor"),
            ("xtick", "color"),
            ("ytick", "color"),
        )
    }
    # The same figures give the same file.
    more = {"svg.fonttype": "none", "svg.hashsalt": "ssewire", "font.size": 9}
    mpl.rcParams.update({**ink, **more, "axes.axisbelow": True})
    from matplotlib import pyplot

    return pyplot


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight", transparent=True)
    _pyplot().close(figure)
    text = path.read_text("utf-8").replace(INK, "currentColor")
    head, defs, rest = text.partition(" <defs>")
    # matplotlib leaves spaces at the ends of lines.
    lines = (head + STYLE + defs + rest).splitlines()
    path.write_text("".join(line.rstrip() + "\n" for line in lines), "utf-8")


def _color(name: str) -> str:
    if name.startswith("ssewire"):
        return COLORS.get(name, COLORS["ssewire"])
    return YARDSTICK if javascript.is_one(name) else PEER


def bars(chosen: list[Bar], title: str, path: Path) -> None:
    """Draw a bar a candidate, the first on top, with the spread of its runs."""
    chosen = chosen[::-1]
    pyplot = _pyplot()
    figure, panel = pyplot.subplots(figsize=(WIDTH, 0.7 + 0.24 * len(chosen)), layout="constrained")
    least, most = min(bar.figure for bar in chosen), max(bar.high for bar in chosen)
    for place, bar in enumerate(chosen):
        panel.barh(
            place,
            bar.figure,
            color=_color(bar.name),
            hatch="///" if bar.wrong else None,
            edgecolor="white" if bar.wrong else "none",
            xerr=[[bar.figure - bar.low], [bar.high - bar.figure]],
            error_kw={"elinewidth": 0.8, "ecolor": INK},
        )
        text = significant(bar.figure) + (" *" if bar.wrong else "")
        panel.annotate(
            text, (bar.high, place), xytext=(3, 0), textcoords="offset points", va="center", size=8
        )
    panel.set_yticks(range(len(chosen)), [bar.name for bar in chosen])
    panel.tick_params(axis="y", labelsize=8, length=0)
    panel.tick_params(axis="x", labelsize=7)
    if most > LOG_FROM * least:
        panel.set_xscale("log")
        panel.set_xlim(least / 2, most * 4)
        panel.minorticks_off()
    else:
        panel.set_xlim(0, most * 1.18)
    panel.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=9)
    _save(figure, path)


def lines(kind: Any, candidates: dict[str, list[Any]], path: Path) -> None:
    """Draw one way to grow, log-log, one line a candidate.

    Args:
        kind: what growth.py says of it.
        candidates: the points of each.
    """
    pyplot = _pyplot()
    figure, panel = pyplot.subplots(figsize=(WIDTH, 4.6), layout="constrained")
    peers = [name for name in candidates if name not in COLORS]
    colors = {**COLORS, **dict(zip(peers, itertools.cycle(PALETTE)))}
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
    figure.legend(
        handles=sorted(ends, key=ends.__getitem__, reverse=True),
        loc="outside lower center",
        ncols=2,
        fontsize=7,
        frameon=False,
    )
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.minorticks_off()
    sizes = sorted({size for points in candidates.values() for size, _, _ in points})
    names = [amount(s) if kind.unit == "bytes" else f"{s:,}" for s in sizes]
    panel.set_xticks(sizes, names, fontsize=7)
    panel.set_xlabel(kind.unit)
    panel.set_ylabel("seconds")
    panel.grid(True, color="#8d9aa8", alpha=0.35, linewidth=0.6)
    panel.spines[["top", "right"]].set_visible(False)
    _save(figure, path)
