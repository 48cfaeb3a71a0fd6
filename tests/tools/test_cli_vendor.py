# SPDX-License-Identifier: MIT
"""`ssewire vendor`: a copy that stands on its own in a stranger's package, and what it replaces."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ssewire
from ssewire.cli import main

ROOT = Path(__file__).resolve().parents[2]
CASES = sorted((ROOT / "tests" / "corpus").glob("*.sse"))


@pytest.fixture(autouse=True)
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def vendor(*arguments: str) -> int:
    return main(["vendor", *arguments])


def isolated(program: str, *options: str) -> list[str]:
    """Run a program that sees the standard library and what was vendored, and nothing else."""
    start = f"import sys; sys.path.insert(0, {os.getcwd()!r})\n"
    done = subprocess.run(
        [sys.executable, "-I", "-S", *options, "-c", start + program],
        # Meant for an installed ssewire, and no business of a copy.
        env={**os.environ, "SSEWIRE_PARSER": "cython", "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        check=True,
    )
    return done.stdout.decode().splitlines()


def files(folder: str) -> dict[str, bytes]:
    top = Path(folder)
    return {
        path.relative_to(top).as_posix(): path.read_bytes()
        for path in top.rglob("*")
        if path.is_file()
    }


def test_the_copy_is_a_whole_parser_that_imports_nothing_else() -> None:
    assert vendor("theirs/_sse") == 0
    assert len(CASES) > 100
    program = f"""
from pathlib import Path
from theirs._sse import IMPLEMENTATION, Parser
assert IMPLEMENTATION == "python"
for path in {list(map(str, CASES))!r}:
    data = Path(path).read_bytes()
    for size in (len(data) or 1, 3):
        parser = Parser(comments=True)
        for at in range(0, len(data), size):
            for item in parser.feed(data[at : at + size]):
                print(ascii(item))
        print(parser.last_event_id.encode(), parser.retry, parser.pending)
loaded = {{name.partition(".")[0] for name in sys.modules}}
assert not loaded & {{"ssewire", "typing", "socket", "asyncio", "ssl", "http"}}
"""
    expected = []
    for path in CASES:
        data = path.read_bytes()
        for size in (len(data) or 1, 3):
            parser = ssewire.Parser(comments=True)
            for at in range(0, len(data), size):
                expected += [ascii(item) for item in parser.feed(data[at : at + size])]
            expected.append(f"{parser.last_event_id.encode()!r} {parser.retry} {parser.pending}")
    assert isolated(program) == expected


def test_the_copy_has_the_names_of_the_package() -> None:
    assert vendor("_sse") == 0
    program = """
import _sse
names = sorted(_sse.__all__)
print(*names)
wire = _sse.encode_event("a", event="b")
print(*_sse.iter_events([wire]), *_sse.sdk_decoder().iter_bytes([wire]))
print(_sse.__version__)
assert all(hasattr(_sse, name) for name in names)
"""
    event = "ServerSentEvent(data='a', event='b', id='', retry=None)"
    assert isolated(program) == [
        " ".join(sorted(ssewire.__all__)),
        f"{event} {event}",
        ssewire.__version__,
    ]


@pytest.mark.once
def test_what_is_asked_for_besides_comes_with_all_that_it_needs() -> None:
    options = [f"--with={name}" for name in ("reconnect", "client", "aio", "claude")]
    assert vendor("_sse", *options) == 0
    program = """
from _sse.reconnect import Reconnection, ReconnectPolicy
print(Reconnection(ReconnectPolicy(), random=float).start())
import _sse.aio, _sse.client
from _sse.claude import Accumulator, AsyncClaude, Claude, PartialJSON
value = PartialJSON()
value.feed('{"a": [1')
print(value.value, Claude(api_key="k").messages)
assert "ssewire" not in sys.modules
"""
    first, second = isolated(program)
    assert first == "Connect(delay=0.0, error=None, failed=False)"
    assert second.startswith("{'a': [1]}")
    # The one that is smallest needs none of the rest.
    assert vendor("small", "--with", "reconnect") == 0
    assert set(files("small")) - {"reconnect.py", "_frozen.py"} == {
        name for name in files("small") if "/" not in name
    } - {"reconnect.py", "_frozen.py"}
    assert not any("client" in name or "aio" in name for name in files("small"))


def test_each_file_says_its_licence_its_version_and_its_checksum() -> None:
    assert vendor("_sse") == 0
    copied = files("_sse")
    assert copied.pop("LICENSE") == (ROOT / "LICENSE").read_bytes()
    assert copied.pop("py.typed") == b""
    assert {"__init__.py", "parser.py", "encoder.py", "stream.py"} < set(copied)
    for content in copied.values():
        first, second, third, fourth, rest = content.split(b"\n", 4)
        assert first == b"# SPDX-FileCopyrightText: 2026 The ssewire authors"
        assert second == b"# SPDX-License-Identifier: MIT"
        assert f"ssewire {ssewire.__version__}".encode() in third
        assert fourth.endswith(hashlib.sha256(rest).hexdigest().encode())
        # Once: the sources have the line too.
        assert b"SPDX-License-Identifier" not in rest
        assert b"import ssewire" not in rest
        assert b"from ssewire" not in rest


def test_it_prints_what_it_wrote_and_a_second_run_writes_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert vendor("_sse") == 0
    out, err = capsys.readouterr()
    before = files("_sse")
    assert sorted(out.splitlines()) == sorted(os.path.join("_sse", name) for name in before)
    number = len(before)
    assert err == f"[ssewire {ssewire.__version__}: {number} of {number} files written]\n"
    assert vendor("_sse") == 0
    out, err = capsys.readouterr()
    assert (out, files("_sse")) == ("", before)
    assert err == f"[ssewire {ssewire.__version__}: 0 of {number} files written]\n"


def test_a_run_of_a_later_version_brings_all_up_to_date_also_what_was_asked_for_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert vendor("_sse", "--with", "reconnect") == 0
    before = files("_sse")
    gone = "".join(before["_limits.py"].decode().splitlines(keepends=True)[:3])
    body = b"# no more\n"
    digest = hashlib.sha256(body).hexdigest()
    Path("_sse/gone.py").write_bytes(f"{gone}# sha256 of what follows: {digest}\n".encode() + body)
    capsys.readouterr()
    monkeypatch.setattr("ssewire.cli.vendor.__version__", "99.0")
    assert vendor("_sse") == 0
    after = files("_sse")
    assert b"ssewire 99.0" in after["reconnect.py"]
    assert set(after) == {*before, "gone.py"}
    assert "of an older copy, and needed no more: gone.py]" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["event.py", "LICENSE"])
def test_a_file_that_was_changed_is_written_over_by_force_only(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert vendor("_sse") == 0
    before = files("_sse")
    path = Path("_sse") / name
    path.write_bytes(before[name] + b"# mine\n")
    changed = files("_sse")
    capsys.readouterr()
    assert vendor("_sse") == 2
    said = f"ssewire: changed since it was copied: {path} (--force)\n"
    assert capsys.readouterr() == ("", said)
    assert files("_sse") == changed
    assert vendor("_sse", "--force") == 0
    assert files("_sse") == before


def test_line_ends_that_a_checkout_made_are_no_change() -> None:
    assert vendor("_sse") == 0
    path = Path("_sse/event.py")
    before = path.read_bytes()
    path.write_bytes(before.replace(b"\n", b"\r\n"))
    assert vendor("_sse") == 0
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["notes.txt", "event.py", "__init__.py"])
def test_a_folder_of_somebody_elses_is_left_alone(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine").mkdir()
    Path("mine", name).write_text("x = 1\n")
    assert vendor("mine", "--force") == 2
    out, err = capsys.readouterr()
    assert (out, err) == (
        "",
        "ssewire: mine is not empty, and holds no copy: name a folder for it alone\n",
    )
    assert set(files("mine")) == {name}


def test_a_file_in_the_way_is_not_written_over_even_by_force(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert vendor("_sse") == 0
    Path("_sse/reconnect.py").write_text("x = 1\n")
    capsys.readouterr()
    assert vendor("_sse", "--with", "reconnect", "--force") == 2
    path = os.path.join("_sse", "reconnect.py")
    assert capsys.readouterr().err == f"ssewire: not a file of the copy, and in its way: {path}\n"


def test_a_folder_of_somebody_elses_is_not_read_through(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("home/deep").mkdir(parents=True)

    def walk(top: str) -> None:
        raise AssertionError(f"reads all of {top}")

    monkeypatch.setattr(os, "walk", walk)
    assert vendor("home") == 2
    assert "is not empty" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes of POSIX")
@pytest.mark.parametrize("name", ["parser.py", "reconnect.py", "py.typed"])
def test_a_pipe_in_the_way_is_refused_and_not_waited_for(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert vendor("_sse") == 0
    capsys.readouterr()
    path = Path("_sse", name)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    os.mkfifo("_sse/theirs.py")
    assert vendor("_sse", "--force") == 2
    assert capsys.readouterr().err == f"ssewire: cannot write {path}: not a regular file\n"


def test_an_empty_name_is_not_the_folder_at_hand(capsys: pytest.CaptureFixture[str]) -> None:
    assert vendor("") == 2
    said = "ssewire: DIR is empty: name the folder that becomes the package\n"
    assert capsys.readouterr() == ("", said)
    assert not os.listdir()


@pytest.mark.parametrize("name", ["class", "my-sse", "1sse"])
def test_a_name_that_no_import_can_have_is_told(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert vendor(f"a/{name}/") == 0
    told = f"ssewire: no import statement can name a/{name}/: a package's name is an identifier\n"
    assert capsys.readouterr().err.startswith(told)


def test_a_copy_that_was_cut_short_after_its_first_file_is_gone_on_with(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert vendor("whole") == 0
    first = Path(capsys.readouterr().out.splitlines()[0])
    Path("cut").mkdir()
    shutil.copy(first, "cut")
    assert vendor("cut") == 0
    assert files("cut") == files("whole")


def test_a_folder_that_cannot_be_made_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").touch()
    assert vendor("file/_sse") == 2
    assert capsys.readouterr().err.count("\n") == 1


# Of all that can be copied `make dist` asks: it takes a minute.
@pytest.mark.once
@pytest.mark.parametrize(
    "options",
    [[], pytest.param(["--with", "claude", "--with", "reconnect"], marks=pytest.mark.slow)],
)
def test_the_copy_passes_the_strictest_checks_of_a_strangers_package(options: list[str]) -> None:
    pytest.importorskip("mypy")
    pytest.importorskip("pyright")
    Path("theirs").mkdir()
    Path("theirs/__init__.py").touch()
    Path("theirs/use.py").write_text(
        "from ._sse import ServerSentEvent, iter_events\n\n\n"
        "def names(data: bytes) -> list[str]:\n"
        "    events: list[ServerSentEvent] = list(iter_events([data]))\n"
        "    return [event.event for event in events]\n"
    )
    assert vendor("theirs/_sse", *options) == 0
    commands = (["pyright", "theirs"], ["mypy", "--strict", "--no-incremental", "theirs"])
    checks = [
        subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.PIPE)
        for command in commands
    ]
    said = [check.communicate()[0].decode() for check in checks]
    assert [check.returncode for check in checks] == [0, 0], "".join(said)
