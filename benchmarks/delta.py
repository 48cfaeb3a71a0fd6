# SPDX-License-Identifier: MIT
"""What does decoding the payload of one delta cost? `python -m benchmarks.delta`.

json.loads, the Python decoder and the compiled one take turns on the same
payloads, padded at random as the API pads them; each must give the same texts.
`run` is what `text_stream` uses: all payloads of a block at once. The decoders live
on payloads that look alike; the last three kinds are those of servers that write
them otherwise, where no decoder may cost much more than json.loads does.
"""

from __future__ import annotations

import json
import random
import re
import time
from functools import partial
from importlib import import_module
from typing import Any, Callable

from .harness import processes
from .harness.rounds import best

ROUNDS = 7
PAYLOADS = 4_000
_MODULES = {"python": "ssewire.claude._delta_py", "cython": "ssewire.claude._delta_cy"}
_KINDS = {"text": "text_delta", "partial_json": "input_json_delta"}

# Name -> the key of the text, and pieces that texts are made of.
TEXTS = {
    "text": ("text", [" the", " quick", " brown fox", " jumps.", " It's", " over 13 lazy dogs"]),
    "tool": ("partial_json", ['{"path": "', "src/main", '.py", "text": "', "def f():\\n  ", '"}']),
    "cjk": ("text", ["漢字仮名", "交じり文", "は、", "日本語😀の", "一般的な", "表記法です。"]),
}


def payloads(name: str) -> list[str]:
    """Return the payloads of one block."""
    key, words = TEXTS.get(name, TEXTS["text"])
    write = _WRITERS.get(name, _usual)
    rng = random.Random(name)
    return [write(rng, key, "".join(rng.choices(words, k=2))) for _ in range(PAYLOADS)]


def _usual(rng: random.Random, key: str, text: str) -> str:
    delta = {"type": _KINDS[key], key: text}
    return _written({"type": "content_block_delta", "index": 0, "delta": delta}, rng)


def _any_order(rng: random.Random, key: str, text: str) -> str:
    delta = [("type", _KINDS[key]), (key, text)]
    event = [("type", "content_block_delta"), ("index", 0), ("delta", _shuffled(rng, delta))]
    return _written(_shuffled(rng, event), rng)


def _any_space(rng: random.Random, key: str, text: str) -> str:
    return re.sub("(?<=[:,{])", lambda _: " " * rng.randrange(8), _usual(rng, key, text))


def _more_keys(rng: random.Random, key: str, text: str) -> str:
    delta = {"type": _KINDS[key], key: text, "estimated_tokens": rng.randrange(50)}
    return _written({"type": "content_block_delta", "index": 0, "delta": delta}, rng)


def _shuffled(rng: random.Random, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(rng.sample(pairs, len(pairs)))


def _written(event: dict[str, Any], rng: random.Random) -> str:
    data = json.dumps(event, separators=(",", ":"), ensure_ascii=False)
    return data[:-1] + " " * rng.randrange(16) + "}"


_WRITERS: dict[str, Callable[[random.Random, str, str], str]] = {
    # Keys in random order, as some languages write a map: twelve looks in turn.
    "any order": _any_order,
    # Each payload with a look of its own, nearly.
    "any space": _any_space,
    # No plain deltas: the decoder gives them back to json.loads.
    "more keys": _more_keys,
}


def ways(name: str, data: list[str]) -> dict[str, Callable[[], list[str]]]:
    """Return what is measured: name -> function that gives the texts."""
    from ssewire import ServerSentEvent

    key = TEXTS.get(name, TEXTS["text"])[0]
    events = [ServerSentEvent(each, "content_block_delta") for each in data]

    def by_json() -> list[str]:
        loads = json.loads
        return [loads(each)["delta"][key] for each in data]

    def by_decoder(decoder: Any) -> list[str]:
        decode = decoder.decode
        return [decode(each)[2] for each in data]

    def by_decoder_in_vain(decoder: Any) -> list[str]:
        decode, loads = decoder.decode, json.loads
        return [loads(each)["delta"][key] for each in data if decode(each) is None]

    def by_run(decoder: Any) -> list[str]:
        texts: list[str] = decoder.run(events, 0, 0, _KINDS[key])
        return texts

    found: dict[str, Callable[[], list[str]]] = {"json.loads": by_json}
    for implementation, module in _MODULES.items():
        if implementation == "cython" and not processes.built():
            continue
        cls = import_module(module).DeltaDecoder
        if name == "more keys":
            found[f"{implementation} decode"] = partial(by_decoder_in_vain, cls())
            continue
        found[f"{implementation} decode"] = partial(by_decoder, cls())
        found[f"{implementation} run"] = partial(by_run, cls())
    return found


def measured(name: str, clock: Callable[[], float] = time.perf_counter) -> dict[str, float]:
    """Return nanoseconds a payload, for each way; best of the rounds.

    Raises:
        AssertionError: the ways differ in what they give.
    """
    functions = ways(name, payloads(name))
    expected = functions["json.loads"]()
    for way, function in functions.items():
        # Twice: the first learns how the payloads look, the second has learnt.
        if function() != expected or function() != expected:
            raise AssertionError(f"{way} differs from json.loads on {name}")
    seconds = best(ROUNDS, *functions.values(), clock=clock)
    return {way: each / PAYLOADS * 1e9 for way, each in zip(functions, seconds)}


def main() -> int:
    """Print the table."""
    print(processes.machine())
    print("ns a payload (times faster than json.loads)")
    for name in (*TEXTS, *_WRITERS):
        found = measured(name)
        print(f"{name}:")
        for way, figure in found.items():
            print(f"  {way:<14} {figure:8.0f}  {found['json.loads'] / figure:6.1f} x")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
