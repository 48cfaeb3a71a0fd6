# SPDX-License-Identifier: MIT
"""The JSON body of a request: messages as the API wants them back, and what is not JSON.

May import: _checks, _record, blocks, message.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping

from .._checks import wrong_type
from ._record import Record
from .blocks import Block
from .message import Message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Union

    from typing_extensions import TypeAlias

    # What `messages` may hold.
    MessageParam: TypeAlias = Union[Mapping[str, Any], Message]


def _body(params: dict[str, Any], extra: object) -> bytes:
    """Return the JSON of a request.

    Raises:
        TypeError, ValueError: something in it is not JSON; the text says where.
    """
    content = dict(params)
    if "messages" in content:
        content["messages"] = _messages(content["messages"])
    content["stream"] = True
    if extra is not None:
        if not isinstance(extra, Mapping):
            raise wrong_type("extra_body", "a mapping or None", extra)
        content.update(extra)
    try:
        text = json.dumps(
            content, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain
        )
        return text.encode()
    except (TypeError, ValueError, RecursionError) as exc:
        found = _first_fault(content)
        if found is None:
            raise
        raise found from exc


def _messages(messages: object) -> list[Any]:
    """Return messages for the API; those that came from it as it wants them back."""
    if isinstance(messages, (str, bytes, Mapping)) or not isinstance(messages, Iterable):
        raise wrong_type("messages", "a list of messages", messages)
    found: list[Any] = []
    for message in messages:
        if isinstance(message, Message):
            message = message.to_param()
            # An assistant's turn without content is refused.
            if not message["content"]:
                continue
        elif isinstance(message, Mapping) and isinstance(message.get("content"), (list, tuple)):
            given = message["content"]
            message = {**message, "content": _content(given)}
            # As above, of blocks that do not go back.
            if given and not message["content"] and message.get("role") == "assistant":
                continue
        found.append(message)
    return found


def _content(blocks: Any) -> list[Any]:
    """Return content whose blocks may have come from the API."""
    if blocks and all(isinstance(block, Block) for block in blocks):
        # What may go back depends on all of them together.
        holder = Message({})
        holder.content = list(blocks)
        param: list[Any] = holder.to_param()["content"]
        return param
    found = []
    for block in blocks:
        if isinstance(block, Block):
            block = block._param()
            if block is None:
                continue
        found.append(block)
    return found


def _plain(value: object) -> Any:
    """Return JSON for what json does not know."""
    if isinstance(value, Message):
        return value.to_param()
    if isinstance(value, Record):
        return value.to_dict()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError  # _first_fault finds out what to say


def _first_fault(content: dict[str, Any]) -> Exception | None:
    """Return the error for the first thing in `content` that is not JSON; None if all of it is."""
    # (what, where, the containers around it)
    todo: list[tuple[Any, str, tuple[int, ...]]] = [(content, "", ())]
    while todo:
        value, place, around = todo.pop()
        where = place or "the request"
        if isinstance(value, Record):
            value = _plain(value)
        if isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError:
                return ValueError(f"{where} holds half of a surrogate pair, which UTF-8 cannot")
        elif isinstance(value, float):
            if value != value or value in (float("inf"), float("-inf")):
                return ValueError(f"{where} is {value}, which JSON does not have")
        elif isinstance(value, (Mapping, list, tuple)):
            if id(value) in around:
                return ValueError(f"{where} contains itself")
            # json.dumps gives up at about as many.
            if len(around) > _MAX_DEPTH:
                return ValueError(f"{place[:64]}... is nested more than {_MAX_DEPTH} levels deep")
            inside = (*around, id(value))
            below: list[tuple[Any, str, tuple[int, ...]]] = []
            if isinstance(value, Mapping):
                for key, item in value.items():
                    if key is not None and not isinstance(key, (str, int, float)):
                        return TypeError(f"{where} has a key of type {type(key).__name__}")
                    if isinstance(key, float) and not math.isfinite(key):
                        return ValueError(f"{where} has the key {key}, which JSON does not have")
                    below.append((item, f"{place}.{key}" if place else str(key), inside))
            else:
                below = [(item, f"{place}[{n}]", inside) for n, item in enumerate(value)]
            todo += reversed(below)
        elif value is not None and not isinstance(value, (bool, int)):
            return TypeError(
                f"{where} is of type {type(value).__name__}, which is not JSON{_instead(value)}"
            )
    return None


def _instead(value: object) -> str:
    """Return what to say of bytes, and of what bytes can be read from: images, PDF files."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "; base64.b64encode(data).decode() is"
    if hasattr(value, "read") or hasattr(value, "read_bytes"):
        return "; read it, and give base64.b64encode(data).decode()"
    return ""


# Half of Python's limit on recursion, most of which the encoder needs for itself.
_MAX_DEPTH = 500
