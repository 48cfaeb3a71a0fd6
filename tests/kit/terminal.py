# SPDX-License-Identifier: MIT
"""A program in a terminal of its own, and what its screen shows: for tests."""

from __future__ import annotations

import contextlib
import os
import select
import struct
import subprocess
import sys
import time
from typing import Any, Callable

import pytest

# Long enough for a loaded machine; nothing waits for it unless it fails.
PATIENCE = 30.0


class Terminal:
    """Run a command in a pseudo-terminal that is so wide; `screen()` is what a person sees.

    Lines that have scrolled away are not in it: there are many lines.
    """

    def __init__(
        self,
        command: list[str],
        *,
        columns: int = 80,
        lines: int = 100,
        environment: dict[str, str] | None = None,
    ) -> None:
        pty = pytest.importorskip("pty", reason="no pseudo-terminals on this platform")
        pyte: Any = pytest.importorskip("pyte")
        fcntl = pytest.importorskip("fcntl")
        termios = pytest.importorskip("termios")
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        # All that was written, with the commands to the terminal.
        self.written = b""
        variables = {
            name: value
            for name, value in os.environ.items()
            if name not in ("COLUMNS", "LINES", "NO_COLOR")
        }
        self.process = subprocess.Popen(
            # The terminal is the one that Ctrl-C is pressed on.
            [sys.executable, "-c", _IN_ITS_OWN, *command],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**variables, "TERM": "xterm", **(environment or {})},
            start_new_session=True,
        )
        os.close(theirs)

    def screen(self) -> list[str]:
        """Return the lines that are not empty, without the space at their ends."""
        return [line.rstrip() for line in self._screen.display if line.strip()]

    def type(self, text: str) -> None:
        """Press these keys."""
        os.write(self._ours, text.encode())

    def wait_for(self, text: str) -> None:
        """Read until the screen shows `text`."""
        self._wait_until(text, lambda lines: any(text in line for line in lines))

    def wait_for_prompt(self, text: str) -> None:
        """Read until the last line is `text`: what is typed before that may be lost."""
        self._wait_until(text, lambda lines: lines[-1:] == [text])

    def _wait_until(self, text: str, shown: Callable[[list[str]], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not shown(self.screen()):
            if not self._read(end):
                raise AssertionError(f"never shown: {text!r}\n" + "\n".join(self.screen()))

    def wait(self) -> int:
        """Read to the end; return the exit code."""
        end = time.monotonic() + PATIENCE
        while self._read(end):
            pass
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        """End the program, if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        with contextlib.suppress(OSError):
            os.close(self._ours)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _read(self, end: float) -> bool:
        ready, _, _ = select.select([self._ours], [], [], max(0.0, end - time.monotonic()))
        try:
            data = os.read(self._ours, 65536) if ready else b""
        except OSError:  # how Linux reports that the other side is closed
            data = b""
        self.written += data
        self._stream.feed(data)
        return bool(data)


# Makes the terminal the one of its session, then becomes the command.
_IN_ITS_OWN = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
