# SPDX-License-Identifier: MIT
"""docs/coming-from: what was written for another package, and the same with ours, print the same.

Programs stand in order; those under `<!-- before: SERVER -->` need the other package, those
under `<!-- after: SERVER -->` ours. All of a section, from one "##" to the next, print the same,
which the ```text of the section shows, where it has one. The real packages, real sockets.

SERVER is one of SERVERS, "app" where the program is an ASGI application for uvicorn, or
recordings and options for the replay server.
"""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from ssewire.client import open_stream
from tests.kit.scripted import CHUNKED, LAST_CHUNK, Server, chunk, head
from tests.kit.serving import environment, served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kit.scripted import Connection, Request, Steps

pytestmark = [pytest.mark.once, pytest.mark.sockets]

PAGES = sorted((Path(__file__).resolve().parents[2] / "docs" / "coming-from").glob("*.md"))
# The distribution that a page is about, whose programs need it.
DISTRIBUTIONS = {
    "aiohttp-sse-client": "aiohttp-sse-client",
    "anthropic-sdk": "anthropic",
    "httpx-sse": "httpx-sse",
    "requests-sse": "requests-sse",
    "sse-starlette": "sse-starlette",
    "sseclient-py": "sseclient-py",
}
PROGRAM = re.compile(
    r"^<!-- (?P<when>before|after): (?P<server>[^\n]+) -->\n```python\n(?P<text>.*?)^```",
    re.MULTILINE | re.DOTALL,
)

EVENTS = b"id: 1\nevent: step\ndata: one\n\nid: 2\ndata: two\ndata: lines\n\ndata: [DONE]\n\n"
ANSWER = b'data: {"token": "Gr\xc3\xbc"}\n\ndata: {"token": "n."}\n\ndata: [DONE]\n\n'


def stream(body: bytes) -> list[bytes]:
    """One response with these events, in chunks of seven bytes."""
    pieces = [chunk(body[at : at + 7]) for at in range(0, len(body), 7)]
    return [head(200, CHUNKED), *pieces, LAST_CHUNK]


def resuming(request: Request) -> Steps:
    """One event a connection, after the last one seen; then no more."""
    if request.last_event_id == "2":
        return [b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"]
    number, word = (2, b"two") if request.last_event_id == "1" else (1, b"one")
    return stream(b"id: %d\nretry: 10\ndata: %s\n\n" % (number, word))


def answering(request: Request) -> Steps:
    if request.method != "POST" or request.body.replace(b" ", b"") != b'{"topic":"tea"}':
        return [b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"]
    return stream(ANSWER)


SERVERS: dict[str, Connection] = {
    "events": stream(EVENTS),
    "resumes": resuming,
    "answer": answering,
    "missing": [head(404, "Content-Length: 9", content_type="text/plain"), b"not found"],
}


class Section(NamedTuple):
    name: str
    # (before or after, server, text) of each program.
    programs: list[tuple[str, str, str]]
    prints: str | None


def sections() -> list[Section]:
    found = []
    for page in PAGES:
        for text in re.split(r"^(?=## )", page.read_text("utf-8"), flags=re.MULTILINE)[1:]:
            programs = [
                (match["when"], match["server"], match["text"]) for match in PROGRAM.finditer(text)
            ]
            if not programs:
                continue
            shown = re.search(r"^```text\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
            heading = text.split("\n", 1)[0].removeprefix("## ")
            found.append(Section(f"{page.stem}: {heading}", programs, shown and shown[1]))
    return found


@contextmanager
def server_for(name: str) -> Iterator[tuple[dict[str, str], list[str]]]:
    """The environment and arguments of a program."""
    found = environment(PYTHONIOENCODING="utf-8")
    if name in SERVERS:
        with Server([SERVERS[name]]) as server, served(None, found) as variables:
            yield variables, [server.url]
    else:
        with served(name, found) as variables:
            yield variables, []


def printed(server: str, text: str, tmp_path: Path) -> str:
    with server_for(server) as (variables, arguments):
        done = subprocess.run(
            [sys.executable, "-c", text, *arguments],
            cwd=tmp_path, env=variables, capture_output=True, encoding="utf-8",
            timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def events_of_app(text: str, tmp_path: Path) -> str:
    """Serve a program's `app` with uvicorn and return the events that a viewer gets."""
    (tmp_path / "module.py").write_text(text, "utf-8")
    command = [sys.executable, "-m", "uvicorn", "module:app", "--port", "0"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        try:
            assert process.stderr is not None
            said = ""
            for line in process.stderr:
                said += line
                running = re.search(r"running on (http://\S+)", line)
                if running:
                    break
            else:
                pytest.fail(said)
            with open_stream(running[1], timeout=20) as events:
                return "\n".join(map(repr, events))
        finally:
            process.terminate()
            process.communicate()


def test_each_package_has_a_page_with_programs_before_and_after() -> None:
    assert [page.stem for page in PAGES] == sorted(DISTRIBUTIONS)
    for page in PAGES:
        mine = [section for section in sections() if section.name.startswith(f"{page.stem}: ")]
        assert mine
        for section in mine:
            assert {when for when, _, _ in section.programs} == {"before", "after"}, section.name


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.name)
def test_programs_before_and_after_print_the_same(section: Section, tmp_path: Path) -> None:
    page = section.name.partition(":")[0]
    try:
        version(DISTRIBUTIONS[page])
    except PackageNotFoundError:
        pytest.skip(f"{DISTRIBUTIONS[page]} is not for this interpreter")
    outputs = []
    for when, server, text in section.programs:
        if "import httpx2" in text and sys.version_info < (3, 11):
            continue
        if server == "app":
            outputs.append((when, events_of_app(text, tmp_path)))
        else:
            outputs.append((when, printed(server, text, tmp_path)))
    expected = section.prints if section.prints is not None else outputs[0][1]
    assert expected.strip()
    for when, output in outputs:
        assert output == expected, when
