# SPDX-License-Identifier: MIT
"""A parser that is a program: run it on a file, judge what it prints, and time it.

Its words may hold {file}, {chunk}, {ends} and {times}, which docs/how-to/join-the-benchmark.md
explains. Whatever it does, crash, hang or print for ever, ends in a `Failed`.
May import: processes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from .processes import NoAnswer, kill_all, start

# Seconds for one run. The slowest that get anywhere need less for any corpus.
LIMIT = 20.0
# The longest corpus has 3 MB; as NDJSON, every character escaped, six times that.
MOST_OUTPUT = 64 * 1024 * 1024
# Seconds between two looks at a process; its time is CPU time, which this does not touch.
POLL = 0.005
# Seconds that the passes which count have to take: ten clock ticks where times are in ticks.
ENOUGH = 0.1
MOST_TIMES = 1 << 16
# Of what a program says on stderr, in a table.
SAID = 60


class Failed(Exception):
    """The program could not be started, ended badly, took too long or printed no events."""


class Done(NamedTuple):
    """A run that ended well."""

    seconds: float  # CPU time of the program and of what it started and waited for
    output: bytes


class Program:
    """A command line with places for what differs from run to run."""

    def __init__(self, words: list[str], limit: float = LIMIT) -> None:
        self.words = words
        self.limit = limit

    def has(self, place: str) -> bool:
        """Return whether the command has a place for "chunk", "ends" or "times"."""
        return any(f"{{{place}}}" in word for word in self.words)

    def run(self, file: Path, ends: Path, chunk: int, times: int = 1) -> Done:
        """Run it once.

        Args:
            chunk: bytes of a chunk; 0: the chunks end where the file `ends` says.

        Raises:
            Failed: it did not end well.
        """
        values = {"file": file, "ends": ends, "chunk": chunk, "times": times}
        words = self.words
        for place, value in values.items():
            words = [word.replace(f"{{{place}}}", str(value)) for word in words]
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as said:
            try:
                process = start(words, None, None, stdout=output, stderr=said)
            except NoAnswer as exc:
                raise Failed(str(exc)) from exc
            try:
                seconds = self._wait(process, output.fileno())
            finally:
                # Whoever is left, of a pipe too.
                kill_all(process)
            if process.returncode:
                raise Failed(f"ends with status {process.returncode}{_last_line(said)}")
            output.seek(0)
            return Done(seconds, output.read())

    def _wait(self, process: subprocess.Popen[bytes], output: int) -> float:
        end = time.monotonic() + self.limit
        why = ""
        while True:
            pid, status, usage = os.wait4(process.pid, 0 if why else os.WNOHANG)
            if pid:
                # Popen is not to wait for it once more.
                process.returncode = os.waitstatus_to_exitcode(status)
                break
            if time.monotonic() > end:
                why = f"over {self.limit:g} s"
            elif os.fstat(output).st_size > MOST_OUTPUT:
                why = f"prints over {MOST_OUTPUT >> 20} MiB"
            else:
                time.sleep(POLL)
                continue
            os.killpg(process.pid, signal.SIGKILL)
        if why:
            raise Failed(why)
        return usage.ru_utime + usage.ru_stime


def _last_line(said: Any) -> str:
    said.seek(0)
    lines = said.read()[-4096:].decode("utf-8", "replace").split("\n")
    text = next((line.strip() for line in reversed(lines) if line.strip()), "")
    plain = "".join(c if c.isprintable() else " " for c in text)[:SAID]
    return f": {plain}" if plain else ""


def events(output: bytes) -> list[tuple[str, str, str]]:
    """Return what a program printed: data, event type and ID of each event.

    Raises:
        Failed: it is not NDJSON of events.
    """
    found = []
    for number, line in enumerate(output.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            raise Failed(f"line {number} of what it prints is not JSON") from None
        if not isinstance(event, dict):
            raise Failed(f"line {number} of what it prints is no JSON object")
        fields = (event.get("data"), event.get("event"), event.get("id"))
        data, event_type, last_id = (f if isinstance(f, str) else None for f in fields)
        if data is None:
            raise Failed(f"line {number} of what it prints has no `data`")
        found.append((data, event_type or "message", last_id or ""))
    return found


def fault(
    found: list[tuple[str, str, str]], expected: list[tuple[str, str, str]], with_id: bool
) -> str:
    """Return what is wrong with events; "" if nothing is. In the words of the worker's `check`."""
    if len(found) != len(expected):
        return f"{len(found)} events for {len(expected)}"
    for event, wanted in zip(found, expected):
        for what, one, other in zip(("data", "event type", "id"), event, wanted):
            if one != other and (with_id or what != "id"):
                return what
    return ""


def seconds_of_pass(program: Program, file: Path, ends: Path, chunk: int, rounds: int) -> float:
    """Return the CPU seconds that the program takes for one pass over a file.

    With {times} it is the difference between 2 N passes and N, over N: start, warming up and
    printing are in both. Else it is what the file takes beyond an empty one, printing included.

    Raises:
        Failed: a run did not end well, or the difference drowns in noise.
    """
    if not program.has("times"):
        with tempfile.NamedTemporaryFile() as nothing:
            start = min(program.run(Path(nothing.name), ends, chunk).seconds for _ in range(rounds))
        least = min(program.run(file, ends, chunk).seconds for _ in range(rounds))
        return _positive(least - start)
    times = 1
    first = spent = program.run(file, ends, chunk).seconds
    while spent - first < ENOUGH and times < MOST_TIMES:
        times *= 2
        spent = program.run(file, ends, chunk, times).seconds
    least = min(program.run(file, ends, chunk, times).seconds for _ in range(rounds))
    double = min(program.run(file, ends, chunk, 2 * times).seconds for _ in range(rounds))
    return _positive((double - least) / times)


def _positive(seconds: float) -> float:
    if seconds <= 0:
        raise Failed("takes no time that could be told from its start")
    return seconds
