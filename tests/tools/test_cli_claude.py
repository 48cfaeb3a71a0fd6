# SPDX-License-Identifier: MIT
"""`ssewire claude`: an answer on the command line, from the replay server."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import ssewire
from tests.kit.serving import served

pytestmark = [pytest.mark.once, pytest.mark.sockets]

PACKAGE = str(Path(ssewire.__file__).resolve().parents[1])
HELLO = "Hello! A stream is an answer"


ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("ANTHROPIC_")},
    "PYTHONPATH": PACKAGE,
}


def ask(
    what: str | None, *arguments: str, stdin: bytes = b"", key: str | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run the command against a replay server with `what`; None: without one."""
    with served(what, ENVIRONMENT) as variables:
        if key is not None:
            variables["ANTHROPIC_API_KEY"] = key
        return subprocess.run(
            [sys.executable, "-m", "ssewire", "claude", *arguments],
            input=stdin, env=variables, capture_output=True, timeout=60, check=False,
        )  # fmt: skip


def test_text_goes_to_stdout_and_what_it_took_to_stderr() -> None:
    done = ask("hello.sse", "Say hello.")
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().startswith(HELLO)
    assert done.stdout.endswith(b"\n")
    errors = done.stderr.decode()
    assert "[end_turn, 14 input tokens, 27 output tokens, first text after" in errors
    assert "tokens/s]" in errors


def test_json_is_the_final_message() -> None:
    done = ask("weather-tool.sse", "--json", "How is the weather?")
    message = json.loads(done.stdout)
    assert message["stop_reason"] == "tool_use"
    assert message["content"][-1]["input"] == {"location": "Zürich", "unit": "celsius"}


def test_events_are_one_json_object_a_line() -> None:
    done = ask("hello.sse", "--events", "Say hello.")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0]["type"] == "message_start"
    assert events[-1]["type"] == "message_stop"
    assert "".join(e["text"] for e in events if e["type"] == "text").startswith(HELLO)


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_the_prompt_may_come_from_standard_input(arguments: list[str]) -> None:
    done = ask("hello.sse", *arguments, stdin="Grüezi".encode())
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().startswith(HELLO)


def test_the_request_is_what_the_options_say() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        options = ["--system", "Be brief.", "--model", "claude-x", "--max-tokens", "7", "Why?"]
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with subprocess.Popen(
            [sys.executable, "-m", "ssewire", "claude", "--base-url", base, *options],
            env={**ENVIRONMENT, "ANTHROPIC_API_KEY": "sk-secret"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            listener.settimeout(30)
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(30)
                received = b""
                while b"\r\n\r\n" not in received or not received.endswith(b"}"):
                    received += connection.recv(65536)
            process.kill()
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"x-api-key: sk-secret" in head
    assert json.loads(body) == {
        "model": "claude-x",
        "max_tokens": 7,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "Why?"}],
        "stream": True,
    }


def test_without_a_key_the_error_names_the_variables_and_the_code_is_2() -> None:
    done = ask(None, "Hello")
    assert done.returncode == 2
    assert b"ANTHROPIC_API_KEY" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--base-url", "ftp://h/", "Hello"],
        ["--max-tokens", "many", "Hello"],
        ["--json", "--events", "Hello"],
        ["--idle", "-1", "Hello"],
        [],
    ],
)
def test_wrong_usage_is_code_2_and_a_sentence(arguments: list[str]) -> None:
    done = ask(None, *arguments, key="k")
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert done.stderr


def test_an_error_of_the_api_is_code_1_after_the_text_before_it() -> None:
    done = ask("hello.sse fault=error:overloaded_error at=6", "Say hello.")
    assert done.returncode == 1
    assert HELLO.startswith(done.stdout.decode().strip()[:10])
    assert b"overloaded_error" in done.stderr
    assert b"incomplete" in done.stderr
    assert b"sk-not-a-key" not in done.stderr


def test_a_stream_cut_short_with_json_prints_what_had_come() -> None:
    done = ask("hello.sse fault=truncate at=7", "--json", "Say hello.")
    assert done.returncode == 3
    message: dict[str, Any] = json.loads(done.stdout)
    assert message["stop_reason"] is None
    assert message["content"][0]["text"]


def test_a_server_that_is_not_there_is_code_3() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    done = ask(None, "--base-url", f"http://127.0.0.1:{port}", "Hello", key="k")
    assert done.returncode == 3
    assert b"Traceback" not in done.stderr
    # Once in the sentence, not again as its cause.
    assert done.stderr.splitlines()[-1].count(b"could not connect") == 1


@pytest.mark.skipif(os.name == "nt", reason="there are no POSIX signals here")
def test_an_interrupt_keeps_the_text_so_far_and_is_code_130() -> None:
    command = [sys.executable, "-m", "ssewire", "claude", "Say hello."]
    with served("hello.sse fault=stall at=6", ENVIRONMENT) as variables:
        process = subprocess.Popen(
            command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        with process:
            assert process.stdout is not None
            first = process.stdout.read(5)
            process.send_signal(signal.SIGINT)
            rest, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert (first + rest).decode().startswith("Hello")
    assert b"incomplete" in errors
    assert b"Traceback" not in errors
