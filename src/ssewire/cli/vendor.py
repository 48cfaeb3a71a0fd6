# SPDX-License-Identifier: MIT
"""The command `ssewire vendor DIR`: the parser in pure Python, as a package within another one.

What is copied is found by following the imports from `ssewire` itself, those for type checkers
too. The copy looks for no compiled modules, and `_choice` is written for that. Each file says
where it is from, and has a checksum, by which a later run knows what it may write over.
May import: _version, _licence, _output.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import keyword
import os
import pkgutil
import posixpath
import sys

from .._version import __version__
from ._licence import LICENCE
from ._output import CommandError, file_errors, refuse_special, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

DESCRIPTION = (
    "Write the files that suffice for the parser, the encoder and the iterators, in pure Python "
    "and typed, to the folder DIR, which becomes a package: from .DIR import iter_events."
)
NOTES = (
    "The files import each other relatively, and besides only the standard library. A second run "
    "brings them up to date. What DIR holds of others is never written over, nor a file of the "
    "copy that was changed, unless --force says so."
)
EXITS = (0, 2, 141)

_ROOT = __name__.split(".cli.")[0]

# What can come with the parser: the module or package, and what it is.
_MORE = ("reconnect", "client", "aio", "claude")

_CHOICE = '''\
"""A copy in pure Python: there are no compiled modules to choose. May import: nothing."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

IMPLEMENTATION = "python"
compiled_parser: ModuleType | None = None


def load_compiled(name: str, contract: int) -> ModuleType | None:
    """Return None: Python is to be used."""
    return None
'''

_HEADER = """\
# SPDX-FileCopyrightText: 2026 The ssewire authors
# SPDX-License-Identifier: MIT
# From ssewire {version}, by `ssewire vendor`, which brings it up to date unless it was changed.
# sha256 of what follows: {digest}
"""
_LINES_OF_HEADER = _HEADER.count("\n")
_LICENCE_LINE = b"# SPDX-License-Identifier: MIT\n"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("dir", metavar="DIR", help="the package to write; made if it is missing")
    parser.add_argument(
        "--with",
        dest="more",
        action="append",
        choices=_MORE,
        default=[],
        help="also when to connect again, a client, the asyncio client, or Claude's messages with "
        "both clients; repeatable",
    )
    parser.add_argument(
        "--force", action="store_true", help="write over files of the copy that were changed"
    )


def run(args: argparse.Namespace) -> int:
    """Carry out `ssewire vendor`."""
    if not args.dir:
        raise CommandError("DIR is empty: name the folder that becomes the package")
    name = os.path.basename(os.path.realpath(args.dir))
    if not name.isidentifier() or keyword.iskeyword(name):
        warn(f"no import statement can name {args.dir}: a package's name is an identifier")
    # What came with it in an earlier run still does.
    more = [name for name in _MORE if name in args.more or _copied(args.dir, _module(name))]
    files = {name: _with_header(source) for name, source in _sources(more).items()}
    files["py.typed"] = b""
    files["LICENSE"] = LICENCE.encode()
    old = _check(args.dir, files, args.force)
    written = 0
    # What is known for ours first: where the rest cannot be written, another run goes on.
    for name, content in sorted(files.items(), key=lambda each: each[0] != "__init__.py"):
        path = os.path.join(args.dir, *name.split("/"))
        with file_errors("write", path):
            if _read(path) == content:
                continue
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)
        written += 1
        print(path)
    left = f"; of an older copy, and needed no more: {', '.join(old)}" if old else ""
    print(
        f"[ssewire {__version__}: {written} of {len(files)} files written{left}]", file=sys.stderr
    )
    return 0


def _copied(folder: str, name: str) -> bool:
    return _state(os.path.join(folder, *name.split("/"))) is not None


def _sources(more: list[str]) -> dict[str, bytes]:
    """Return the sources that are needed, by their path."""
    found: dict[str, bytes] = {}
    todo = ["__init__.py", *map(_module, more)]
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found[name] = _CHOICE.encode() if name == "_choice.py" else _source(name)
        todo += _imported(name, found[name])
    return found


def _imported(name: str, source: bytes) -> Iterator[str]:
    """Yield the files that a file of the package imports."""
    folder = posixpath.dirname(name)
    if folder:
        yield f"{folder}/__init__.py"
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        base = folder
        for _ in range(node.level - 1):
            base = posixpath.dirname(base)
        module = posixpath.join(base, *(node.module or "").split("."))
        if node.module:
            yield _module(module)
            continue
        for alias in node.names:
            yield _module(posixpath.join(module, alias.name))


def _module(path: str) -> str:
    """Return the file of a module or package, given by its path without an ending."""
    path = path.rstrip("/")
    package = f"{path}/__init__.py"
    return package if _data(package) is not None else f"{path}.py"


def _source(name: str) -> bytes:
    source = _data(name)
    if source is None:
        raise CommandError("the sources of ssewire are not here, as in a program that is one file")
    return source


def _data(name: str) -> bytes | None:
    try:
        # Also out of a zip file.
        return pkgutil.get_data(_ROOT, name)
    except OSError:
        return None


def _with_header(source: bytes) -> bytes:
    # The header has the licence's line, so the source's own would be there twice.
    source = source.replace(b"\r\n", b"\n")
    if source.startswith(_LICENCE_LINE):
        source = source[len(_LICENCE_LINE) :]
    digest = hashlib.sha256(source).hexdigest()
    return _HEADER.format(version=__version__, digest=digest).encode() + source


def _check(folder: str, files: dict[str, bytes], force: bool) -> list[str]:
    """Refuse to write over what is not ours; return files of an older copy that have no successor.

    Raises:
        CommandError: the folder holds something else, or a file of the copy was changed.
    """
    # Before all of it is read: it may be somebody's home.
    if os.path.isdir(folder) and os.listdir(folder) and not any(_copied(folder, n) for n in files):
        raise CommandError(f"{folder} is not empty, and holds no copy: name a folder for it alone")
    ours = {path for path in _python_files(folder) if _copied(folder, path)}
    foreign = []
    changed = []
    for name, content in files.items():
        path = os.path.join(folder, *name.split("/"))
        if not os.path.lexists(path) or _read(path) == content:
            continue
        state = _state(path)
        if state is None and name not in ("py.typed", "LICENSE"):
            foreign.append(path)
        elif state == "changed" or state is None:
            changed.append(path)
    if foreign:
        raise CommandError(f"not a file of the copy, and in its way: {', '.join(sorted(foreign))}")
    if changed and not force:
        raise CommandError(f"changed since it was copied: {', '.join(sorted(changed))} (--force)")
    return sorted(path for path in ours if path.replace(os.sep, "/") not in files)


def _python_files(folder: str) -> Iterator[str]:
    for top, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(top, name)
            if name.endswith(".py") and os.path.isfile(path):
                yield os.path.relpath(path, folder)


def _state(path: str) -> str | None:
    """Return "ours" or "changed" for a file that was copied; None for any other."""
    content = (_read(path) or b"").replace(b"\r\n", b"\n")
    lines = content.split(b"\n", _LINES_OF_HEADER)
    if len(lines) <= _LINES_OF_HEADER or b"`ssewire vendor`" not in lines[2]:
        return None
    digest = lines[3].rpartition(b" ")[2].decode("ascii", "replace")
    return "ours" if hashlib.sha256(lines[4]).hexdigest() == digest else "changed"


def _read(path: str) -> bytes | None:
    refuse_special(path)
    with file_errors("read", path):
        try:
            with open(path, "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None
