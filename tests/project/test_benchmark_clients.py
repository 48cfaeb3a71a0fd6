# SPDX-License-Identifier: MIT
"""What measures clients: the server's streams, and what a client at fault costs the others."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import ssl
import sys
import zlib
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, cast

import pytest

from benchmarks import clients
from benchmarks.clients import Column, Command, Ground, Place
from benchmarks.harness import (
    asyncio_clients,
    blocking_clients,
    candidates,
    client_costs,
    processes,
)
from benchmarks.harness.event_server import (
    BULK_EVENTS,
    DATA,
    EVENTS,
    TEXTS,
    Streams,
    address,
    make_keys,
    on_its_core,
    serving,
)
from benchmarks.harness.processes import NoAnswer

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("trustme")
    folder = tmp_path_factory.mktemp("keys")
    make_keys(folder)
    return folder


@pytest.fixture(scope="module")
def streams(keys: Path) -> Iterator[Streams]:
    with serving(keys) as found:
        yield found


def bases(streams: Streams, keys: Path) -> dict[str, tuple[str, str]]:
    """Return the URL and the file of the authority of each way."""
    return {
        "plain": (streams.plain, ""),
        "TLS": (streams.tls, str(keys / "authority.pem")),
        "gzip": (f"{streams.plain}/gzip", ""),
    }


# --- the server


def ask(connection: socket.socket, path: str) -> None:
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())


def read_to_end(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def chunks_of(response: bytes) -> tuple[bytes, list[bytes]]:
    head, _, body = response.partition(b"\r\n\r\n")
    chunks = []
    while not body.startswith(b"0\r\n"):
        size, _, body = body.partition(b"\r\n")
        chunks.append(body[: int(size, 16)])
        body = body[int(size, 16) + 2 :]
    return head, chunks


def test_events_are_120_bytes_long_and_differ() -> None:
    assert {len(event) for event in EVENTS} == {120}
    assert {len(text) for text in TEXTS} == {DATA}
    assert len(set(TEXTS)) == BULK_EVENTS


def test_each_event_has_a_chunk_of_its_own(streams: Streams) -> None:
    with socket.create_connection(address(streams.plain)) as connection:
        ask(connection, "/paced/7")
        head, chunks = chunks_of(read_to_end(connection))
    assert b"Content-Encoding" not in head
    assert chunks == EVENTS[:7]


def test_compressed_events_can_each_be_read_at_once(streams: Streams) -> None:
    with socket.create_connection(address(streams.plain)) as connection:
        ask(connection, "/gzip/paced/7")
        head, chunks = chunks_of(read_to_end(connection))
    assert b"\r\nContent-Encoding: gzip" in head
    inflater = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    assert [inflater.decompress(chunk) for chunk in chunks] == [*EVENTS[:7], b""]
    assert inflater.eof


def test_the_second_port_speaks_tls_only_and_outlives_who_does_not_trust_it(
    streams: Streams, keys: Path
) -> None:
    host, port = address(streams.tls)
    with (
        socket.create_connection((host, port)) as connection,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        ssl.create_default_context().wrap_socket(connection, server_hostname=host)
    with socket.create_connection((host, port)) as connection, suppress(ConnectionResetError):
        ask(connection, "/paced/1")
        assert b"200 OK" not in read_to_end(connection)
    context = ssl.create_default_context(cafile=str(keys / "authority.pem"))
    with (
        socket.create_connection((host, port)) as connection,
        context.wrap_socket(connection, server_hostname=host) as secure,
    ):
        ask(secure, "/paced/2")
        assert chunks_of(read_to_end(secure))[1] == EVENTS[:2]


def test_streams_that_a_client_left_open_are_in_nobody_elses_way(streams: Streams) -> None:
    where = address(streams.plain)
    with socket.create_connection(where) as left:
        ask(left, "/rounds/left")
        assert b"200 OK" in left.recv(65536)
    with (
        socket.create_connection(where) as stream,
        socket.create_connection(where) as control,
    ):
        ask(control, "/control/mine/1")
        control.sendall(b"r")
        # The control waits for its stream, which comes only now.
        ask(stream, "/rounds/mine")
        received = b""
        while EVENTS[0] not in received:
            data = stream.recv(65536)
            assert data, received
            received += data


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no core can be chosen here")
def test_what_is_measured_on_one_core_leaves_this_process_where_it_was() -> None:
    before = os.sched_getaffinity(0)
    command = [sys.executable, "-c", "import os; print(list(os.sched_getaffinity(0)))"]
    with on_its_core():
        assert processes.answer_of(command, dict(os.environ)) == [max(before)]
    assert os.sched_getaffinity(0) == before


# --- clients in this process


@pytest.mark.parametrize("way", ["plain", "TLS", "gzip"])
def test_ours_gets_the_right_events_each_way(streams: Streams, keys: Path, way: str) -> None:
    url, authority = bases(streams, keys)[way]

    async def figures() -> list[dict[str, float]]:
        several = await client_costs.measure_async(
            "ssewire", url, 3, 4, control=streams.plain, authority=authority
        )
        return [
            several,
            await client_costs.measure_async_one("ssewire", f"{url}/paced/40", 40, authority),
        ]

    found = asyncio.run(figures())
    client_costs.check_prompt("ssewire", url, streams.plain, authority)
    found.append(client_costs.measure_sync("ssewire", f"{url}/paced/40", 40, authority))
    assert [row["wrong"] for row in found] == [0, 0, 0]
    assert all(row["cpu"] > 0 for row in found)


class Changed:
    """An event that is not what was sent."""

    data = "changed"
    event = "message"


def fake(kind: str) -> asyncio_clients.Client:
    """Return a client that is ours but for a fault after the events that fill its caches."""

    async def events(stream: Any) -> AsyncGenerator[Any, None]:
        number = 0
        held = None
        async for event in stream:
            number += 1
            if kind == "late":
                # It gives an event when the next one is there.
                if held is not None:
                    yield held
                held = event
            elif kind == "ends" and number > client_costs.WARM_UP:
                return
            elif kind == "raises" and number > client_costs.WARM_UP:
                raise ValueError("no more")
            elif number % 3 == 0 and kind in ("changes", "renames"):
                yield Changed if kind == "changes" else Typed(event)
            else:
                yield event

    async def opened(tls: Any, url: str) -> AsyncGenerator[Any, None]:
        from ssewire import aio

        async with aio.open_stream(url, proxy=None) as stream:
            # What warms up is not at fault.
            yield stream if "/bulk/" in url else events(stream)

    return asyncio_clients.Client(lambda authority: None, opened)


def measured(streams: Streams, monkeypatch: pytest.MonkeyPatch, kind: str) -> dict[str, float]:
    monkeypatch.setitem(client_costs.ASYNC, "fake", fake(kind))
    return asyncio.run(client_costs.measure_async("fake", streams.plain, 2, 6))


class Typed:
    """An event of another type than was sent."""

    event = "other"

    def __init__(self, event: Any) -> None:
        self.data = event.data


def test_an_event_of_another_type_is_wrong(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert measured(streams, monkeypatch, "renames")["wrong"] == 6

    @contextmanager
    def renames(url: str, authority: str) -> Iterator[Any]:
        with blocking_clients.CLIENTS["ssewire"](url, authority) as stream:
            yield (Typed(event) if n % 10 == 1 else event for n, event in enumerate(stream))

    monkeypatch.setitem(client_costs.SYNC, "renames", renames)
    # One of them among those that warm up.
    found = client_costs.measure_sync("renames", f"{streams.plain}/paced/40", 40)
    assert found["wrong"] == 4


def test_one_asyncio_stream_with_events_of_another_type_is_wrong(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(client_costs.ASYNC, "fake", fake("renames"))
    url = f"{streams.plain}/paced/40"
    assert asyncio.run(client_costs.measure_async_one("fake", url, 40))["wrong"] == 11


def test_wrong_events_are_counted(streams: Streams, monkeypatch: pytest.MonkeyPatch) -> None:
    # Eleven rounds of two streams, in which each third one is another.
    assert measured(streams, monkeypatch, "changes")["wrong"] == 6


def test_an_event_that_comes_with_the_next_one_only_is_a_fault(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_costs, "LATE", 0.1)
    with pytest.raises(NoAnswer, match="no event within"):
        measured(streams, monkeypatch, "late")


@pytest.mark.parametrize(
    ("kind", "error"),
    [("ends", EOFError("its stream ends")), ("raises", ValueError("no more"))],
)
def test_what_ends_a_clients_stream_is_its_fault(
    streams: Streams, monkeypatch: pytest.MonkeyPatch, kind: str, error: Exception
) -> None:
    with pytest.raises(type(error), match=str(error)):
        measured(streams, monkeypatch, kind)


def test_blocking_clients_that_hang_or_fail_are_not_waited_for(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def late(url: str, authority: str) -> Iterator[Any]:
        with blocking_clients.CLIENTS["ssewire"](url, authority) as stream:
            # zip takes one of each before it gives any.
            yield (first for first, _ in zip(stream, stream))

    @contextmanager
    def broken(url: str, authority: str) -> Iterator[Any]:
        raise ValueError("cannot")
        yield

    monkeypatch.setitem(client_costs.SYNC, "late", late)
    monkeypatch.setitem(client_costs.SYNC, "broken", broken)
    with pytest.raises(ValueError, match="cannot"):
        client_costs.check_prompt("broken", streams.plain, streams.plain)
    monkeypatch.setattr(client_costs, "LATE", 0.2)
    with pytest.raises(NoAnswer, match="no event within"):
        client_costs.check_prompt("late", streams.plain, streams.plain)


def test_wrong_events_of_blocking_clients_are_counted(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def skips(url: str, authority: str) -> Iterator[Any]:
        with blocking_clients.CLIENTS["ssewire"](url, authority) as stream:
            yield (event for number, event in enumerate(stream) if number != 20)

    monkeypatch.setitem(client_costs.SYNC, "skips", skips)
    # All behind the one that it leaves out are in a wrong place.
    found = client_costs.measure_sync("skips", f"{streams.plain}/paced/41", 40)
    assert found["wrong"] == 15


# --- candidates in processes of their own


class Nowhere:
    """The ground of candidates that ask for nothing."""

    without_tls = ""

    def place(self, way: str) -> Place:
        if self.without_tls and way == "TLS":
            raise NoAnswer(self.without_tls)
        return Place("", "")


def printing(text: str) -> Command:
    echo = shutil.which("echo")
    return lambda column, place: [echo or "echo", text]


RIGHT = json.dumps({"cpu": 2.5, "memory": 4.0, "wrong": 0})
COMMANDS: dict[str, Command] = {
    "right": printing(RIGHT),
    "wrong": printing(json.dumps({"cpu": 1.5, "memory": 4.0, "wrong": 3})),
    "not there": lambda column, place: ["/nowhere/client"],
    "crashes": lambda column, place: ["false"],
    "hangs": lambda column, place: ["sleep", "60"],
    "talks": printing("Hello"),
    "tells": printing(json.dumps({"fault": "it cannot"})),
    "counts": printing("12"),
    "half": printing(json.dumps({"cpu": 2.5})),
    "nothing": printing(json.dumps({"cpu": None, "wrong": 0})),
    "empty": printing("{}"),
    "not a number": printing('{"cpu": NaN, "wrong": 0}'),
    "asyncio only": lambda column, place: None if column.blocking else ["echo", RIGHT],
}
FAULTS = {
    "right": "",
    "wrong": "6 wrong events",
    "not there": "cannot be started: No such file or directory",
    "crashes": "ends with status 1: ",
    "hangs": "over 1 s",
    "talks": "prints no JSON",
    "tells": "it cannot",
    "counts": "prints no figures",
    "half": "prints no figures",
    "nothing": "prints no figures",
    "empty": "prints no figures",
    "not a number": "prints no figures",
}


def test_a_candidate_at_fault_costs_its_own_row_only() -> None:
    column = Column("plain", "plain", "paced", 10, blocking=True)
    times, memory = clients.measured([column], COMMANDS, 2, cast("Ground", Nowhere()), limit=1.0)
    assert {name: row["plain"].fault for name, row in times.items()} == FAULTS
    figures = {name: row["plain"].runs for name, row in times.items() if row["plain"].runs}
    assert figures == {"right": (2.5, 2.5), "wrong": (1.5, 1.5)}
    assert {name: list(row) for name, row in memory.items()} == {
        "right": ["1 plain"],
        "wrong": ["1 plain"],
    }


@pytest.mark.parametrize("told", [{}, [], 12, {"cpu": 1.0}, {"cpu": "x", "wrong": 0}], ids=repr)
def test_clients_that_are_compared_tell_figures(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "server", lambda: nullcontext(""))
    monkeypatch.setattr(clients, "answer_of", lambda command, env: told)
    with pytest.raises(NoAnswer, match="prints no figures"):
        clients.compare(["ssewire"], [], 1)
    right = {"cpu": 1.0, "memory": 2.0, "wrong": 0}
    monkeypatch.setattr(clients, "answer_of", lambda command, env: dict(right))
    assert clients.compare(["ssewire"], [], 2) == {"ssewire": {"cpu": 1.0, "memory": 2.0}}
    monkeypatch.setattr(clients, "answer_of", lambda command, env: {**right, "wrong": 1})
    with pytest.raises(NoAnswer, match="ssewire: wrong events"):
        clients.compare(["ssewire"], [], 1)


def test_a_fault_in_one_column_leaves_the_others() -> None:
    commands: dict[str, Command] = {
        "some": lambda column, place: ["false" if column.way == "gzip" else "echo", RIGHT]
    }
    columns = clients.blocking_columns(quick=False)
    times, _ = clients.measured(columns, commands, 1, cast("Ground", Nowhere()))
    faults = {name: bool(cell.fault) for name, cell in times["some"].items()}
    assert faults == {"plain": False, "TLS": False, "gzip": True}


def test_without_keys_all_but_tls_is_measured() -> None:
    ground = Nowhere()
    ground.without_tls = "trustme is not installed, which makes keys"
    commands = {"right": COMMANDS["right"]}
    columns = clients.blocking_columns(quick=False)
    times, _ = clients.measured(columns, commands, 1, cast("Ground", ground))
    assert times["right"]["TLS"].fault == ground.without_tls
    assert times["right"]["plain"].runs


@pytest.mark.parametrize("quick", [True, False])
@pytest.mark.parametrize("uvloop", ["1.0", None])
def test_the_sheets_and_what_was_asked_are_there_whoever_fails(
    quick: bool, uvloop: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "installed", lambda name: uvloop)
    commands = {name: COMMANDS[name] for name in ("right", "crashes")}
    commands["ssewire"] = COMMANDS["right"]
    for peer in ("httpx2", "ry", "urllib"):
        commands[peer] = COMMANDS["right"]
    made = clients.sheets_of(1, quick, commands, cast("Ground", Nowhere()))
    assert [sheet.title for sheet in made] == [
        "Asyncio clients, one event a packet",
        "Asyncio clients, over TLS",
        "Asyncio clients, compressed by gzip",
        *([clients.ON_UVLOOP] if uvloop else []),
        "Asyncio clients, an open stream",
        "Blocking clients, one event a packet",
        "A stream in bulk",
    ]
    assert all(sheet.about and sheet.unit and sheet.command == clients.COMMAND for sheet in made)
    assert {target.figure for target in clients.targets(made)} == {1.0}
    assert all(re.search(r"times \w+'s$", target.what) for target in clients.targets(made))


def test_all_asyncio_clients_that_can_are_measured_on_uvloop() -> None:
    plain, tls = clients.uvloop_columns(quick=False)
    assert (plain.name, tls.name) == ("100 plain", "100 TLS")
    assert [column.name for column in clients.uvloop_columns(quick=True)] == ["100 plain"]
    asked = {name: clients.ours_or_peer(name)(tls, Place("", "")) for name in clients.ASYNC}
    # It brings a runtime of its own, which no loop of Python's makes faster.
    assert asked.pop("ry") is None
    assert all(command and "--uvloop" in command for command in asked.values())
    main = clients.concurrent_columns("TLS", quick=False)
    for name in clients.ASYNC:
        command = clients.ours_or_peer(name)(main[0], Place("", ""))
        assert command
        assert "--uvloop" not in command
    source = clients.javascript_peer("node", "undici", Path("texts"))
    assert source(main[0]._replace(way="plain"), Place("", ""))
    assert source(plain, Place("", "")) is None


def test_memory_on_uvloop_is_a_column_of_its_own() -> None:
    columns = clients.uvloop_columns(quick=False)
    _, memory = clients.measured(
        columns, {"right": COMMANDS["right"]}, 1, cast("Ground", Nowhere())
    )
    assert list(memory["right"]) == ["100 plain, uvloop", "100 TLS, uvloop"]


def test_a_measurement_runs_on_the_loop_that_it_is_told() -> None:
    async def loop() -> Any:
        return type(asyncio.get_running_loop()).__module__.partition(".")[0]

    assert cast("Any", asyncio_clients.run(loop(), False)) == "asyncio"
    pytest.importorskip("uvloop")
    assert cast("Any", asyncio_clients.run(loop(), True)) == "uvloop"


def test_uvloop_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "installed", lambda name: None)
    assert clients.versions()[1]["uvloop"] == "not installed"


def test_a_client_that_is_not_installed_is_named() -> None:
    found, skipped = clients.versions(["ssewire py", "not-on-any-index"])
    assert skipped == {"not-on-any-index": "not installed"}
    assert list(found) == ["ssewire py"]


def test_ours_is_measured_compiled_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "built", lambda: False)
    found, skipped = clients.versions(["ssewire", "ssewire py"])
    assert list(found) == ["ssewire py"]
    assert skipped == {"ssewire": "the extension was never built"}
