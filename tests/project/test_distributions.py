# SPDX-License-Identifier: MIT
"""What is published: what is in it, what it says of itself, and that it works where it lands.

The distributions are made from a copy of the tree without the compiled modules, which takes
seconds; tests/project/test_build.py compiles. Marked slow: `make dist` runs them, with the tools
that it installs, on Python 3.11 and newer.
"""

from __future__ import annotations

import email
import email.message
import importlib.util
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.kit import materials
from tests.project.test_build import ROOT, run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.version_info < (3, 11), reason="the tools are for 3.11 and newer"),
    pytest.mark.skipif(not (ROOT / "setup.py").exists(), reason="needs the source tree"),
]
EPOCH = "1764374400"
LINUX = ("x86_64", "aarch64", "riscv64")
VERSIONS = ["3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15"]
# What of a suite run from the unpacked sources reads files of the tree that are no tests.
READS_THE_TREE = [
    "tests/project/test_claude_docs.py",
    "tests/project/test_commands.py",
    "tests/project/test_docs_index.py",
    "tests/project/test_layers.py",
    "tests/project/test_licence.py",
    "tests/parser/test_corpus.py",
]


class Made(NamedTuple):
    """The two distributions, and the folder that they were made from."""

    sdist: Path
    wheel: Path
    tree: Path


def tool(name: str) -> str:
    """Return the path of a program of this environment; the test is skipped where it is absent."""
    path = Path(sys.executable).parent / name
    if not path.exists():
        pytest.skip(f"no {name} here; `make dist` installs it")
    return str(path)


def tracked() -> list[str]:
    """Return the names of the files of the tree, committed or not."""
    if not (ROOT / ".git").exists():
        pytest.skip("only a clone says which files are its own")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    names = done.stdout.decode().split("\0")
    return sorted({name for name in names if name and (ROOT / name).is_file()})


def make(folder: Path) -> Made:
    """Make both distributions in a folder of their own."""
    tree = folder / "tree"
    for name in tracked():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tree / name)
    code = (
        "import setuptools.build_meta as backend\n"
        "backend.build_sdist('../out'); backend.build_wheel('../out')"
    )
    (folder / "out").mkdir()
    done = run(
        *(sys.executable, "-c", code),
        folder=tree,
        SSEWIRE_BUILD_EXTENSION="skip",
        SOURCE_DATE_EPOCH=EPOCH,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    (sdist,) = (folder / "out").glob("*.tar.gz")
    (wheel,) = (folder / "out").glob("*.whl")
    return Made(sdist, wheel, tree)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def metadata(made: Made) -> email.message.Message:
    with zipfile.ZipFile(made.wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return email.message_from_bytes(archive.read(name))


def test_the_same_time_given_makes_the_same_bytes(made: Made, tmp_path: Path) -> None:
    again = make(tmp_path)
    assert again.sdist.read_bytes() == made.sdist.read_bytes()
    assert again.wheel.read_bytes() == made.wheel.read_bytes()


def test_the_sdist_has_every_file_of_the_tree(made: Made) -> None:
    with tarfile.open(made.sdist) as archive:
        members = archive.getmembers()
    names = {member.name.partition("/")[2] for member in members if member.isfile()}
    assert set(tracked()) - names == set()
    others = {name for name in names - set(tracked()) if ".egg-info/" not in name}
    assert others == {"PKG-INFO", "setup.cfg"}
    assert {(member.uid, member.uname, member.mtime) for member in members} == {(0, "", int(EPOCH))}


def test_the_wheel_has_the_package_and_nothing_else(made: Made) -> None:
    with zipfile.ZipFile(made.wheel) as archive:
        names = set(archive.namelist())
    source = ROOT / "src"
    package = {
        path.relative_to(source).as_posix()
        for path in (source / "ssewire").rglob("*")
        if path.suffix in (".py", ".sse", ".typed")
    }
    assert {name for name in names if ".dist-info/" not in name} == package
    assert {name.partition(".dist-info/")[2] for name in names - package} == {
        *("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE", "top_level.txt")
    }


def test_who_installs_it_installs_nothing_else(metadata: email.message.Message) -> None:
    assert metadata.get_all("Requires-Dist") is None
    assert metadata.get_all("Provides-Extra") is None
    assert metadata["Requires-Python"] == ">=3.9"


def test_the_metadata_says_what_it_is_and_where_it_lives(
    metadata: email.message.Message,
) -> None:
    for word in ("parser", "clients", "Claude", "serving"):
        assert word in metadata["Summary"]
    urls = dict(line.split(", ") for line in metadata.get_all("Project-URL", []))
    assert set(urls) == {"Homepage", "Documentation", "Changelog", "Issues", "Source"}
    assert all(url.startswith("https://") for url in urls.values())
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Author"] == "The ssewire authors"
    # No mail address of anybody's: GitHub is the way to reach us (SECURITY.md).
    assert metadata["Author-email"] is None


def test_the_versions_that_it_is_for_are_those_that_wheels_are_made_for(
    metadata: email.message.Message,
) -> None:
    found = [
        match[1]
        for line in metadata.get_all("Classifier", [])
        if (match := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", line))
    ]
    assert found == VERSIONS
    done = subprocess.run(
        [tool("cibuildwheel"), "--print-build-identifiers", "--platform", "linux"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    pythons = {line.partition("-")[0] for line in done.stdout.split()}
    plain = {f"cp{version.replace('.', '')}" for version in VERSIONS}
    assert pythons == plain | {"cp314t", "cp315t"}


@pytest.mark.parametrize(
    ("platform", "machines"),
    [
        ("linux", [f"{libc}linux_{machine}" for libc in ("many", "musl") for machine in LINUX]),
        ("macos", ["macosx_x86_64", "macosx_arm64"]),
        ("windows", ["win_amd64", "win_arm64"]),
        ("pyodide", ["pyodide_wasm32"]),
    ],
)
def test_wheels_are_made_for_each_platform(platform: str, machines: list[str]) -> None:
    done = subprocess.run(
        [tool("cibuildwheel"), "--print-build-identifiers", "--platform", platform],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert {line.partition("-")[2] for line in done.stdout.split()} == set(machines)


@pytest.mark.parametrize(
    "command",
    [
        ["twine", "check", "--strict"],
        ["check-wheel-contents", "--config", str(ROOT / "pyproject.toml")],
        # Of an author's mail address, which there is none of, it says that it is missing.
        ["pyroma", "--min", "10", "--skip-tests", "AuthorEmail"],
    ],
    ids=lambda command: command[0],
)
def test_the_checkers_of_distributions_have_nothing_to_say(made: Made, command: list[str]) -> None:
    files = [made.wheel, made.sdist]
    if command[0] == "check-wheel-contents":
        files.remove(made.sdist)
    if command[0] == "pyroma":
        files.remove(made.wheel)
    done = run(tool(command[0]), *command[1:], *map(str, files), folder=made.sdist.parent)
    assert done.returncode == 0, done.stdout


def test_the_bill_of_materials_lists_us_and_nothing_else(made: Made, tmp_path: Path) -> None:
    if importlib.util.find_spec("cyclonedx_py") is None:
        pytest.skip("no cyclonedx-bom here; `make dist` installs it")
    bill = materials.write(made.wheel, tmp_path / "bill.json")
    component = bill["metadata"]["component"]
    version = made.wheel.name.split("-")[1]
    assert component["purl"] == f"pkg:pypi/ssewire@{version}"
    assert component["licenses"][0]["license"]["id"] == "MIT"
    assert not bill.get("components")


def test_the_suite_runs_from_the_unpacked_sdist(made: Made, tmp_path: Path) -> None:
    with tarfile.open(made.sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    # Its own sources, not what is installed; all of it is collected, a part is run.
    mine = {"PYTHONPATH": str(unpacked / "src"), "SSEWIRE_PARSER": "python"}
    done = run(*pytest_, "--collect-only", folder=unpacked, **mine)
    assert done.returncode == 0, done.stdout[-4000:]
    done = run(*pytest_, *READS_THE_TREE, folder=unpacked, **mine)
    assert done.returncode == 0, done.stdout[-4000:]


APP = """
import sys
import ssewire
from ssewire.claude import Accumulator, AsyncClaude, Claude, PartialJSON
from ssewire.cli import main
if sys.argv[1:] == ["which"]:
    assert [event.data for event in ssewire.parse(b"data: x\\n\\n")] == ["x"]
    print(ssewire.IMPLEMENTATION, sorted(n for n in sys.modules if n.endswith("_cy")))
else:
    sys.exit(main(sys.argv[1:]))
"""


def test_pyinstaller_takes_along_what_is_only_named_at_run_time(tmp_path: Path) -> None:
    if importlib.util.find_spec("PyInstaller") is None:
        pytest.skip("no PyInstaller here; `make dist` installs it")
    (tmp_path / "app.py").write_text(APP)
    clean = {"SSEWIRE_PARSER": "", "PYINSTALLER_CONFIG_DIR": str(tmp_path / "cache")}
    options = ("--onedir", "--noconfirm", "--log-level", "WARN")
    done = run(*(sys.executable, "-m", "PyInstaller", *options, "app.py"), folder=tmp_path, **clean)
    assert done.returncode == 0, done.stdout[-4000:]
    app = str(tmp_path / "dist" / "app" / "app")

    # As it is here without PyInstaller, the compiled modules included where they were built.
    here = run(sys.executable, "app.py", "which", folder=tmp_path, **clean)
    assert here.returncode == 0, here.stdout
    assert run(app, "which", folder=tmp_path, **clean).stdout == here.stdout

    (tmp_path / "stream").write_bytes(b"data: hello\n\n")
    done = run(app, "parse", "stream", folder=tmp_path, **clean)
    assert '"data": "hello"' in done.stdout, done.stdout
    done = run(app, "demo", folder=tmp_path, **clean)
    assert done.returncode == 0, done.stdout
