# SPDX-License-Identifier: MIT
"""Everything that can be seen of a parser while it is fed, as plain values to compare.

Two parsers that behave alike give equal traces: exact types and values of
items, type, args and text of errors, and the state after each step, also after an
error, after `reset` and at `close`. May import: the standard library, ssewire's values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Callable

from ssewire import Comment, EventTooLarge, ServerSentEvent

# What comes after the end: enough to show that no state was left behind.
PROBE = b"\xef\xbb\xbfdata: probe\n\n"

Trace = list  # of tuples; their first item names the step


def plain(item: object) -> tuple[Any, ...]:
    """Return an item of `feed` as a tuple that also holds the exact types."""
    if isinstance(item, ServerSentEvent):
        fields: tuple[Any, ...] = (item.data, item.event, item.id, item.retry)
    elif isinstance(item, Comment):
        fields = (item.text,)
    else:
        fields = (repr(item),)
    return (type(item).__name__, *((type(field).__name__, field) for field in fields))


def trace(parser_factory: Callable[[], Any], chunks: Iterable[object]) -> Trace[Any]:
    """Feed `chunks` to a new parser and return what was seen at each step.

    A chunk may be anything, so that errors of wrong types can be compared too.
    After the chunks: one more empty feed, reset and a probe, close twice, a
    feed after it, reset and a probe; the last chunk once more, and flush twice.
    """
    parser = parser_factory()
    chunks = list(chunks)
    steps: Trace[Any] = [("new", state(parser))]
    for chunk in chunks:
        steps.append(("feed", *attempt(parser, chunk)))
    steps.append(("feed nothing", *attempt(parser, b"")))
    parser.reset()
    steps.append(("reset", state(parser)))
    steps.append(("probe", *attempt(parser, PROBE)))
    parser.feed(b"id: pending\ndata: unfinished")
    parser.close()
    steps.append(("close", state(parser)))
    parser.close()
    steps.append(("close again", state(parser)))
    steps.append(("feed after close", *attempt(parser, b"")))
    steps.append(("wrong feed after close", *attempt(parser, "text")))
    parser.reset()
    steps.append(("probe after close", *attempt(parser, PROBE)))
    # The unfinished event at the end, of the last chunk alone: enough over all chunkings.
    steps.append(("the last chunk", *attempt(parser, (b"", *chunks)[-1])))
    for name in ("flush", "flush again"):
        steps.append((name, *attempt_flush(parser)))
    steps.append(("feed after flush", *attempt(parser, b"")))
    return steps


def attempt(parser: Any, chunk: object) -> tuple[Any, ...]:
    """Feed one chunk and return its outcome and the state after it."""
    return _outcome(parser, lambda: parser.feed(chunk))


def attempt_flush(parser: Any) -> tuple[Any, ...]:
    """End the input and return what that gave, and the state after it."""
    return _outcome(parser, parser.flush)


def _outcome(parser: Any, call: Callable[[], Any]) -> tuple[Any, ...]:
    try:
        items = call()
    except Exception as exc:
        return (*plain_error(exc), state(parser))
    return ("items", type(items).__name__, [plain(item) for item in items], state(parser))


def plain_error(exc: BaseException) -> tuple[Any, ...]:
    """Return what can be seen of an error."""
    kind = f"{type(exc).__module__}.{type(exc).__qualname__}"
    events = [plain(item) for item in exc.events] if isinstance(exc, EventTooLarge) else None
    cause = None if exc.__cause__ is None else type(exc.__cause__).__name__
    return ("error", kind, [_plain_arg(arg) for arg in exc.args], str(exc), events, cause)


def state(parser: Any) -> tuple[Any, ...]:
    """Return the public state of a parser, with exact types."""
    values = (parser.last_event_id, parser.retry, parser.pending)
    return tuple((type(value).__name__, value) for value in values)


def _plain_arg(arg: object) -> object:
    if isinstance(arg, Sequence) and not isinstance(arg, (str, bytes)):
        return [plain(item) for item in arg]
    return (type(arg).__name__, arg)
