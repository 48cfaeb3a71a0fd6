# SPDX-License-Identifier: MIT
"""What commands write in the same way: events, failures, and files that must be whole.

May import: _checks, errors, event.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import sys
import threading

from .._checks import excerpt
from ..errors import ContentTypeError, SSEWireError, StatusError
from ..event import Comment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from types import FrameType
    from typing import Any, BinaryIO, TypeVar

    from typing_extensions import Self

    from ..event import ServerSentEvent

    T = TypeVar("T")


# Bytes of a refused response that are shown: the error bodies of APIs are shorter, and a page of
# HTML would fill the terminal.
_BODY_SHOWN = 1024


class CommandError(Exception):
    """What was asked cannot be done; the text is one sentence for the user. Exit code 2."""


def standard_input() -> BinaryIO:
    """Return what the standard input's bytes are read from.

    Raises:
        CommandError: it is closed.
    """
    if sys.stdin is None:
        raise CommandError("standard input is closed")
    return sys.stdin.buffer


def json_text(item: ServerSentEvent | Comment, decode: bool = False, **more: object) -> str:
    """Return an event or comment as a JSON object, with the fields `more` at its end.

    With `decode`, data that is JSON stands in it as it came. The text may still hold what
    `plain_json` escapes.
    """
    if isinstance(item, Comment):
        return json.dumps({"comment": item.text, **more}, ensure_ascii=False)
    rest: dict[str, object] = {}
    if item.id:
        rest["id"] = item.id
    if item.retry is not None:
        rest["retry"] = item.retry
    rest.update(more)
    data = _as_json(item.data) if decode else None
    if data is None:
        fields = {"event": item.event, "data": item.data, **rest}
        return json.dumps(fields, ensure_ascii=False)
    name = json.dumps(item.event, ensure_ascii=False)
    end = f", {json.dumps(rest, ensure_ascii=False)[1:]}" if rest else "}"
    return f'{{"event": {name}, "data": {data}{end}'


# Between the tokens of JSON these are space, and within its strings they cannot stand.
_ONE_LINE = {ord("\n"): " ", ord("\t"): " "}


def _as_json(data: str) -> str | None:
    """Return data that is JSON on one line, unchanged but for space; None if it is something else.

    Nothing is written anew: numbers keep all their digits, objects keys that come twice.
    """
    try:
        # Numbers are not converted, which has limits that JSON has not.
        json.loads(data, parse_int=str, parse_float=str, parse_constant=_no_json)
    except (ValueError, RecursionError):
        return None
    return data.translate(_ONE_LINE).strip()


def _no_json(word: str) -> Any:
    # NaN and Infinity, which Python reads and nobody else.
    raise ValueError(word)


def sentence(exc: SSEWireError) -> str:
    """Return what a failure is, in a sentence; below it what a server gave as the reason."""
    text = str(exc)
    body = b""
    if isinstance(exc, (StatusError, ContentTypeError)):
        body = exc.body
        # Less the short excerpt that it ends in: more of it follows.
        text = text.removesuffix(f": {excerpt(body)}")
    # Only what begins a line is ours.
    text = text.replace("\n", "\n  ")
    if body.strip():
        said = body[:_BODY_SHOWN].decode("utf-8", "replace").replace("\r\n", "\n").strip()
        more = "..." if len(body) > _BODY_SHOWN else ""
        text += ":\n  " + said.replace("\n", "\n  ") + more
    return text


def warn(text: str) -> None:
    """Tell the user something on stderr, at once."""
    print(f"ssewire: {text}", file=sys.stderr, flush=True)


def warn_of_dropped(size: int, prefix: str = "") -> None:
    """Tell the user that so many bytes at the end made no event, unless it is none."""
    if size:
        number = "1 byte" if size == 1 else f"{size} bytes"
        warn(f"{prefix}{number} at the end dropped: no blank line after them, so no whole event")


@contextlib.contextmanager
def usage_errors() -> Generator[None, None, None]:
    """Make wrong usage of a ValueError: it says which option makes no sense.

    Raises:
        CommandError: with its text.
    """
    try:
        yield
    except SSEWireError:
        # Some are ValueErrors too, and no fault of an option's.
        raise
    except ValueError as exc:
        raise CommandError(str(exc)) from exc


@contextlib.contextmanager
def file_errors(verb: str, path: str) -> Generator[None, None, None]:
    """Make a sentence of an OSError that the file `path` is at fault for.

    Raises:
        CommandError: "cannot `verb` `path`: reason".
    """
    try:
        yield
    except OSError as exc:
        raise CommandError(f"cannot {verb} {path}: {exc.strerror or exc}") from exc


def refuse_special(path: str) -> None:
    """Refuse to write to what is there but is no regular file: it would be replaced or block.

    Raises:
        CommandError: it is a folder, a device or a pipe.
    """
    with file_errors("write", path):
        if os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):
            raise CommandError(f"cannot write {path}: not a regular file")


def replace_file(path: str, data: bytes, shown: str) -> None:
    """Write a file as a whole, in the place of the one that is there: no reader sees half of it.

    It is not synced: it survives a killed process, not always a power cut.

    Raises:
        CommandError: it cannot be written; the text has the name `shown`.
    """
    import tempfile

    with file_errors("write", shown):
        handle, name = tempfile.mkstemp(prefix=".ssewire-", dir=os.path.dirname(path))
        try:
            with open(handle, "wb") as file:
                file.write(data)
            # Whoever could read it before still can.
            with contextlib.suppress(FileNotFoundError):
                os.chmod(name, stat.S_IMODE(os.stat(path).st_mode))
            os.replace(name, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
            raise


class Interrupts:
    """Put Ctrl-C off while something is handled, so that it ends a command between two things.

    A second one is not put off: a write to a reader that has stopped reading
    would wait for ever. Where SIGINT is ignored, or this is not the main
    thread, nothing changes.
    """

    def __init__(self) -> None:
        # In wait(): nothing is half done.
        self._waiting = False
        # One has come that has not been acted on.
        self._pending = False
        self._installed = False

    def __enter__(self) -> Self:
        if (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        ):
            signal.signal(signal.SIGINT, self._on_signal)
            self._installed = True
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def wait(self, items: Iterator[T]) -> T | None:
        """Return the next of `items`, None at their end.

        Raises:
            KeyboardInterrupt: at once, or where one came since the last wait.
        """
        self._waiting = True
        try:
            # After the line above: one that comes between the two is not missed.
            if self._pending:
                raise KeyboardInterrupt
            return next(items, None)
        finally:
            self._waiting = False

    def _on_signal(self, number: int, frame: FrameType | None) -> Any:
        if self._waiting or self._pending:
            raise KeyboardInterrupt
        self._pending = True
