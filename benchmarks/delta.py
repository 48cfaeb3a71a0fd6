"""What does decoding the payload of one delta cost? `python -m benchmarks.delta`.

json.loads, the Python decoder and the compiled one take turns on the same
payloads, padded at random as the API pads them; each must give the same texts.
`run` is what `text_stream` uses: all payloads of a block at once.
"""

from __future__ import annotations

import json
import random
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
    key, words = TEXTS[name]
    rng = random.Random(name)
    made = []
    for _ in range(PAYLOADS):
        delta = {"type": _KINDS[key], key: "".join(rng.choices(words, k=2))}
        event = {"type": "content_block_delta", "index": 0, "delta": delta}
        data = json.dumps(event, separators=(",", ":"), ensure_ascii=False)
        made.append(data[:-1] + " " * rng.randrange(16) + "}")
    return made


def ways(name: str, data: list[str]) -> dict[str, Callable[[], list[str]]]:
    """Return what is measured: name -> function that gives the texts."""
    from ssewire import ServerSentEvent

    key = TEXTS[name][0]
    events = [ServerSentEvent(each, "content_block_delta") for each in data]

    def by_json() -> list[str]:
        loads = json.loads
        return [loads(each)["delta"][key] for each in data]

    def by_decoder(decoder: Any) -> list[str]:
        decode = decoder.decode
        return [decode(each)[2] for each in data]

    def by_run(decoder: Any) -> list[str]:
        texts: list[str] = decoder.run(events, 0, 0, _KINDS[key])
        return texts

    found: dict[str, Callable[[], list[str]]] = {"json.loads": by_json}
    for implementation, module in _MODULES.items():
        if implementation == "cython" and not processes.built():
            continue
        cls = import_module(module).DeltaDecoder
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
    for name in TEXTS:
        found = measured(name)
        print(f"{name}:")
        for way, figure in found.items():
            print(f"  {way:<14} {figure:8.0f}  {found['json.loads'] / figure:6.1f} x")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
