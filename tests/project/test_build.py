# SPDX-License-Identifier: MIT
"""What the build makes of each SSEWIRE_BUILD_EXTENSION, and what is in the distributions.

Each test builds from a copy of the source, with the setuptools and Cython of
this environment and without a network. Compiling takes a while, so they are
marked slow: `make dist` runs them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MIB = 2**20

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / "setup.py").exists(), reason="needs the source tree"),
]
needs_extension = pytest.mark.skipif(
    sys.implementation.name != "cpython" or os.name != "posix",
    reason="builds the extension, or fails to, with CC",
)
NO_COMPILER = {"CC": "/bin/false", "CXX": "/bin/false"}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of the source as it would be in a fresh clone."""
    target = tmp_path / "source"
    ignored = shutil.ignore_patterns(
        *("*.so", "*.pyd", "*.c", "*.egg-info", "__pycache__", "corpus", "recordings")
    )
    for name in ("src", "tests", "fuzz", "benchmarks", "docs", "examples"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, ignore=ignored)
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, target)
    return target


CLAUDE_SOURCES = [
    *("_delta_cy.pyx", "_partial_json_cy.pyx", "_delta.h", "_string.h"),
    *("stream/_step_cy.pyx", "stream/_slot.h"),
]
COMPILED = [
    *("claude/_delta_cy", "claude/_partial_json_cy", "claude/stream/_step_cy"),
    *("_http/_chunk_cy", "aio/_wake_cy"),
]


def run(*command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command; its output and errors are together in `stdout`."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in ("CFLAGS", "LDFLAGS", "PYTHONPATH", "SSEWIRE_PARSER")
    }
    return subprocess.run(
        command,
        cwd=folder,
        env={**inherited, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def build_wheel(
    source: Path, mode: str | None, **environment: str
) -> tuple[subprocess.CompletedProcess[str], list[Path]]:
    """Let pip build a wheel; return how that ended and the wheels that are there."""
    out = source.parent / "wheels"
    if mode is not None:
        environment["SSEWIRE_BUILD_EXTENSION"] = mode
    # Verbose, because pip shows the output of a build otherwise only when it failed.
    done = run(
        *(sys.executable, "-m", "pip", "wheel", "--verbose", "--no-build-isolation", "--no-deps"),
        *("--no-index", "--disable-pip-version-check", "--wheel-dir", str(out), str(source)),
        folder=source.parent,
        **environment,
    )
    return done, sorted(out.glob("*.whl"))


def the_wheel(
    built: tuple[subprocess.CompletedProcess[str], list[Path]],
) -> tuple[Path, list[str]]:
    """Return the one wheel of a build that went well, and the names in it."""
    done, wheels = built
    assert done.returncode == 0, done.stdout[-4000:]
    (wheel,) = wheels
    with zipfile.ZipFile(wheel) as archive:
        return wheel, archive.namelist()


def implementation(wheel: Path, folder: Path, **environment: str) -> str:
    """Install a wheel into `folder` and return what its ssewire says it uses."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    code = (
        "import ssewire; assert [e.data for e in ssewire.parse(b'data: x\\n\\n')] == ['x'];"
        "print(ssewire.__file__); print(ssewire.IMPLEMENTATION)"
    )
    environment["PYTHONPATH"] = str(folder)
    done = run(sys.executable, "-c", code, folder=folder, **environment)
    assert done.returncode == 0, done.stdout
    file, name = done.stdout.split("\n")[:2]
    assert Path(file).is_relative_to(folder)
    return name


def hide_cython(folder: Path) -> str:
    """Return a PYTHONPATH under which Cython cannot be imported."""
    (folder / "Cython").mkdir(parents=True)
    (folder / "Cython" / "__init__.py").write_text("raise ImportError('hidden')\n")
    return str(folder)


def assert_no_source_of_extensions(names: list[str]) -> None:
    suffixes = {Path(name).suffix for name in names}
    assert suffixes <= {".py", ".typed", ".sse", ".so", ".pyd", ".txt", ".json", ""}, suffixes


def test_skip_gives_a_pure_wheel_for_every_platform(source: Path, tmp_path: Path) -> None:
    wheel, names = the_wheel(build_wheel(source, "skip", **NO_COMPILER))
    assert wheel.name.endswith("-py3-none-any.whl")
    assert not [name for name in names if name.endswith((".so", ".pyd"))]
    assert_no_source_of_extensions([name for name in names if ".dist-info/" not in name])
    assert "ssewire/py.typed" in names
    assert wheel.stat().st_size < MIB
    assert implementation(wheel, tmp_path / "installed") == "python"


def test_auto_without_cython_gives_a_pure_wheel(source: Path, tmp_path: Path) -> None:
    hidden = hide_cython(tmp_path / "hidden")
    wheel, names = the_wheel(build_wheel(source, "auto", PYTHONPATH=hidden))
    assert wheel.name.endswith("-py3-none-any.whl")
    assert not [name for name in names if name.endswith(".so")]


@needs_extension
@pytest.mark.parametrize("mode", ["auto", None], ids=["auto", "unset"])
def test_auto_without_a_compiler_still_installs(
    source: Path, tmp_path: Path, mode: str | None
) -> None:
    wheel, names = the_wheel(build_wheel(source, mode, **NO_COMPILER))
    assert not [name for name in names if name.endswith(".so")]
    assert implementation(wheel, tmp_path / "installed") == "python"


@needs_extension
def test_auto_does_not_excuse_an_error_in_our_own_source(source: Path) -> None:
    with open(source / "src" / "ssewire" / "_parser_cy.pyx", "a") as file:
        file.write("\ncdef this is no Cython\n")
    done, wheels = build_wheel(source, "auto")
    assert done.returncode != 0
    assert not wheels
    assert "this is no Cython" in done.stdout


@needs_extension
def test_require_without_a_compiler_fails_and_says_why(source: Path) -> None:
    done, wheels = build_wheel(source, "require", **NO_COMPILER)
    assert done.returncode != 0
    assert not wheels
    assert "command '/bin/false' failed" in done.stdout


def test_require_without_cython_fails_and_says_why(source: Path, tmp_path: Path) -> None:
    hidden = hide_cython(tmp_path / "hidden")
    done, wheels = build_wheel(source, "require", PYTHONPATH=hidden)
    assert done.returncode != 0
    assert not wheels
    assert "SSEWIRE_BUILD_EXTENSION=require, but Cython cannot be imported" in done.stdout


@pytest.mark.parametrize("mode", ["yes", "1", "Require"])
def test_another_mode_is_refused_in_a_sentence(source: Path, mode: str) -> None:
    done, wheels = build_wheel(source, mode)
    assert done.returncode != 0
    assert not wheels
    sentence = f"SSEWIRE_BUILD_EXTENSION must be auto, require or skip, not '{mode}'"
    assert sentence in done.stdout


@needs_extension
def test_the_sdist_holds_the_sources_and_builds_a_small_wheel_with_the_extension(
    source: Path, tmp_path: Path
) -> None:
    dist = tmp_path / "dist"
    code = "import setuptools.build_meta as backend, sys; print(backend.build_sdist(sys.argv[1]))"
    dist.mkdir()
    done = run(sys.executable, "-c", code, str(dist), folder=source)
    assert done.returncode == 0, done.stdout[-4000:]
    (sdist,) = dist.iterdir()
    with tarfile.open(sdist) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
        # The filter that later versions of Python apply anyway, where there is one.
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(tmp_path / "unpacked", **safely)  # type: ignore[arg-type]
    sources = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "src").rglob("*")
        if path.suffix in (".py", ".pyx", ".pxi", ".pxd", ".h", ".typed", ".sse")
    }
    assert {"src/ssewire/_parser_cy.pyx", "src/ssewire/_event_cy.pxi"} <= sources
    assert {f"src/ssewire/claude/{name}" for name in CLAUDE_SOURCES} <= sources
    assert {f"src/ssewire/{name}.pyx" for name in COMPILED} <= sources
    assert sources - set(names) == set()
    assert not [name for name in names if name.endswith((".c", ".so", ".pyc", ".pyd"))]
    for name in ("setup.py", "Makefile", "LICENSE", "examples/tools.py", "tests/conftest.py"):
        assert name in names

    (unpacked,) = (tmp_path / "unpacked").iterdir()
    wheel, names = the_wheel(build_wheel(unpacked, "require"))
    assert wheel.stat().st_size < MIB
    assert [name for name in names if name.startswith("ssewire/_parser_cy.")] == [
        name for name in names if name.endswith((".so", ".pyd")) and "_parser_cy" in name
    ]
    for module in COMPILED:
        assert any(name.startswith(f"ssewire/{module}.") for name in names)
    assert_no_source_of_extensions([name for name in names if ".dist-info/" not in name])
    assert "-none-any" not in wheel.name
    installed = tmp_path / "installed"
    assert implementation(wheel, installed, SSEWIRE_PARSER="cython") == "cython"
