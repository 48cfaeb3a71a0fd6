# SPDX-License-Identifier: MIT
"""Any text, any cut: partial JSON ends as json.loads does, in both modes and twins.

fuzz/README.md says how to run it.
"""

from __future__ import annotations

import json
import random
import sys

import atheris

with atheris.instrument_imports(include=["ssewire.claude"]):
    from ssewire.claude._json import MISSING, decode
    from ssewire.claude._partial_json_py import PartialJSON as Plain
    from ssewire.claude.partial_json import PartialJSON

MAX_LENGTH = 2048


def fuzz(data: bytes) -> None:
    """Parse one input: a byte of choices, then the document."""
    if not data:
        return
    text = data[1:MAX_LENGTH].decode("utf-8", "surrogatepass" if data[:1] < b"\x80" else "replace")
    rng = random.Random(data[0])
    try:
        expected = decode(text)
    except ValueError:
        expected = MISSING
    for mode in ("A", "B"):
        whole = PartialJSON(mode)
        whole.feed(text)
        cut = PartialJSON(mode)
        plain = Plain(mode)
        at = 0
        while at < len(text):
            size = rng.choice((1, 1, 2, 7, 50))
            cut.feed(text[at : at + size])
            plain.feed(text[at : at + size])
            at += size
            if rng.random() < 0.5:
                assert repr(cut.value) == repr(plain.value), (mode, text)
                assert repr(cut.error) == repr(plain.error), (mode, text)
        for parser in (whole, cut, plain):
            assert parser.complete == (expected is not MISSING), (mode, text)
            if parser.complete:
                assert json.dumps(parser.value) == json.dumps(expected), (mode, text)


def fuzz_bytes(data: bytes) -> None:
    """Parse one input that is text."""
    try:
        fuzz(data)
    except UnicodeDecodeError:
        pass


if __name__ == "__main__":
    atheris.Setup(sys.argv, fuzz_bytes)
    atheris.Fuzz()
