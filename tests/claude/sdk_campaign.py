# SPDX-License-Identifier: MIT
"""Random valid streams through the official SDK and through ours: the same final message.

`python -m tests.claude.sdk_campaign N [SEED]`, about ten a second with both twins; the streams
are those of test_random_streams, as far as the SDK's own models can hold what is in them, and
each is also read at random cuts by the other delta decoder. May import: hypothesis, tests.claude.
"""

from __future__ import annotations

import random
import sys
import warnings
from importlib import import_module
from typing import Any

from ssewire.claude import _delta_py
from tests.claude.test_against_sdk import our_message, sdk_message
from tests.claude.wire import (
    accumulate,
    delta,
    frame,
    message_start,
    partial,
    start,
    stop,
    text,
    wire,
)

accumulator_module: Any = import_module("ssewire.claude.accumulator")

WORDS = ["a", " ", "\n", "é", "\U0001f600", '"', "\\", "word ", "", "\u2028", "x" * 300]


def pieces(rng: random.Random, most: int = 6) -> list[str]:
    return ["".join(rng.choices(WORDS, k=rng.randrange(4))) for _ in range(rng.randrange(most))]


def cuts(rng: random.Random, value: str) -> list[str]:
    places = sorted(rng.randrange(len(value) + 1) for _ in range(rng.randrange(5)))
    return [value[a:b] for a, b in zip([0, *places], [*places, len(value)])]


def json_text(rng: random.Random, depth: int = 0) -> str:
    """Return the text of a random JSON object."""

    def value(depth: int) -> str:
        kind = rng.randrange(8 if depth < 3 else 5)
        if kind == 0:
            return rng.choice(("true", "false", "null"))
        if kind == 1:
            return str(rng.randrange(-(10**6), 10**12))
        if kind == 2:
            return rng.choice(("1.5", "-0.25", "1e3", "12.0"))
        if kind in (3, 4):
            return rng.choice(('"x"', '""', '"\\u00e9\\n"', '"é"', '"\\ud83d\\ude00"'))
        if kind == 5:
            return f"[{', '.join(value(depth + 1) for _ in range(rng.randrange(3)))}]"
        return json_text(rng, depth + 1)

    members = [f'"k{n}": {value(depth)}' for n in range(rng.randrange(4))]
    return f"{{{rng.choice(('', ' '))}{', '.join(members)}}}"


def block(rng: random.Random, index: int) -> bytes:
    """Return the events of one block."""
    kind = rng.randrange(6)
    deltas: list[bytes] = []
    if kind in (0, 1):
        begun: dict[str, Any] = {"type": "text", "text": ""}
        deltas = [text(index, piece) for piece in pieces(rng)]
        if kind:
            begun["citations"] = rng.choice(([], None))
            where = {"type": "char_location", "cited_text": "c", "document_index": 0}
            where.update(document_title=None, start_char_index=0, end_char_index=1)
            deltas.append(delta(index, "citations_delta", citation=where))
    elif kind == 2:
        begun = {"type": "thinking", "thinking": "", "signature": ""}
        deltas = [delta(index, "thinking_delta", thinking=piece) for piece in pieces(rng)]
        deltas.append(delta(index, "signature_delta", signature="sig"))
    elif kind == 3:
        name = rng.choice(("tool_use", "server_tool_use", "mcp_tool_use"))
        begun = {"type": name, "id": "i", "name": "n", "input": {}}
        if name == "mcp_tool_use":
            begun["server_name"] = "s"
        deltas = [partial(index, piece) for piece in ["", *cuts(rng, json_text(rng))]]
    elif kind == 4:
        begun = {"type": "compaction", "content": None, "encrypted_content": None}
        deltas = [delta(index, "compaction_delta", content="c", encrypted_content="e")]
    else:
        begun = {"type": "redacted_thinking", "data": "d"}
    noise = [b"", b"", wire("ping"), b": hi\n\n", frame('{"type":"vendor"}', "vendor")]
    parts = [start(index, begun), *deltas, stop(index)]
    return b"".join(part + rng.choice(noise) for part in parts)


def stream(rng: random.Random) -> bytes:
    """Return a valid stream."""
    blocks = b"".join(block(rng, index) for index in range(rng.randrange(5)))
    change = {"stop_reason": rng.choice(("end_turn", "tool_use")), "stop_sequence": None}
    usage = {"output_tokens": rng.randrange(1000), "input_tokens": rng.choice((None, 12))}
    end = wire("message_delta", delta=change, usage=usage)
    return message_start() + blocks + end + wire("message_stop")


def campaign(count: int, seed: int) -> None:
    """Compare `count` streams."""
    compiled = accumulator_module.DeltaDecoder
    for number in range(seed, seed + count):
        rng = random.Random(number)
        body = stream(rng)
        expected = sdk_message(body)
        assert our_message(body) == expected, number
        places = sorted(rng.randrange(len(body)) for _ in range(20))
        chunks = [body[a:b] for a, b in zip([0, *places], [*places, len(body)])]
        for decoder in {compiled, _delta_py.DeltaDecoder}:
            accumulator_module.DeltaDecoder = decoder
            message = accumulate(*chunks)[0].message
            accumulator_module.DeltaDecoder = compiled
            assert message is not None
            found = message.to_dict()
            if found.get("stop_details", 0) is None:
                del found["stop_details"]
            assert found == expected, number


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    campaign(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    print("all equal")
