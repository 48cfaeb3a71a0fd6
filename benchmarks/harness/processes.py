# SPDX-License-Identifier: MIT
"""Processes of their own for what is measured, and what this machine is.

A process has one event class, chosen by SSEWIRE_PARSER at import: the Python
parser is to be measured with Python events, the compiled one with compiled ones.
May import: the standard library, ssewire.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable

ROOT = Path(__file__).resolve().parents[2]
IMPLEMENTATIONS = ("python", "cython")
# Seconds for one measurement: the slowest, many streams of a slow client, take some thirty.
LIMIT = 120.0
# With a quarter of its cores busy, two runs of one candidate differ by more than candidates do.
MOST_LOAD = 0.25


class NoAnswer(Exception):
    """A candidate could not be measured; the text says why."""


# Why, where it told something, but not what was asked for.
NO_FIGURES = "prints no figures"


def environment(implementation: str) -> dict[str, str]:
    """Return the environment in which a new process has an implementation of this one's ssewire."""
    import ssewire

    path = [str(Path(ssewire.__file__).resolve().parent.parent), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "SSEWIRE_PARSER": implementation,
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
    }


def measure(
    module: str, *arguments: str, implementation: str | None = None, limit: float = LIMIT
) -> Any:
    """Return what `python -m benchmarks.MODULE --measure ARGUMENT...` prints, which is JSON.

    Args:
        implementation: the one of this process unless told otherwise.
        limit: seconds, after which it is stopped.

    Raises:
        NoAnswer: it took longer, died, or printed something else.
    """
    chosen = implementation or os.environ.get("SSEWIRE_PARSER", "auto")
    command = [sys.executable, "-m", f"benchmarks.{module}", "--measure", *arguments]
    return answer_of(command, environment(chosen), limit)


def answer_of(command: list[str], env: dict[str, str], limit: float = LIMIT) -> Any:
    """Return the JSON that a command prints in its last line, run from the root of the checkout.

    Raises:
        NoAnswer: as `output_of`, or it printed no JSON.
    """
    lines = output_of(command, env, limit).strip().splitlines()
    try:
        # Some say hello before.
        return json.loads(lines[-1] if lines else "")
    except ValueError:
        raise NoAnswer("prints no JSON") from None


def output_of(
    command: list[str], env: dict[str, str], limit: float = LIMIT, folder: Path = ROOT
) -> str:
    """Return what a command prints.

    Raises:
        NoAnswer: it cannot be started, took longer than `limit` seconds, or ended with another
            status than 0. The last line of what it said is in the text.
    """
    # Files, not pipes: who waits for the end of a pipe waits for all that have it.
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
        process = start(command, env, folder, stdout=said, stderr=complained)
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            raise NoAnswer(f"over {limit:g} s") from None
        finally:
            kill_all(process)
            process.wait()
        if status:
            raise NoAnswer(ended(status, complained))
        return _text(said)


def start(
    command: list[str], env: dict[str, str] | None, folder: Path | None = ROOT, **streams: Any
) -> subprocess.Popen[Any]:
    """Start a process in a session of its own, so that `kill_all` ends what it has started too.

    Args:
        env, folder: None: those of this process.
        streams: what `Popen` is told of its streams; its standard input is empty otherwise.

    Raises:
        NoAnswer: it cannot be started.
    """
    try:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=env,
            start_new_session=True,
            **{"stdin": subprocess.DEVNULL, **streams},
        )
    except OSError as exc:
        raise NoAnswer(f"cannot be started: {exc.strerror}") from exc


def ended(status: int, complained: Any) -> str:
    """Return in words how a process has ended, with the last line of what it complained about."""
    lines = _text(complained).strip().splitlines() or [""]
    return f"ends with status {status}: {lines[-1].strip()[:200]}"


def _text(file: Any) -> str:
    file.seek(0)
    return str(file.read().decode("utf-8", "replace"))


@contextmanager
def within(limit: float, process: subprocess.Popen[Any]) -> Iterator[threading.Event]:
    """Kill a process and all it has started if this takes more than `limit` seconds.

    Gives what tells then whether that was so.
    """
    late = threading.Event()

    def stop() -> None:
        late.set()
        kill_all(process)

    timer = threading.Timer(limit, stop)
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()


def kill_all(process: subprocess.Popen[Any]) -> None:
    """Kill a process that has a session of its own, and whatever it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (AttributeError, ProcessLookupError, PermissionError):
        # No process groups on this system, or none left.
        process.kill()


@contextmanager
def serving_ports(module: str, *arguments: str) -> Iterator[list[int]]:
    """Run `python -m benchmarks.harness.MODULE`; give the ports that it says it serves on.

    It ends with its standard input.
    """
    command = [sys.executable, "-m", f"benchmarks.harness.{module}", *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield [int(port) for port in process.stdout.readline().split()]
        finally:
            process.stdin.close()
            process.wait(10)


def main_of_both(
    module: str, measured: Callable[[], Any], report: Callable[[str, Any], bool]
) -> int:
    """Be the program of a benchmark that measures each implementation in a process of its own.

    Args:
        measured: gives the figures of the implementation that a process has.
        report: prints those of one, and returns whether its targets are reached.

    Returns:
        The exit status: 0 if all targets are reached.
    """
    if "--measure" in sys.argv:
        print(json.dumps(measured()))
        return 0
    print(f"{machine()}; {load()}")
    reached = True
    for implementation in IMPLEMENTATIONS:
        if implementation == "cython" and not built():
            print(f"{implementation}: skipped, the extension was never built")
        else:
            found = measure(module, implementation=implementation)
            reached = report(implementation, found) and reached
    return 0 if reached else 1


def built() -> bool:
    """Return whether there is a compiled parser."""
    return importlib.util.find_spec("ssewire._parser_cy") is not None


def machine() -> str:
    """Return what the figures were measured on, in one line."""
    cpu = "unknown CPU"
    if os.path.exists("/proc/cpuinfo"):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                cpu = line.partition(":")[2].strip()
                break
    version = ".".join(map(str, sys.version_info[:3]))
    return f"{sys.implementation.name} {version}, {cpu}, {cores()} cores"


def load() -> str:
    """Return how busy the machine has been in the last minute, in one line."""
    if not hasattr(os, "getloadavg"):
        return "load unknown"
    return f"load {os.getloadavg()[0]:.2f} on {cores()} cores"


def too_busy() -> str:
    """Return how busy the machine is if that is too much to publish figures; "" if it is not."""
    if not hasattr(os, "getloadavg") or os.getloadavg()[0] <= MOST_LOAD * cores():
        return ""
    return load()


def cores() -> int:
    return os.cpu_count() or 1


class Watch:
    """Tells what share of the machine's time others took since it was made."""

    def __init__(self) -> None:
        self._before = _ticks()

    def others(self) -> float | None:
        """Return a share of all cores' time, of other processes and machines; None: unknown."""
        if self._before is None:
            return None
        now = _ticks()
        assert now is not None
        everything, busy, ours = (b - a for a, b in zip(self._before, now))
        return max(0.0, busy - ours) / everything if everything else 0.0


def _ticks() -> tuple[float, float, float] | None:
    """Return the seconds of all cores so far, those that were busy, and ours (children too)."""
    try:
        line = Path("/proc/stat").read_text().partition("\n")[0]
    except OSError:
        return None
    # user, nice, system, idle, waiting for a disk, two kinds of interrupts, taken by other machines
    fields = [int(field) / os.sysconf("SC_CLK_TCK") for field in line.split()[1:9]]
    times = os.times()
    ours = times.user + times.system + times.children_user + times.children_system
    return sum(fields), sum(fields) - fields[3] - fields[4], ours


def resident() -> int:
    """Return the bytes of memory that this process has now; the most so far where unknown."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return pages * os.sysconf("SC_PAGE_SIZE")


def raise_file_limit() -> None:
    try:
        import resource
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
