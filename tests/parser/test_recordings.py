# SPDX-License-Identifier: MIT
"""Recorded streams of a real API, at every chunking."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tests.kit.chunkings import chunkings
from tests.kit.comparing import feed_and_compare
from tests.kit.literal import history

if TYPE_CHECKING:
    from tests.conftest import MakeParser


def test_the_folder_of_recordings_is_not_empty_where_it_exists(recordings: Path) -> None:
    assert list(recordings.glob("*.sse"))


def test_a_recording_gives_the_same_events_at_every_chunking(
    make_parser: MakeParser, recording: Path
) -> None:
    wire = recording.read_bytes()
    whole = make_parser().feed(wire)
    assert whole
    for chunks in chunkings(wire):
        parser = make_parser()
        events = []
        for chunk in chunks:
            events += parser.feed(chunk)
        assert events == whole


def test_a_recording_gives_each_event_as_soon_as_its_bytes_are_in(
    make_parser: MakeParser, recording: Path
) -> None:
    wire = recording.read_bytes()
    expected = history(wire, comments=True)
    for length in (1, 16, 1400, len(wire)):
        chunks = [wire[i : i + length] for i in range(0, len(wire), length)]
        feed_and_compare(make_parser(comments=True), chunks, expected)


def test_each_event_of_a_recording_names_the_type_that_its_json_has(
    make_parser: MakeParser, recording: Path
) -> None:
    for event in make_parser().feed(recording.read_bytes()):
        assert json.loads(event.data)["type"] == event.event
        assert event.json() == json.loads(event.data)
        assert event.id == ""
        assert event.retry is None
