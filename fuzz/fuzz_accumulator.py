# SPDX-License-Identifier: MIT
"""Any bytes, any cut: the accumulator and the streams agree, and only documented exceptions leave.

What is called on the result is what tests/claude/mutation_campaign.py calls. fuzz/README.md
says how to run it.
"""

from __future__ import annotations

import logging
import random
import sys

import atheris

with atheris.instrument_imports(include=["ssewire.claude"]):
    import ssewire.claude  # noqa: F401

from tests.claude.mutation_campaign import check
from tests.claude.wire import message_start

MAX_LENGTH = 4096
logging.getLogger("ssewire").setLevel(logging.CRITICAL)


def fuzz(data: bytes) -> None:
    """Read one input: a byte of choices, then the stream, perhaps after a message's start."""
    if not data:
        return
    body = data[1:MAX_LENGTH]
    check(random.Random(data[0]), message_start() + body if data[0] & 1 else body)


if __name__ == "__main__":
    atheris.Setup(sys.argv, fuzz)
    atheris.Fuzz()
