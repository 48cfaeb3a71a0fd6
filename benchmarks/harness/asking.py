# SPDX-License-Identifier: MIT
"""Ask another process for figures, line by line; and be that process.

A request is one line of JSON, [what, argument...]; its answer one line, {"answer": ...},
or {"raised": why}. May import: processes.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
import warnings
from typing import Any, Callable

from .processes import ROOT

# Seconds for one answer. The slowest that get anywhere need less for any corpus.
LIMIT = 20.0


class NoAnswer(Exception):
    """A candidate raised, took too long or died; the text says which."""


class Worker:
    """A process that does what it is told with one candidate; started when first needed."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self._command = command
        self._env = env
        self._process: subprocess.Popen[str] | None = None

    def ask(self, *request: Any, limit: float = LIMIT) -> Any:
        """Return the answer to a request (the process says which there are).

        Raises:
            NoAnswer: the candidate raised, did not answer within `limit` seconds and
                was stopped, or ended; the next request finds a new process.
        """
        if self._process is None:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=self._env,
                cwd=ROOT,
                text=True,
                encoding="utf-8",
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        late = threading.Event()

        def stop() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(limit, stop)
        timer.start()
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            timer.cancel()
        if not line:
            self.close()
            raise NoAnswer(f"over {limit:g} s" if late.is_set() else "its process died")
        answer: dict[str, Any] = json.loads(line)
        if "raised" in answer:
            raise NoAnswer(f"raises {answer['raised']}")
        return answer["answer"]

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def answer(
    requests: dict[str, Callable[..., Any]],
    why: Callable[[Exception], str] = lambda exc: type(exc).__name__,
) -> None:
    """Answer requests from standard input by the functions of these names, until it ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    logging.getLogger().addHandler(logging.NullHandler())
    warnings.simplefilter("ignore")
    # Some of the peers print, log or warn about what they read.
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        for line in sys.stdin:
            what, *arguments = json.loads(line)
            try:
                found = {"answer": requests[what](*arguments)}
            except Exception as exc:  # whatever a peer raises is a finding
                found = {"raised": why(exc)}
            answers.write(json.dumps(found) + "\n")
            answers.flush()
