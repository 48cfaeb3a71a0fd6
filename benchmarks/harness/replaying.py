# SPDX-License-Identifier: MIT
"""`ssewire replay` in another process, with a Claude message made up for the purpose.

May import: messages, processes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .messages import text_events
from .processes import ROOT, environment


def recording(deltas: int, opening: float, per_second: float) -> tuple[bytes, bytes]:
    """Return a text message and its timing.

    Args:
        opening: seconds between its start and the first delta, in which all streams are opened.
    """
    body = b""
    times = [json.dumps({"version": 1, "method": "POST", "url": "bench", "status": 200})]
    seconds = 0.0
    for number, piece in enumerate(text_events(deltas)):
        # The message and its block begin at once, then come the deltas.
        if number >= 2:
            seconds = opening + (number - 2) / per_second
        times.append(json.dumps({"offset": len(body), "size": len(piece), "seconds": seconds}))
        body += piece
    times.append(json.dumps({"end": "complete", "seconds": seconds}))
    return body, "\n".join(times).encode() + b"\n"


@contextmanager
def replaying(
    deltas: int, opening: float, per_second: float, python: str | None = None
) -> Iterator[str]:
    """Run the replay server in another process; give its URL.

    Args:
        python: the interpreter that has the ssewire to serve with, else this one and its own.
    """
    body, times = recording(deltas, opening, per_second)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bench.sse"
        file.write_bytes(body)
        file.with_name("bench.sse.times").write_bytes(times)
        env = environment("auto") if python is None else None
        command = [python or sys.executable, "-m", "ssewire", "replay", str(file)]
        with subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            try:
                yield process.stdout.readline().split()[-1]
            finally:
                process.terminate()
                process.wait(10)
