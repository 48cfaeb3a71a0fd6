# SPDX-License-Identifier: MIT
"""Which parser implementations are tested, and how a test gets one.

`parser_cls` and `make_parser` are the only way a test obtains a parser. An
extension that is absent is passed over under `--impl auto` only; one that is
broken or out of date is an error under any choice.
"""

from __future__ import annotations

import gc
import os
import signal
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, cast

import pytest
from hypothesis import HealthCheck, settings

import ssewire
from ssewire import Parser

if TYPE_CHECKING:
    MakeParser = Callable[..., Parser[Any]]

COMPILED = "ssewire._parser_cy"
MODULES = {"python": "ssewire._parser_py", "cython": COMPILED}
RECORDINGS = Path(
    os.environ.get("SSEWIRE_RECORDINGS")
    or Path(__file__).resolve().parents[2] / "shared" / "recordings"
)

# A busy machine is no failure, so no deadline.
settings.register_profile(
    "ssewire", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("ssewire")

chosen_key = pytest.StashKey["list[str]"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--impl",
        choices=("auto", "both", "python", "cython"),
        default="auto",
        help="parser implementations to test; auto: what is built, both: an error if one is not",
    )


def pytest_configure(config: pytest.Config) -> None:
    # A shell starts what runs in the background with interrupts ignored, and so would all
    # commands be that the tests start and interrupt.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    names: list[str] = choose(config.getoption("--impl"))
    config.stash[chosen_key] = names


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    # Half of a test's time is waiting: for servers, for timeouts, for processes. Each worker
    # collects all tests for itself, so that a great many of them only cost time.
    return min(2 * (os.cpu_count() or 1), 16)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Collect what a test leaves that is allowed to leave something, before the next begins."""
    if item.get_closest_marker("filterwarnings") is not None:
        gc.collect()


def pytest_report_header(config: pytest.Config) -> str:
    names = config.stash[chosen_key]
    return f"parser implementations under test: {', '.join(names)}"


def choose(option: str) -> list[str]:
    """Return the names of the implementations to test.

    Raises:
        pytest.UsageError: the choice cannot be met.
    """
    pure_process = os.environ.get("SSEWIRE_PARSER") == "python"
    if option == "python" or (option == "auto" and pure_process):
        return ["python"]
    if pure_process:
        raise pytest.UsageError(f"--impl {option} contradicts SSEWIRE_PARSER=python")
    try:
        import_module(COMPILED)
    except ModuleNotFoundError as exc:
        if exc.name != COMPILED:
            raise
        if option == "auto":
            return ["python"]
        raise pytest.UsageError(
            f"--impl {option}, but {COMPILED} was never built (SSEWIRE_BUILD_EXTENSION=require)"
        ) from exc
    return ["cython"] if option == "cython" else ["python", "cython"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "parser_cls" in metafunc.fixturenames:
        names = metafunc.config.stash[chosen_key]
        metafunc.parametrize("parser_cls", names, ids=names, indirect=True, scope="session")
    if "recording" in metafunc.fixturenames:
        files: list[Any] = sorted(RECORDINGS.glob("*.sse"))
        absent = pytest.mark.skip(reason=f"no recordings in {RECORDINGS.name}/")
        if not files:
            files = [pytest.param(RECORDINGS, marks=absent, id="absent")]
        metafunc.parametrize("recording", files, ids=lambda path: path.stem, scope="session")


@pytest.fixture(scope="session")
def parser_cls(request: pytest.FixtureRequest) -> type[Parser[Any]]:
    """The parser class under test, once for each implementation."""
    return cast("type[Parser[Any]]", import_module(MODULES[request.param]).Parser)


@pytest.fixture(scope="session")
def make_parser(parser_cls: type[Parser[Any]]) -> MakeParser:
    """What makes a parser of the implementation under test, from the options of `Parser`."""
    return parser_cls


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of recorded streams; the test is skipped where it is absent."""
    if not RECORDINGS.is_dir():
        pytest.skip(f"no folder {RECORDINGS.name}/ of recorded streams")
    return RECORDINGS


@pytest.fixture(scope="session")
def package_folder() -> Path:
    """The folder of the ssewire under test, installed or not."""
    return Path(ssewire.__file__).resolve().parent
