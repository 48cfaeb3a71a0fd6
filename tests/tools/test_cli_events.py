# SPDX-License-Identifier: MIT
"""What commands that print events have in common: -n, --event, --decode, colour, several files."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ssewire.cli import _color, main
from tests.claude import wire
from tests.kit.scripted import Server, head
from tests.kit.terminal import Terminal

COMMAND = [sys.executable, "-m", "ssewire"]
STREAM = (
    b'id: 1\ndata: {"a": [1.10,\ndata: 1e999, 12345678901234567890], "a": "\xc3\xa9"}\n\n'
    b": aside\n\nevent: price\ndata: 7\n\nevent: note\nid: 2\ndata: hi\n\nevent: price\ndata:\n\n"
)


class Run:
    """Runs a command in this process."""

    def __init__(self, capture: pytest.CaptureFixture[bytes]) -> None:
        self._capture = capture

    def __call__(self, *arguments: str) -> tuple[int, list[str], str]:
        try:
            code: Any = main(list(arguments))
        except SystemExit as exc:  # how argparse refuses
            code = exc.code
        out, err = self._capture.readouterr()
        # Not splitlines(): U+2028 ends no line here.
        return code, out.decode().split("\n")[:-1] if out else [], err.decode()


@pytest.fixture
def run(capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    return Run(capfdbinary)


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "a.sse"
    path.write_bytes(STREAM)
    return str(path)


def types(lines: list[str]) -> list[str]:
    return [json.loads(line).get("event", "(comment)") for line in lines]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["message", "price", "note", "price"]),
        (["-n", "1"], ["message"]),
        (["-n3"], ["message", "price", "note"]),
        (["--count", "9"], ["message", "price", "note", "price"]),
        (["--event", "price"], ["price", "price"]),
        (["--event", "price", "--event", "note"], ["price", "note", "price"]),
        (["--event", "price", "-n", "1"], ["price"]),
        (["--event", "pri"], []),
        # Comments are asked for by themselves, and are no events to count.
        (["--comments", "--event", "note"], ["(comment)", "note"]),
        (["--comments", "-n", "2"], ["message", "(comment)", "price"]),
    ],
)
@pytest.mark.sockets
def test_parse_and_tail_print_the_events_that_are_asked_for(
    run: Run, file: str, options: list[str], expected: list[str]
) -> None:
    code, lines, err = run("parse", *options, file)
    assert (code, types(lines), err) == (0, expected, "")
    with Server([[head() + STREAM]]) as server:
        code, lines, err = run("tail", "--no-reconnect", "--json", *options, server.url)
    assert (code, types(lines), err) == (0, expected, "")


@pytest.mark.sockets
def test_tail_ends_a_stream_that_does_not_end_after_so_many_events(run: Run) -> None:
    with Server([[head() + STREAM, 60.0]]) as server:
        code, lines, err = run("tail", "-n", "2", server.url)
    assert (code, err) == (0, "")
    assert [line.split("  ")[0] for line in lines if line[0] != " "] == ["message", "price"]


@pytest.mark.sockets
def test_tail_saves_the_id_of_events_that_it_was_told_to_pass_over(
    run: Run, tmp_path: Path
) -> None:
    saved = tmp_path / "id"
    with Server([[head() + STREAM]]) as server:
        code, lines, _ = run(
            "tail", "--no-reconnect", "--event", "price", "--save-id", str(saved), server.url
        )
    assert (code, lines, saved.read_bytes()) == (0, ["price  7", "price  "], b"2\n")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("0", "must be at least 1, not 0"),
        ("-3", "must be at least 1, not -3"),
        ("two", "not a whole number: 'two'"),
    ],
)
def test_a_count_that_makes_no_sense_is_code_2(run: Run, file: str, wrong: str, said: str) -> None:
    code, lines, err = run("parse", f"-n{wrong}", file)
    assert (code, lines) == (2, [])
    assert f"argument -n/--count: {said}\n" in err


@pytest.mark.sockets
def test_decoded_data_that_is_json_stands_in_the_object_as_it_came(run: Run, file: str) -> None:
    expected = [
        # Numbers as they are, a key twice: nothing is written anew but the space.
        (
            '{"event": "message", "data": {"a": [1.10, 1e999, 12345678901234567890], "a": "é"}, '
            '"id": "1"}'
        ),
        '{"event": "price", "data": 7, "id": "1"}',
        '{"event": "note", "data": "hi", "id": "2"}',
        '{"event": "price", "data": "", "id": "2"}',
    ]
    assert run("parse", "--decode", file) == (0, expected, "")
    with Server([[head() + STREAM]]) as server:
        assert run("tail", "--no-reconnect", "--decode", server.url) == (0, expected, "")


@pytest.mark.parametrize(
    "data",
    [
        "NaN",
        "[Infinity]",
        '{"a":',
        "{'a': 1}",
        "[" * 100_000,
        '"a\tb"',
        "01",
        "\ufeff1",
        " ",
        "nul",
    ],
    ids=lambda data: ascii(data[:10]),
)
def test_data_that_is_no_json_stays_a_string(run: Run, tmp_path: Path, data: str) -> None:
    path = tmp_path / "a.sse"
    path.write_bytes(f"data: {data}\n\n".encode())
    code, lines, _ = run("parse", "--decode", str(path))
    assert (code, json.loads(lines[0])) == (0, {"event": "message", "data": data})


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("\t[1,\t2] ", [1, 2]),
        ('"\\ud83d"', "\ud83d"),
        ('"\x7f\u202e\u2028"', "\x7f\u202e\u2028"),
        ("9" * 5000, None),
        ("null", None),
        ("[" * 500 + "]" * 500, None),
    ],
    ids=lambda value: ascii(value)[:10],
)
def test_decoded_data_is_one_line_of_json_that_steers_no_terminal(
    run: Run, tmp_path: Path, data: str, value: object
) -> None:
    path = tmp_path / "a.sse"
    path.write_bytes(f"data: {data}\n\n".encode())
    code, lines, _ = run("parse", "--decode", str(path))
    assert (code, len(lines)) == (0, 1)
    assert not {"\x7f", "\u202e"} & set(lines[0])
    if value is None:
        assert lines[0] == f'{{"event": "message", "data": {data}}}'
    else:
        assert json.loads(lines[0])["data"] == value


@pytest.mark.parametrize("form", ["--raw", "--stats"])
def test_decoding_makes_no_sense_where_there_is_no_json(run: Run, file: str, form: str) -> None:
    said = f"ssewire: --decode makes no sense with {form}\n"
    assert run("parse", "--decode", form, file) == (2, [], said)


def test_json_is_what_parse_writes_anyway(run: Run, file: str) -> None:
    assert run("parse", "--json", file) == run("parse", file)


# --- several files


def test_each_file_is_a_stream_of_its_own(run: Run, tmp_path: Path) -> None:
    # Neither the unfinished event nor the ID goes on in the next one.
    (tmp_path / "a").write_bytes(b"id: 9\ndata: a\n\ndata: dropped\n")
    (tmp_path / "b").write_bytes(b"data: b\n\n")
    code, lines, err = run("parse", str(tmp_path / "a"), str(tmp_path / "b"))
    assert (code, [json.loads(line) for line in lines]) == (
        0,
        [{"event": "message", "data": "a", "id": "9"}, {"event": "message", "data": "b"}],
    )
    assert err == (
        f"ssewire: {tmp_path / 'a'}: 8 bytes at the end dropped: no blank line after them, so no "
        "whole event\n"
    )


@pytest.mark.parametrize("options", [[], ["--raw"], ["--stats"], ["-n", "9"]])
def test_a_file_that_is_wrong_is_told_and_the_next_is_read(
    run: Run, tmp_path: Path, options: list[str]
) -> None:
    good, page, large = tmp_path / "good", tmp_path / "page", tmp_path / "large"
    good.write_bytes(b"data: x\n\n")
    page.write_bytes(b"<html>")
    large.write_bytes(b"data: " + b"y" * 100 + b"\n\n")
    few = [*options, "--max-event-size", "50"]
    code, lines, err = run("parse", *few, str(good), str(page), str(large), str(good))
    assert code == 1
    assert err.splitlines() == [
        (
            f"ssewire: {page}: no events in 6 bytes (looks like HTML); a page and no stream: "
            "is it the right address?"
        ),
        f"ssewire: {large}: an event is larger than max_event_size (50 bytes)",
    ]
    assert any("2" in line for line in lines) if options == ["--stats"] else len(lines) >= 2
    missing = str(tmp_path / "none")
    code, lines, err = run("parse", *options, missing, str(page), str(good))
    assert (code, bool(lines)) == (2, True)
    assert err.splitlines()[0] == f"ssewire: cannot read {missing}: No such file or directory"


def test_a_count_is_of_all_files_together(run: Run, file: str) -> None:
    code, lines, _ = run("parse", "-n", "5", file, file, file)
    assert (code, types(lines)) == (0, ["message", "price", "note", "price", "message"])


def test_statistics_are_of_all_files_together(run: Run, file: str) -> None:
    _, lines, _ = run("parse", "--stats", file, file)
    rows = [line.split() for line in lines]
    assert rows[0] == ["events", "8"]
    assert ["4", "price"] in rows
    assert ["bytes", str(2 * len(STREAM))] in rows


def test_claude_parse_reads_several_files(run: Run, tmp_path: Path) -> None:
    for name, text in (("a", "Hello"), ("b", "Bye")):
        (tmp_path / name).write_bytes(wire.whole(wire.text_block(0, text)))
    a, b, none = (str(tmp_path / name) for name in ("a", "b", "none"))
    code, lines, err = run("claude-parse", a, none, b)
    assert (code, lines) == (2, ["Hello", "Bye"])
    assert err.splitlines() == [
        f"{a}: [end_turn, 11 input tokens, 6 output tokens]",
        f"ssewire: cannot read {none}: No such file or directory",
        f"{b}: [end_turn, 11 input tokens, 6 output tokens]",
    ]


def test_claude_parse_chooses_among_its_events(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(wire.whole(wire.text_block(0, "a", "b", "c")))
    code, lines, err = run("claude-parse", "--events", "--event", "text", "-n", "2", str(path))
    assert (code, [json.loads(line)["text"] for line in lines], err) == (0, ["a", "b"], "")
    code, lines, err = run("claude-parse", "-n", "2", str(path))
    assert (code, lines) == (2, [])
    assert err == "ssewire: --event and -n choose among events: give --events too\n"


@pytest.mark.parametrize("command", ["parse", "claude-parse", "replay"])
def test_a_url_in_the_place_of_a_file_is_told_what_to_do(run: Run, command: str) -> None:
    code, lines, err = run(command, "https://example.com/events?key=secret")
    assert (code, lines) == (2, [])
    assert err.startswith("ssewire: a URL is no file")
    assert "ssewire record URL -o FILE" in err
    assert "secret" not in err


@pytest.mark.parametrize("command", [["tail"], ["record", "-o", "never-written"]])
def test_a_file_in_the_place_of_a_url_is_told_what_to_do(
    run: Run, file: str, command: list[str]
) -> None:
    code, lines, err = run(*command, file)
    assert (code, lines) == (2, [])
    assert err.startswith("ssewire: a file is no URL: ssewire parse FILE reads it")


# --- colour and pipes


@pytest.mark.parametrize(
    ("choice", "environment", "coloured"),
    [
        ("auto", {}, True),
        ("auto", {"NO_COLOR": "1"}, False),
        ("auto", {"NO_COLOR": ""}, True),
        ("auto", {"TERM": "dumb"}, False),
        ("never", {}, False),
        ("always", {"NO_COLOR": "1"}, True),
    ],
)
@pytest.mark.once
def test_a_terminal_has_colour_unless_somebody_says_no(
    file: str, choice: str, environment: dict[str, str], coloured: bool
) -> None:
    command = [*COMMAND, "parse", "--color", choice, "-n", "1", file]
    with Terminal(command, environment=environment) as terminal:
        assert terminal.wait() == 0
        assert (b"\x1b[" in terminal.written) is coloured
        assert terminal.screen()[0].startswith('{"event": "message", "data": "')


def test_a_pipe_has_no_colour_unless_somebody_says_so(run: Run, file: str) -> None:
    _, plain, _ = run("parse", file)
    _, coloured, _ = run("parse", "--color=always", file)
    assert "\x1b" not in "".join(plain)
    assert coloured[1] == (
        '{\x1b[34m"event"\x1b[0m: \x1b[32m"price"\x1b[0m, \x1b[34m"data"\x1b[0m: '
        '\x1b[32m"7"\x1b[0m, \x1b[34m"id"\x1b[0m: \x1b[32m"1"\x1b[0m}'
    )


def test_an_old_console_of_windows_gets_no_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    class Console:
        def isatty(self) -> bool:
            return True

    for name in ("WT_SESSION", "TERM"):
        monkeypatch.delenv(name, raising=False)
    assert _color.shows_commands(Console())
    monkeypatch.setattr("ssewire.cli._color.os.name", "nt")
    assert not _color.shows_commands(Console())
    monkeypatch.setenv("WT_SESSION", "x")
    assert _color.shows_commands(Console())


class Raw(io.RawIOBase):
    def __init__(self) -> None:
        self.writes: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.writes.append(bytes(data))
        return len(data)


@pytest.mark.parametrize(
    ("options", "writes"), [([], 1), (["-u"], 4), (["--unbuffered", "--raw"], 4)]
)
def test_unbuffered_writes_out_each_event_by_itself(
    file: str, monkeypatch: pytest.MonkeyPatch, options: list[str], writes: int
) -> None:
    raw = Raw()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BufferedWriter(raw)))
    assert main(["parse", *options, file]) == 0
    assert len(raw.writes) == writes
    assert all(write.endswith(b"\n") for write in raw.writes)
