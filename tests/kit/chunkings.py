# SPDX-License-Identifier: MIT
"""Ways to cut a stream into chunks, for tests that no cut may show in a result.

Every chunking joins to the same bytes. The work for one stream is bounded:
what is exhaustive for a case of the corpus becomes a seeded sample for a large
stream. May import: the standard library.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

# Up to this size each single cut is tried; the work for it is quadratic.
EXHAUSTIVE = 400
# How many single cuts are tried in larger streams.
SAMPLED_CUTS = 60
# Streams above this are not dripped in chunks of one to three bytes over and over.
LARGE = 20_000


def chunkings(data: bytes, seed: int = 0) -> Iterator[list[bytes]]:
    """Yield `data` cut in many ways, each a list of chunks."""
    size = len(data)
    rng = random.Random(f"{seed} {size}")
    yield [data]
    yield [data[i : i + 1] for i in range(size)]

    special = [i for i in range(size) if data[i] in b"\r\n: " or data[i] >= 0x80]
    singles: Iterable[int] = range(size + 1)
    if size > EXHAUSTIVE:
        # The last bytes decide whether an event is out or pending: always tried.
        chosen = {*range(4), *range(size - 4, size + 1)}
        chosen.update(rng.sample(range(size), SAMPLED_CUTS // 2))
        chosen.update(rng.sample(special, min(SAMPLED_CUTS // 4, len(special))))
        singles = sorted(chosen)
    for at in singles:
        yield [data[:at], data[at:]]

    before = special
    after = [i + 1 for i in special]
    line_ends = [i + 1 for i in range(size) if data[i] in b"\r\n"]
    yield _cut(data, before)
    yield _cut(data, after)
    yield _cut(data, {*before, *after})
    yield _cut(data, line_ends)
    yield _interleave_empty(_cut(data, {*before, *after}))
    yield _interleave_empty(_cut(data, line_ends))

    for length in (2, 3, 5, 7, 16, 37, 1400):
        if length < size and (length > 3 or size <= LARGE):
            yield [data[i : i + length] for i in range(0, size, length)]
    for _ in range(10):
        cuts = rng.randrange(1, 2 + min(size, 40))
        yield _cut(data, {rng.randrange(size + 1) for _ in range(cuts)})


def _cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(places), len(data)]
    return [data[a:b] for a, b in zip(edges, edges[1:])]


def _interleave_empty(chunks: list[bytes]) -> list[bytes]:
    result = [b""]
    for chunk in chunks:
        result += [chunk, b""]
    return result
