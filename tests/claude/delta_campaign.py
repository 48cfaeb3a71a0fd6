# SPDX-License-Identifier: MIT
"""Random payloads for the delta decoders, and what json.loads says of them.

`python -m tests.claude.delta_campaign N [SEED]` compares N payloads, each with
json.loads and between the implementations that are built.
"""

from __future__ import annotations

import json
import random
import re
import sys
import time
from importlib import import_module
from typing import Any, Optional

from tests.claude.conftest import DELTA_MODULES

Decoded = Optional["tuple[int, str, str]"]

KEYS = {
    "text_delta": "text",
    "input_json_delta": "partial_json",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
}
# Pieces of texts, as they are, and as JSON writes them.
WORDS = [
    *("", " ", "a", "hello", "Zürich", "漢字", "😀", "\ud83d", "\ude00", "\u2028", "\x7f"),
    *('"', "\\", "/", "\n", "\t", "\x00", "\x1f", "}", '"}}', "text", "marker", "type", "{}"),
    *('{"a": "b', '"text_delta', "content_block_delta", "x" * 40, "é" * 20, "{\\", "0"),
]
ESCAPED = [
    *(r"\n", r"\"", r"\\", r"\/", r"\b", r"\f", r"\r", r"\t", r"\u0041", r"\u00e9", r"\u6f22"),
    *(r"\ud83d\ude00", r"\uD83D\uDE00", r"\ud83d", r"\ude00", r"\ud83d\ud83d\ude00", r"\udc00x"),
    *(r"\ud83dx", r"\ud83d\n", r"\u0000", r"\ud83d\u0041"),
]
# What json refuses in a string.
BROKEN = [
    *("\\", r"\q", r"\u12", r"\u12g4", "\n", "\x00", "\x1f", '"', r"\ud83d\u12", r"\ud83d\uzzzz"),
    # What int() takes for digits.
    *(r"\u+123", r"\u 123", r"\u1_23", r"\u0x12", r"\u٠٠٠٠", r"\ud83d\u+e00"),
]
# What mutations put anywhere.
NOISE = [
    *(
        '"',
        "\\",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        " ",
        "\t",
        "\n",
        "0",
        "9",
        "-",
        ".",
        "e",
        "u",
        "\x00",
    ),
    *("null", '"x":1,', ',"x":{}', '"type":"text_delta",', '"text":"a",', '"index":1,', "\ufeff"),
    *(r"\u0074", "é", "漢", "😀", "text", "thinking", "  ", "1234567890", "}}", '{"a":"b"}'),
]
INDICES = [
    *("0", "0", "1", "2", "7", "10", "999999999", "1000000000", "12345678901234567890", "-1", "-0"),
    *("00", "01", "1.0", "1e2", "true", "null", '"0"', "[]", "+1", "", "0x1", "٣"),
]


def random_text(rng: random.Random) -> str:
    """Return the inside of a JSON string, valid nearly always."""
    pieces = []
    for _ in range(rng.choice((0, 1, 1, 2, 3, 8))):
        kind = rng.random()
        if kind < 0.55:
            word = json.dumps(rng.choice(WORDS), ensure_ascii=rng.random() < 0.3)
            pieces.append(word[1:-1])
        else:
            pieces.append(rng.choice(BROKEN if kind > 0.98 else ESCAPED))
    return "".join(pieces)


class Look:
    """How a server writes the deltas of one block: order, space, index, kind."""

    def __init__(self, rng: random.Random) -> None:
        self.kind = rng.choice(list(KEYS))
        self.key = KEYS[self.kind] if rng.random() < 0.97 else rng.choice([*KEYS.values(), "x"])
        self.index = rng.choice(INDICES if rng.random() < 0.3 else INDICES[:7])
        self.usual = rng.random() < 0.5
        self.outer = [0, 1, 2]
        self.inner = [0, 1]
        if not self.usual:
            rng.shuffle(self.outer)
            rng.shuffle(self.inner)
        self.colon = rng.choice((":", ":", ": ", " : ", ":\t"))
        self.comma = rng.choice((",", ",", ", ", " ,\n", ",\r"))
        self.extra = rng.random() < 0.05
        self.end = rng.choice(("", "", "", " ", "\n", " x", "}"))

    def payload(self, rng: random.Random) -> str:
        """Return a payload of this look with a random text and padding."""
        colon = self.colon
        inner = [
            f'"type"{colon}"{self.kind}"',
            f'"{self.key}"{colon}"{random_text(rng)}"',
        ]
        delta = self.comma.join(inner[i] for i in self.inner)
        outer = [
            f'"type"{colon}"content_block_delta"',
            f'"index"{colon}{self.index}',
            f'"delta"{colon}{{{delta}}}',
        ]
        members = [outer[i] for i in self.outer]
        if self.extra:
            members.insert(rng.randrange(4), '"x"' + colon + rng.choice(("1", "null", '"y"', "[]")))
        padding = " " * rng.choice((0, 0, 1, rng.randrange(30)))
        return "{" + self.comma.join(members) + padding + "}" + self.end


def mutated(rng: random.Random, payload: str) -> str:
    """Return a payload with one to three faults."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.randrange(len(payload) + 1)
        what = rng.random()
        if what < 0.5:
            payload = payload[:at] + rng.choice(NOISE) + payload[at:]
        elif what < 0.75:
            payload = payload[:at] + payload[at + rng.choice((1, 1, 2, 8)) :]
        elif what < 0.85:
            payload = payload[:at]
        else:
            payload = payload[:at] + rng.choice(NOISE) + payload[at + 1 :]
    return payload


def random_payloads(rng: random.Random, count: int) -> list[str]:
    """Return the payloads of one stream: a few looks in turn, some of them broken."""
    looks = [Look(rng) for _ in range(rng.choice((1, 2, 3, 12)))]
    faults = rng.choice((0.0, 0.1, 0.5))
    payloads = []
    for _ in range(count):
        payload = rng.choice(looks).payload(rng)
        if rng.random() < faults:
            payload = mutated(rng, payload)
        payloads.append(payload)
    return payloads


def _refuse(digits: str) -> Any:
    return int(digits) if digits.isdigit() and len(digits) <= 9 else None


def plain_delta(data: str) -> Decoded:
    """Return what json says a payload is: index, kind and text, or None if no plain delta."""
    try:
        json.loads(data)
        pairs: Any = json.loads(data, object_pairs_hook=tuple, parse_int=_refuse)
    except (ValueError, RecursionError):
        return None
    if type(pairs) is not tuple or sorted(key for key, _ in pairs) != ["delta", "index", "type"]:
        return None
    event = dict(pairs)
    if type(event["delta"]) is not tuple or len(event["delta"]) != 2:
        return None
    delta = dict(event["delta"])
    kind = delta.get("type")
    if event["type"] != "content_block_delta" or type(kind) is not str or kind not in KEYS:
        return None
    text = delta.get(KEYS[kind])
    if type(event["index"]) is not int or type(text) is not str:
        return None
    return event["index"], kind, text


_text_value = re.compile(
    r'"(?:text|partial_json|thinking|signature)"\s*:\s*"(?:[^"\\]|\\.)*"', re.DOTALL
)


def check(decoders: list[Any], data: str) -> Decoded:
    """Compare decoders with json and with each other on one payload; return what they say.

    Raises:
        AssertionError: they differ.
    """
    expected = plain_delta(data)
    results = [decoder.decode(data) for decoder in decoders]
    for result in results:
        assert result == results[0], (data, results)
        if result is None and expected is not None:
            # An escape outside the text is the one thing that a decoder may decline.
            assert "\\" in _text_value.sub("", data, count=1), (data, expected)
        else:
            assert result == expected, (data, result, expected)
        if result is not None:
            assert [type(part) for part in result] == [int, str, str], (data, result)
    return results[0] if results else None


def campaign(decoder_classes: list[Any], count: int, seed: int) -> int:
    """Compare `count` random payloads; return how many of them were plain deltas."""
    rng = random.Random(seed)
    plain = 0
    while count > 0:
        payloads = random_payloads(rng, min(count, rng.choice((1, 20, 100))))
        count -= len(payloads)
        decoders = [cls() for cls in decoder_classes]
        for data in payloads:
            plain += check(decoders, data) is not None
    return plain


def main() -> None:
    count = int(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(2**32)
    classes = []
    for name, module in DELTA_MODULES.items():
        try:
            classes.append(import_module(module).DeltaDecoder)
        except ModuleNotFoundError:
            print(f"{name}: never built")
    started = time.perf_counter()
    plain = campaign(classes, count, seed)
    seconds = time.perf_counter() - started
    print(
        f"{count} payloads, {plain} of them plain deltas, seed {seed}, {seconds:.0f} s: all equal"
    )


if __name__ == "__main__":
    main()
