# SPDX-License-Identifier: MIT
"""Random documents for the twins of PartialJSON, each against the other and json.loads.

`python -m tests.claude.partial_json_campaign N [SEED]` does N of them.
"""

from __future__ import annotations

import pickle
import random
import sys
import time
from importlib import import_module
from typing import Any

from ssewire.claude._json import decode
from tests.claude.conftest import PARTIAL_JSON_MODULES

SCALARS = [
    *("0", "-0", "1", "-1", "12", "1.5", "-0.25", "1e5", "1E+5", "2e-3", "1e400", "true", "false"),
    *("null", "NaN", "Infinity", "-Infinity", '""', '"a"', '"Zürich"', '"漢字"', '"😀"', "9" * 30),
    *('"\ud83d"', '"\ude00"', r'"\ud83d\ude00"', r'"\ud83d"', r'"\ude00"', r'"\ud83d\ud83d\ude00"'),
    *(r'"\ud83d\u0041"', r'"a\n\"\\\/\b\f\r\tz"', r'"\u00e9\u6f22"', '"\x7f"'),
    *('"\ud83d\\ude00"', '"\\ud83d\ude00"', '"\ud83d\\n"', "0." + "3" * 20, '"' + "x" * 40 + '"'),
]
# What mutations put anywhere.
NOISE = [
    *'{}[]",:\\u0dnatf1.e-+ \x02NI\n\té漢😀\ud83d\ude00\ufeff\xa0٣',
    *("", "\\ud83d", "\\u12", "\\q", "\\u+123", "true", '"a":', "1,", "-I", "[[", "nul", "01"),
]
KEYS = ['"a"', '"b"', '""', r'"\n"', '"é"', r'"\ud83d\ude00"']


def random_document(rng: random.Random) -> str:
    """Return a document, faulty in one of three."""
    document = _value(rng, rng.choice((0, 1, 2, 3, 5)))
    if rng.random() < 0.01:
        depth = rng.choice((3, 199, 200, 201, 300))
        opening = rng.choice(("[", '{"a":'))
        document = opening * depth + document
    elif rng.random() < 0.01:
        digits = "7" * rng.choice((4299, 4300, 4301, 9000))
        document = f"[{rng.choice(('', '0.', '-'))}{digits}]"[rng.randrange(2) :]
    while rng.random() < 0.35:
        at = rng.randrange(len(document) + 1)
        document = document[:at] + rng.choice(NOISE) + document[at + rng.randrange(3) :]
    return document


def _value(rng: random.Random, depth: int) -> str:
    if not depth or rng.random() < 0.2:
        return rng.choice(SCALARS)
    space = rng.choice(("", "", " ", "\n\t\r "))
    items = [_value(rng, depth - 1) for _ in range(rng.randrange(4))]
    if rng.random() < 0.5:
        return f"[{space}{f',{space}'.join(items)}{space}]"
    pairs = [f"{rng.choice(KEYS)}{space}:{space}{item}" for item in items]
    return f"{{{space}{f',{space}'.join(pairs)}}}"


def check(rng: random.Random, document: str, classes: list[Any]) -> None:
    """Feed a document, cut at random, to each class; compare all that shows after each fragment.

    Raises:
        AssertionError: they differ, or from json.loads at the end.
    """
    mode = rng.choice("AB")
    parsers = [cls(mode) for cls in classes]
    sizes = rng.choice(((1,), (1, 2, 3), (1, 2, 7, 50), (0, 12), (len(document) or 1,)))
    look = rng.choice((0, 0.3, 1))
    fed = at = 0
    try:
        while at < len(document):
            size = rng.choice(sizes)
            for parser in parsers:
                parser.feed(document[at : at + size])
            at += size
            fed += 1
            if rng.random() < look:
                _same([_shown(parser) for parser in parsers])
            if rng.random() < 0.02:
                _same([_state(parser) for parser in parsers])
                # What one has pickled the other goes on with.
                states = [parser.__reduce_ex__(2)[2] for parser in parsers]
                states = pickle.loads(pickle.dumps(states[::-1]))
                parsers = [cls(mode) for cls in classes]
                for parser, state in zip(parsers, states):
                    _restore(parser, state)
        _same([(_shown(parser), _state(parser)) for parser in parsers])
        # Raw halves of a pair that a cut parts are one character: not so in json.loads.
        if any("\ud800" <= char <= "\udfff" for char in document):
            return
        try:
            expected = (True, repr(decode(document)))
        except ValueError:
            expected = (False, "")
        for parser in parsers:
            found = (parser.complete, repr(parser.value) if parser.complete else "")
            _same([expected, found])
    except AssertionError as exc:
        raise AssertionError(f"{document!r} mode {mode}, {fed} fragments, at {at}: {exc}") from exc


def _restore(parser: Any, state: Any) -> None:
    if hasattr(parser, "__setstate__"):
        parser.__setstate__(state)
    else:
        for name, value in state[1].items():
            setattr(parser, name, value)


def _shown(parser: Any) -> tuple[str, str, bool]:
    return repr(parser.value), repr(parser.error), parser.complete


def _state(parser: Any) -> str:
    return repr(sorted(parser.__reduce_ex__(2)[2][1].items()))


def _same(found: list[Any]) -> None:
    assert all(item == found[0] for item in found), found


def campaign(count: int, seed: int, classes: list[Any]) -> None:
    """Check `count` random documents.

    Raises:
        AssertionError: as `check`.
    """
    rng = random.Random(seed)
    for _ in range(count):
        check(rng, random_document(rng), classes)


if __name__ == "__main__":
    runs = int(sys.argv[1])
    chosen = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    print(f"{runs} documents, seed {chosen}")
    campaign(
        runs, chosen, [import_module(name).PartialJSON for name in PARTIAL_JSON_MODULES.values()]
    )
    print("no difference")
