# SPDX-License-Identifier: MIT
"""`ssewire tail` and `ssewire record` against the scripted server.

In this process, and as processes where signals and pipes matter.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ssewire.cli import main
from tests.kit.scripted import (
    CHUNKED,
    LAST_CHUNK,
    Request,
    Server,
    Steps,
    chunk,
    head,
    trusting_context,
)

pytestmark = pytest.mark.sockets

COMMAND = [sys.executable, "-m", "ssewire"]
# Long enough for a loaded machine; nothing here waits for it unless it fails.
PATIENCE = 60

OK = head()
GONE = head(204, content_type=None)
# A server's wish to be asked again at once, so that no test waits for a reconnect.
SOON = b"retry: 1\n"

no_sigint = pytest.mark.skipif(os.name == "nt", reason="SIGINT is sent to a process group there")


class Result:
    def __init__(self, code: int, out: bytes, err: bytes) -> None:
        self.code = code
        self.out = out
        self.err = err.decode("utf-8")

    @property
    def text(self) -> list[str]:
        return self.out.decode("utf-8").splitlines()

    @property
    def json(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def data(self) -> list[str]:
        return [event["data"] for event in self.json]


class Run:
    """Runs a command in this process."""

    def __init__(self, capture: pytest.CaptureFixture[bytes]) -> None:
        self._capture = capture

    def __call__(self, *args: str) -> Result:
        try:
            code: Any = main(list(args))
        except SystemExit as exc:  # how argparse refuses
            code = exc.code
        out, err = self._capture.readouterr()
        return Result(code, out, err)


@pytest.fixture
def run(capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    return Run(capsysbinary)


def start(*args: str, **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, **options
    )


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class Numbers:
    """A script: numbered events after the last one that the client has seen, then 204."""

    def __init__(self, total: int, per_connection: int, end: str | bytes = b"") -> None:
        self._total = total
        self._per_connection = per_connection
        self._end = end

    def __call__(self, request: Request) -> Steps:
        last = int(request.last_event_id or 0)
        if last >= self._total:
            return [GONE]
        numbers = range(last + 1, min(last + self._per_connection, self._total) + 1)
        events = b"".join(b"id: %d\ndata: number %d\n\n" % (n, n) for n in numbers)
        return [OK + SOON + events, self._end]


# --- tail: what it writes


def test_tail_prints_type_and_data_until_the_server_says_no_more(run: Run) -> None:
    stream = b"data: one\n\nevent: other\ndata: a\ndata: b\n\n: hidden\n\n"
    with Server([[OK + SOON + stream], [GONE]]) as server:
        result = run("tail", server.url)
    assert (result.code, result.text) == (0, ["message  one", "other  a", "    b"])
    assert "the server ended the stream; connecting again in" in result.err


def test_tail_says_on_stderr_what_the_end_of_a_connection_drops(run: Run) -> None:
    said = "ssewire: 5 bytes at the end dropped: no blank line after them, so no whole event"
    with Server([[OK + b"data: a\n\ndata: LAST\n"], [], [OK + b"data: b\n\n"], [GONE]]) as server:
        result = run("tail", "--retry-delay", "0.01", server.url)
        assert (result.code, result.text) == (0, ["message  a", "message  b"])
        assert result.err.splitlines().count(said) == 1
        assert result.err.splitlines()[0] == said
    with Server([[OK + b"data: a\n\ndata: LAST\n"]]) as server:
        result = run("tail", "--no-reconnect", server.url)
        assert (result.code, result.text, result.err) == (0, ["message  a"], said + "\n")


def test_tail_json_writes_the_same_as_parse(run: Run, tmp_path: Path) -> None:
    stream = "event: e\nid: 7\nretry: 1\ndata: é\u2028\n\n: note\ndata: x\n\n".encode()
    file = tmp_path / "a.sse"
    file.write_bytes(stream)
    parsed = run("parse", "--comments", str(file)).out
    with Server([[OK + stream], [GONE]]) as server:
        result = run("tail", "--json", "--comments", server.url)
    assert result.out == parsed
    assert [list(fields) for fields in result.json] == [
        ["event", "data", "id", "retry"],
        ["comment"],
        ["event", "data", "id"],
    ]


def test_tail_prints_what_would_steer_a_terminal_as_escapes(run: Run) -> None:
    with Server([[OK + "data: a\x1b[2Jb\u009bc\n\n".encode()]]) as server:
        result = run("tail", "--no-reconnect", server.url)
    assert result.text == [r"message  a\x1b[2Jb\x9bc"]


def test_tail_timing_tells_events_of_one_read_from_those_of_two(run: Run) -> None:
    steps = [OK + b"data: 1\n\ndata: 2\n\n", 0.05, b"data: 3\n\n"]
    started = time.time()
    with Server([steps]) as server:
        result = run("tail", "--no-reconnect", "--json", "--timing", server.url)
    one, two, three = result.json
    assert one["chunk"] == two["chunk"] < three["chunk"]
    assert (one["time"], two["gap"]) == (two["time"], 0.0)
    assert started <= one["time"] <= three["time"] <= time.time()
    # The server waited before the third; how long it took to come here is the machine's business.
    assert three["gap"] > 0.02
    assert one["gap"] > 0


def test_tail_timing_as_text_begins_each_line_with_clock_gap_and_chunk(run: Run) -> None:
    with Server([[OK + b": c\n\ndata: 1\ndata: 2\n\n"]]) as server:
        result = run("tail", "--no-reconnect", "--timing", "--comments", server.url)
    clock = r"\d\d:\d\d:\d\d\.\d\d\d +\+\d+\.\d\d\d #1    "
    comment, first, second = result.text
    assert re.fullmatch(clock + ": c", comment)
    matched = re.fullmatch(f"({clock})message  1", first)
    assert matched
    assert second == " " * len(matched.group(1)) + "2"


def test_tail_timing_numbers_reads_across_reconnects(run: Run) -> None:
    steps = [OK + SOON + b"data: 1\n\n"]
    with Server([steps, steps, [GONE]]) as server:
        result = run("tail", "--json", "--timing", server.url)
    assert [event["chunk"] for event in result.json] == [1, 2]


# --- tail: what it asks


def test_tail_sends_headers_and_data_as_curl_does(run: Run, tmp_path: Path) -> None:
    body = tmp_path / "body.txt"
    body.write_bytes(b"b=2\r\n&c=3\n")
    fields = tmp_path / "headers.txt"
    fields.write_bytes(b"X-Key: secret\r\n\r\nX-Other:  two words \n")
    with Server([[OK + b"data: x\n\n"]]) as server:
        result = run(
            *("tail", server.url, "-d", "a=1", "-d", f"@{body}", "--data-binary", f"@{body}"),
            *("-H", "X-One: 1", "-H", f"@{fields}", "-H", "X-Empty;", "--last-event-id", "41"),
        )
        (request,) = server.requests
    # A POST is not repeated, so the stream's end is the end.
    assert (result.code, result.text) == (0, ["message  x"])
    assert (request.method, request.body) == ("POST", b"a=1&b=2&c=3&b=2\r\n&c=3\n")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    shown = ("x-one", "x-key", "x-other", "x-empty", "last-event-id")
    assert [request.headers[name] for name in shown] == ["1", "secret", "two words", "", "41"]


def test_tail_sends_basic_authentication(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return "open sesame"

    monkeypatch.setattr("getpass.getpass", answer)
    with Server([[OK + b"data: x\n\n"]]) as server:
        for user in ("Aladdin:open sesame", "Aladdin"):
            result = run("tail", server.url, "--no-reconnect", "-u", user)
            assert (result.code, result.text) == (0, ["message  x"])
        values = [request.headers["authorization"] for request in server.requests]
    assert values == ["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="] * 2
    assert asked == ["password for Aladdin: "]


def test_a_password_is_not_asked_for_where_there_is_no_terminal() -> None:
    command = [*COMMAND, "tail", "http://127.0.0.1:9/", "--no-reconnect", "-u", "user"]
    result = subprocess.run(
        command, input=b"hunter2\n", capture_output=True, timeout=PATIENCE, start_new_session=True
    )
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr.splitlines() == [b"ssewire: no terminal to ask for the password on"]


@pytest.mark.parametrize("command", [("tail",), ("record", "-o", "never-written")])
@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["-u", "a:hunter2", "-H", "authorization: hunter2"], "not both"),
        (["-u", "a\n:hunter2"], "control characters"),
    ],
)
def test_authentication_that_makes_no_sense_is_code_2(
    run: Run, command: tuple[str, ...], args: list[str], said: str
) -> None:
    result = run(*command, "http://localhost/", *args)
    assert (result.code, result.out) == (2, b"")
    assert said in result.err
    assert "hunter2" not in result.err


def test_tail_reads_data_from_standard_input_and_keeps_the_type_given() -> None:
    with Server([[OK + b"data: x\n\n"]]) as server:
        done = subprocess.run(
            [
                *(*COMMAND, "tail", server.url, "--no-reconnect"),
                *("-d@-", "-XPUT", "-HContent-Type: application/json"),
            ],
            input=b'{"a":\n1}',
            capture_output=True,
            timeout=PATIENCE,
        )
        (request,) = server.requests
    assert (done.returncode, done.stdout) == (0, b"message  x\n")
    assert (request.method, request.body) == ("PUT", b'{"a":1}')
    assert request.headers["content-type"] == "application/json"


@pytest.mark.parametrize("insecure", [True, False])
def test_tail_verifies_the_certificate_unless_told_not_to(run: Run, insecure: bool) -> None:
    trusting_context()  # skips where there are no certificates
    with Server([[OK + b"data: x\n\n"]], tls="127.0.0.1") as server:
        result = run("tail", server.url, "--no-reconnect", *(["--insecure"] if insecure else []))
    if insecure:
        assert (result.code, result.text) == (0, ["message  x"])
    else:
        assert (result.code, result.text) == (3, [])
        assert "certificate" in result.err


# --- tail: how it ends


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["ftp://localhost/"], "only http and https"),
        (["localhost:80"], "only http and https"),
        (["example.com/events"], "write https://example.com/events"),
        (["http://"], "no host"),
        (["http://user:secret@localhost/"], "credentials in a URL"),
        (["http://localhost/\n"], "control characters"),
        (["http://localhost/", "-H", "X-Key secret"], "'NAME: VALUE'"),
        (["http://localhost/", "-H", "X-Key:"], "without a value"),
        (["http://localhost/", "-H", "X Key: secret"], "not a valid header name"),
        (["http://localhost/", "-H", "X-Key: a\rsecret"], "must not contain CR"),
        (["http://localhost/", "-H", "Content-Length: 3"], "set by the client"),
        (["http://localhost/", "-H", "@/nonexistent/h"], "cannot read /nonexistent/h: No such"),
        (["http://localhost/", "-d", "@/nonexistent/d"], "cannot read /nonexistent/d: No such"),
        (["http://localhost/", "-X", "A B"], "not a method"),
        (["http://localhost/", "--idle", "-1"], "timeout idle must be positive"),
        (["http://localhost/", "--total", "nan"], "timeout total must be positive"),
    ],
)
@pytest.mark.parametrize("command", ["tail", "record"])
def test_arguments_that_make_no_sense_are_one_sentence_and_code_2(
    run: Run, tmp_path: Path, command: str, args: list[str], said: str
) -> None:
    output = tmp_path / "out.sse"
    result = run(command, *args, *(["-o", str(output)] if command == "record" else []))
    assert (result.code, result.out) == (2, b"")
    assert said in result.err
    assert "secret" not in result.err
    assert result.err.startswith("ssewire: ")
    assert result.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--last-event-id", "a\nb"], "last_event_id must not contain"),
        (["--max-attempts", "0"], "--max-attempts: must be at least 1, not 0"),
        (["--retry-delay", "-1"], "initial_delay must be finite"),
        (["--max-event-size", "-1"], "not a size: '-1'"),
        (["--no-reconnect", "--max-attempts", "3"], "not allowed with"),
        (["--idle", "soon"], "not a time: 'soon' (30, 1.5, 500ms, 2m, 1h)"),
    ],
)
def test_tail_refuses_options_that_make_no_sense_with_code_2(
    run: Run, args: list[str], said: str
) -> None:
    result = run("tail", "http://localhost/", *args)
    assert (result.code, result.out) == (2, b"")
    assert said in result.err


def test_tail_of_an_unreachable_server_gives_up_after_max_attempts_with_code_3(run: Run) -> None:
    url = f"http://127.0.0.1:{free_port()}/"
    result = run("tail", url, "--max-attempts", "2", "--retry-delay", "0.001")
    assert (result.code, result.out) == (3, b"")
    notice, end = result.err.splitlines()
    refused = r"could not connect to 127\.0\.0\.1:\d+: .+"
    assert re.fullmatch(rf"ssewire: {refused}; connecting again in 0\.0 s", notice)
    assert re.fullmatch(rf"ssewire: gave up after 2 failed attempts, the last one: {refused}", end)


def test_tail_without_reconnects_of_an_unreachable_server_is_code_3(run: Run) -> None:
    result = run("tail", f"http://127.0.0.1:{free_port()}/", "--no-reconnect")
    assert (result.code, result.out) == (3, b"")
    assert re.fullmatch(r"ssewire: could not connect to 127\.0\.0\.1:\d+: .+\n", result.err)


def test_tail_of_a_refusal_shows_the_reason_and_is_code_1(run: Run) -> None:
    reason = (
        b'{"error": {"message": "no such key\x1b[31m, and what to do about it at length"}}\r\nx'
    )
    refusal = head(401, f"Content-Length: {len(reason)}", content_type="application/json") + reason
    with Server([[refusal]]) as server:
        result = run("tail", server.url)
    assert (result.code, result.out) == (1, b"")
    assert result.err == (
        "ssewire: the server answered with status 401:\n"
        '  {"error": {"message": "no such key\\x1b[31m, and what to do about it at length"}}\n'
        "  x\n"
    )


def test_tail_of_another_media_type_names_it_and_is_code_1(run: Run) -> None:
    with Server([[head(content_type="text/html") + b"<p>Log in</p>"]]) as server:
        result = run("tail", server.url)
    assert (result.code, result.out) == (1, b"")
    assert result.err == (
        "ssewire: the response is 'text/html', not text/event-stream:\n  <p>Log in</p>\n"
    )


def test_tail_any_takes_another_media_type_or_none(run: Run) -> None:
    for content_type in ("text/plain", None):
        with Server([[head(content_type=content_type) + b"data: x\n\n"], [GONE]]) as server:
            result = run("tail", server.url, "--any", "--no-reconnect")
        assert (result.code, result.text, result.err) == (0, ["message  x"], "")


@pytest.mark.parametrize(
    ("body", "looks"),
    [
        (
            b'{"message": "busy"}',
            '(looks like JSON); one document and no stream: was "stream": true asked for?',
        ),
        (b"\xef\xbb\xbf \r\n[1]", "(looks like JSON); one document and no stream"),
        (
            b"<!doctype html><p>",
            "(looks like HTML); a page and no stream: is it the right address?",
        ),
        (
            gzip.compress(b"data: x\n\n", mtime=0),
            "(looks like gzip); unpack it first, as with gzip -dc",
        ),
        (b"upstream connect error\x1b[2J", r"(they begin with b'upstream connect error\\x1b[2J')"),
    ],
)
def test_tail_of_a_stream_without_events_says_what_it_looks_like(
    run: Run, body: bytes, looks: str
) -> None:
    said = f"ssewire: no events in {len(body)} bytes {looks}".replace("\\\\", "\\")
    with Server([[OK + body]]) as server:
        result = run("tail", server.url, "--no-reconnect")
    assert (result.code, result.out, result.err) == (1, b"", said + "\n")
    with Server([[OK + body], [GONE]]) as server:
        result = run("tail", server.url, "--retry-delay", "0.001")
    assert (result.code, result.out) == (0, b"")
    assert result.err.splitlines()[0] == said
    assert "connecting again" in result.err.splitlines()[1]


@pytest.mark.parametrize("body", [b"", b"\n\n", b": quiet\n\n", b"retry: 5\n\n", b"event: x\n\n"])
def test_tail_of_a_quiet_stream_is_code_0(run: Run, body: bytes) -> None:
    with Server([[OK + body]]) as server:
        result = run("tail", server.url, "--no-reconnect")
    assert (result.code, result.out, result.err) == (0, b"", "")


def test_tail_of_a_refusal_after_a_redirect_says_where(run: Run) -> None:
    script = [[head(302, "Location: /login", "Content-Length: 0")], [head(403) + b"no"]]
    with Server(script) as server:
        result = run("tail", server.url)
    assert result.code == 1
    assert result.err == (
        f"ssewire: the server answered with status 403 (at '{server.url}/login', after a "
        "redirect):\n  no\n"
    )


def test_tail_shows_a_kibibyte_of_a_refusal(run: Run) -> None:
    with Server([[head(403) + b"x" * 5000]]) as server:
        result = run("tail", server.url)
    assert result.err.endswith(f"\n  {'x' * 1024}...\n")


def test_tail_of_an_event_too_large_prints_those_before_and_is_code_1(run: Run) -> None:
    with Server([[OK + b"data: a\n\ndata: bbbbbbbbbb\n\n"]]) as server:
        result = run("tail", server.url, "--max-event-size", "10")
        assert server.connections == 1
    assert (result.code, result.text) == (1, ["message  a"])
    assert result.err == "ssewire: an event is larger than max_event_size (10 bytes)\n"


def test_tail_without_reconnects_of_a_204_is_code_0(run: Run) -> None:
    with Server([[GONE]]) as server:
        result = run("tail", server.url, "--no-reconnect")
    assert (result.code, result.out, result.err) == (0, b"", "")


@pytest.mark.parametrize(
    ("args", "steps", "said"),
    [
        (["--head-timeout", "0.05"], ["hold"], "no response head within 0.05 s"),
        (["--idle", "0.05"], [OK, "hold"], "no data within 0.05 s"),
        (["--stall", "0.05"], [OK + b": alive\n", "hold"], "no event within 0.05 s"),
        (["--total", "0.05"], [OK, "hold"], "not finished within 0.05 s"),
        ([], [head(200, "Content-Length: 99") + b"data: 1"], "before the end of the body"),
        ([], [OK, "reset"], "reset"),
        ([], [b"garbage\r\n\r\n"], "HTTP"),
    ],
)
def test_tail_without_reconnects_of_a_connection_that_fails_is_code_3(
    run: Run, args: list[str], steps: list[Any], said: str
) -> None:
    with Server([steps]) as server:
        result = run("tail", server.url, "--no-reconnect", *args)
    assert (result.code, result.out) == (3, b"")
    assert said in result.err
    assert result.err.startswith("ssewire: ")
    assert result.err.count("\n") == 1


def test_tail_goes_on_after_a_reset_with_the_last_event_printed(run: Run) -> None:
    with Server([Numbers(6, 2, "reset")]) as server:
        result = run("tail", "--json", server.url)
        assert result.data == [f"number {n}" for n in range(1, 7)]
        assert server.last_event_ids == [None, "2", "4", "6"]
    assert result.code == 0
    assert "after event ID '2'" in result.err


# --- tail: --save-id


def test_tail_with_save_id_goes_on_where_the_last_run_stopped(run: Run, tmp_path: Path) -> None:
    saved = tmp_path / "id"
    args = ("tail", "--json", "--no-reconnect", "--save-id", str(saved), "--last-event-id", "2")
    seen = []
    with Server([Numbers(9, 3)]) as server:
        for _ in range(3):
            seen += run(*args, server.url).data
        assert server.last_event_ids == ["2", "5", "8"]
    assert seen == [f"number {n}" for n in range(3, 10)]
    assert saved.read_bytes() == b"9\n"
    assert list(tmp_path.iterdir()) == [saved]


def test_tail_with_save_id_leaves_the_mode_of_the_file_as_it_is(run: Run, tmp_path: Path) -> None:
    saved = tmp_path / "id"
    saved.write_text("2\n")
    saved.chmod(0o644)
    with Server([Numbers(3, 1)]) as server:
        assert run("tail", "--no-reconnect", "--save-id", str(saved), server.url).code == 0
    assert saved.read_text() == "3\n"
    assert stat.S_IMODE(saved.stat().st_mode) == 0o644


@no_sigint
def test_tail_interrupted_twice_with_save_id_loses_no_event_and_doubles_none(
    tmp_path: Path,
) -> None:
    saved = tmp_path / "id"
    # More than a pipe holds, so that no run is through before it is interrupted.
    total = 3000
    seen: list[str] = []
    with Server([Numbers(total, total)]) as server:
        for stop_after in (40, 100, None):
            process = start("tail", "--json", "--save-id", str(saved), server.url)
            assert process.stdout is not None
            assert process.stderr is not None
            # The signal comes while events are printed as fast as they can be.
            out = b"".join(process.stdout.readline() for _ in range(stop_after or 0))
            if stop_after:
                process.send_signal(signal.SIGINT)
            out += process.stdout.read()
            seen += [json.loads(line)["data"] for line in out.splitlines()]
            assert process.wait(PATIENCE) == (130 if stop_after else 0)
            assert saved.read_text() == seen[-1].split()[1] + "\n"
            assert b"Traceback" not in process.stderr.read()
            process.stdout.close()
            process.stderr.close()
    assert seen == [f"number {n}" for n in range(1, total + 1)]


def test_tail_saves_no_event_that_could_not_be_printed(tmp_path: Path) -> None:
    saved = tmp_path / "id"
    release = threading.Event()

    def script(request: Request) -> Steps:
        yield OK + b"id: 1\ndata: x\n\n"
        assert release.wait(PATIENCE)
        yield b"id: 2\ndata: x\n\n"
        yield "hold"

    with Server([script]) as server:
        process = start("tail", "--save-id", str(saved), server.url)
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"message  x\n"
        process.stdout.close()
        release.set()
        assert process.wait(PATIENCE) == 141
        assert process.stderr.read() == b""
        process.stderr.close()
    assert saved.read_bytes() == b"1\n"


def test_tail_keeps_an_id_with_spaces_and_one_that_was_taken_back(run: Run, tmp_path: Path) -> None:
    saved = tmp_path / "id"
    args = ("tail", "--no-reconnect", "--save-id", str(saved), "--last-event-id", "first")
    streams = ["id:  a é \ndata: x\n\n", "id\ndata: x\n\n", "data: x\n\n"]
    with Server([[OK + stream.encode()] for stream in streams]) as server:
        kept = []
        for _ in streams:
            assert run(*args, server.url).code == 0
            kept.append(saved.read_bytes().decode())
        # White space around a header's value does not count in HTTP; an ID may have it.
        assert server.last_event_ids == ["first", "a é", None]
    assert kept == [" a é \n", "\n", "\n"]


def test_tail_takes_an_empty_file_of_save_id_for_none(run: Run, tmp_path: Path) -> None:
    saved = tmp_path / "id"
    saved.touch()
    with Server([[GONE]]) as server:
        assert run("tail", server.url, "--save-id", str(saved), "--last-event-id", "4").code == 0
        assert server.last_event_ids == ["4"]
    assert saved.read_bytes() == b"4\n"


def test_tail_follows_a_link_to_the_file_of_save_id(run: Run, tmp_path: Path) -> None:
    link = tmp_path / "link"
    try:
        link.symlink_to(tmp_path / "id")
    except OSError:
        pytest.skip("no symbolic links here")
    with Server([Numbers(1, 1)]) as server:
        assert run("tail", server.url, "--save-id", str(link)).code == 0
    assert link.is_symlink()
    assert (tmp_path / "id").read_bytes() == b"1\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"1\n2\n", "does not hold an event ID"),
        (b"a\0", "does not hold an event ID"),
        (b"x" * 100_000, "does not hold an event ID"),
        (None, "not a regular file"),
    ],
)
def test_tail_refuses_a_file_of_save_id_that_holds_none_before_it_connects(
    run: Run, tmp_path: Path, content: bytes | None, said: str
) -> None:
    saved = tmp_path / "id"
    if content is None:
        saved.mkdir()
    else:
        saved.write_bytes(content)
    with Server([[GONE]]) as server:
        result = run("tail", server.url, "--save-id", str(saved))
        assert server.connections == 0
    assert (result.code, result.out) == (2, b"")
    assert said in result.err
    assert result.err.count("\n") == 1
    if content is not None:
        assert saved.read_bytes() == content


@pytest.mark.parametrize("command", [["tail", "--save-id"], ["record", "-o"]])
def test_a_file_that_cannot_be_written_is_code_2_before_it_connects(
    run: Run, tmp_path: Path, command: list[str]
) -> None:
    path = tmp_path / "missing" / "file"
    with Server([[GONE]]) as server:
        result = run(*command, str(path), server.url)
        assert server.connections == 0
    assert (result.code, result.out) == (2, b"")
    assert result.err == f"ssewire: cannot write {path}: No such file or directory\n"


# --- tail: pipes and signals


def test_tail_shows_each_event_to_a_pipe_as_soon_as_it_is_complete() -> None:
    turn = threading.Semaphore(0)

    def script(request: Request) -> Steps:
        yield OK
        for number in range(3):
            yield b"data: %d\n\n" % number
            assert turn.acquire(timeout=PATIENCE)

    with Server([script]) as server, start("tail", "--no-reconnect", server.url) as process:
        assert process.stdout is not None
        for number in range(3):
            # Hangs, and fails by the test's time limit, if the event is held back.
            assert process.stdout.readline() == b"message  %d\n" % number
            turn.release()
        assert process.wait(PATIENCE) == 0


def test_tail_ends_quietly_when_its_reader_goes_away() -> None:
    def script(request: Request) -> Steps:
        yield OK
        while True:
            yield b"data: x\n\n"

    with Server([script]) as server:
        process = start("tail", server.url)
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(PATIENCE) == 141
        assert process.stderr.read() == b""
        process.stderr.close()


@no_sigint
@pytest.mark.parametrize("moment", ["head", "stream", "delay"])
def test_tail_ends_quietly_on_ctrl_c_whatever_it_waits_for(moment: str) -> None:
    asked = threading.Event()

    def script(request: Request) -> Steps:
        asked.set()
        if moment == "head":
            return ["hold"]
        if moment == "stream":
            return [OK + b"data: x\n\n", "hold"]
        return [OK + b"retry: 50000\ndata: x\n\n"]

    with Server([script]) as server:
        process = start("tail", server.url)
        assert process.stdout is not None
        assert process.stderr is not None
        assert asked.wait(PATIENCE)
        if moment != "head":
            assert process.stdout.readline() == b"message  x\n"
        if moment == "delay":
            assert b"connecting again" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, out, err) == (130, b"", b"")
        assert server.wait_closed()


# --- record


def recording(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    """Return first line, pieces and last line of what belongs to a recording."""
    first, *pieces, last = [
        json.loads(line) for line in Path(f"{path}.times").read_text("utf-8").splitlines()
    ]
    assert [piece["offset"] for piece in pieces] == [
        sum(piece["size"] for piece in pieces[:number]) for number in range(len(pieces))
    ]
    assert sum(piece["size"] for piece in pieces) == path.stat().st_size
    seconds = [*(piece["seconds"] for piece in pieces), last["seconds"]]
    assert seconds == sorted(seconds)
    return first, pieces, last


def test_record_keeps_the_bytes_and_when_they_came(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "a.sse"
    steps = [
        head(200, CHUNKED) + chunk(b"data: 1\n\n", b"da"),
        0.05,
        chunk(b"ta: \xff\r\n\r\n") + LAST_CHUNK,
    ]
    with Server([steps]) as server:
        result = run("record", f"{server.url}/events?key=secret", "-o", str(file))
    assert (result.code, result.out) == (0, b"")
    assert re.fullmatch(r"\[complete: 20 bytes in \d reads, \d+\.\d s\]\n", result.err)
    assert file.read_bytes() == b"data: 1\n\ndata: \xff\r\n\r\n"
    first, pieces, last = recording(file)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first.pop("date"))
    assert first == {
        "version": 1,
        "method": "GET",
        "url": f"{server.url}/events",
        "status": 200,
        "content_type": "text/event-stream",
    }
    assert pieces[-1]["seconds"] - pieces[-2]["seconds"] > 0.02
    assert last["end"] == "complete"
    assert run("parse", str(file)).data == ["1", "\ufffd"]


def test_record_keeps_a_compressed_body_as_it_is_without_compression(
    run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "a.sse"
    body = b"data: 1\n\n" * 20_000
    with Server([[head(200, "Content-Encoding: gzip") + gzip.compress(body)]]) as server:
        assert run("record", server.url, "-o", str(file)).code == 0
    assert file.read_bytes() == body
    assert recording(file)[2]["end"] == "complete"


def test_record_sends_what_is_asked_for(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "a.sse"
    with Server([[OK + b"data: x\n\n"]]) as server:
        result = run("record", server.url, "-o", str(file), "-d", "{}", "-H", "X-Key: k")
        (request,) = server.requests
    assert result.code == 0
    assert (request.method, request.body, request.headers["x-key"]) == ("POST", b"{}", "k")
    assert recording(file)[0]["method"] == "POST"


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (head(401, content_type=None) + b"no such key", "status 401:\n  no such key\n"),
        (head(204, content_type=None), "status 204\n"),
        (head(content_type="text/html") + b"<p>", "'text/html', not text/event-stream:\n  <p>\n"),
    ],
)
def test_record_of_a_refusal_is_code_1_and_leaves_files_as_they_were(
    run: Run, tmp_path: Path, refusal: bytes, said: str
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(b"an old recording")
    with Server([[refusal]]) as server:
        for file in (old, new):
            result = run("record", server.url, "-o", str(file))
            assert (result.code, result.out) == (1, b"")
            assert result.err.endswith(said)
    assert list(tmp_path.iterdir()) == [old]
    assert old.read_bytes() == b"an old recording"


def test_record_of_a_refusal_that_says_no_more_does_not_wait_for_it(
    run: Run, tmp_path: Path
) -> None:
    with Server([[head(500, content_type=None) + b"why", "hold"]]) as server:
        result = run("record", server.url, "-o", str(tmp_path / "a"))
    assert result.code == 1
    assert result.err == "ssewire: the server answered with status 500:\n  why\n"


def test_record_any_keeps_a_response_that_is_no_event_stream(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "a"
    with Server([[head(404, content_type=None) + b"nothing here"]]) as server:
        result = run("record", server.url, "-o", str(file), "--any")
    assert result.code == 0
    assert file.read_bytes() == b"nothing here"
    first, _, _ = recording(file)
    assert (first["status"], first["content_type"]) == (404, None)


@pytest.mark.parametrize(
    ("steps", "args"),
    [
        ([head(200, "Content-Length: 99") + b"data: 1\n\nda"], []),
        ([head(200, CHUNKED) + chunk(b"data: 1\n\nda"), "fin"], []),
        ([OK + b"data: 1\n\nda", "hold"], ["--idle", "0.05"]),
    ],
)
def test_record_of_a_stream_that_breaks_off_keeps_what_came_and_is_code_3(
    run: Run, tmp_path: Path, steps: list[Any], args: list[str]
) -> None:
    file = tmp_path / "a.sse"
    file.write_bytes(b"an old recording, longer than the new one")
    with Server([steps]) as server:
        result = run("record", server.url, "-o", str(file), *args)
    assert result.code == 3
    assert file.read_bytes() == b"data: 1\n\nda"
    _, _, last = recording(file)
    assert last["end"] == "failed"
    summary, said = result.err.splitlines()
    assert summary.startswith("[failed: 11 bytes in ")
    assert said == f"ssewire: {last['error']}"


@no_sigint
def test_record_ended_by_ctrl_c_leaves_whole_files_that_show_all_that_came(tmp_path: Path) -> None:
    file = tmp_path / "a.sse"
    with Server([[OK + b"data: 1\n\ndata: 2", "hold"]]) as server:
        process = start("record", server.url, "-o", str(file))
        deadline = time.monotonic() + PATIENCE
        # It can be read while it is recorded.
        while not (file.exists() and file.read_bytes()) and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (130, b"")
    assert re.fullmatch(rb"\[interrupted: 16 bytes in 1 reads, \d+\.\d s\]\n", err)
    assert file.read_bytes() == b"data: 1\n\ndata: 2"
    assert recording(file)[2]["end"] == "interrupted"


@no_sigint
def test_record_ended_by_ctrl_c_before_the_response_leaves_no_file(tmp_path: Path) -> None:
    asked = threading.Event()

    def script(request: Request) -> Steps:
        asked.set()
        return ["hold"]

    with Server([script]) as server:
        process = start("record", server.url, "-o", str(tmp_path / "a.sse"))
        assert asked.wait(PATIENCE)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (130, b"", b"")
    assert list(tmp_path.iterdir()) == []


def test_record_of_an_unreachable_server_is_code_3_and_leaves_no_file(
    run: Run, tmp_path: Path
) -> None:
    result = run("record", f"http://127.0.0.1:{free_port()}/", "-o", str(tmp_path / "a"))
    assert result.code == 3
    assert "could not connect" in result.err
    assert list(tmp_path.iterdir()) == []


def test_record_does_not_write_to_what_is_no_regular_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.times").mkdir()
    with Server([[OK]]) as server:
        result = run("record", server.url, "-o", str(tmp_path / "a"))
        assert server.connections == 0
    assert result.code == 2
    assert result.err == f"ssewire: cannot write {tmp_path / 'a.times'}: not a regular file\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.times"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this platform")
def test_output_to_a_full_disk_is_a_sentence_and_code_2() -> None:
    with Server([[OK + b"data: x\n\n"]]) as server, open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*COMMAND, "tail", server.url], stdout=full, stderr=subprocess.PIPE, timeout=PATIENCE
        )
    assert done.returncode == 2
    assert done.stderr == b"ssewire: No space left on device\n"


# --- all commands


def test_help_lists_every_command_and_each_says_its_exit_codes(run: Run) -> None:
    listed = run("--help")
    assert listed.code == 0
    for command in ("parse", "tail", "record", "claude-parse", "demo"):
        assert re.search(rf"^  {command}\s", listed.out.decode(), re.MULTILINE)
    for command in ("tail", "record"):
        shown = run(command, "--help").out.decode()
        assert "exit codes:\n" in shown
        assert all(f"\n  {code} " in shown for code in ("0", "1", "2", "3", "130"))


def test_parse_loads_no_network() -> None:
    program = (
        "import sys; from ssewire.cli import main; main(['parse', sys.argv[1]]);"
        "print({'ssl', 'socket', 'asyncio', 'urllib', 'http'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, os.devnull], capture_output=True, timeout=PATIENCE
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, b"set()", b"")


def test_options_before_the_command_are_refused(run: Run) -> None:
    result = run("--", "demo")
    assert result.code == 2
    assert result.out == b""
