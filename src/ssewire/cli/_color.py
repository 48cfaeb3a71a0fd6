# SPDX-License-Identifier: MIT
"""Colour where somebody looks: JSON and the types of events on a terminal.

What is coloured has gone through `printable` or `plain_json` before, so that the only commands a
terminal gets are these. May import: nothing.
"""

from __future__ import annotations

import os
import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

PLAIN = "\033[0m"
DIM = "\033[2m"
TYPE = "\033[36m"
_KEY = "\033[34m"
_STRING = "\033[32m"
_WORD = "\033[35m"

# A string and the colon that makes it a key, or a number or word outside of strings.
_TOKENS = r'("(?:[^"\\]+|\\.)*")(\s*:)?|[-+.\w]+'


def add_color(parser: argparse.ArgumentParser) -> None:
    """Add the option --color."""
    parser.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="colour the output; auto (the default): on a terminal, unless NO_COLOR is set",
    )


def shows_commands(stream: Any) -> bool:
    """Say whether a stream is a terminal that carries out escape sequences."""
    if not stream.isatty() or os.environ.get("TERM") == "dumb":
        return False
    # Old consoles of Windows show them. These two names are set by those that do not.
    return os.name != "nt" or bool(os.environ.get("WT_SESSION") or os.environ.get("TERM"))


def wants_color(choice: str) -> bool:
    """Say whether standard output is to be coloured, by the value of --color."""
    if choice != "auto":
        return choice == "always"
    return not os.environ.get("NO_COLOR") and shows_commands(sys.stdout)


def colored_json(text: str) -> str:
    """Return JSON with colours for keys, strings, numbers and words."""
    return re.sub(_TOKENS, _colored, text)


def _colored(match: re.Match[str]) -> str:
    if match[1] is None:
        return f"{_WORD}{match[0]}{PLAIN}"
    if match[2] is None:
        return f"{_STRING}{match[1]}{PLAIN}"
    return f"{_KEY}{match[1]}{PLAIN}{match[2]}"
