"""`ssewire claude-parse`: a recorded or piped Claude stream to its text, message or events."""

from __future__ import annotations

import argparse
import json
import sys

from ..claude.errors import ClaudeError
from ..claude.events import (
    CitationEvent,
    CompactionEvent,
    ContentBlockStopEvent,
    InputJSONEvent,
    MessageStopEvent,
    SignatureEvent,
    TextEvent,
    ThinkingEvent,
)
from ..claude.stream import MessageStream
from ._input import read_chunks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ..claude.events import StreamEvent
    from ..claude.message import Message


def add_parser(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "claude-parse",
        help="print the text or message of a recorded or piped Claude stream",
        description="Print the text of a Claude stream as it comes, and why it stopped and its "
        "usage on stderr. Exit code: 0 the message is complete, 1 the stream failed (what had "
        "come is printed), 2 the file cannot be read.",
    )
    parser.add_argument(
        "file", nargs="?", default="-", metavar="FILE", help="default: - (standard input)"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the final message as JSON")
    form.add_argument(
        "--events",
        action="store_true",
        help="write each event, also those derived from deltas, as one JSON object on a line",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Carry out `ssewire claude-parse`."""
    with MessageStream(_flushing(read_chunks(args.file))) as stream:
        try:
            if args.events:
                for event in stream:
                    print(json.dumps(_fields(event), ensure_ascii=False))
            elif args.json:
                print(stream.get_final_message().to_json())
            else:
                for text in stream.text_stream:
                    sys.stdout.write(text)
        except ClaudeError as exc:
            if args.json and exc.partial_message is not None:
                print(exc.partial_message.to_json())
            if isinstance(exc.__cause__, OSError):
                raise exc.__cause__ from None  # it is the file that cannot be read
            raise
        finally:
            if not args.json and not args.events:
                sys.stdout.write("\n")
            sys.stdout.flush()
            message = stream.partial_message
            if message is not None:
                print(_summary(message), file=sys.stderr)
    return 0


def _flushing(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Pass `chunks` on, and before each wait for the next let the reader see all so far."""
    for chunk in chunks:
        yield chunk
        sys.stdout.flush()


def _fields(event: StreamEvent) -> dict[str, Any]:
    """Return the JSON of an event; without snapshots, which would make the output quadratic."""
    if isinstance(event, ContentBlockStopEvent):
        return {**event.raw, "content_block": event.content_block.to_dict()}
    if isinstance(event, MessageStopEvent):
        return {**event.raw, "message": event.message.to_dict()}
    if isinstance(event, TextEvent):
        return {"type": event.type, "index": event.index, "text": event.text}
    if isinstance(event, ThinkingEvent):
        return {"type": event.type, "index": event.index, "thinking": event.thinking}
    if isinstance(event, InputJSONEvent):
        return {"type": event.type, "index": event.index, "partial_json": event.partial_json}
    if isinstance(event, SignatureEvent):
        return {"type": event.type, "index": event.index, "signature": event.signature}
    if isinstance(event, CitationEvent):
        return {"type": event.type, "index": event.index, "citation": event.citation.to_dict()}
    if isinstance(event, CompactionEvent):
        return {
            "type": event.type,
            "index": event.index,
            "content": event.content,
            "encrypted_content": event.encrypted_content,
        }
    return {"type": event.type, **event.raw}


def _summary(message: Message) -> str:
    usage = message.usage
    return (
        f"[{message.stop_reason or 'incomplete'}, {usage.input_tokens} input tokens, "
        f"{usage.output_tokens} output tokens]"
    )
