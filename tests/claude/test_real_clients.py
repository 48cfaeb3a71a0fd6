# SPDX-License-Identifier: MIT
"""The official SDKs and our clients stream the same recordings from the replay server.

Real clients that nobody here wrote: all of them end with the same message.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from ssewire.claude import AsyncClaude, Claude
from ssewire.replay import serve_in_thread
from tests.kit import nodejs

pytestmark = [pytest.mark.once, pytest.mark.sockets]

PROGRAM = Path(__file__).resolve().parents[1] / "kit" / "node" / "final_messages.mjs"
EXAMPLES = Path(__file__).resolve().parents[2] / "src" / "ssewire" / "replay" / "examples"
ASKED: dict[str, Any] = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 1024,
    "messages": [{"role": "user", "content": "Hello"}],
}
# Both are lost on the SDKs: keys that they do not know, and those that they add.
COMPARED = ("id", "role", "model", "content", "stop_reason", "stop_sequence")


@pytest.fixture(scope="module")
def files(recordings: Path) -> list[Path]:
    # That one ends in an error, not in a message.
    examples = [file for file in EXAMPLES.glob("*.sse") if file.stem != "overloaded"]
    found = [*recordings.glob("*__first-party.sse"), *examples]
    # A last event without its blank line is one that the SDKs, as the standard has it, drop.
    return [file for file in sorted(found) if file.read_bytes().endswith(b"\n\n")]


@pytest.fixture
def url(files: list[Path]) -> Iterator[str]:
    """The replay server, which serves the files in turn."""
    with serve_in_thread(files, speed=float("inf")) as server:
        yield server.url


@pytest.fixture(scope="module")
def expected(files: list[Path]) -> list[Any]:
    """The parts compared, as our blocking client sees them."""
    with serve_in_thread(files, speed=float("inf")) as server:
        client = Claude(base_url=server.url, api_key="none")
        found = [compared(client.messages.create(**ASKED).to_dict()) for _ in files]
        client.close()
        return found


def compared(message: dict[str, Any]) -> dict[str, Any]:
    """Return what all clients agree on, without what one SDK or the other adds."""
    found = {name: message[name] for name in COMPARED if name in message}
    found["content"] = [
        {name: value for name, value in block.items() if name != "parsed_output"}
        for block in found["content"]
    ]
    found["tokens"] = message["usage"]["output_tokens"]
    return found


def test_the_messages_beside_the_recordings_are_what_the_client_ends_with(
    files: list[Path], expected: list[Any]
) -> None:
    for file, message in zip(files, expected):
        beside = file.with_suffix(".message.json")
        if beside.exists():
            assert message == compared(json.loads(beside.read_text("utf-8")))


def test_our_asyncio_client_ends_with_the_same_messages(
    files: list[Path], url: str, expected: list[Any]
) -> None:
    async def main() -> list[Any]:
        async with AsyncClaude(base_url=url, api_key="none") as client:
            found = []
            for _ in files:
                async with client.messages.stream(**ASKED) as stream:
                    found.append(compared((await stream.get_final_message()).to_dict()))
            return found

    assert asyncio.run(main()) == expected


needs_sdk = pytest.mark.skipif(
    sys.version_info < (3, 10) or platform.python_implementation() != "CPython",
    reason="anthropic 2.12.0 needs CPython 3.10 or later",
)


def sdk_dump(message: Any) -> dict[str, Any]:
    return compared(message.to_dict(mode="json", warnings=False))


@needs_sdk
def test_the_official_python_sdk_ends_with_the_same_messages(
    files: list[Path], url: str, expected: list[Any]
) -> None:
    with import_module("anthropic").Anthropic(base_url=url, api_key="none") as client:
        found = []
        for _ in files:
            with client.beta.messages.stream(**ASKED) as stream:
                found.append(sdk_dump(stream.get_final_message()))
    assert found == expected


@needs_sdk
def test_the_official_asynchronous_python_sdk_ends_with_the_same_messages(
    files: list[Path], url: str, expected: list[Any]
) -> None:
    async def main() -> list[Any]:
        async with import_module("anthropic").AsyncAnthropic(
            base_url=url, api_key="none"
        ) as client:
            found = []
            for _ in files:
                async with client.beta.messages.stream(**ASKED) as stream:
                    found.append(sdk_dump(await stream.get_final_message()))
            return found

    assert asyncio.run(main()) == expected


def test_the_official_node_sdk_ends_with_the_same_messages(
    files: list[Path], url: str, expected: list[Any]
) -> None:
    environment = {
        **os.environ,
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": "none",
        "TIMES": str(len(files)),
    }
    found = json.loads(nodejs.output(PROGRAM.read_text("utf-8"), environment))
    assert [compared(each["message"]) for each in found] == expected
    for each, message in zip(found, expected):
        texts = [block["text"] for block in message["content"] if block["type"] == "text"]
        assert each["text"] == "".join(texts)
