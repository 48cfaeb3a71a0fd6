# SPDX-License-Identifier: MIT
"""Compare the two parsers on many random streams, by hand or at night.

    python -m tests.parser.twins_campaign N [SEED]

plays N random runs (tests/kit/streams.py) to both parsers and compares all that can
be seen at each step; every tenth run is also compared with the literal reading
of the standard, in the order of its bytes. At the first difference it prints the
run, cut down as far as it still differs, and exits with 1.
"""

from __future__ import annotations

import random
import sys
import time
from functools import partial
from importlib import import_module
from typing import Any

from tests.kit.comparing import feed_and_compare
from tests.kit.literal import history
from tests.kit.streams import (
    CHUNKS,
    Options,
    Step,
    cut_down,
    large_stream,
    play,
    random_options,
    random_steps,
    random_stream,
)

PYTHON: Any = import_module("ssewire._parser_py").Parser
CYTHON: Any = import_module("ssewire._parser_cy").Parser

# A stream of many KiB takes as long as thousands of short ones.
EACH_LARGE = 5_000
EACH_LITERAL = 10


def differ(options: Options, steps: list[Step]) -> bool:
    """Say whether the parsers differ in anything that can be seen."""
    return play(PYTHON(**options), steps) != play(CYTHON(**options), steps)


def differ_from_literal(options: Options, steps: list[Step]) -> str | None:
    """Return how a parser differs from the literal reading, None if none does."""
    chunks = [data for kind, data in steps if kind in CHUNKS]
    expected = history(b"".join(chunks), **options)
    for parser_cls in (PYTHON, CYTHON):
        try:
            feed_and_compare(parser_cls(**options), chunks, expected)
        except AssertionError as exc:
            return f"{parser_cls.__module__}: {exc}"
    return None


def run(count: int, seed: int) -> str | None:
    """Play `count` runs; return a description of the first difference."""
    rng = random.Random(seed)
    for number in range(count):
        large = number % EACH_LARGE == EACH_LARGE - 1
        stream = large_stream(rng, 100_000) if large else random_stream(rng)
        options = random_options(rng)
        if large and "max_event_size" in options:
            # Around the size from which the pure parser takes its shortcut.
            options["max_event_size"] = rng.choice([None, 1_000, 49_151, 49_152, 60_000])
        steps = random_steps(rng, stream)
        if differ(options, steps):
            steps = cut_down(partial(differ, options), steps)
            pure = play(PYTHON(**options), steps)
            compiled = play(CYTHON(**options), steps)
            return f"run {number}\n{options}\n{steps}\npython: {pure}\ncython: {compiled}"
        if number % EACH_LITERAL == 0:
            text = differ_from_literal(options, steps)
            if text is not None:
                return f"run {number}\n{options}\n{steps}\n{text}"
    return None


def main(arguments: list[str]) -> int:
    count = int(arguments[0]) if arguments else 100_000
    seed = int(arguments[1]) if len(arguments) > 1 else 0
    begun = time.monotonic()
    difference = run(count, seed)
    if difference is not None:
        print(difference)
        return 1
    print(f"{count} random runs from seed {seed}: no difference, {time.monotonic() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
