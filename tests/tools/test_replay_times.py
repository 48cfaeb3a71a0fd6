# SPDX-License-Identifier: MIT
"""FILE.times without files: the lines that are written, and what is read of them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from ssewire.errors import RecordingError
from ssewire.replay.times import TimesWriter, event_seconds, times_path


def written(*pieces: tuple[int, float], how: str = "complete") -> list[bytes]:
    """Return the lines of a recording that began at 100 s by the clock."""
    readings = iter([100.0, *(100.0 + seconds for _, seconds in pieces), 200.0])
    times = TimesWriter(lambda: next(readings))
    lines = [times.head("GET", "http://h/", 200, "text/event-stream", 0.0)]
    for size, _ in pieces:
        lines.append(times.piece(size, times.seconds()))
    lines.append(times.end(how, times.seconds()))
    return lines


def test_the_first_line_says_what_was_asked_and_answered() -> None:
    line = TimesWriter().head("POST", "https://h/path", 200, None, 1738324800.0)
    assert json.loads(line) == {
        "version": 1,
        "method": "POST",
        "url": "https://h/path",
        "status": 200,
        "content_type": None,
        "date": "2025-01-31T12:00:00Z",
    }
    assert line.endswith(b"}\n")


def test_pieces_follow_each_other_with_the_time_since_the_head() -> None:
    lines = written((120, 0.25), (7, 1.1234567))
    assert [json.loads(line) for line in lines[1:]] == [
        {"offset": 0, "size": 120, "seconds": 0.25},
        {"offset": 120, "size": 7, "seconds": 1.123457},
        {"end": "complete", "seconds": 100.0},
    ]


def test_a_writer_knows_how_much_was_recorded() -> None:
    times = TimesWriter()
    times.piece(5, 0.0)
    times.piece(6, 0.0)
    assert (times.size, times.reads) == (11, 2)


def test_an_end_has_a_reason_only_where_there_is_one() -> None:
    times = TimesWriter()
    assert json.loads(times.end("interrupted", 2.0)) == {"end": "interrupted", "seconds": 2.0}
    failed = json.loads(times.end("failed", 2.0, "the body broke off"))
    assert failed == {"end": "failed", "error": "the body broke off", "seconds": 2.0}


@pytest.mark.parametrize("how", ["complete", "interrupted", "failed"])
def test_what_was_written_is_read_however_it_ended(how: str) -> None:
    lines = written((10, 0.5), (30, 1.5), how=how)
    assert event_seconds([10, 20, 10], lines, "f") == [0.5, 1.5, 1.5]


@pytest.mark.parametrize("killed_at", [1, 20, 41])
def test_of_a_recorder_that_was_killed_all_whole_lines_count(killed_at: int) -> None:
    *lines, last, _ = written((10, 0.5), (10, 1.5))
    lines.append(last[:killed_at])
    assert event_seconds([10, 10], lines, "f") == [0.5, 0.5]


def test_a_line_that_is_cut_in_the_middle_of_a_file_is_refused() -> None:
    head, first, *rest = written((10, 0.5), (10, 1.5))
    with pytest.raises(RecordingError, match=r"f\.times is not the timing of a recording"):
        event_seconds([10, 10], [head, first[:-5] + b"\n", *rest], "f")


def test_keys_and_lines_that_are_not_known_are_passed_over() -> None:
    head, piece, end = written((10, 0.5))
    more = json.dumps({**json.loads(piece), "retries": 1}).encode() + b"\n"
    assert event_seconds([10], [head, b'{"note": "x"}\n', more, end], "f") == [0.5]


def test_a_newer_version_is_told_from_a_broken_file() -> None:
    with pytest.raises(RecordingError, match=r"f\.times is of a newer format"):
        event_seconds([10], [b'{"version": 2}\n'], "f")


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [(11, 0.5)],
        [(5, 1.5), (5, 0.5)],
    ],
    ids=["none", "more than there is", "a time that falls"],
)
def test_the_timing_of_another_file_is_refused(pieces: list[tuple[int, float]]) -> None:
    with pytest.raises(RecordingError, match=r"f\.times does not belong to f"):
        event_seconds([10], written(*pieces), "f")


@pytest.mark.parametrize("seconds", [-1.0, float("inf")])
def test_a_time_that_is_none_is_refused(seconds: float) -> None:
    with pytest.raises(RecordingError, match="is not the timing of a recording"):
        event_seconds([10], written((10, seconds)), "f")


def test_the_timing_lies_beside_the_recording() -> None:
    assert times_path("a/b.sse") == "a/b.sse.times"


def test_who_writes_the_timing_loads_no_server() -> None:
    program = (
        "import sys, ssewire.replay.times;"
        "print({'asyncio', 'socket', 'ssewire.claude'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True)
    assert done.stdout.strip() == b"set()"
