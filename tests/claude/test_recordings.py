# SPDX-License-Identifier: MIT
"""Recorded streams of the API and of relays, at every chunking, against the message beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ssewire import Parser
from ssewire.claude import Accumulator, MessageStream
from tests.claude.wire import accumulate
from tests.kit.chunkings import chunkings

pytestmark = pytest.mark.usefixtures("implementation")


def test_recording_gives_the_message_beside_it_however_it_is_cut(recording: Path) -> None:
    body = recording.read_bytes()
    expected = json.loads(recording.with_suffix(".message.json").read_text("utf-8"))
    for chunks in chunkings(body):
        accumulator, _ = accumulate(*chunks)
        assert accumulator.error is None
        assert accumulator.finished
        assert accumulator.message is not None
        assert accumulator.message.to_dict() == expected


def test_recording_gives_the_same_events_and_snapshots_however_it_is_cut(recording: Path) -> None:
    body = recording.read_bytes()
    traces = []
    for chunks in ([body], [body[i : i + 1] for i in range(len(body))], body.splitlines(True)):
        trace = []
        with MessageStream(chunks) as stream:
            for event in stream:
                snapshot = getattr(event, "snapshot", None)
                state = stream.current_message_snapshot.to_dict()["content"][-1:]
                trace.append((event.type, event.raw, repr(snapshot), state))
        traces.append(trace)
    assert traces[0] == traces[1] == traces[2]


def test_text_of_a_recording_is_its_final_text(recording: Path) -> None:
    body = recording.read_bytes()
    message = json.loads(recording.with_suffix(".message.json").read_text("utf-8"))
    expected = "".join(b["text"] for b in message["content"] if b["type"] == "text")
    for chunks in ([body], [body[i : i + 100] for i in range(0, len(body), 100)]):
        with MessageStream(chunks) as stream:
            assert "".join(stream.text_stream) == expected
            assert stream.get_final_text() == expected


def test_wire_events_of_a_recording_come_out_as_they_went_in(recording: Path) -> None:
    accumulator = Accumulator()
    for sse in Parser().feed(recording.read_bytes()):
        for event in accumulator.feed_event(sse):
            assert event.to_sse() == sse
            assert event.raw == sse.json()
            assert event.type == sse.json()["type"]
