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
import warnings
from typing import Any, Callable

from .processes import NO_FIGURES, NoAnswer, kill_all, start, within

# Seconds for one answer. The slowest that get anywhere need less for any corpus.
LIMIT = 20.0


class Worker:
    """A process that does what it is told with one candidate; started when first needed."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self._command = command
        self._env = env
        self._process: subprocess.Popen[str] | None = None

    def ask(self, *request: Any, limit: float = LIMIT) -> Any:
        """Return the answer to a request (the process says which there are).

        Raises:
            NoAnswer: the candidate cannot be started, raised, printed something else, did not
                answer within `limit` seconds and was stopped, or ended; the next request finds a
                new process.
        """
        if self._process is None:
            self._process = start(
                self._command,
                self._env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                encoding="utf-8",
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        with within(limit, process) as late:
            try:
                process.stdin.write(json.dumps(request) + "\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except BrokenPipeError:
                line = ""
            except UnicodeDecodeError:
                line = "no answer"
        if not line or late.is_set():
            self.close()
            raise NoAnswer(f"over {limit:g} s" if late.is_set() else "its process died")
        try:
            answer = json.loads(line)
            raised = answer.get("raised")
            found = None if raised else answer["answer"]
        except (ValueError, LookupError, AttributeError):
            self.close()
            raise NoAnswer("prints something else than its answer") from None
        if raised:
            raise NoAnswer(f"raises {raised}")
        return found

    def ask_counted(self, *request: Any, limit: float = LIMIT) -> tuple[Any, int]:
        """Return the figure that a request is answered with, and the number of events behind it.

        Raises:
            NoAnswer: as `ask`, or the answer is not those two.
        """
        try:
            figure, events = self.ask(*request, limit=limit)
        except (TypeError, ValueError):
            raise NoAnswer(NO_FIGURES) from None
        return figure, events

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            kill_all(self._process)
            self._process.communicate()
            self._process = None


def answer(
    requests: dict[str, Callable[..., Any]],
    why: Callable[[Exception], str] = lambda exc: type(exc).__name__,
) -> None:
    """Answer requests from standard input by the functions of these names, until it ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    # What is written below Python's own streams must not stand among the answers.
    with open(os.devnull, "wb") as silence:
        os.dup2(silence.fileno(), sys.stdout.fileno())
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
