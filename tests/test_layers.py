"""Who may import whom: the table of layers, read off the sources.

A module imports from lower layers, or from its own without cycles. What a
layer must not know (I/O, clocks, chance) it must not import from the standard library either.
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

LAYERS = {
    # 0: values
    **dict.fromkeys(["errors", "_limits", "_choice", "event", "_headers", "_version"], 0),
    # 1: rules, without I/O, clock or chance
    **dict.fromkeys(["_standard", "_parser_py", "_parser_cy", "parser", "encoder", "stream"], 1),
    **dict.fromkeys(["_http1", "_request", "reconnect", "sdk"], 1),
    # 2: I/O
    **dict.fromkeys(["_settings", "client", "aio"], 2),
    # 4: tools
    **dict.fromkeys(["cli", "replay", "asgi", "__main__"], 4),
    # The package itself names what layers 0 and 1 offer.
    "__init__": 1,
}
CLAUDE_IO = {"claude.client", "claude.aio"}

# Each knows about one way of I/O only, or about none.
NEVER = {
    "client": {"aio", "asyncio"},
    "aio": {"client", "http.client", "threading"},
    "claude.client": {"aio", "claude.aio", "asyncio"},
    "claude.aio": {"client", "claude.client", "http.client", "threading"},
}
IO_CLOCK_CHANCE = {
    *("asyncio", "ssl", "socket", "select", "selectors", "http", "urllib.request", "threading"),
    *("subprocess", "multiprocessing", "signal", "time", "random", "secrets", "uuid", "tempfile"),
    *("io", "pathlib", "shutil", "logging", "os", "concurrent"),
}
# The one module of layers 0 and 1 that looks outside, at the environment.
MAY_SEE_OS = {"_choice"}


def layer(module: str) -> int:
    """Return the layer of a module named without `ssewire.`; a KeyError asks for an entry."""
    if module == "claude" or module in CLAUDE_IO:
        return 3
    if module.startswith("claude."):
        return 2
    return LAYERS[module.partition(".")[0]]


def sources() -> dict[str, Path]:
    """Return all modules by name without `ssewire.`."""
    found = {}
    for path in sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyx")]):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" and parts[:-1] else parts)
        found[name] = path
    return found


SOURCES = sources()


def imports(module: str, at_run_time: bool = False) -> Iterator[str]:
    """Yield what a module imports: ours as `ssewire.NAME`; with or without imports for types."""
    path = SOURCES[module]
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".pyx":
        for line in re.findall(r"^\s*(?:from\s+\S+\s+import\s.+|import\s.+)$", text, re.MULTILINE):
            yield from _imports_of(ast.parse(line.strip().rstrip("(").rstrip()), module, path)
        return
    tree: ast.AST = ast.parse(text)
    if at_run_time:
        tree = _WithoutTypes().visit(tree)
    yield from _imports_of(tree, module, path)


class _WithoutTypes(ast.NodeTransformer):
    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        if "TYPE_CHECKING" in ast.dump(node.test) and not isinstance(node.test, ast.BoolOp):
            return node.orelse or ast.Pass()
        return node


def _imports_of(tree: ast.AST, module: str, path: Path) -> Iterator[str]:
    package = ["ssewire", *module.split(".")]
    if path.stem != "__init__":
        package.pop()
    elif module == "__init__":
        package = ["ssewire"]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{origin}.{alias.name}"
                yield inner if inner.partition(".")[2] in SOURCES else origin


def ours(module: str, at_run_time: bool = False) -> set[str]:
    """Return the modules of the package that a module imports, without `ssewire.`."""
    names = set()
    for name in imports(module, at_run_time):
        if name == "ssewire":
            names.add("__init__")
        elif name.startswith("ssewire."):
            names.add(name.partition(".")[2])
    return names - {module}


@pytest.mark.parametrize("module", SOURCES)
def test_a_module_imports_from_its_own_layer_and_lower_ones_only(module: str) -> None:
    too_high = {name for name in ours(module) if layer(name) > layer(module)}
    assert not too_high


@pytest.mark.parametrize("module", [name for name in SOURCES if layer(name) <= 1])
def test_values_and_rules_know_no_io_no_clock_and_no_chance(module: str) -> None:
    allowed = {"os"} if module in MAY_SEE_OS else set()
    assert not _touches(imports(module), IO_CLOCK_CHANCE - allowed)


@pytest.mark.parametrize("module", [n for n in SOURCES if layer(n) == 2 and "claude" in n])
def test_claude_without_io_knows_no_client_no_io_no_clock_and_no_chance(module: str) -> None:
    banned = {*IO_CLOCK_CHANCE, "ssewire.client", "ssewire.aio"} - {"logging"}
    assert not _touches(imports(module), banned)


@pytest.mark.parametrize("module", [name for name in NEVER if name in SOURCES])
def test_the_two_kinds_of_io_never_meet(module: str) -> None:
    names = {
        name[len("ssewire.") :] if name.startswith("ssewire.") else name for name in imports(module)
    }
    assert not _touches(names, NEVER[module])


def _touches(names: Iterator[str] | set[str], banned: set[str]) -> set[str]:
    return {n for n in names if any(n == bad or n.startswith(f"{bad}.") for bad in banned)}


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {name: ours(name, at_run_time=True) - {"__init__"} for name in SOURCES}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"circle: {' -> '.join((*path, name))}"
        if name not in done:
            for other in sorted(graph.get(name, ())):
                visit(other, (*path, name))
            done.add(name)

    for name in graph:
        # Tools may ask the package for its public names; the package names no tool.
        visit(name, ())


@pytest.mark.parametrize(
    "name", [name for name, path in SOURCES.items() if path.name == "__init__.py"]
)
def test_a_package_file_lists_names_and_nothing_else(name: str) -> None:
    if name == "cli":
        pytest.skip("cli is a program, not a list of public names")
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


@pytest.mark.skipif("claude" not in SOURCES, reason="the claude package has no __init__ yet")
def test_importing_claude_adds_json_but_no_io() -> None:
    with_json = loaded_by("import ssewire, json")
    added = {name.partition(".")[0] for name in loaded_by("import ssewire.claude") - with_json}
    assert not added & {*BANNED, "logging", "threading", "time", "random", "copy", "string"}


def test_the_first_event_is_parsed_without_loading_anything_more() -> None:
    loaded = loaded_by("import ssewire; ssewire.Parser().feed(b'data: \\xff\\n\\n')")
    assert not {name.partition(".")[0] for name in loaded} & BANNED
