# SPDX-License-Identifier: MIT
"""A hook of mkdocs: pages that are made, and links that leave docs/.

- One page of reference for each public module, from its docstrings: what is in an `__all__` has its
  entry by being there. A public module stands directly in the package (or in `ssewire.compat`) and
  has no underscore. A name that several modules have is described in one and linked from the rest.
- The changelog and the guide for contributors stand at the top of the repository and are pages too.
- Links from a page to a file outside docs/ work in the repository; here they lead to its home.
"""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import griffe
from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
# It counts as a warning, and `--strict` makes that an error.
log = logging.getLogger("mkdocs.plugins.pages")

# What stands outside docs/ and is a page all the same.
OUTSIDE = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}

# Where a name is described that several modules have: the first of these, then in their order.
FIRST = ["ssewire.errors", "ssewire", "ssewire.client", "ssewire.aio"]

# Claude's names are too many for one page: each page, and the modules whose names it has.
CLAUDE = "ssewire.claude"
CLAUDE_PAGES = {
    "reference/ssewire.claude.md": ("ssewire.claude", ()),
    "reference/ssewire.claude.messages.md": ("Messages and blocks", ("message", "blocks")),
    "reference/ssewire.claude.events.md": ("Events", ("events",)),
    "reference/ssewire.claude.errors.md": ("Errors", ("errors",)),
}
# What a public name gives and nobody makes: without an `__all__` that people import from.
GIVEN = [
    "ssewire.claude.client.Messages",
    "ssewire.claude.client.MessageStreamManager",
    "ssewire.claude.aio.AsyncMessages",
    "ssewire.claude.aio.AsyncMessageStreamManager",
    "ssewire.claude.partial_json.MAX_DEPTH",
    "ssewire.claude.partial_json.MISSING",
]


class Reference:
    """What the pages of the reference hold; `pages` are their Markdown texts by path."""

    def __init__(self) -> None:
        package = griffe.load(
            "ssewire",
            search_paths=[str(ROOT / "src")],
            extensions=griffe.load_extensions(str(ROOT / "website" / "words.py")),
        )
        self._package = package
        self._modules = {"ssewire": package}
        for parent in (package, package.members.get("compat")):
            for name, member in (parent.members if parent else {}).items():
                if not name.startswith("_") and not member.is_alias and member.is_module:
                    self._modules[member.path] = member
        self._modules.pop("ssewire.compat", None)
        #: canonical path -> the public path under which it is described
        self.homes: dict[str, str] = {}
        for module in self._ordered():
            for name in self._names(module):
                path = f"{module}.{name}"
                if self._foreign(path):
                    continue
                target = self._target(path)
                # A function in a module of its name, which griffe takes for that module.
                own = target.path if target.path.startswith(f"{path}.") else path
                self.homes.setdefault(target.path, own)
        for path in GIVEN:
            self.homes.setdefault(self._target(path).path, path)
        self._entries: dict[str, list[str]] = {}
        for canonical, home in self.homes.items():
            self._entries.setdefault(self._page_of(canonical, home), []).append(home)
        self.pages = {page: self._page(page) for page in self._entries}
        self.pages["reference/index.md"] = self._index()

    def nav(self) -> list[Any]:
        """The reference's part of the navigation."""
        titled: list[Any] = ["reference/index.md"]
        for module in sorted(self._modules):
            page = f"reference/{module}.md"
            if module == CLAUDE:
                titled.append({CLAUDE: [{t: path} for path, (t, _) in CLAUDE_PAGES.items()]})
            elif page in self.pages:
                titled.append({module: page})
        return titled

    def _ordered(self) -> list[str]:
        rest = sorted(set(self._modules) - set(FIRST))
        return [*FIRST, *rest]

    def _names(self, module: str) -> list[str]:
        exports = self._modules[module].exports
        if exports is None:
            log.warning("%s has no __all__, which says what its page has", module)
        return [str(name) for name in exports or ()]

    def _foreign(self, path: str) -> str:
        """Where another package has what a module of ours gives under its own name; "" if none."""
        found = self._package[path.partition(".")[2]]
        if not found.is_alias or found.target_path.startswith("ssewire."):
            return ""
        return found.target_path

    def _target(self, path: str) -> griffe.Object:
        found = self._package[path.partition(".")[2]]
        if found.is_module:
            found = found.members[found.name]
        return found.final_target if found.is_alias else found

    def _page_of(self, canonical: str, home: str) -> str:
        if not home.startswith(f"{CLAUDE}."):
            return f"reference/{home.rpartition('.')[0]}.md"
        defined = canonical[len(CLAUDE) + 1 :].partition(".")[0]
        for page, (_, modules) in CLAUDE_PAGES.items():
            if defined in modules:
                return page
        return f"reference/{CLAUDE}.md"

    def _page(self, page: str) -> str:
        if page in CLAUDE_PAGES and page != f"reference/{CLAUDE}.md":
            title, defined = CLAUDE_PAGES[page]
            said = [self._docstring(self._package["claude"][name]) for name in defined]
            lines = [f"# {title}: `{CLAUDE}`", "", *said]
        else:
            module = PurePosixPath(page).stem
            title = module
            lines = [f"# `{module}`", "", self._docstring(self._modules[module])]
        lines += [
            "",
            f"All of these are imported from `{CLAUDE if CLAUDE in page else title}`.",
            "",
        ]
        if page == f"reference/{CLAUDE}.md":
            lines += self._claude_contents()
        described = self._entries[page]
        if title == "Errors" or title == "ssewire.errors":
            described = sorted(described, key=lambda path: self._target(path).lineno or 0)
        lines += self._table([path for path in described if path not in GIVEN])
        given = [path for path in described if path in GIVEN]
        if given:
            lines += ["", "What these have and give:", "", *self._table(given)]
        lines += ["", *(line for path in described for line in self._entry(path))]
        # What is described elsewhere, with its name here.
        elsewhere = []
        if title in self._modules and title != CLAUDE:
            for name in self._names(title):
                foreign = self._foreign(f"{title}.{name}")
                if foreign:
                    lines += [f"`{name}` is `{foreign}`.", ""]
                    continue
                home = self.homes[self._target(f"{title}.{name}").path]
                if home != f"{title}.{name}":
                    elsewhere.append(home)
        if elsewhere:
            lines += ["## Described elsewhere", "", *self._table(elsewhere), ""]
        return "\n".join(lines)

    def _claude_contents(self) -> list[str]:
        return [
            f"[{title}]({PurePosixPath(page).name}): {len(self._entries[page])} names.  "
            for page, (title, modules) in CLAUDE_PAGES.items()
            if modules
        ] + [""]

    def _index(self) -> str:
        lines = [
            "# Reference",
            "",
            "Made from the docstrings: each public module and its names, which lead to entries.",
            "Modules and names with a leading underscore are not for others, and may change.",
            "",
        ]
        for module in sorted(self._modules):
            page = f"{module}.md"
            title = f"[`{module}`]({page})" if f"reference/{page}" in self.pages else f"`{module}`"
            names = []
            for name in sorted(self._names(module), key=str.lower):
                if self._foreign(f"{module}.{name}"):
                    names.append(f"`{name}`")
                else:
                    names.append(f"[`{name}`][{self.homes[self._target(f'{module}.{name}').path]}]")
            first = self._docstring(self._modules[module]).split("\n\n")[0]
            lines += [f"## {title}", "", first, "", " · ".join(names), ""]
        return "\n".join(lines)

    def _table(self, paths: list[str]) -> list[str]:
        rows = ["| | |", "|---|---|"]
        for path in paths:
            first = self._docstring(self._package[path.partition(".")[2]]).split("\n\n")[0]
            said = " ".join(first.split()).replace("|", "\\|")
            rows.append(f"| [`{path.rpartition('.')[2]}`][{path}] | {said} |")
        return rows

    def _docstring(self, found: griffe.Object | griffe.Alias) -> str:
        return found.docstring.value if found.docstring else ""

    def _entry(self, path: str) -> list[str]:
        """An object's own entry, with what it has from bases that have none."""
        target = self._target(path)
        inherited: list[str] = []
        bases: list[list[str]] = []
        if target.is_class:
            elsewhere = {
                name for base in target.mro() if base.path in self.homes for name in base.members
            }
            for base in target.mro():
                if base.path not in self.homes:
                    inherited += set(base.members) - set(target.members) - elsewhere
            bases = self._bases(target)
        inherited = sorted(name for name in inherited if not name.startswith("_"))
        anchor = []
        module, _, name = path.rpartition(".")
        if module.endswith(f".{name}"):
            anchor = [f"[](){{#{module}}}", ""]
        return [
            *anchor,
            f"::: {path}",
            "    options:",
            f"      inherited_members: {inherited}",
            f"      show_attribute_values: {not target.is_class}",
            "      extra:",
            f"        bases: {bases}",
            "",
        ]

    def _bases(self, target: griffe.Object) -> list[list[str]]:
        """Name and entry ("" for the standard library's) of the bases that a reader can look up."""
        found = []
        for expression in target.bases:
            canonical = getattr(expression, "canonical_path", str(expression))
            if canonical.startswith("ssewire."):
                base = self._target(canonical)
                if base.path in self.homes:
                    found.append([base.name, self.homes[base.path]])
                else:
                    found += self._bases(base)
            # What types alone are for says nothing here.
            elif "." not in canonical and not canonical.startswith(("Generic", "NamedTuple")):
                found.append([str(expression), ""])
        return found


@lru_cache(1)
def reference() -> Reference:
    return Reference()


def on_config(config: Any) -> Any:
    for item in config.nav:
        if "Reference" in item:
            item["Reference"] = reference().nav()
    return config


def on_files(files: Any, *, config: Any) -> Any:
    for path, text in reference().pages.items():
        files.append(File.generated(config, path, content=text))
    for source, path in OUTSIDE.items():
        files.append(File.generated(config, path, content=(ROOT / source).read_text("utf-8")))
    return files


LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)\s#]+)(#[^)\s]*)?(?=\))")


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    path = page.file.src_uri
    outside = {made: source for source, made in OUTSIDE.items()}
    # Where the text stands in the repository.
    folder = (ROOT / outside[path]).parent if path in outside else (ROOT / "docs" / path).parent

    def replaced(match: re.Match[str]) -> str:
        if match[1].endswith(".html"):
            return f"{match[1][:-5]}.md{match[2] or ''}"
        target = (folder / match[1]).resolve()
        if ROOT not in target.parents:
            return match[0]
        name = target.relative_to(ROOT).as_posix()
        fragment = match[2] or ""
        up = "../" * path.count("/")
        if name in OUTSIDE:
            return f"{up}{OUTSIDE[name]}{fragment}"
        if name.startswith("docs/"):
            return f"{up}{name[5:]}{fragment}" if path in outside else match[0]
        if not target.exists():
            log.warning("%s links to %s, which is not there", path, name)
        kind = "tree" if target.is_dir() else "blob"
        return f"{config.extra['home']}/{kind}/main/{name}{fragment}"

    # Not in programs.
    # Links to the site itself, for who reads the page in the repository.
    markdown = markdown.replace(f"]({config.site_url}", "](" + "../" * path.count("/"))
    parts = re.split(r"(^```.*?^```)", markdown, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else LINK.sub(replaced, part) for part in parts)
