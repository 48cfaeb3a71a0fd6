# SPDX-License-Identifier: MIT
"""What the package says is published is what docs/benchmarks/parsers.json holds."""

from __future__ import annotations

import json

from benchmarks.harness import published


def test_the_package_holds_the_published_figures_of_what_it_measures() -> None:
    part = json.loads(published.SOURCE.read_text("utf-8"))
    # After a change of the file: python -m benchmarks.harness.published
    assert published.TARGET.read_text("utf-8") == published.module(part)


def test_the_published_figures_have_each_row_that_the_package_measures() -> None:
    rows = published.excerpt(json.loads(published.SOURCE.read_text("utf-8")))["rows"]
    found = {(row["corpus"], row["chunks"], row["candidate"]) for row in rows}
    assert found == {
        (corpus, chunks, candidate)
        for corpus in published.CORPORA
        for chunks in published.CHUNKS
        for candidate in ("ssewire py", "ssewire cy")
    }
    assert all(row["seconds"] and not row["fault"] for row in rows)
