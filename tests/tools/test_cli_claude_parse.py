# SPDX-License-Identifier: MIT
"""`ssewire claude-parse` as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.claude.wire import (
    TEXT,
    message_start,
    start,
    text,
    text_block,
    tool_block,
    whole,
    wire,
)

BODY = whole(text_block(0, "Hello", " \u00e9"), tool_block(1, '{"a":', "1}"))


def run(*arguments: str, body: bytes = b"") -> tuple[int, str, str]:
    """Run the command; return exit code, standard output and standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "ssewire", "claude-parse", *arguments],
        input=body,
        capture_output=True,
        timeout=60,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.parametrize("arguments", [(), ("-",)])
def test_text_goes_to_stdout_and_the_summary_to_stderr(arguments: tuple[str, ...]) -> None:
    code, out, err = run(*arguments, body=BODY)
    assert (code, out) == (0, "Hello \u00e9\n")
    assert err == "[end_turn, 11 input tokens, 6 output tokens]\n"


def test_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.sse"
    file.write_bytes(BODY)
    assert run(str(file))[:2] == (0, "Hello \u00e9\n")


def test_json_is_the_final_message() -> None:
    code, out, _ = run("--json", body=BODY)
    assert code == 0
    message = json.loads(out)
    assert [block["type"] for block in message["content"]] == ["text", "tool_use"]
    assert message["content"][1]["input"] == {"a": 1}
    assert message["stop_reason"] == "end_turn"


def test_events_are_one_json_object_a_line() -> None:
    code, out, _ = run("--events", body=BODY)
    assert code == 0
    events: list[dict[str, Any]] = [json.loads(line) for line in out.splitlines()]
    assert [event["type"] for event in events] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "text",
        "content_block_delta",
        "text",
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
        "input_json",
        "content_block_delta",
        "input_json",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert events[3] == {"type": "text", "index": 0, "text": "Hello"}
    assert events[12]["content_block"]["input"] == {"a": 1}
    assert events[-1]["message"]["stop_reason"] == "end_turn"


@pytest.mark.parametrize(("arguments", "shown"), [((), "half\n"), (("--json",), '"text": "half"')])
def test_stream_that_fails_shows_what_had_come_and_exits_with_1(
    arguments: tuple[str, ...], shown: str
) -> None:
    error = wire("error", error={"type": "overloaded_error", "message": "Overloaded"})
    code, out, err = run(
        *arguments, body=message_start() + start(0, TEXT) + text(0, "half") + error
    )
    assert code == 1
    assert shown in out
    assert "incomplete" in err
    assert "ssewire: overloaded_error (in the stream): 'Overloaded'" in err


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            b'{"a": 1}',
            (
                "no events in 8 bytes (looks like JSON); one document and no stream: "
                'was "stream": true asked for?'
            ),
        ),
        (
            b"<html>",
            (
                "no events in 6 bytes (looks like HTML); a page and no stream: "
                "is it the right address?"
            ),
        ),
        (
            b"\x1f\x8b\x08\0",
            "no events in 4 bytes (looks like gzip); unpack it first, as with gzip -dc",
        ),
        (b"not found", "no events in 9 bytes (they begin with b'not found')"),
    ],
)
def test_what_has_no_events_is_told_by_what_it_looks_like(body: bytes, said: str) -> None:
    code, out, err = run(body=body)
    assert (code, out, err) == (1, "", f"ssewire: {said}\n")


def test_truncated_stream_exits_with_1_and_a_missing_file_with_2(tmp_path: Path) -> None:
    code, out, err = run(body=b"")
    # No empty line where there is no text.
    assert (code, out) == (1, "")
    assert "ended before a message began" in err
    code, out, err = run(str(tmp_path / "none.sse"))
    assert (code, out) == (2, "")
    assert "none.sse" in err


def test_piped_text_is_printed_event_by_event() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "ssewire", "claude-parse"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(message_start() + start(0, TEXT))
        for piece in ("one", "two", "three"):
            process.stdin.write(text(0, piece))
            process.stdin.flush()
            # Blocks for ever, and so fails by timeout, if the text is held back.
            assert process.stdout.read(len(piece)) == piece.encode()
        process.stdin.close()
        assert process.stdout.read() == b"\n"
    assert process.returncode == 1
