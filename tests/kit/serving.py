# SPDX-License-Identifier: MIT
"""The replay server for programs of the documentation."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ssewire.replay import serve_in_thread

RECORDINGS = Path(__file__).resolve().parents[2] / "examples" / "recordings"


@contextlib.contextmanager
def served(what: str | None, environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """Serve recordings, and give an environment in which programs find them.

    Args:
        what: names of recordings and options of the server, `name.sse fault=reset at=3`;
            None serves nothing.
    """
    without = {
        name: value for name, value in environment.items() if not name.startswith("ANTHROPIC_")
    }
    if what is None:
        yield without
        return
    words = what.split()
    recordings = [RECORDINGS / word for word in words if "=" not in word]
    options: dict[str, Any] = dict(word.split("=", 1) for word in words if "=" in word)
    for name in ("at", "times"):
        if name in options:
            options[name] = int(options[name])
    with serve_in_thread(recordings, speed=float("inf"), **options) as server:
        yield {**without, "ANTHROPIC_BASE_URL": server.url, "ANTHROPIC_API_KEY": "sk-not-a-key"}
