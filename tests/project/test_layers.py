# SPDX-License-Identifier: MIT
"""Who may import whom: the levels, read off the sources by folder, and each module's own word.

A module imports from lower levels, or from its own without circles. What a level must not know
(I/O, clocks, chance) it must not import from the standard library either. The docstring of each
module that does not only list names ends in a sentence that is true and complete:

    May import: NAME, NAME, NAME.

A NAME is a module or folder of the package, looked for beside the module first and then in each
folder above it (`errors`, `claude.errors`; `ssewire.errors` is the one at the top, where another is
nearer). A folder stands for all that is in it. All that is imported at run time is named, at the
top of the module or in a function; what only types need may be. A NAME may also be a module of the
standard library that is imported; these may be left out. Of nothing it says `May import: nothing.`
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ssewire

PACKAGE = Path(ssewire.__file__).resolve().parent

# By module or folder; the longest name that fits counts. The `__init__` of a folder is listed
# where it names what is above the rest of it.
LEVELS = {
    # 0: words and values
    **dict.fromkeys(["errors", "_checks", "_frozen", "_limits", "_headers", "event"], 0),
    **dict.fromkeys(["_choice", "_closing", "_logger", "_version"], 0),
    # 1: the format
    **dict.fromkeys(["_standard", "_parser_py", "_parser_cy", "parser"], 1),
    **dict.fromkeys(["encoder", "stream", "_reading", "_unfinished", "sdk", "__init__"], 1),
    # 2: HTTP without I/O
    **dict.fromkeys(["_http", "reconnect", "_following", "_serving"], 2),
    # 3: two ways to wait
    **dict.fromkeys(["_settings", "client", "aio"], 3),
    # 4: Claude without I/O, and 5: over the network
    "claude": 4,
    **dict.fromkeys(["claude.__init__", "claude.client", "claude.aio"], 5),
    # 6: tools
    **dict.fromkeys(["cli", "replay", "asgi", "wsgi", "_source_thread"], 6),
    **dict.fromkeys(["compat", "_pyinstaller", "__main__"], 6),
}
# Levels that a level may import from besides its own, where that is not all of the lower ones.
ONLY = {4: {0, 1, 2}}
# HTTP speaks of no event.
ONLY_BY_NAME = {"_http": {"_http", *(name for name, level in LEVELS.items() if level == 0)}}

# Each knows about one way of I/O only, or about none.
NEVER = {
    "client": {"ssewire.aio", "asyncio"},
    "aio": {"ssewire.client", "http.client", "threading"},
    "claude.client": {"ssewire.aio", "ssewire.claude.aio", "asyncio"},
    "claude.aio": {"ssewire.client", "ssewire.claude.client", "http.client", "threading"},
}
IO_CLOCK_CHANCE = {
    *("asyncio", "ssl", "socket", "select", "selectors", "http", "urllib.request", "threading"),
    *("subprocess", "multiprocessing", "signal", "time", "random", "secrets", "uuid", "tempfile"),
    *("io", "pathlib", "shutil", "logging", "os", "concurrent"),
}
# What looks outside all the same.
MAY_SEE = {"_choice": {"os"}, "_logger": {"logging"}, "_reading": {"signal"}, "claude": {"logging"}}

LONGEST = 520

# Compiled modules, and what only lists names or starts something.
SAYS_NOTHING = {"__main__", "_version"}


def sources() -> dict[str, Path]:
    """Return all modules by name without `ssewire.`; a folder's own is `FOLDER.__init__`."""
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
        for path in sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyx")])
    }


SOURCES = sources()
# By the name that an import has for it.
IMPORTED = {name.partition(".__init__")[0]: name for name in SOURCES}


def fitting(module: str, names: dict[str, object] | dict[str, int]) -> str:
    """Return the longest of the names that is the module's, or a folder's that it is in."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        if ".".join(parts[:length]) in names:
            return ".".join(parts[:length])
    raise KeyError(f"{module} has no place in the table of levels")


def level(module: str) -> int:
    return LEVELS[fitting(module, LEVELS)]


def imports(module: str, at_run_time: bool = False) -> Iterator[str]:
    """Yield what a module imports: ours as `ssewire.NAME`; with or without imports for types."""
    path = SOURCES[module]
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".pyx":
        for line in re.findall(r"^\s*(?:from\s+\S+\s+import\s.+|import\s.+)$", text, re.MULTILINE):
            yield from _imports_of(ast.parse(re.sub(r"\(\s*$", "*", line.strip())), module)
        return
    tree: ast.AST = ast.parse(text)
    yield from _imports_of(_WithoutTypes().visit(tree) if at_run_time else tree, module)


class _WithoutTypes(ast.NodeTransformer):
    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        if "TYPE_CHECKING" in ast.dump(node.test) and not isinstance(node.test, ast.BoolOp):
            return node.orelse or ast.Pass()
        return node


def _imports_of(tree: ast.AST, module: str) -> Iterator[str]:
    package = ["ssewire", *module.split(".")[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{origin}.{alias.name}"
                yield inner if inner.partition(".")[2] in IMPORTED else origin


def ours(module: str, at_run_time: bool = False) -> set[str]:
    """Return the modules of the package that a module imports, without `ssewire.`."""
    names = set()
    for name in imports(module, at_run_time):
        if name == "ssewire":
            names.add("__init__")
        elif name.startswith("ssewire."):
            names.add(IMPORTED[name.partition(".")[2]])
    return names - {module}


def without_io() -> list[str]:
    return [name for name in SOURCES if level(name) in (0, 1, 2, 4)]


@pytest.mark.parametrize("module", SOURCES)
def test_a_module_imports_from_its_own_level_and_lower_ones_only(module: str) -> None:
    own = level(module)
    allowed = {own, *ONLY.get(own, range(own))}
    assert not {name for name in ours(module) if level(name) not in allowed}
    rooms = ONLY_BY_NAME.get(fitting(module, LEVELS))
    assert rooms is None or not {
        name for name in ours(module) if fitting(name, LEVELS) not in rooms
    }


@pytest.mark.parametrize("module", without_io())
def test_what_is_without_io_knows_no_io_no_clock_and_no_chance(module: str) -> None:
    allowed = MAY_SEE.get(fitting(module, LEVELS), set())
    assert not _touches(imports(module), IO_CLOCK_CHANCE - allowed)


@pytest.mark.parametrize("module", [n for n in SOURCES if fitting(n, LEVELS) in NEVER])
def test_the_two_ways_to_wait_never_meet(module: str) -> None:
    assert not _touches(imports(module), NEVER[fitting(module, LEVELS)])


def _touches(names: Iterator[str] | set[str], banned: set[str]) -> set[str]:
    return {n for n in names if any(n == bad or n.startswith(f"{bad}.") for bad in banned)}


def test_no_modules_import_each_other_in_a_circle() -> None:
    # Tools may ask the package for its public names; the package names no tool.
    graph = {name: ours(name, at_run_time=True) - {"__init__"} for name in SOURCES}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"circle: {' -> '.join((*path, name))}"
        if name not in done:
            for other in sorted(graph[name]):
                visit(other, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


# --- the module's own word


def declared(module: str) -> list[str] | None:
    """Return the names of the last sentence of a module's docstring; None where it has none."""
    text = SOURCES[module].read_text(encoding="utf-8")
    # A .pyx is no Python, but begins like it.
    opening = re.match(r'(?:#[^\n]*\n|\s)*"""(.*?)"""', text, re.DOTALL)
    found = opening and re.search(r"\bMay import: (.+)\.\s*$", opening[1], re.DOTALL)
    if not found:
        return None
    names = " ".join(found[1].split())
    return [] if names == "nothing" else names.split(", ")


def meaning(name: str, module: str) -> str | None:
    """Return what a declared name stands for: a module or a folder without `ssewire.`, or None."""
    known = {*IMPORTED, *(name.rpartition(".")[0] for name in SOURCES)}
    if name.startswith("ssewire."):
        places = [name.partition(".")[2]]
    else:
        folder = module.split(".")[:-1]
        places = [".".join([*folder[:up], name]) for up in range(len(folder), -1, -1)]
    return next((place for place in places if place in known), None)


def faults(module: str) -> list[str]:
    """Return what is wrong with a module's own word about what it imports."""
    names = declared(module)
    if names is None:
        return ["there is none"]
    at_run_time = without_init(ours(module, at_run_time=True))
    anyhow = without_init(ours(module))
    foreign = [name.split(".") for name in imports(module) if not name.startswith("ssewire")]
    standard = {".".join(parts[:length]) for parts in foreign for length in range(1, 4)}
    wrong = []
    covered = set()
    for name in names:
        place = meaning(name, module)
        if place is None and name not in standard:
            wrong.append(f"{name!r} is no module, or is not imported")
        elif place is not None:
            covers = {one for one in anyhow if one == place or one.startswith(f"{place}.")}
            covered |= covers
            if not covers:
                wrong.append(f"{name!r} is not imported")
    return wrong + [f"{name!r} is imported, not named" for name in sorted(at_run_time - covered)]


def without_init(modules: set[str]) -> set[str]:
    return {name.partition(".__init__")[0] for name in modules}


def sentence(module: str) -> str:
    """Return what a module should say."""
    folder = module.split(".")[:-1]
    names = set()
    for imported in without_init(ours(module, at_run_time=True)):
        parts = imported.split(".")
        common = 0
        while common < len(parts) - 1 and parts[: common + 1] == folder[: common + 1]:
            common += 1
        # The folder that the two do not share, or the module.
        place, short = ".".join(parts[: common + 1]), parts[common]
        names.add(short if meaning(short, module) == place else f"ssewire.{place}")
    return f"May import: {', '.join(sorted(names)) or 'nothing'}."


SPEAKING = [
    name for name in SOURCES if name not in SAYS_NOTHING and name.rpartition(".")[2] != "__init__"
]


@pytest.mark.parametrize("module", SPEAKING)
def test_what_a_module_says_it_imports_is_what_it_imports(module: str) -> None:
    wrong = faults(module)
    assert not wrong, f"{'; '.join(wrong)}. True would be: {sentence(module)}"


@pytest.mark.parametrize("module", [n for n, path in SOURCES.items() if path.suffix == ".py"])
def test_a_module_is_short_enough_to_be_read_at_once(module: str) -> None:
    lines = SOURCES[module].read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if "SPDX-License-Identifier" not in line]) <= LONGEST


@pytest.mark.parametrize("name", [n for n in SOURCES if n.rpartition(".")[2] == "__init__"])
def test_a_package_file_lists_names_and_nothing_else(name: str) -> None:
    tree = ast.parse(SOURCES[name].read_text(encoding="utf-8"))
    for node in tree.body:
        allowed = isinstance(node, (ast.Import, ast.ImportFrom, ast.Expr, ast.Assign, ast.If))
        lazy = isinstance(node, ast.FunctionDef) and node.name in ("__getattr__", "__dir__")
        assert allowed or lazy, ast.unparse(node)


def test_every_public_name_exists_and_is_sorted() -> None:
    constants = [name for name in ssewire.__all__ if name.isupper()]
    assert len(set(ssewire.__all__)) == len(ssewire.__all__)
    assert constants == ["IMPLEMENTATION"]
    for name in ssewire.__all__:
        assert hasattr(ssewire, name)


def loaded_by(statement: str, **environment: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after `statement` but not before."""
    program = (
        f"import sys; before = set(sys.modules); {statement}; print(*(set(sys.modules) - before))"
    )
    paths = [str(PACKAGE.parent), *sys.path]
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **environment},
        stdout=subprocess.PIPE,
        check=True,
    )
    return set(done.stdout.decode().split())


BANNED = {
    *("asyncio", "ssl", "urllib", "http", "socket", "json", "dataclasses", "inspect"),
    *("typing", "re", "collections", "enum"),
}


@pytest.mark.parametrize("choice", ["auto", "python"])
def test_importing_the_package_loads_nothing_heavy(choice: str) -> None:
    loaded = loaded_by("import ssewire", SSEWIRE_PARSER=choice)
    assert "ssewire.parser" in loaded
    assert not {name.partition(".")[0] for name in loaded} & BANNED
    assert not {name for name in loaded if name.startswith(("ssewire.cl", "ssewire.aio"))}


def test_importing_claude_adds_json_but_no_io() -> None:
    with_json = loaded_by("import ssewire, json")
    added = {name.partition(".")[0] for name in loaded_by("import ssewire.claude") - with_json}
    assert not added & {*BANNED, "logging", "threading", "time", "random", "copy", "string"}


def test_the_first_event_is_parsed_without_loading_anything_more() -> None:
    loaded = loaded_by("import ssewire; ssewire.Parser().feed(b'data: \\xff\\n\\n')")
    assert not {name.partition(".")[0] for name in loaded} & BANNED
