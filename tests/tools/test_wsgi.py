# SPDX-License-Identifier: MIT
"""Events over WSGI: the same as over ASGI, from blocking code, in real servers and frameworks."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import wsgiref.simple_server
import wsgiref.validate
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from ssewire import Comment, ServerSentEvent, client, parse
from ssewire.wsgi import HEADERS, event_body, event_stream, last_event_id
from tests.tools.test_asgi import Blocking
from tests.tools.test_asgi_servers import configure_django, greeted, started

pytestmark = pytest.mark.sockets

# With a thread of its own for the source, and without.
threads = pytest.mark.parametrize("keep_alive", [15.0, None], ids=["thread", "here"])


def ask(application: Any, method: str = "GET", **environ: str) -> tuple[str, dict[str, str], bytes]:
    """Return the status, the headers and the body of a response."""
    seen: list[Any] = []
    request = {"REQUEST_METHOD": method, **environ}
    body = application(request, lambda status, headers: seen.append((status, dict(headers))))
    data = b"".join(body)
    if hasattr(body, "close"):
        body.close()
    return (*seen[0], data)


@threads
def test_a_response_has_its_headers_events_and_end(keep_alive: Any) -> None:
    source = Blocking("a", {"b": 1}, Comment("c"), b"data: d\n\n", ServerSentEvent("e", id="1"))
    status, headers, body = ask(event_stream(source, keep_alive=keep_alive))
    assert (status, headers) == ("200 OK", HEADERS)
    assert body == b'data: a\n\ndata: {"b":1}\n\n:c\ndata: d\n\nid: 1\ndata: e\n\n'
    assert source.closed.is_set()
    assert len(source.threads) == 1
    assert (threading.get_ident() in source.threads) is (keep_alive is None)


@threads
def test_an_error_of_the_source_is_logged_and_told_without_what_it_says(
    keep_alive: Any, caplog: pytest.LogCaptureFixture
) -> None:
    source = Blocking("a", error=RuntimeError("the password is 1234"))
    body = b"".join(event_body(source, keep_alive))
    assert [event.event for event in parse(body)] == ["message", "stream-error"]
    assert b"1234" not in body
    assert "the password is 1234" in caplog.text
    assert source.closed.is_set()


@threads
@pytest.mark.parametrize("item", [7, None, ServerSentEvent("x", "a\nb")])
def test_an_item_that_is_none_is_an_error_of_the_source(
    keep_alive: Any, item: Any, caplog: pytest.LogCaptureFixture
) -> None:
    source = Blocking(item)
    [event] = parse(b"".join(event_body(source, keep_alive)))
    assert event.event == "stream-error"
    assert source.closed.wait(10)


@threads
def test_bytes_in_part_are_torn_by_no_error(keep_alive: Any) -> None:
    source = Blocking(b"data: hel", b"lo", error=RuntimeError())
    assert b"".join(event_body(source, keep_alive)) == b"data: hello"


def test_silence_is_filled_with_comments_and_no_event_is_lost() -> None:
    source = Blocking("a", hold=True)
    pieces = []
    for piece in event_body(source, 0.02):
        pieces.append(piece)
        if len(pieces) == 4:
            source.items = []
            source.go_on.set()
    assert pieces[0] == b"data: a\n\n"
    assert set(pieces[1:]) == {b":\n"}
    assert len(pieces) >= 4


@threads
def test_a_body_that_is_closed_closes_its_source_once_and_calls_on_close(keep_alive: Any) -> None:
    source = Blocking("a", "b")
    calls = []
    body = event_body(source, keep_alive, on_close=lambda: calls.append(True))
    assert next(body) == b"data: a\n\n"
    body.close()
    body.close()
    assert list(body) == []
    assert source.closed.wait(10)
    assert calls == [True]


def test_a_source_that_blocks_is_not_waited_for_and_is_closed_in_its_thread() -> None:
    source = Blocking("a", hold=True)
    body = event_body(source, 0.01, on_close=source.go_on.set)
    assert [next(body), next(body)] == [b"data: a\n\n", b":\n"]
    # It is at its next item, for which on_close wakes it.
    body.close()
    assert source.closed.wait(10)
    assert len(source.threads) == 1


@threads
def test_a_body_that_is_dropped_closes_its_source(keep_alive: Any) -> None:
    source = Blocking("a", "b")
    body = event_body(source, keep_alive)
    next(body)
    del body
    import_module("gc").collect()
    assert source.closed.wait(10)


@threads
def test_a_body_that_was_never_begun_closes_its_source_unread(keep_alive: Any) -> None:
    closed = []

    class Source:
        def __iter__(self) -> Any:
            raise AssertionError("it was read")

        def close(self) -> None:
            closed.append(True)

    event_body(Source(), keep_alive).close()
    assert closed == [True]


def test_what_fails_to_close_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Source:
        def __iter__(self) -> Iterator[str]:
            return iter("ab")

        def close(self) -> None:
            raise RuntimeError("the password is 1234")

    def fail() -> None:
        raise RuntimeError("so is 5678")

    body = event_body(Source(), None, on_close=fail)
    next(body)
    body.close()
    assert "1234" in caplog.text
    assert "5678" in caplog.text


# --- what an application answers


def test_a_function_of_the_environ_serves_any_number_of_responses() -> None:
    application = event_stream(lambda environ: [last_event_id(environ)])
    for known in ("7", "8"):
        assert ask(application, HTTP_LAST_EVENT_ID=known)[2] == f"data: {known}\n\n".encode()


def test_a_function_that_gives_none_ends_the_browsers_reconnecting() -> None:
    status, headers, body = ask(event_stream(lambda environ: None))
    assert (status, body) == ("204 No Content", b"")
    assert "content-type" not in headers


def test_status_and_headers_are_those_that_are_given() -> None:
    status, headers, _ = ask(event_stream(["x"], status=299, headers={"X-Name": "é"}))
    assert status.startswith("299 ")
    assert headers["x-name"].encode("latin-1") == "é".encode()


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204)])
def test_without_a_body_the_source_is_closed_unread(method: str, status: int) -> None:
    source = Blocking("a")
    closed = []
    application = event_stream(source, status=status, on_close=lambda: closed.append(True))
    assert ask(application, method)[2] == b""
    assert not source.threads
    assert closed == [True]


async def asynchronous() -> Any:
    yield "x"


@pytest.mark.parametrize("events", ["text", b"bytes", {}, None, 7, Comment("c")])
def test_what_is_no_source_fails_at_once(events: Any) -> None:
    with pytest.raises(TypeError, match="events must be an iterable"):
        event_stream(events)
    with pytest.raises(TypeError, match="events must be an iterable"):
        event_body(events)


def test_a_function_that_does_not_take_the_environ_is_told_that_it_is_given_it() -> None:
    def none_taken() -> Any:
        return ["x"]

    with pytest.raises(TypeError, match=r"event_stream\(\) calls it with the environ"):
        ask(event_stream(none_taken))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"not function; call it$"):
        event_body(none_taken)  # type: ignore[arg-type]


def test_an_asynchronous_source_is_sent_to_where_it_is_served() -> None:
    for serve in (event_stream, event_body):
        with pytest.raises(TypeError, match=r"ssewire\.asgi"):
            serve(asynchronous())


@pytest.mark.parametrize("keep_alive", [0, -1, float("nan"), "15", True])
def test_a_keep_alive_that_makes_no_sense_fails_at_once(keep_alive: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="keep_alive"):
        event_body([], keep_alive)


# --- real servers and frameworks


class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


class Threads(import_module("socketserver").ThreadingMixIn, wsgiref.simple_server.WSGIServer):  # type: ignore[misc]
    daemon_threads = True


@contextmanager
def served(application: Any) -> Iterator[str]:
    """Serve a WSGI application with a thread for each request; give its URL."""
    with wsgiref.simple_server.make_server(
        "127.0.0.1", 0, application, server_class=Threads, handler_class=Quiet
    ) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def data(url: str) -> list[str]:
    with client.open_stream(url, proxy=None) as stream:
        return [event.data for event in stream]


@threads
def test_wsgirefs_validator_finds_nothing(keep_alive: Any) -> None:
    application = wsgiref.validate.validator(
        event_stream(lambda environ: ["a", "b"], keep_alive=keep_alive)
    )
    with served(application) as url:
        assert data(url) == ["a", "b"]


def test_each_event_arrives_as_it_comes_and_a_client_that_leaves_closes_the_source() -> None:
    source = Blocking("a", hold=True)
    application = event_stream(source, keep_alive=0.02, on_close=source.go_on.set)
    with served(application) as url:
        with client.open_stream(url, proxy=None) as stream:
            assert next(stream).data == "a"
        assert source.closed.wait(10)


def test_flask_streams_it() -> None:
    flask = pytest.importorskip("flask")
    app = flask.Flask(__name__)

    @app.route("/")  # type: ignore[untyped-decorator]
    def view() -> Any:
        known = last_event_id(flask.request.environ)

        @flask.stream_with_context  # type: ignore[untyped-decorator]
        def events() -> Iterator[Any]:
            yield known
            yield {"path": flask.request.path}

        return flask.Response(event_body(events()), headers=HEADERS)

    known = {"Last-Event-ID": "7"}
    with served(app) as url, client.open_stream(url, proxy=None, headers=known) as stream:
        assert stream.headers["content-type"] == HEADERS["content-type"]
        assert [event.data for event in stream] == ["7", '{"path":"/"}']


def test_django_streams_it() -> None:
    pytest.importorskip("django")
    http = import_module("django.http")
    wsgi = import_module("django.core.handlers.wsgi")
    closed = threading.Event()

    def view(request: Any) -> Any:
        body = event_body(["a", "b"], on_close=closed.set)
        return http.StreamingHttpResponse(body, headers=HEADERS)

    configure_django(view)
    with served(wsgi.WSGIHandler()) as url:
        assert data(url) == ["a", "b"]
    assert closed.wait(10)


PROGRAM = """
import time
from ssewire.wsgi import event_stream

def events(environ):
    yield "hello"
    time.sleep(1000)

app = event_stream(events)
"""

GUNICORN = "gunicorn --bind 127.0.0.1:{port} --worker-class gthread --threads 20 program:app"


@pytest.mark.once
@pytest.mark.skipif(sys.platform == "win32", reason="gunicorn runs on POSIX only")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_gunicorn_is_gone_when_it_is_told_to_stop(number: int, tmp_path: Path) -> None:
    pytest.importorskip("gunicorn")
    (tmp_path / "program.py").write_text(PROGRAM)
    with started(GUNICORN, tmp_path) as (port, process), ExitStack() as stack:
        clients = greeted(stack, port, 10)
        begun = time.monotonic()
        os.kill(process.pid, number)
        process.wait(25)
        # gunicorn would wait 30 s for its responses, and kill the worker then.
        assert time.monotonic() - begun < 20
        for one in clients:
            rest = b""
            while b"0\r\n\r\n" not in rest:
                piece = one.recv(4096)
                assert piece, rest
                rest += piece
    assert "Traceback" not in (tmp_path / "log").read_text()
