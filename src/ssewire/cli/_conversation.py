# SPDX-License-Identifier: MIT
"""A conversation with Claude: its turns, the file that keeps them, and the loop on a terminal.

The file is a JSON object with `messages`, as the API takes them, and `system` where one was given.
It is replaced as a whole after each answer. May import: claude.errors, _output,
_values.
"""

from __future__ import annotations

import json
import os
import sys

from ..claude.errors import ClaudeError, ConfigurationError
from ._output import CommandError, file_errors, refuse_special, replace_file, sentence, warn
from ._values import sendable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Answers(Protocol):
        """What prints the answer to a prompt."""

        def to(self, prompt: str) -> None: ...


class Conversation:
    """The turns so far.

    Args:
        path: the file to go on with, and to keep; None: none.
        system: the system prompt; None: that of the file.

    Raises:
        CommandError: the file cannot be read, or holds something else.
    """

    def __init__(self, path: str | None, system: str | None) -> None:
        self.system: Any = system
        self._messages: list[Any] = []
        self._shown = path
        # What a link points at is replaced, not the link.
        self._path = None if path is None else os.path.realpath(path)
        if path is not None:
            self._load(path)

    def ask(self, prompt: str) -> list[Any]:
        """Add a turn of the user's; return all turns."""
        self._messages.append({"role": "user", "content": prompt})
        return self._messages

    def answered(self, message: dict[str, Any] | None) -> None:
        """Add the answer to the turn before; that turn is taken back if there is none."""
        if message is not None and message["content"]:
            self._messages.append(_whole(message))
        else:
            self._messages.pop()

    def save(self) -> None:
        """Write the file, if there is one.

        Raises:
            CommandError: it cannot be written.
        """
        if self._path is None or self._shown is None:
            return
        content: dict[str, Any] = {"messages": self._messages}
        if self.system is not None:
            content = {"system": self.system, **content}
        replace_file(self._path, json.dumps(content, indent=1).encode() + b"\n", self._shown)

    def _load(self, path: str) -> None:
        refuse_special(path)
        with file_errors("read", path):
            try:
                with open(path, "rb") as file:
                    data = file.read()
            except FileNotFoundError:
                # Finds out before an answer is paid for whether it can be kept.
                self.save()
                return
        try:
            content = _whole(json.loads(data))
            messages = content["messages"]
            fits = isinstance(messages, list) and all(
                message["role"] in ("user", "assistant") for message in messages
            )
        except (ValueError, TypeError, KeyError, RecursionError) as exc:
            raise CommandError(f"{path} does not hold a conversation") from exc
        if not fits:
            raise CommandError(f"{path} does not hold a conversation")
        self._messages = messages
        if self.system is None:
            self.system = content.get("system")


def _whole(content: Any) -> Any:
    """Return JSON with U+FFFD for each half of a surrogate pair, which a request cannot hold."""
    text = json.dumps(content, ensure_ascii=False)
    return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def talk(answer: Answers, conversation: Conversation) -> None:
    """Ask for a line, answer it, and so on until Ctrl-D.

    Ctrl-C stops an answer; what had come of it stays. At the prompt it ends the command.

    Raises:
        ConfigurationError: nothing can be asked at all.
    """
    try:
        # Makes the line that is typed editable, and the ones before come back.
        import readline  # noqa: F401
    except ImportError:
        pass
    print("[each line is a turn; Ctrl-C stops an answer, Ctrl-D ends]", file=sys.stderr)
    while True:
        try:
            prompt = _line()
        except (EOFError, KeyboardInterrupt) as exc:
            print(file=sys.stderr)
            if isinstance(exc, EOFError):
                return
            raise
        if not prompt.strip():
            continue
        try:
            answer.to(prompt)
        except KeyboardInterrupt:
            print("[stopped]", file=sys.stderr)
        except ConfigurationError:
            raise
        except ClaudeError as exc:
            warn(sentence(exc))
        conversation.save()


def _line() -> str:
    if sys.stdout.isatty():
        text = input("> ")
    else:
        print("> ", end="", file=sys.stderr, flush=True)
        text = input()
    return sendable(text)
