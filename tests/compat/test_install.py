# SPDX-License-Identifier: MIT
"""`install()` of each: what `import` gives afterwards, and what was imported before.

It is for a whole process, so each test is one of its own. Importing these packages imports none of
the originals and no HTTP library.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import ssewire

pytestmark = pytest.mark.once

needs_httpx = pytest.mark.skipif(
    sys.implementation.name != "cpython", reason="httpx and the originals are there on CPython only"
)
needs_httpx2 = pytest.mark.skipif(
    sys.implementation.name != "cpython" or sys.version_info < (3, 11),
    reason="httpx2 needs CPython 3.11",
)


def run(program: str, *, without_originals: bool = False) -> None:
    """Run a program; what it asserts is the test."""
    hidden = "import sys; sys.modules.update(dict.fromkeys(['httpx_sse', 'sseclient']))\n"
    paths = [str(Path(ssewire.__file__).resolve().parents[1])]
    done = subprocess.run(
        [sys.executable, "-c", hidden * without_originals + textwrap.dedent(program)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_importing_them_imports_none_of_the_originals() -> None:
    run("""
        import sys
        from ssewire.compat import httpx2, httpx_sse, sseclient
        heavy = {"httpx", "httpx2", "httpx_sse", "sseclient", "asyncio", "json", "ssl", "socket"}
        assert not heavy & {*sys.modules}, heavy & {*sys.modules}
    """)


@needs_httpx
@pytest.mark.parametrize("without_originals", [False, True], ids=["installed", "absent"])
def test_httpx_sse_is_ours_with_all_its_modules(without_originals: bool) -> None:
    run(
        """
        from ssewire.compat import httpx_sse as ours
        ours.install()
        ours.install()
        import httpx, httpx_sse
        import httpx_sse._api as api
        from httpx_sse import *
        from httpx_sse import SSEError as error, _models
        from httpx_sse._decoders import SSEDecoder, SSELineDecoder
        from httpx_sse._exceptions import SSEError
        assert httpx_sse is ours and api.EventSource is ours.EventSource is EventSource
        assert _models.ServerSentEvent is ours.ServerSentEvent is ServerSentEvent
        assert SSEError is ours.SSEError is error and issubclass(SSEError, httpx.TransportError)
        assert SSELineDecoder.__module__ == "ssewire.compat.httpx_sse._decoders"
        response = httpx.Response(200, text="no stream")
        try:
            next(EventSource(response).iter_sse())
        except httpx_sse.SSEError as exc:
            assert "text/event-stream" in str(exc)
        else:
            raise AssertionError
        """,
        without_originals=without_originals,
    )


def test_sseclient_is_ours_also_where_the_original_is_not_there() -> None:
    run(
        """
        from ssewire.compat import sseclient as ours
        ours.install()
        ours.install()
        import sseclient
        from sseclient import Event, SSEClient
        assert sseclient is ours
        assert [event.data for event in SSEClient([b"data: a\\n\\n"]).events()] == ["a"]
        """,
        without_originals=True,
    )


@needs_httpx
@pytest.mark.parametrize("name", ["httpx_sse", "sseclient"])
def test_installing_after_the_original_was_imported_is_refused_and_changes_nothing(
    name: str,
) -> None:
    run(f"""
        import sys, {name} as original
        from ssewire import StateError
        from ssewire.compat import {name} as ours
        before = {{name: module for name, module in sys.modules.items() if "{name}" in name}}
        for _ in range(2):
            try:
                ours.install()
            except StateError as exc:
                assert "call install() before anything imports {name}" in str(exc), exc
            else:
                raise AssertionError
        assert sys.modules["{name}"] is original
        assert before.items() <= sys.modules.items()
    """)


@needs_httpx2
def test_httpx2_reads_with_ours_whoever_imported_it_before() -> None:
    run("""
        import asyncio
        import httpx2
        from httpx2 import EventSource, ServerSentEvent, SSEError
        body = b"\\xef\\xbb\\xbfdata: a\\n\\nretry: 5\\n\\n"
        def handler(request):
            return httpx2.Response(200, content=body, headers={"Content-Type": kind})
        client = httpx2.Client(transport=httpx2.MockTransport(handler))
        awaited_client = httpx2.AsyncClient(transport=httpx2.MockTransport(handler))
        def read():
            with client.sse("http://example.test/") as source:
                assert type(source) is EventSource
                return list(source)
        async def aread():
            async with awaited_client.sse("http://example.test/") as source:
                return [event async for event in source]
        kind = "text/event-stream"
        assert read() == asyncio.run(aread()) == [ServerSentEvent("message", "", "", 5)]

        from ssewire.compat import httpx2 as ours
        ours.install()
        ours.install()
        assert read() == asyncio.run(aread()) == [ServerSentEvent("message", "a")]
        assert httpx2.EventSource is EventSource is not ours.EventSource
        kind = "text/plain"
        try:
            read()
        except SSEError as exc:
            assert exc.request.url.host == "example.test"
        else:
            raise AssertionError
    """)


@needs_httpx2
def test_httpx2_under_the_name_of_httpx_carries_httpx_sse_too() -> None:
    run("""
        import httpx2
        httpx2.alias_httpx()
        from ssewire.compat import httpx_sse
        httpx_sse.install()
        from httpx_sse import SSEError
        assert issubclass(SSEError, httpx2.TransportError)
    """)


@needs_httpx2
def test_an_httpx2_without_an_event_source_is_refused() -> None:
    run("""
        import sys, types
        sys.modules["httpx2"] = types.ModuleType("httpx2")
        from ssewire.compat import httpx2
        try:
            httpx2.install()
        except ImportError as exc:
            assert "EventSource" in str(exc)
        else:
            raise AssertionError
    """)
