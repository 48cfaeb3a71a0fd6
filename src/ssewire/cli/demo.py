"""`ssewire demo`: the bundled stream, in the shape of Claude's, to its text."""

from __future__ import annotations

import argparse
import json
import os
import sys

from ..parser import IMPLEMENTATION
from ..stream import iter_events
from ._input import read_chunks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEMO_STREAM = os.path.join(os.path.dirname(__file__), "demo.sse")


def add_parser(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "demo",
        description="Parse a bundled stream in the shape of Claude's and print its text.",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Carry out `ssewire demo`."""
    events = 0
    with iter_events(read_chunks(DEMO_STREAM)) as stream:
        for event in stream:
            events += 1
            if event.event == "content_block_delta":
                delta = json.loads(event.data)["delta"]
                sys.stdout.write(delta.get("text", ""))
                sys.stdout.flush()
    sys.stdout.write("\n")
    print(f"[{events} events, parsed by the {IMPLEMENTATION} implementation]", file=sys.stderr)
    return 0
