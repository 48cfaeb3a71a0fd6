# SPDX-License-Identifier: MIT
"""Any bytes, any options, any cut: both parsers and the literal reading agree after every feed,
and nothing but EventTooLarge is raised.

The coverage that guides the search is that of the pure parser and of the
literal reading; the compiled one has to follow. fuzz/README.md says how to run it.
"""

from __future__ import annotations

import random
import sys
from typing import Any

import atheris

with atheris.instrument_imports(include=["ssewire", "tests.kit.literal"]):
    from ssewire import _parser_cy, _parser_py
    from tests.kit.literal import history

from tests.kit.comparing import feed_and_compare
from tests.kit.streams import CHUNKS, IDS, LIMITS, TYPES, play, random_cut

PARSERS: tuple[Any, ...] = (_parser_py.Parser, _parser_cy.Parser)
# Tight limits and none; above the streams' own length they mean nothing.
SIZES = [None, None, *LIMITS]
# The literal reading takes microseconds per byte.
MAX_LENGTH = 4096


def check(data: bytes) -> None:
    """Play one input: three bytes of choices, then the stream."""
    if len(data) < 3:
        return
    flags, size, seed = data[0], data[1], data[2]
    stream = data[3:MAX_LENGTH]
    options = {
        "comments": bool(flags & 1),
        "default_event": TYPES[flags >> 1 & 3],
        "last_event_id": IDS[(flags >> 3) % len(IDS)],
        "max_event_size": SIZES[size % len(SIZES)],
    }
    rng = random.Random(seed)
    expected = history(stream, **options)
    for chunks in (
        [stream],
        [stream[i : i + 1] for i in range(len(stream))],
        random_cut(rng, stream),
        random_cut(rng, stream),
    ):
        for parser_cls in PARSERS:
            feed_and_compare(parser_cls(**options), chunks, expected)
    # Types of chunks, errors in full, resets.
    kinds = [*CHUNKS]
    steps = [(rng.choice(kinds), chunk) for chunk in random_cut(rng, stream)]
    steps.insert(rng.randrange(len(steps) + 1), ("reset", b""))
    pure, compiled = (play(parser_cls(**options), steps) for parser_cls in PARSERS)
    assert compiled == pure, (options, steps)


if __name__ == "__main__":
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
