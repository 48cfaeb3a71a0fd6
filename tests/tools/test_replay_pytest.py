# SPDX-License-Identifier: MIT
"""What comes with the replay server: the pytest fixture, and the examples of the package."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest

import ssewire
from ssewire.claude import Claude
from ssewire.replay import Recording, ReplayServer
from ssewire.replay.pytest_plugin import claude_replay

__all__ = ["claude_replay"]

pytestmark = [pytest.mark.once, pytest.mark.sockets]

HELLO = Recording.example("hello")
ASKED: dict[str, Any] = {
    "model": "claude-demo-1",
    "max_tokens": 10,
    "messages": [{"role": "user", "content": "Hi"}],
}
ELSEWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def servers() -> Iterator[list[ReplayServer]]:
    """An environment that would lead requests elsewhere; and it is back, and servers gone."""
    seen: list[ReplayServer] = []
    with pytest.MonkeyPatch.context() as patched:
        for name in ("HTTP_PROXY", "http_proxy", "ANTHROPIC_BASE_URL"):
            patched.setenv(name, ELSEWHERE)
        patched.setenv("ANTHROPIC_AUTH_TOKEN", "token")
        patched.setenv("ANTHROPIC_CUSTOM_HEADERS", "x-mine: 1")
        yield seen
        # The fixture was set up after this one, so it has ended.
        assert os.environ["ANTHROPIC_BASE_URL"] == ELSEWHERE
        assert os.environ["ANTHROPIC_AUTH_TOKEN"] == "token"
        for server in seen:
            with pytest.raises(ConnectionRefusedError):
                connect(server.url)


def connect(url: str) -> None:
    host, _, port = url.rpartition("/")[2].partition(":")
    socket.create_connection((host, int(port)), 10).close()


def test_a_client_finds_the_server_whatever_the_environment_was(
    claude_replay: Callable[..., ReplayServer], servers: list[ReplayServer]
) -> None:
    server = claude_replay(HELLO)
    with Claude() as client:
        assert client.messages.create(**ASKED).stop_reason == "end_turn"
    (request,) = server.requests
    assert request.headers["x-api-key"] == "sk-not-a-key"
    assert "x-mine" not in request.headers
    assert "authorization" not in request.headers
    servers.append(server)


def test_each_call_is_a_server_of_its_own_with_options(
    claude_replay: Callable[..., ReplayServer], servers: list[ReplayServer]
) -> None:
    first, second = claude_replay(HELLO), claude_replay(HELLO, strict=False)
    assert first.url != second.url == os.environ["ANTHROPIC_BASE_URL"]
    with Claude() as client:
        client.messages.create(**{**ASKED, "messages": []})
    assert (len(first.requests), len(second.requests)) == (0, 1)
    servers += [first, second]


def test_the_examples_are_found_in_a_zip_file_too(tmp_path: Path) -> None:
    package = Path(ssewire.__file__).parent
    archive = tmp_path / "program.pyz"
    with zipfile.ZipFile(archive, "w") as file:
        for path in package.rglob("*"):
            if path.suffix in (".py", ".sse"):
                file.write(path, path.relative_to(package.parent))
    program = (
        "import ssewire, ssewire.replay as r; assert '.pyz' in ssewire.__file__;"
        "print(*{len(r.Recording.example(name).events) > 1 for name in r.EXAMPLES})"
    )
    # -I: no other ssewire is found; the archive comes first.
    command = [
        sys.executable,
        "-I",
        "-c",
        f"import sys; sys.path[:0] = [{str(archive)!r}]; {program}",
    ]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=False)
    assert (done.stdout.strip(), done.stderr) == ("True", "")
