# SPDX-License-Identifier: MIT
"""What the Messages API refuses, and in its words: rules on requests, without I/O.

A request is refused for what the API is known to refuse whatever the model and the
account; in doubt it is accepted, and what a beta header may have unlocked is not
judged. Faults are looked for in the order in which the API names them: fields, then
keys that it does not know, then what the conversation comes to. Beside each rule is
where it is from: "reference" is platform.claude.com/docs/en/api/messages, "versioning"
and "errors" are its neighbours, "seen" is a text that users of the API have quoted.
May import: _requests.
"""

from __future__ import annotations

import json
import re
from itertools import groupby

from ._requests import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from ._requests import Seen

_PATH = "/v1/messages"

# Reference: what a request may have at its top, and what betas have added under headers of
# their own. `mcp_servers` and `context_management` are not here: without theirs they were
# seen to be refused like any unknown one.
_KEYS = frozenset(
    (
        *("billing_policy", "cache_control", "compaction", "container", "diagnostics"),
        *("fallback_credit_token", "fallbacks", "inference_geo", "max_tokens", "messages"),
        *("metadata", "model", "output_config", "output_format", "service_tier", "speed"),
        *("stop_sequences", "stream", "system", "temperature", "thinking", "thread"),
        *("tool_choice", "tools", "top_k", "top_p", "user_profile_id", "workspace_id"),
    )
)

# Reference: blocks that a message may hold, those that come from the API among them.
_BLOCKS = (
    *("text", "image", "document", "search_result", "thinking", "redacted_thinking"),
    *("tool_use", "tool_result", "tool_reference", "server_tool_use", "container_upload"),
    *("web_search_tool_result", "web_fetch_tool_result", "code_execution_tool_result"),
    *("bash_code_execution_tool_result", "text_editor_code_execution_tool_result"),
    *("tool_search_tool_result", "mcp_tool_use", "mcp_tool_result", "mcp_tool_listing"),
    *("advisor_tool_result", "compaction", "fallback", "connector_text"),
    *("tool_addition", "tool_removal"),
)

# Seen: keys of an answer that were sent back, "messages.1.id: Extra inputs are not permitted".
_OF_ANSWERS = (
    *("id", "type", "model", "stop_reason", "stop_sequence", "stop_details", "usage"),
    *("container", "index", "parsed_output"),
)
# Seen on blocks: a client's own notes.
_NOTES = ("index", "partial_json", "parsed_output")

# Reference: fields that a block must have, and the type of each.
_FIELDS: dict[str, tuple[tuple[str, type], ...]] = {
    "text": (("text", str),),
    "image": (("source", dict),),
    "document": (("source", dict),),
    "thinking": (("thinking", str),),
    "redacted_thinking": (("data", str),),
    "tool_use": (("id", str), ("name", str), ("input", dict)),
    "tool_result": (("tool_use_id", str),),
}
_TYPES: dict[type, str] = {str: "a valid string", dict: "an object", list: "a valid array"}

# Reference: of an image in base64.
_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")

# Versioning: what 2026-10-21 takes no longer, whatever the value.
_WITHOUT_SAMPLING = "2026-10-21"
_SAMPLING = ("temperature", "top_p", "top_k")


def check_get(request: Seen) -> None:
    """Refuse a GET under /v1/, where the API has what is not recorded here.

    Raises:
        Refused: it is one.
    """
    path = request.path
    if path == _PATH:
        raise Refused(405, "invalid_request_error", "Method Not Allowed", "Allow: POST")
    if path.startswith("/v1/"):
        raise Refused(404, "not_found_error", _not_served(request))


def wants_stream(request: Seen, *, strict: bool = True) -> bool:
    """Return whether a request, which is no GET, asks for a stream or for a message.

    Args:
        strict: refuse what the API would; else only what cannot be answered, or has no key.

    Raises:
        Refused: it is not what the API would take.
    """
    path = request.path
    # Two slashes are what a base URL that ends in one makes of it; nobody is known to mind.
    here = path.lstrip("/") == _PATH[1:] if strict else path.endswith(_PATH)
    if not here:
        raise Refused(404, "not_found_error", _not_served(request))
    if request.method != "POST":
        raise Refused(405, "invalid_request_error", "Method Not Allowed", "Allow: POST")
    headers = request.headers
    # Errors; seen. Which key is not looked at.
    if not (headers.get("x-api-key") or headers.get("Authorization")):
        raise Refused(401, "authentication_error", "x-api-key header is required")
    version = headers.get("anthropic-version", "")
    if strict:
        # Seen; versioning for what a version looks like.
        if not version:
            raise _invalid("anthropic-version: header is required")
        if not re.fullmatch("20[0-9]{2}-[0-9]{2}-[0-9]{2}", version):
            raise _invalid(f'anthropic-version: "{version[:32]}" is not a valid version')
    try:
        # Python alone reads NaN and Infinity.
        asked = json.loads(request.body, parse_constant=_no_json if strict else None)
    except (ValueError, RecursionError) as exc:
        raise _invalid("The request body is not valid JSON") from exc
    if not isinstance(asked, dict):
        raise _invalid("The request body is not a JSON object")
    if strict:
        fault = next(faults(asked, version, beta="anthropic-beta" in headers), None)
    else:
        missing = (name for name in ("model", "max_tokens", "messages") if name not in asked)
        fault = next((f"{name}: Field required" for name in missing), None)
    if fault is not None:
        raise _invalid(fault)
    return asked.get("stream") is True


def _no_json(word: str) -> Any:
    raise ValueError(word)


def _invalid(message: str) -> Refused:
    return Refused(400, "invalid_request_error", message)


def _not_served(request: Seen) -> str:
    path = request.path
    hint = ""
    if "/v1/v1/" in path:
        hint = "; the base URL goes without /v1"
    elif path.endswith(_PATH):
        hint = "; strict=False, or --loose, takes it under other paths too"
    return (
        f"Not found: {request.method[:16]} {path[:64]}"
        f" (the replay server answers POST {_PATH}, and GET outside /v1/{hint})"
    )


def faults(asked: dict[str, Any], version: str = "2023-06-01", *, beta: bool) -> Iterator[str]:
    """Give what the API would refuse in the JSON of a request, the first first.

    Args:
        version: the request's `anthropic-version`.
        beta: it has `anthropic-beta`: keys and blocks may then be known that are not here.

    What follows the first may be about values of types that are not looked for there.
    """
    # Reference; seen with wrong values of every type.
    yield from _wrong(asked, "model", str, required=True)
    if asked["model"] == "":
        yield "model: String should have at least 1 character"
    yield from _tools(asked)
    yield from _messages(asked, beta)
    if "system" in asked and not isinstance(asked["system"], (str, list)):
        yield "system: Input should be a valid array"
    if "thinking" in asked:
        yield from _wrong(asked, "thinking", dict)
        yield from _thinking(asked["thinking"])
    if asked.get("cache_control") is not None:
        yield from _wrong(asked, "cache_control", dict)
    # 0 fills the cache and writes nothing (reference).
    yield from _number(asked, "max_tokens", whole=True, required=True)
    if asked["max_tokens"] < 0:
        yield "max_tokens: must be greater than or equal to 0"
    if asked.get("metadata") is not None:
        yield from _wrong(asked, "metadata", dict)
    if asked.get("stop_sequences") is not None:
        yield from _wrong(asked, "stop_sequences", list)
        for at, each in enumerate(asked["stop_sequences"]):
            if not isinstance(each, str):
                yield f"stop_sequences.{at}: Input should be a valid string"
    for name in _SAMPLING:
        if name in asked:
            if version == _WITHOUT_SAMPLING:
                yield f"{name}: not supported with anthropic-version {version}"
            yield from _number(asked, name, whole=name == "top_k")
            if name != "top_k" and not 0 <= asked[name] <= 1:
                yield f"{name}: range: 0..1"
    if "stream" in asked and not isinstance(asked["stream"], bool):
        yield "stream: Input should be a valid boolean"
    if not beta:
        for name in asked:
            if name not in _KEYS:
                yield f"{name[:64]}: Extra inputs are not permitted"
    yield from _conversation(asked)


def _wrong(
    holder: dict[str, Any], name: str, kind: type, place: str = "", *, required: bool = False
) -> Iterator[str]:
    """Give what is wrong with a field that must be of one type, where it is there."""
    if name not in holder:
        if required:
            yield f"{place}{name}: Field required"
    elif not isinstance(holder[name], kind):
        yield f"{place}{name}: Input should be {_TYPES[kind]}"


def _number(
    asked: dict[str, Any], name: str, *, whole: bool, required: bool = False
) -> Iterator[str]:
    if name not in asked:
        if required:
            yield f"{name}: Field required"
        return
    value = asked[name]
    good = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not good or (whole and value != value // 1):
        yield f"{name}: Input should be a valid {'integer' if whole else 'number'}"


def _tools(asked: dict[str, Any]) -> Iterator[str]:
    """Reference: a tool of one's own has a name and a schema; no two have one name (seen)."""
    if "tool_choice" in asked:
        yield from _wrong(asked, "tool_choice", dict)
        yield from _wrong(asked["tool_choice"], "type", str, "tool_choice.", required=True)
    if "tools" not in asked:
        return
    yield from _wrong(asked, "tools", list)
    names = set()
    for at, tool in enumerate(asked["tools"]):
        if not isinstance(tool, dict):
            yield f"tools.{at}: Input should be an object"
        # Tools of the API's own have a type, and their schema is known there.
        if tool.get("type") in (None, "custom"):
            yield from _wrong(tool, "name", str, f"tools.{at}.custom.", required=True)
            yield from _wrong(tool, "input_schema", dict, f"tools.{at}.custom.", required=True)
            if tool["name"] in names:
                yield "tools: Tool names must be unique."
            names.add(tool["name"])


def _thinking(thinking: dict[str, Any]) -> Iterator[str]:
    yield from _wrong(thinking, "type", str, "thinking.", required=True)
    if thinking["type"] == "enabled":
        # Reference: at least 1024.
        budget = thinking.get("budget_tokens")
        if budget is None:
            yield "thinking.enabled.budget_tokens: Field required"
        if not isinstance(budget, int) or isinstance(budget, bool):
            yield "thinking.enabled.budget_tokens: Input should be a valid integer"
        elif budget < 1024:
            yield ("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")


def _messages(asked: dict[str, Any], beta: bool) -> Iterator[str]:
    """Reference: each has a role and content; seen for the words."""
    yield from _wrong(asked, "messages", list, required=True)
    if not asked["messages"]:
        yield "messages: at least one message is required"
    for at, message in enumerate(asked["messages"]):
        if not isinstance(message, dict):
            yield f"messages.{at}: Input should be an object"
        place = f"messages.{at}."
        if "role" not in message:
            yield f"{place}role: Field required"
        if message["role"] not in ("user", "assistant", "system"):
            yield (
                f'messages: Unexpected role "{str(message["role"])[:32]}". '
                'Allowed roles are "user" or "assistant"'
            )
        if "content" not in message:
            yield f"{place}content: Field required"
        content = message["content"]
        if not isinstance(content, (str, list)):
            yield f"{place}content: Input should be a valid array"
        for name in _OF_ANSWERS:
            if name in message:
                yield f"{place}{name}: Extra inputs are not permitted"
        if isinstance(content, list):
            for number, block in enumerate(content):
                yield from _block(block, f"{place}content.{number}", beta)


def _block(block: Any, place: str, beta: bool) -> Iterator[str]:
    if not isinstance(block, dict):
        yield f"{place}: Input should be an object"
    yield from _wrong(block, "type", str, f"{place}.", required=True)
    kind = block["type"]
    if kind not in _BLOCKS and not beta:
        yield (
            f"{place}: Input tag '{kind[:32]}' found using 'type' does not match any of the "
            f"expected tags: {', '.join(map(repr, _BLOCKS))}"
        )
    place = f"{place}.{kind[:32]}"
    for name, wanted in _FIELDS.get(kind, ()):
        yield from _wrong(block, name, wanted, f"{place}.", required=True)
    for name in _NOTES:
        if name in block:
            yield f"{place}.{name}: Extra inputs are not permitted"
    if kind in ("image", "document"):
        source = block["source"]
        yield from _wrong(source, "type", str, f"{place}.source.", required=True)
        if source["type"] == "base64":
            place = f"{place}.source.base64."
            yield from _wrong(source, "data", str, place, required=True)
            yield from _wrong(source, "media_type", str, place, required=True)
            if kind == "image" and source["media_type"] not in _IMAGES:
                *most, last = map(repr, _IMAGES)
                yield f"{place}media_type: Input should be {', '.join(most)} or {last}"


class _Turn:
    """Messages of one role in a row, which the API takes as one (reference)."""

    def __init__(self, role: str, numbered: Iterable[tuple[int, dict[str, Any]]]) -> None:
        self.role = role
        messages = list(numbered)
        self.first = messages[0][0]
        self.empty = not any(message["content"] for _, message in messages)
        # Each with the numbers of its message and its own.
        self.blocks = [
            (number, at, block)
            for number, message in messages
            if isinstance(message["content"], list)
            for at, block in enumerate(message["content"])
        ]

    def ids(self, kind: str, key: str) -> dict[str, tuple[int, int]]:
        """Return where the blocks of a type are, by the ID that they have under `key`."""
        return {
            block[key]: (number, at) for number, at, block in self.blocks if block["type"] == kind
        }


def _conversation(asked: dict[str, Any]) -> Iterator[str]:
    """What the messages come to together."""
    messages = asked["messages"]
    first = messages[0]
    # Seen. A directive of the system's (no content) may be anywhere.
    if first["role"] == "system" and first["content"]:
        yield "messages.0: use the top-level 'system' parameter for the initial system prompt"
    if first["role"] == "assistant":
        yield 'messages: first message must use the "user" role'
    grouped = groupby(enumerate(messages), key=lambda numbered: numbered[1]["role"])
    turns = [_Turn(role, numbered) for role, numbered in grouped]
    for turn in turns:
        # Seen.
        if turn.empty and turn.role == "user":
            yield f"messages.{turn.first}: user messages must have non-empty content"
        if turn.empty and turn.role == "assistant" and turn is not turns[-1]:
            yield (
                f"messages.{turn.first}: all messages must have non-empty content except for "
                "the optional final assistant message"
            )
        if any(block["type"] == "text" and not block["text"] for _, _, block in turn.blocks):
            yield "messages: text content blocks must be non-empty"
    yield from _pairs(turns, asked)


def _pairs(turns: list[_Turn], asked: dict[str, Any]) -> Iterator[str]:
    """Reference: each call of a tool is answered in the next turn, and nothing else is; seen."""
    kinds = {block["type"] for turn in turns for _, _, block in turn.blocks}
    # What came before a compaction, or is in the thread, is not looked at by the API either.
    if "compaction" in kinds or "thread" in asked:
        return
    for before, turn in zip([None, *turns], turns):
        if turn.role != "user":
            continue
        results = turn.ids("tool_result", "tool_use_id")
        if before is not None and before.role == "system":
            continue
        calls = {} if before is None else before.ids("tool_use", "id")
        unanswered = [call for call in calls if call not in results]
        if unanswered:
            number, _ = calls[unanswered[0]]
            yield (
                f"messages.{number}: `tool_use` ids were found without `tool_result` blocks "
                f"immediately after: {', '.join(unanswered)[:256]}. Each `tool_use` block must "
                "have a corresponding `tool_result` block in the next message."
            )
        for name, (number, at) in results.items():
            if name not in calls:
                yield (
                    f"messages.{number}.content.{at}: unexpected `tool_use_id` found in "
                    f"`tool_result` blocks: {name[:64]}. Each `tool_result` block must have a "
                    "corresponding `tool_use` block in the previous message."
                )
