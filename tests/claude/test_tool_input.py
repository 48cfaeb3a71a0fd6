# SPDX-License-Identifier: MIT
"""From fragments to the input of a tool, without a block around it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from ssewire.claude.tool_input import ToolInput
from tests.kit.platforms import needs_processes

DOCUMENT = '{"path": "a\\u00e9", "lines": [1, 2.5, {"deep": null}]}'


def fed(*fragments: str, start: Any = None, mode: str = "A") -> ToolInput:
    tool_input = ToolInput({} if start is None else start, mode)
    for fragment in fragments:
        tool_input.add(fragment)
    return tool_input


def test_at_the_end_the_value_is_what_json_gives_at_every_cut() -> None:
    for at in range(len(DOCUMENT) + 1):
        tool_input = fed(DOCUMENT[:at], DOCUMENT[at:])
        tool_input.stop()
        assert tool_input.value == json.loads(DOCUMENT)
        assert (tool_input.complete, tool_input.error) == (True, None)
        assert tool_input.raw == DOCUMENT


def test_looking_on_the_way_changes_nothing_of_the_result() -> None:
    tool_input = fed()
    seen = []
    for character in DOCUMENT:
        tool_input.add(character)
        seen.append(json.dumps(tool_input.value))
    assert (seen[0], seen[-1]) == ("{}", json.dumps(json.loads(DOCUMENT)))
    assert not tool_input.complete
    tool_input.stop()
    assert tool_input.value == json.loads(DOCUMENT)


@pytest.mark.parametrize(("mode", "expected"), [("A", {}), ("B", {"path": "half"})])
def test_the_mode_says_if_unfinished_strings_show(mode: str, expected: object) -> None:
    assert fed('{"path": "half', mode=mode).value == expected


@pytest.mark.parametrize(
    ("start", "stopped", "complete"),
    [({}, True, True), ({}, False, False), ({"a": 1}, False, True), ({"a": 1}, True, True)],
)
def test_without_fragments_the_start_is_the_input(
    start: Any, stopped: bool, complete: bool
) -> None:
    tool_input = fed("", start=start)
    assert tool_input.value == start
    if stopped:
        tool_input.stop()
    else:
        tool_input.finish()
    assert (tool_input.value, tool_input.complete) == (start, complete)


@pytest.mark.parametrize("document", ['{"a": 1', '{"a": 1}}', '{"a": 1, b}'])
def test_a_document_that_is_not_json_leaves_what_could_be_told_and_says_why(document: str) -> None:
    tool_input = fed(document)
    tool_input.stop()
    assert tool_input.value == {"a": 1}
    assert not tool_input.complete
    assert isinstance(tool_input.error, json.JSONDecodeError)


def test_a_document_nested_too_deeply_is_an_error_that_says_so() -> None:
    tool_input = fed("[" * 100_000)
    tool_input.stop()
    assert isinstance(tool_input.error, ValueError)
    assert not tool_input.complete


def test_text_that_shows_no_value_leaves_the_start() -> None:
    tool_input = fed("  ", start={"a": 1})
    assert tool_input.value == {"a": 1}
    tool_input.stop()
    assert tool_input.value == {"a": 1}
    assert tool_input.error is not None


def test_a_fragment_after_the_end_opens_it_again() -> None:
    tool_input = fed('{"a"')
    tool_input.stop()
    assert tool_input.error is not None
    tool_input.add(": 1}")
    assert tool_input.error is None
    assert not tool_input.complete
    assert tool_input.value == {"a": 1}
    tool_input.finish()
    assert tool_input.complete


def test_finishing_twice_is_finishing_once() -> None:
    tool_input = fed("{}")
    tool_input.finish()
    value = tool_input.value
    tool_input.stop()
    assert tool_input.value is value


def test_a_frozen_one_stays_as_it_was() -> None:
    tool_input = fed('{"a": [1')
    frozen = tool_input.frozen({"a": [1]})
    tool_input.add(", 2]}")
    tool_input.stop()
    assert (frozen.value, frozen.raw, frozen.complete) == ({"a": [1]}, '{"a": [1', False)
    frozen.stop()
    assert frozen.value == {"a": [1]}


@needs_processes
def test_what_tool_inputs_need_is_not_loaded_before_a_tool_is_called() -> None:
    program = (
        "import sys\n"
        "from ssewire.claude import MessageStream, TextBlock, ToolUseBlock\n"
        "TextBlock({'type': 'text', 'text': ''})\n"
        "print('ssewire.claude.tool_input' in sys.modules)\n"
        "ToolUseBlock({'type': 'tool_use', 'input': {}}).input\n"
        "print('ssewire.claude.tool_input' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True)
    assert done.stdout.split() == [b"False", b"True"]
