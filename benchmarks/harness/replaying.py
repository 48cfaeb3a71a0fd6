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
from typing import Any

from .processes import ROOT, environment


def recording(deltas: int, opening: float, per_second: float) -> tuple[bytes, bytes]:
    """Return a text message and its timing.

    Args:
        opening: seconds between its start and the first delta, in which all streams are opened.
    """
    events: list[dict[str, Any]] = [
        {
            "type": "message_start",
            "message": {
                "id": "msg_bench",
                "type": "message",
                "role": "assistant",
                "model": "claude-sonnet-5-5",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {"input_tokens": 10, "output_tokens": 1},
            },
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": f" word{number} and"},
            }
            for number in range(deltas)
        ),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 2 * deltas},
        },
        {"type": "message_stop"},
    ]
    body = b""
    times = [json.dumps({"version": 1, "method": "POST", "url": "bench", "status": 200})]
    for number, event in enumerate(events):
        data = json.dumps(event, separators=(",", ":"))
        piece = f"event: {event['type']}\ndata: {data}\n\n".encode()
        seconds = 0.0 if number < 2 else opening + (number - 2) / per_second
        times.append(json.dumps({"offset": len(body), "size": len(piece), "seconds": seconds}))
        body += piece
    times.append(json.dumps({"end": "complete", "seconds": seconds}))
    return body, "\n".join(times).encode() + b"\n"


@contextmanager
def replaying(deltas: int, opening: float, per_second: float) -> Iterator[str]:
    """Run the replay server in another process; give its URL."""
    body, times = recording(deltas, opening, per_second)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bench.sse"
        file.write_bytes(body)
        file.with_name("bench.sse.times").write_bytes(times)
        command = [sys.executable, "-m", "ssewire", "replay", str(file)]
        with subprocess.Popen(
            command, cwd=ROOT, env=environment("auto"), stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            try:
                yield process.stdout.readline().split()[-1]
            finally:
                process.terminate()
                process.wait(10)
