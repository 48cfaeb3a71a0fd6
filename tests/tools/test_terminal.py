# SPDX-License-Identifier: MIT
"""Terminals get no command of a peer's, from any command of ours, in any field.

Generated: each command, to a terminal and to a pipe, with each thing that steers a terminal in
each place where a peer can put it. JSON stays exact JSON, and results in a pipe stay as they are.
"""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ssewire import encode_event, parse
from ssewire.cli import _terminal
from ssewire.cli._main import main
from tests.claude import wire
from tests.kit.scripted import Server, head

pytestmark = pytest.mark.sockets

STEERING = {
    "title": "\x1b]0;owned\x07",
    "colour": "\x1b[31m",
    "our_colour": "\x1b[32m",
    "c1": "\x9b31m\x85\x90",
    "del_and_bs": "\x7f\x08\x08",
    "nul": "\0",
    "bidi": "\u202eabc\u2066\u200e\u200f\u061c",
    "cr": "ok\rowned",
    "half": "\ud83d",
}
# What lines of a stream's bytes cannot hold.
ONLY_IN_JSON = {"cr", "half"}
FORBIDDEN = {
    *map(chr, (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))),
    *"\u061c\u200e\u200f",
} - {"\n", "\t"}


class Terminal(io.BytesIO):
    def isatty(self) -> bool:
        return True


# The commands that we give a terminal ourselves, where the output is coloured.
COLOURS = re.compile("\x1b\\[(?:0|2|32|34|35|36)m")


class Run:
    """Runs a command in this process, with terminals or pipes for its streams.

    Without colours; those are looked at by themselves.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        monkeypatch.setenv("NO_COLOR", "1")

    def __call__(self, *arguments: str, terminal: bool = True) -> tuple[int, str, str]:
        kind = Terminal if terminal else io.BytesIO
        out, err = (io.TextIOWrapper(kind(), encoding="utf-8") for _ in range(2))
        self._monkeypatch.setattr(sys, "stdout", out)
        self._monkeypatch.setattr(sys, "stderr", err)
        code = main(list(arguments))
        assert (sys.stdout, sys.stderr) == (out, err)
        texts = []
        for stream in (out, err):
            stream.flush()
            written: Any = stream.buffer
            texts.append(written.getvalue().decode("utf-8"))
        return code, texts[0], texts[1]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    logger = logging.getLogger("ssewire")
    handlers = list(logger.handlers)
    yield Run(monkeypatch)
    logger.handlers = handlers


def assert_harmless(*texts: str) -> None:
    for text in texts:
        assert not FORBIDDEN & set(text), ascii(text)


def streams() -> Iterator[tuple[str, bytes]]:
    """Yield streams of events, with what steers in each field."""
    for name, bad in STEERING.items():
        if name in ONLY_IN_JSON:
            continue
        text = bad.encode()
        yield f"data-{name}", b"data: a" + text + b"b\n\n"
        yield f"event-{name}", b"event: a" + text + b"b\ndata: x\n\n"
        if name != "nul":
            yield f"id-{name}", b"id: a" + text + b"b\ndata: x\n\n"
        yield f"comment-{name}", b": a" + text + b"b\ndata: x\n\n"
        yield f"field-{name}", b"a" + text + b"b: c\ndata: x\n\n"


STREAMS = dict(streams())


@pytest.mark.parametrize("name", STREAMS)
def test_parse_steers_no_terminal(run: Run, tmp_path: Path, name: str) -> None:
    file = tmp_path / "a.sse"
    file.write_bytes(STREAMS[name])
    for options in ([], ["--comments"], ["--raw"], ["--raw", "--comments"], ["--stats"]):
        code, out, err = run("parse", *options, str(file))
        assert code == 0
        assert out
        assert_harmless(out, err)
    # In a pipe JSON is harmless and exact, and the wire format is as it came.
    _, out, _ = run("parse", str(file), terminal=False)
    assert_harmless(out)
    (event,) = parse(STREAMS[name])
    shown = json.loads(out)
    assert (shown["data"], shown["event"]) == (event.data, event.event)
    assert shown.get("id", "") == event.id
    _, out, _ = run("parse", "--raw", str(file), terminal=False)
    assert parse(out.encode()) == [event]


@pytest.mark.parametrize("name", STREAMS)
def test_tail_steers_no_terminal(run: Run, name: str) -> None:
    with Server([[head() + STREAMS[name]]]) as server:
        for options in ([], ["--json"], ["--timing"], ["--comments"], ["--json", "--comments"]):
            for terminal in (True, False):
                _, out, err = run("tail", "--no-reconnect", *options, server.url, terminal=terminal)
                assert out
                assert_harmless(out, err)


@pytest.mark.parametrize("name", STREAMS)
def test_colours_are_all_that_a_coloured_output_has_more(
    run: Run, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "a.sse"
    file.write_bytes(STREAMS[name])
    with Server([[head() + STREAMS[name]]]) as server:
        for command in (
            ["parse", str(file)],
            ["parse", "--comments", "--decode", str(file)],
            ["tail", "--no-reconnect", server.url],
            ["tail", "--no-reconnect", "--json", "--comments", server.url],
        ):
            for terminal in (True, False):
                _, plain, _ = run(*command, "--color", "never", terminal=terminal)
                _, colored, err = run(*command, "--color", "always", terminal=terminal)
                assert "\x1b" in colored
                assert COLOURS.sub("", colored) == plain
                assert_harmless(plain, err)


def bad_answers(bad: bytes) -> Iterator[tuple[str, list[Any]]]:
    """Yield what a server may answer, with `bad` where it can stand."""
    yield "status", [head(500, f"Content-Length: {2 * len(bad)}") + bad * 2]
    yield "reason", [b"HTTP/1.1 500 No" + bad + b"\r\nContent-Length: 0\r\n\r\n"]
    yield "type", [b"HTTP/1.1 200 OK\r\nContent-Type: a/" + bad + b"\r\n\r\ndata: x\n\n"]
    location = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: http://" + bad + b"/\r\n\r\n"
    yield "location", [location]
    coding = b"HTTP/1.1 200 OK\r\nContent-Encoding: br" + bad + b"\r\n\r\n"
    yield "coding", [coding]
    yield "garbage", [bad * 3 + b"\r\n\r\n"]
    yield "body", [head(404, "Content-Length: 21") + b"first\nssewire: forged"]


@pytest.mark.parametrize("name", STEERING)
def test_errors_of_servers_steer_no_terminal(run: Run, tmp_path: Path, name: str) -> None:
    bad = STEERING[name].encode("utf-8", "replace")
    for place, answer in bad_answers(bad):
        with Server([answer]) as server:
            for arguments in (
                ("tail", "--no-reconnect", server.url),
                ("tail", "--max-attempts", "1", server.url),
                ("record", "-o", str(tmp_path / "out"), server.url),
            ):
                for terminal in (True, False):
                    code, out, err = run(*arguments, terminal=terminal)
                    if place == "status":
                        assert code
                    assert_harmless(out, err)
                    said = err.splitlines()
                    assert sum(line.startswith("ssewire: ") for line in said) <= 1, err


def messages() -> Iterator[tuple[str, bytes]]:
    """Yield streams of Claude's, with what steers in each scalar of each event, and as keys."""
    plain = [
        *parse(wire.message_start()),
        *parse(wire.text_block(0)),
        *parse(b"".join(encode_event(json.dumps(event), event=event["type"]) for event in EVENTS)),
        *parse(wire.message_delta() + wire.wire("message_stop")),
    ]
    events = [(event.event, json.loads(event.data)) for event in plain]
    for number, (_, content) in enumerate(events):
        for path in paths(content):
            if path[-1] == "index" or path == ("type",):
                continue
            for name, bad in STEERING.items():
                changed = [(kind, json.loads(json.dumps(data))) for kind, data in events]
                put(changed[number][1], path, bad)
                where = f"{number}-{'.'.join(map(str, path))}-{name}"
                yield where, encoded(changed)
    for name, bad in STEERING.items():
        for kind in ("x", "error"):
            error = {"type": kind, "error": {"type": bad, "message": bad}, bad: bad}
            yield f"{kind}-{name}", encoded([*events[:4], (kind, error), *events[4:]])
        yield f"kind-{name}", encoded([*events[:4], ("x", {"type": bad, "a": bad}), *events[4:]])
        yield (
            f"bad_json-{name}",
            wire.message_start()
            + b"data: {"
            + bad.encode("utf-8", "replace").replace(b"\r", b"")
            + b"\n\n",
        )


EVENTS: list[dict[str, Any]] = [
    {"type": "content_block_start", "index": 1, "content_block": {"type": "thinking"}},
    {
        "type": "content_block_delta",
        "index": 1,
        "delta": {"type": "thinking_delta", "thinking": "hm"},
    },
    {
        "type": "content_block_delta",
        "index": 1,
        "delta": {"type": "signature_delta", "signature": "s"},
    },
    {"type": "content_block_stop", "index": 1},
    {
        "type": "content_block_start",
        "index": 2,
        "content_block": {"type": "tool_use", "id": "t", "name": "n", "input": {}},
    },
    {
        "type": "content_block_delta",
        "index": 2,
        "delta": {"type": "input_json_delta", "partial_json": '{"a": "b"}'},
    },
    {"type": "content_block_stop", "index": 2},
]


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where the scalars of JSON stand."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from paths(item, (*at, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from paths(item, (*at, number))
    else:
        yield at


def put(content: Any, path: tuple[Any, ...], value: object) -> None:
    for key in path[:-1]:
        content = content[key]
    content[path[-1]] = value


def encoded(events: Iterable[tuple[str, Any]]) -> bytes:
    return b"".join(
        encode_event(json.dumps(data), event=kind.replace("\r", "")) for kind, data in events
    )


MESSAGES = dict(messages())


def test_claude_parse_steers_no_terminal(run: Run, tmp_path: Path) -> None:
    assert len(MESSAGES) > 200
    file = tmp_path / "a.sse"
    forms: list[list[str]] = [[], ["--json"], ["--events"]]
    for number, (name, stream) in enumerate(MESSAGES.items()):
        file.write_bytes(stream)
        for options in forms if number % 5 == 0 else [forms[number % 3]]:
            code, out, err = run("claude-parse", *options, str(file))
            assert code in (0, 1), name
            assert_harmless(out, err)
            # Of the last line, which says how it ended, none is forged.
            assert err.count("\n[") + err.startswith("[") <= 1, name
            code, piped, err = run("claude-parse", *options, str(file), terminal=False)
            assert_harmless(err)
            if options:
                assert_harmless(piped)
            if options == ["--json"] and piped:
                json.loads(piped)
            if options == ["--events"]:
                for line in piped.splitlines():
                    json.loads(line)


def test_the_text_of_an_answer_is_exact_in_a_pipe(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "a.sse"
    text = "a" + "".join(STEERING.values()).replace("\ud83d", "") + "b\r\nc"
    file.write_bytes(
        wire.message_start()
        + wire.text_block(0, text)
        + wire.message_delta()
        + wire.wire("message_stop")
    )
    _, out, _ = run("claude-parse", str(file), terminal=False)
    assert out == text + "\n"
    _, out, _ = run("claude-parse", str(file))
    assert out != text + "\n"
    assert_harmless(out)


def test_claude_steers_no_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    chosen = list(MESSAGES.items())[::7]
    with Server([[head() + stream] for _, stream in chosen]) as server:
        for name, _ in chosen:
            _, out, err = run("claude", "--base-url", server.url, "hello")
            assert out or err, name
            assert_harmless(out, err)
    for bad in STEERING.values():
        body = json.dumps({"type": "error", "error": {"type": bad, "message": bad}}).encode()
        answer = head(400, f"Content-Length: {len(body)}") + body
        with Server([[answer]]) as server:
            code, out, err = run("claude", "--base-url", server.url, "hello")
            assert code == 1
            assert_harmless(out, err)


def test_names_of_files_steer_no_terminal(run: Run, tmp_path: Path) -> None:
    for command in ("parse", "claude-parse", "replay"):
        code, out, err = run(command, str(tmp_path / "no\x1b[31m\rsuch\x07\udc80file"))
        assert code in (1, 2), (command, err)
        assert "such" in err
        assert_harmless(out, err)


def test_logs_and_what_python_says_steer_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(sys, "stderr", _terminal.PrintableText(terminal))
    handler = logging.lastResort
    assert handler is not None
    said = ("ssewire", logging.WARNING, "f", 1, "said: %s", (STEERING["title"],), None)
    handler.handle(logging.LogRecord(*said))
    # As tracebacks and warnings are written.
    print(STEERING["c1"], file=sys.stderr)
    assert "owned" in terminal.getvalue()
    assert "31m" in terminal.getvalue()
    assert_harmless(terminal.getvalue())


def test_what_is_printable_and_what_is_not() -> None:
    assert _terminal.printable("a\tb\nc\u00e9\u4f60\U0001f600") == "a\tb\nc\u00e9\u4f60\U0001f600"
    assert _terminal.one_line("a\tb\nc") == "a\\x09b\\x0ac"
    assert _terminal.printable("\x1b\x9b\u202e\ud800") == "\\x1b\\x9b\\u202e\\ud800"
    for code in (*range(0x100), *range(0x2000, 0x2100), 0xD800, 0xDFFF):
        text = json.dumps({chr(code): chr(code)}, ensure_ascii=False)
        assert json.loads(_terminal.plain_json(text)) == {chr(code): chr(code)}


def test_wrong_usage_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in (["parse", f"--{STEERING['title']}"], ["tail", STEERING["bidi"], "x"]):
        with pytest.raises(SystemExit):
            main(wrong)
        said = capsys.readouterr().err
        assert "usage: ssewire" in said
        assert_harmless(said)
