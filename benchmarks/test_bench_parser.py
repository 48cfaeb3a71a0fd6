# SPDX-License-Identifier: MIT
"""What does one change do to a parser? `python -m pytest -p benchmark benchmarks`.

A pytest-benchmark suite: each built parser on the main corpora and chunk shapes. It
never runs with the tests. Both parsers make the events of this process's class;
SSEWIRE_PARSER=python measures the Python parser with its own.
`python -m benchmarks` compares, with peers and with each parser's own events.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any, Callable

import pytest

from benchmarks.harness import processes, shapes

CORPORA = ("claude", "openai", "cjk", "small", "multiline", "crlf")
MODULES = {"python": "ssewire._parser_py", "cython": "ssewire._parser_cy"}
BUILT = [
    name
    for name in MODULES
    if name == "python" or (os.environ.get("SSEWIRE_PARSER") != "python" and processes.built())
]
# Enough for 64 KiB chunks to be full, few enough for the suite to take seconds.
COUNT = 2_000


@pytest.mark.parametrize("chunks", shapes.CHUNKS)
@pytest.mark.parametrize("corpus", CORPORA)
@pytest.mark.parametrize("implementation", BUILT)
def test_feed(benchmark: Callable[..., Any], implementation: str, corpus: str, chunks: str) -> None:
    parser_cls = import_module(MODULES[implementation]).Parser
    stream = shapes.build(corpus, COUNT)
    pieces = shapes.cut(stream, chunks)

    def feed_all() -> int:
        feed = parser_cls().feed
        count = 0
        for piece in pieces:
            count += len(feed(piece))
        return count

    assert benchmark(feed_all) == len(stream.expected)
