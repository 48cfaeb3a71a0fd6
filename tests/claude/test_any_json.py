# SPDX-License-Identifier: MIT
"""Any JSON in any field: whatever a peer puts there, only documented exceptions leave.

Each kind of JSON goes into each known field of each event and block, and everything public is
called on what comes of it. The suite takes a third of the pairs, another one for each kind of
JSON; `python -m tests.claude.test_any_json` takes all, in two ways each (five minutes).
"""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from ssewire import StateError
from ssewire.claude import (
    Accumulator,
    APIError,
    ClaudeError,
    ErrorEvent,
    Message,
    MessageStream,
    Usage,
    continuation,
)
from ssewire.claude import _json as json_module
from ssewire.claude._record import Record
from tests.claude.wire import MESSAGE, frame

# As JSON text: some of it cannot be written from Python's values.
DEEP = "[" * (json_module.MAX_DEPTH - 6) + "]" * (json_module.MAX_DEPTH - 6)
VALUES = {
    "null": "null",
    "true": "true",
    "false": "false",
    "0": "0",
    "int": "7",
    "negative": "-7",
    "huge": "9" * 4000,
    "float": "1.5",
    "1e400": "1e400",
    "NaN": "NaN",
    "empty": '""',
    "text": '"x"',
    "half": '"\\ud83d"',
    "[]": "[]",
    "list": '[1,null,"x",[{}]]',
    "{}": "{}",
    "object": '{"type":"x","text":"y","id":5}',
    "deep": DEEP,
    "deep object": DEEP.replace("[", '{"a":').replace(":}", ":1}").replace("]", "}"),
    "too deep": "[" * 3000 + "]" * 3000,
}

BLOCK_FIELDS: dict[str, dict[str, Any]] = {
    "text": {"text": "", "citations": []},
    "thinking": {"thinking": "", "signature": ""},
    "redacted_thinking": {"data": "d"},
    "tool_use": {"id": "i", "name": "n", "input": {}, "caller": {}, "toolset_name": "t"},
    "server_tool_use": {"id": "i", "name": "n", "input": {}, "caller": {}},
    "mcp_tool_use": {"id": "i", "name": "n", "input": {}, "server_name": "s"},
    "web_search_tool_result": {"tool_use_id": "i", "content": [], "caller": {}},
    "mcp_tool_result": {"tool_use_id": "i", "content": "c", "is_error": False},
    "mcp_tool_listing": {"mcp_server_name": "m", "tools": []},
    "container_upload": {"file_id": "f"},
    "compaction": {"content": "c", "encrypted_content": "e", "signature": "s", "tool_changes": []},
    "fallback": {"from": {"model": "a"}, "to": {"model": "b"}, "trigger": {}},
    "connector_text": {"text": "x", "input": {}},
}
DELTAS: dict[str, tuple[str, dict[str, Any]]] = {
    "text_delta": ("text", {"text": "x"}),
    "input_json_delta": ("tool_use", {"partial_json": "{}"}),
    "thinking_delta": ("thinking", {"thinking": "x", "estimated_tokens": 1}),
    "signature_delta": ("thinking", {"signature": "s"}),
    "citations_delta": ("text", {"citation": {}}),
    "compaction_delta": ("compaction", {"content": "c", "encrypted_content": "e"}),
    "odd_delta": ("connector_text", {"odd": "x", "text": "y"}),
}
MESSAGE_FIELDS = [
    *MESSAGE,
    *("stop_details", "container", "context_management", "diagnostics", "input_transformations"),
]
USAGE_FIELDS = [
    *("input_tokens", "output_tokens", "cache_creation", "cache_creation_input_tokens"),
    *("cache_read_input_tokens", "server_tool_use", "service_tier", "iterations"),
]
# Stands for the value in a stream; becomes its JSON text.
HERE = "<here>"


def event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, **fields}


def stream(*middle: dict[str, Any], message: Any = MESSAGE) -> list[dict[str, Any]]:
    """Return the events of a message; None in `middle` are left out."""
    return [
        event("message_start", message=message),
        *middle,
        event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 1}),
        event("message_stop"),
    ]


def block_events(block: Any, *deltas: Any) -> list[dict[str, Any]]:
    return [
        event("content_block_start", index=0, content_block=block),
        *(event("content_block_delta", index=0, delta=delta) for delta in deltas),
        event("content_block_stop", index=0),
    ]


def cases() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the name of a field and a stream with HERE in it."""
    for key in MESSAGE_FIELDS:
        yield f"message.{key}", stream(message={**MESSAGE, key: HERE})
        yield f"message_delta.delta.{key}", stream(event("message_delta", delta={key: HERE}))
        yield f"message_delta.{key}", stream({"type": "message_delta", "delta": {}, key: HERE})
    for key in USAGE_FIELDS:
        yield f"message.usage.{key}", stream(message={**MESSAGE, "usage": {key: HERE}})
        yield (
            f"message_delta.usage.{key}",
            stream(
                event("message_delta", delta={}, usage={key: HERE}),
                event("message_delta", delta={}, usage={key: 0}),
            ),
        )
    yield "message_start.message", stream(message=HERE)
    yield "message.content[]", stream(message={**MESSAGE, "content": [HERE]})
    for kind, fields in BLOCK_FIELDS.items():
        for key in [*fields, "type", "vendor"]:
            block = {"type": kind, **fields, key: HERE}
            yield f"{kind}.{key}", stream(*block_events(block))
            yield f"whole {kind}.{key}", stream(message={**MESSAGE, "content": [block]})
    for kind, (target, fields) in DELTAS.items():
        block = {"type": target, **BLOCK_FIELDS[target]}
        for key in [*fields, "type", "vendor"]:
            delta = {"type": kind, **fields, key: HERE}
            yield f"{kind}.{key}", stream(*block_events(block, delta, delta))
            misfit = event("content_block_delta", index=9, delta=delta)
            yield f"{kind}.{key} elsewhere", stream(*block_events(block), misfit)
    whole_events: dict[str, dict[str, Any]] = {
        "content_block_start": {"index": 0, "content_block": {"type": "text"}},
        "content_block_delta": {"index": 0, "delta": {"type": "text_delta", "text": "x"}},
        "content_block_stop": {"index": 0},
        "message_delta": {"delta": {}, "usage": {}},
        "message_stop": {},
        "ping": {},
        "error": {"error": {}, "request_id": "r", "status": 429, "message": "m"},
        "vendor_event": {"error": {}, "index": 0},
    }
    for kind, fields in whole_events.items():
        for key in [*fields, "type", "vendor"]:
            begun = block_events({"type": "text", "text": ""})[:1]
            odd = {"type": kind, **fields, key: HERE}
            yield f"{kind}.{key}", stream(*begun, odd)
    for key in ("type", "message", "details", "code", "status", "error_code"):
        yield f"error.error.{key}", stream(event("error", error={"type": "api_error", key: HERE}))
        yield f"details.{key}", stream(event("error", error={"details": {key: HERE}}))
        yield f"no type, {key}", stream({key: HERE})
        yield f"no type, error.{key}", stream({"error": {key: HERE}, "code": 5})
    yield (
        "tool input",
        stream(
            *block_events(
                {"type": "tool_use", "id": "i", "name": "n"}, {"type": "x", "partial_json": ""}
            )
        ),
    )
    yield "a whole event", [*stream()[:1], HERE, *stream()[1:]]  # type: ignore[list-item]


CASES = dict(cases())


def written(events: list[Any], value: str, named: bool) -> bytes:
    body = b""
    for fields in events:
        data = json.dumps(fields).replace(json.dumps(HERE), value)
        name = fields.get("type") if isinstance(fields, dict) else None
        body += frame(data, name if named and isinstance(name, str) and name != HERE else None)
    return body


PUBLIC_EVENT = (
    *("index", "message", "content_block", "delta", "usage", "error", "exception", "type"),
    *("text", "thinking", "partial_json", "signature", "citation", "content"),
    *("encrypted_content", "snapshot", "estimated_tokens", "vendor"),
)


def strict(constant: str) -> None:
    raise AssertionError(f"{constant} in JSON")


def use(value: Any) -> None:
    """Call everything public on a record, an event, or what they give."""
    if isinstance(value, list):
        for item in value:
            use(item)
        return
    if not isinstance(value, Record):
        return
    data = value.to_dict()
    assert value.model_dump().keys() == data.keys()
    for text in (value.to_json(), value.model_dump_json()):
        assert isinstance(json.loads(text, parse_constant=strict), dict)
    repr(value)
    assert value == value or "nan" in repr(value)
    with pytest.raises(TypeError):
        hash(value)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(value, protocol))
    for other in (again, copy.copy(value), copy.deepcopy(value)):
        assert repr(other) == repr(value)
    for key in value:
        _ = value[key], value.get(key), key in value
        if not key.startswith("_"):
            getattr(value, key, None)
    assert len(list(value.keys())) == len(value)
    if isinstance(value, Message):
        for unsigned in (True, False):
            param = value.to_param(unsigned_thinking=unsigned)
            json.dumps(param, allow_nan=False)
        _ = value.text, value.usage.input_tokens, value.usage.output_tokens
        for prefill in (True, False):
            try:
                json.dumps(continuation(value, prefill=prefill), allow_nan=False)
            except StateError as exc:
                str(exc)
        use(value.content)
        use(value.usage)
        use(value.usage + Usage({"input_tokens": 1, "iterations": [1], "cache_creation": {"a": 1}}))
    for name in ("text", "thinking", "input", "raw_json", "input_error", "input_complete"):
        getattr(value, name, None)


def use_event(found: Any) -> None:
    assert isinstance(found.raw, dict)
    repr(found)
    hash(found)
    assert found == found
    _ = found.to_sse().data
    for name in PUBLIC_EVENT:
        use(getattr(found, name, None))
    for key in found.raw:
        _ = found[key]
    for protocol in (0, pickle.HIGHEST_PROTOCOL):
        again = pickle.loads(pickle.dumps(found, protocol))
    assert again.type == found.type
    copy.copy(found)
    copy.deepcopy(found)
    if isinstance(found, ErrorEvent):
        use_error(found.exception)


def use_error(error: Any) -> None:
    assert isinstance(error, ClaudeError)
    assert len(str(error)) < 400
    assert len(repr(error)) < 800
    pickle.loads(pickle.dumps(error))
    if isinstance(error, APIError):
        _ = error.retryable, error.spent
        assert isinstance(error.message, str)
        assert isinstance(error.type, str)
        assert error.status is None or type(error.status) is int
    use(error.partial_message)


@pytest.mark.parametrize("name", VALUES)
def test_any_json_in_any_field_raises_documented_errors_only(name: str) -> None:
    first = list(VALUES).index(name)
    for number, field in enumerate(list(CASES)[first % 3 :: 3]):
        check_field(field, name, named=number % 2 == 0)


def check_field(field: str, name: str, named: bool) -> None:
    try:
        check(written(CASES[field], VALUES[name], named))
    except Exception as exc:
        raise AssertionError(f"{field}, {name}: {type(exc).__name__} {str(exc)[:80]}") from exc


def check(body: bytes) -> None:
    accumulator = Accumulator()
    found = accumulator.feed(body) + accumulator.close()
    assert accumulator.finished != isinstance(accumulator.error, ClaudeError)
    for event_ in found[:-1]:
        assert not isinstance(event_, ErrorEvent)
    for event_ in found:
        use_event(event_)
    use(accumulator.message)
    with MessageStream([body]) as messages:
        failure = None
        try:
            for item in messages:
                use_event_lightly(item)
        except ClaudeError as exc:
            failure = exc
        assert type(failure) is type(accumulator.error)


def use_event_lightly(found: Any) -> None:
    for name in ("snapshot", "text", "content_block", "citation", "content", "estimated_tokens"):
        repr(getattr(found, name, None))


if __name__ == "__main__":
    for each in VALUES:
        for one in CASES:
            check_field(one, each, named=True)
            check_field(one, each, named=False)
        print(each, len(CASES), flush=True)
