# SPDX-License-Identifier: MIT
"""`ssewire claude` as a conversation: on a terminal, and in a file that is gone on with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ssewire.cli._conversation import Conversation
from ssewire.cli._output import CommandError
from ssewire.replay import serve_in_thread
from tests.claude import wire
from tests.kit.terminal import Terminal

pytestmark = [pytest.mark.once, pytest.mark.sockets]

COMMAND = [sys.executable, "-m", "ssewire", "claude"]


class Claude:
    """A stand-in for the API, and the commands that ask it."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._variables = {
            "ANTHROPIC_API_KEY": "k",
            "ANTHROPIC_BASE_URL": server.url,
            "ANTHROPIC_AUTH_TOKEN": "",
            "ANTHROPIC_CUSTOM_HEADERS": "",
            "ANTHROPIC_MODEL": "",
        }

    def ask(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*COMMAND, *arguments],
            input=stdin,
            capture_output=True,
            timeout=60,
            env={**os.environ, **self._variables},
        )

    def talk(self, *arguments: str) -> Terminal:
        return Terminal([*COMMAND, *arguments], environment=self._variables)

    @property
    def bodies(self) -> list[Any]:
        """What was asked."""
        return [json.loads(seen.body) for seen in self._server.requests]

    @property
    def turns(self) -> list[list[tuple[str, str]]]:
        """What was asked as (role, text), of each request."""
        return [[(m["role"], text_of(m)) for m in body["messages"]] for body in self.bodies]


def text_of(message: Any) -> str:
    content = message["content"]
    text = content if isinstance(content, str) else content[0]["text"]
    assert isinstance(text, str)
    return text


@contextmanager
def claude(tmp_path: Path, *answers: str, **options: Any) -> Iterator[Claude]:
    """Yield a stand-in that gives these answers in turn."""
    paths = []
    for number, answer in enumerate(answers):
        path = tmp_path / f"answer{number}.sse"
        path.write_bytes(wire.whole(wire.text_block(0, *answer.split("|"))))
        paths.append(path)
    with serve_in_thread(paths, speed=0, **options) as server:
        yield Claude(server)


def test_each_line_is_a_turn_and_ctrl_d_ends(tmp_path: Path) -> None:
    with claude(tmp_path, "One.", "Two.") as api, api.talk("-s", "Be brief.") as terminal:
        terminal.wait_for_prompt(">")
        terminal.type("first\n")
        terminal.wait_for_prompt(">")
        # An empty line is no turn.
        terminal.type("\n")
        terminal.wait_for_prompt(">")
        terminal.type("second\n")
        terminal.wait_for("Two.")
        terminal.wait_for_prompt(">")
        terminal.type("\x04")
        assert terminal.wait() == 0
        assert api.turns == [
            [("user", "first")],
            [("user", "first"), ("assistant", "One."), ("user", "second")],
        ]
        assert [body["system"] for body in api.bodies] == ["Be brief.", "Be brief."]
        assert terminal.screen()[0] == "[each line is a turn; Ctrl-C stops an answer, Ctrl-D ends]"
        assert terminal.screen().count("One.") == 1


def test_ctrl_c_stops_an_answer_whose_text_stays_and_ends_at_the_prompt(tmp_path: Path) -> None:
    with claude(tmp_path, "Never| to end", "Two.", fault="stall", at=4, times=1) as api:
        with api.talk() as terminal:
            terminal.wait_for_prompt(">")
            terminal.type("first\n")
            terminal.wait_for("Never")
            terminal.type("\x03")
            terminal.wait_for("[stopped]")
            terminal.wait_for_prompt(">")
            terminal.type("second\n")
            terminal.wait_for("Two.")
            terminal.wait_for_prompt(">")
            terminal.type("\x03")
            assert terminal.wait() == 130
            assert not any("Traceback" in line for line in terminal.screen())
        first, second = api.turns
        assert first == [("user", "first")]
        assert [second[0], second[2]] == [("user", "first"), ("user", "second")]
        assert second[1][0] == "assistant"
        assert second[1][1].startswith("Never")


def test_a_turn_that_fails_is_told_and_taken_back(tmp_path: Path) -> None:
    with claude(tmp_path, "One.", fault="status:400", times=1) as api, api.talk() as terminal:
        terminal.wait_for_prompt(">")
        terminal.type("first\n")
        terminal.wait_for("ssewire: ")
        terminal.wait_for_prompt(">")
        terminal.type("second\n")
        terminal.wait_for("One.")
        terminal.wait_for_prompt(">")
        terminal.type("\x04")
        assert terminal.wait() == 0
        assert api.turns[-1] == [("user", "second")]


def test_without_a_key_the_first_turn_ends_it(tmp_path: Path) -> None:
    with claude(tmp_path, "One.") as api:
        api._variables["ANTHROPIC_API_KEY"] = ""
        with api.talk() as terminal:
            terminal.wait_for_prompt(">")
            terminal.type("first\n")
            assert terminal.wait() == 2
            said = "ssewire: no key: set ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN; ssewire demo"
            assert said in " ".join(terminal.screen())


def test_a_file_is_gone_on_with(tmp_path: Path) -> None:
    file = tmp_path / "chat.json"
    keep = ["--continue", str(file)]
    with claude(tmp_path, "One.", "Two.", "Three.") as api:
        assert api.ask(*keep, "-s", "Be brief.", "first").returncode == 0
        assert api.ask(*keep, "second").returncode == 0
        # A new system prompt takes the place of the old one.
        assert api.ask("-c", str(file), "-s", "Be long.", "third").returncode == 0
        assert api.turns == [
            [("user", "first")],
            [("user", "first"), ("assistant", "One."), ("user", "second")],
            [
                *[("user", "first"), ("assistant", "One.")],
                *[("user", "second"), ("assistant", "Two."), ("user", "third")],
            ],
        ]
        assert [body["system"] for body in api.bodies] == ["Be brief.", "Be brief.", "Be long."]
    kept = json.loads(file.read_bytes())
    assert kept["system"] == "Be long."
    assert [text_of(message) for message in kept["messages"]][-1] == "Three."


def test_a_file_stays_as_it_is_where_the_answer_fails(tmp_path: Path) -> None:
    file = tmp_path / "chat.json"
    with claude(tmp_path, "One.|Two", fault="truncate", at=5) as api:
        done = api.ask("-c", str(file), "first")
    assert done.returncode == 3
    assert json.loads(file.read_bytes()) == {"messages": []}


@pytest.mark.parametrize(
    "content",
    [
        *[
            b"",
            b"[]",
            b"{}",
            b"null",
            b'{"messages": 3}',
            b'{"messages": [1]}',
            b'{"messages": {}}',
        ],
        *[b'{"messages": [{"role": "robot"}]}', b"\xff", b"[" * 100_000],
    ],
    ids=lambda content: ascii(content[:12]),
)
def test_a_file_that_holds_no_conversation_is_refused_and_stays(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "chat.json"
    file.write_bytes(content)
    with pytest.raises(CommandError) as caught:
        Conversation(str(file), None)
    assert str(caught.value) == f"{file} does not hold a conversation"
    assert file.read_bytes() == content


def test_a_file_that_cannot_be_kept_is_code_2_before_anything_is_asked(tmp_path: Path) -> None:
    with claude(tmp_path, "One.") as api:
        for path in (tmp_path, tmp_path / "none" / "chat.json"):
            done = api.ask("-c", str(path), "first")
            assert (done.returncode, done.stdout) == (2, b"")
            assert done.stderr.count(b"\n") == 1
        assert api.bodies == []


def test_halves_of_surrogate_pairs_do_not_end_a_conversation(tmp_path: Path) -> None:
    file = tmp_path / "talk.json"
    file.write_text('{"system": "\\ud83d", "messages": [{"role": "user", "content": "\\udc00"}]}')
    with claude(tmp_path, "\ud83d!") as stand_in:
        for _ in range(2):
            done = stand_in.ask("--continue", str(file), "Hi")
            assert done.returncode == 0, done.stderr
        assert {body["system"] for body in stand_in.bodies} == {"\ufffd"}
        turns = [("user", "\ufffd"), ("user", "Hi"), ("assistant", "\ufffd!"), ("user", "Hi")]
        assert stand_in.turns == [turns[:2], turns]


@pytest.mark.skipif(os.name == "nt", reason="arguments are text on Windows")
def test_arguments_that_are_not_utf8_are_sent_as_replacement_characters(tmp_path: Path) -> None:
    bad = os.fsdecode(b"\xff")
    with claude(tmp_path, "Good.") as stand_in:
        done = stand_in.ask("-s", bad, "-m", bad, bad)
        assert done.returncode == 0, done.stderr
        (body,) = stand_in.bodies
    assert (body["system"], body["model"]) == ("\ufffd", "\ufffd")
    assert body["messages"] == [{"role": "user", "content": "\ufffd"}]


def test_a_file_that_holds_what_json_has_not_is_code_2(tmp_path: Path) -> None:
    file = tmp_path / "talk.json"
    file.write_text('{"messages": [{"role": "user", "content": NaN}]}')
    with claude(tmp_path, "Good.") as stand_in:
        done = stand_in.ask("--continue", str(file), "Hi")
        assert not stand_in.bodies
    said = b"ssewire: messages[0].content is nan, which JSON does not have\n"
    assert (done.returncode, done.stderr) == (2, said)


def test_a_prompt_needs_no_quotes_and_options_may_stand_in_it(tmp_path: Path) -> None:
    with claude(tmp_path, "Scattering.") as api:
        for arguments in (
            ["why", "is", "the", "sky", "blue"],
            ["why", "is", "-m", "claude-x", "the", "sky", "blue"],
            ["--max-tokens", "5", "why is", "the sky blue"],
            ["--", "why", "is", "the", "sky", "blue"],
        ):
            done = api.ask(*arguments)
            assert (done.returncode, done.stdout) == (0, b"Scattering.\n"), done.stderr
        assert {turns[0][1] for turns in api.turns} == {"why is the sky blue"}
        assert [body["model"] for body in api.bodies][1] == "claude-x"


def test_a_dash_at_the_end_stands_for_standard_input(tmp_path: Path) -> None:
    with claude(tmp_path, "Fine.") as api:
        api.ask("review", "this:", "-", stdin=b"x = 1\n")
        api.ask("-", stdin="Grüezi \ud800".encode("utf-8", "surrogatepass"))
        first, second = (turns[0][1] for turns in api.turns)
        assert first == "review this:\n\nx = 1"
        assert second.startswith("Grüezi ")


@pytest.mark.parametrize("arguments", [[""], [" "], ["-"], [], ["review", "-"]])
def test_an_empty_prompt_is_code_2_before_anything_is_asked(
    tmp_path: Path, arguments: list[str]
) -> None:
    with claude(tmp_path, "Fine.") as api:
        done = api.ask(*arguments)
        assert (done.returncode, api.bodies) == (2, [])
    assert done.stderr.startswith(b"ssewire: the prompt ")


def test_an_option_that_is_nearly_one_is_told_within_a_prompt_too(tmp_path: Path) -> None:
    with claude(tmp_path, "Fine.") as api:
        done = api.ask("why", "--modle", "x")
        assert (done.returncode, api.bodies) == (2, [])
    assert b"no option --modle; did you mean --model?" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="there are no POSIX signals here")
def test_a_conversation_whose_answers_go_to_a_file_asks_on_stderr(tmp_path: Path) -> None:
    with claude(tmp_path, "One.") as api:
        out = tmp_path / "out"
        shell = f'{" ".join(COMMAND)} > "{out}"'
        with Terminal(["/bin/sh", "-c", shell], environment=api._variables) as terminal:
            terminal.wait_for_prompt(">")
            terminal.type("first\n")
            terminal.wait_for("[end_turn")
            terminal.wait_for_prompt(">")
            terminal.type("\x04")
            assert terminal.wait() == 0
        assert out.read_bytes() == b"One.\n"
