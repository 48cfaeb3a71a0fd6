# SPDX-License-Identifier: MIT
"""The command line, run as people run it: a process, pipes, signals, a terminal."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-m", "ssewire"]
# Long enough for a loaded machine; nothing here waits for it unless it fails.
PATIENCE = 60


def run(*args: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*COMMAND, *args], input=stdin, capture_output=True, timeout=PATIENCE)


@pytest.mark.skipif(os.name == "nt", reason="closes descriptors as a shell does")
@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("parse /dev/null >&-", 2, b"ssewire: standard output is closed\n"),
        ("parse - <&-", 2, b"ssewire: standard input is closed\n"),
        ("claude-parse - <&-", 2, b"ssewire: standard input is closed\n"),
        ("claude --base-url http://127.0.0.1:9 - <&-", 2, b"ssewire: standard input is closed\n"),
        ("parse /nowhere 2>&-", 2, b""),
        ("tail nonsense 2>&-", 2, b""),
    ],
)
def test_a_standard_stream_that_is_closed_is_said_in_one_sentence(
    command: str, code: int, said: bytes
) -> None:
    shell = f"{sys.executable} -m ssewire {command}"
    done = subprocess.run(["/bin/sh", "-c", shell], capture_output=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout, done.stderr) == (code, b"", said)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this platform")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("command", "code"),
    [
        # Results that cannot be written are a failure, --help among them.
        ("parse --help >/dev/full", 2),
        ("--version >/dev/full", 2),
        ("man >/dev/full", 2),
        # What is said beside them changes nothing about how it ends.
        ("parse /nowhere 2>/dev/full", 2),
        ("parse --nonsense 2>/dev/full", 2),
        ("claude-parse /dev/null 2>/dev/full", 1),
        ("replay --examples 2>/dev/full", 0),
        ("parse /nowhere /dev/null 2>/dev/full", 2),
    ],
)
def test_a_full_disk_takes_results_for_failed_and_leaves_out_notices(
    command: str, code: int, unbuffered: str
) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} -m ssewire {command}"],
        capture_output=True,
        timeout=PATIENCE,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    )
    full = b"ssewire: No space left on device\n"
    assert (done.returncode, done.stderr) == (code, b"" if "2>" in command else full)


@pytest.mark.skipif(os.name == "nt", reason="pipes of a shell")
def test_a_reader_of_notices_that_has_gone_away_is_code_141() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as stderr:
        done = subprocess.run([*COMMAND, "parse", "/nowhere"], stderr=stderr, timeout=PATIENCE)
    assert done.returncode == 141


def start(*args: str, **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,  # what a failed flush left in a buffer would be written at close again
        **options,
    )


def lines(output: bytes) -> list[Any]:
    return [json.loads(line) for line in output.splitlines()]


def test_parse_writes_each_event_of_a_file_as_a_json_object(tmp_path: Path) -> None:
    file = tmp_path / "a.sse"
    file.write_bytes(
        "event: e\nid: 1\nretry: 5\ndata: é\u2028\ndata: b\n\n: c\n\ndata: x\n\n".encode()
    )
    done = run("parse", str(file))
    assert done.returncode == 0
    assert done.stderr == b""
    assert lines(done.stdout) == [
        {"event": "e", "data": "é\u2028\nb", "id": "1", "retry": 5},
        {"event": "message", "data": "x", "id": "1"},
    ]


def test_parse_reads_standard_input_without_a_file_and_with_a_dash() -> None:
    for args in ((), ("-",)):
        done = run("parse", *args, stdin=b"data: x\n\n")
        assert (done.returncode, lines(done.stdout)) == (0, [{"event": "message", "data": "x"}])


def test_parse_shows_an_event_before_the_input_ends() -> None:
    with start("parse") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(3):
            process.stdin.write(b"data: %d\n\n" % number)
            process.stdin.flush()
            # Hangs, and fails by the test's time limit, if the event is held back.
            assert json.loads(process.stdout.readline())["data"] == str(number)
        process.stdin.close()
        assert process.wait(PATIENCE) == 0


def test_parse_with_comments_writes_them_in_place() -> None:
    done = run("parse", "--comments", stdin=b"data: x\n: hi\n\n")
    assert lines(done.stdout) == [{"comment": " hi"}, {"event": "message", "data": "x"}]


def test_parse_raw_writes_what_parses_to_the_same_events() -> None:
    wire = b":c\nevent: a\ndata: 1\ndata: 2\n\nid: 9\ndata: z\n\n"
    done = run("parse", "--raw", "--comments", stdin=wire.replace(b"\n", b"\r\n"))
    assert (done.returncode, done.stdout) == (0, wire)


def test_parse_stats_counts_types_and_bytes() -> None:
    wire = b"event: a\ndata: 1\n\ndata: 2\n\nevent: a\ndata: 3\n\n"
    done = run("parse", "--stats", stdin=wire)
    rows = [line.split() for line in done.stdout.decode().splitlines()]
    assert rows[:4] == [["events", "3"], ["2", "a"], ["1", "message"], ["bytes", str(len(wire))]]
    assert [row[0] for row in rows[4:]] == ["seconds", "MB/s"]


@pytest.mark.parametrize("options", [(), ("--raw",), ("--stats",)], ids=str)
def test_parse_says_on_stderr_what_the_end_drops(options: tuple[str, ...]) -> None:
    result = run("parse", *options, stdin=b"data: a\n\ndata: LAST\n")
    assert result.returncode == 0
    assert b"LAST" not in result.stdout
    assert result.stderr.decode().splitlines() == [
        "ssewire: 5 bytes at the end dropped: no blank line after them, so no whole event"
    ]
    assert run("parse", *options, stdin=b"data: a\n\n:\n").stderr == b""


@pytest.mark.parametrize("arguments", [(), ("--stats",), ("--raw",), ("--comments",)])
@pytest.mark.parametrize(
    ("wire", "said"),
    [
        (
            b'{"a": 1}\n',
            'looks like JSON); one document and no stream: was "stream": true asked for?',
        ),
        (
            b"  <html>" + b" " * 500,
            "looks like HTML); a page and no stream: is it the right address?",
        ),
        (b"\x1f\x8b\x08\0", "looks like gzip); unpack it first, as with gzip -dc"),
        (b"\x28\xb5\x2f\xfd\0", "looks like zstd); unpack it first, as with zstd -dc"),
        (b"\xfd7zXZ\0", "looks like xz); unpack it first, as with xz -dc"),
        (b"BZh91AY", "looks like bzip2); unpack it first, as with bzip2 -dc"),
        (b"PK\x03\x04", "looks like zip); unpack it first, as with unzip -p"),
        (
            "data: x\n\n".encode("utf-16"),
            "looks like UTF-16); make UTF-8 of it first, as with iconv -f UTF-16 -t UTF-8",
        ),
        (b"not found", "they begin with b'not found')"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_parse_of_what_has_no_events_says_what_it_looks_like(
    arguments: tuple[str, ...], wire: bytes, said: str
) -> None:
    done = run("parse", *arguments, stdin=wire)
    said = f"ssewire: no events in {len(wire)} bytes ({said}\n"
    assert (done.returncode, done.stderr.decode()) == (1, said)


def test_brotli_which_has_no_mark_of_its_own_is_told_by_the_name_of_the_file(
    tmp_path: Path,
) -> None:
    file = tmp_path / "a.sse.br"
    file.write_bytes(b"\x8b\x02\x80data")
    done = run("parse", str(file))
    assert (done.returncode, done.stderr.decode()) == (
        1,
        "ssewire: no events in 7 bytes (looks like brotli); unpack it first, as with brotli -dc\n",
    )


@pytest.mark.parametrize("wire", [b"", b"\n", b": quiet\n\n", b"retry: 5\n", b"\xef\xbb\xbf:x\n"])
def test_parse_of_a_quiet_stream_is_code_0(wire: bytes) -> None:
    done = run("parse", stdin=wire)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_parse_of_a_missing_file_is_one_sentence_and_code_2(tmp_path: Path) -> None:
    missing = str(tmp_path / "nothing.sse")
    done = run("parse", missing)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == f"ssewire: cannot read {missing}: No such file or directory\n"


def test_parse_of_a_directory_is_one_sentence_and_code_2(tmp_path: Path) -> None:
    done = run("parse", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == f"ssewire: cannot read {tmp_path}: Is a directory\n"


def test_parse_of_an_event_too_large_writes_those_before_and_ends_with_code_1() -> None:
    done = run("parse", "--max-event-size", "10", stdin=b"data: a\n\ndata: bbbbbbbbbb\n\n")
    assert done.returncode == 1
    assert [event["data"] for event in lines(done.stdout)] == ["a"]
    assert done.stderr == b"ssewire: an event is larger than max_event_size (10 bytes)\n"


def test_parse_ends_quietly_when_its_reader_goes_away() -> None:
    process = start("parse")
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.write(b"data: x\n\n")
    process.stdin.flush()
    process.stdout.readline()
    process.stdout.close()
    with contextlib.suppress(BrokenPipeError):
        # More than pipes hold, so that the write to the closed one happens.
        process.stdin.write(b"data: x\n\n" * 100_000)
    process.stdin.close()
    assert process.wait(PATIENCE) == 141
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.skipif(os.name == "nt", reason="SIGINT is sent to a process group there")
def test_parse_ends_quietly_on_ctrl_c() -> None:
    process = start("parse")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"data: x\n\n")
    process.stdin.flush()
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (130, b"", b"")


def test_parse_of_a_large_file_on_a_terminal_draws_a_bar_on_stderr(tmp_path: Path) -> None:
    pty = pytest.importorskip("pty", reason="no pseudo-terminals on this platform")
    file = tmp_path / "large.sse"
    file.write_bytes(b"data: " + b"x" * (9 * 2**20) + b"\n\n")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "parse", str(file)], stdout=subprocess.DEVNULL, stderr=theirs
    ) as process:
        os.close(theirs)
        drawn = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # how Linux reports that the other side is closed
                break
            if not piece:
                break
            drawn += piece
        assert process.wait(PATIENCE) == 0
    os.close(ours)
    assert b"%" in drawn
    # The bar is wiped when all is done.
    assert drawn.rstrip(b"\r").endswith(b" ")


def test_no_bar_is_drawn_where_stderr_is_no_terminal(tmp_path: Path) -> None:
    file = tmp_path / "large.sse"
    file.write_bytes(b": x\n" * (9 * 2**18))
    assert run("parse", str(file)).stderr == b""


def test_a_wrong_command_is_code_2() -> None:
    done = run("nonsense")
    assert done.returncode == 2
    assert b"nonsense" in done.stderr
