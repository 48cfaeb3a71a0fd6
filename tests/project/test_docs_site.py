# SPDX-License-Identifier: MIT
"""The documentation site: each public name has its entry, each link leads somewhere.

`make docs` builds it with warnings as errors; what that does not see is looked for in the pages.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import pkgutil
import posixpath
import re
from types import ModuleType
from urllib.parse import unquote, urlsplit

import pytest

import ssewire
from tests.kit.site import ROOT, Page, built, entries, pages

pytestmark = pytest.mark.once

HOME = "https://github.com/ssewire/ssewire"
# What public names give and nobody imports; the list stands in website/pages.py.
GIVEN = set(
    re.findall(r'^    "(ssewire\.[\w.]+)",$', (ROOT / "website" / "pages.py").read_text(), re.M)
)


def public_modules() -> list[ModuleType]:
    """Return the modules whose path has no underscore: in the package, or in ssewire.compat."""
    names = [module.name for module in pkgutil.iter_modules(ssewire.__path__, "ssewire.")]
    found = [ssewire]
    if "ssewire.compat" in names:
        names.remove("ssewire.compat")
        path = importlib.import_module("ssewire.compat").__path__
        names += [module.name for module in pkgutil.iter_modules(path, "ssewire.compat.")]
    for name in names:
        if "._" not in name:
            # A stand-in may need the package in whose place it stands.
            with contextlib.suppress(ModuleNotFoundError):
                found.append(importlib.import_module(name))
    return found


MODULES = public_modules()
NAMES = [
    f"{module.__name__}.{name}" for module in MODULES for name in getattr(module, "__all__", ())
]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_a_public_module_says_what_is_public(module: ModuleType) -> None:
    assert module.__all__
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert hasattr(module, name)
        assert name == "__version__" or not name.startswith("_")
    assert module.__doc__


@pytest.mark.parametrize("path", NAMES)
def test_a_public_class_or_function_has_a_docstring_of_its_own(path: str) -> None:
    module, _, name = path.rpartition(".")
    found = getattr(importlib.import_module(module), name)
    # Aliases of types and other values have theirs in the source: the next test looks for it.
    if inspect.isclass(found) or inspect.isfunction(found):
        assert getattr(found, "__doc__", None)
    if isinstance(found, type) and found.__module__.startswith("ssewire"):
        assert found.__dict__.get("__doc__")


def reference() -> dict[str, str]:
    """Return the text of each entry of the reference by its path."""
    return {
        path: text
        for page in pages()
        if page.startswith("reference/ssewire")
        for path, text in entries(page).items()
    }


def test_every_public_name_has_an_entry_that_says_something() -> None:
    described = reference()
    index = pages()["reference/index.html"]
    led_to = {urlsplit(link).fragment for link in index.links}
    for path in NAMES:
        module, _, name = path.rpartition(".")
        found = getattr(importlib.import_module(module), name)
        if inspect.isclass(found) and not found.__module__.startswith("ssewire"):
            continue  # another package's, as it is
        # A name that several modules have is described once, and linked from each of them.
        same = [other for other in described if other.endswith(f".{name}") and other in led_to]
        assert same, f"{path} is not in the reference"
        said = [" ".join(described[other].split()) for other in same]
        assert any(len(text) > len(name) + 20 for text in said), f"{path} has no docstring"


def test_the_index_of_the_reference_lists_each_module_with_each_of_its_names() -> None:
    text = (built() / "reference" / "index.html").read_text("utf-8")
    parts = re.split(r'<h2 id="[^"]*">(?:<a [^>]*>)?<code>([\w.]+)</code>', text)
    listed = dict(zip(parts[1::2], parts[2::2]))
    assert set(listed) >= {module.__name__ for module in MODULES}
    for module in MODULES:
        paragraphs = re.findall(r"<p>(.*?)</p>", listed[module.__name__], re.DOTALL)
        names = re.findall(r"<code>(\w+)</code>", paragraphs[-1])
        assert sorted(names) == sorted(module.__all__)


def test_the_reference_has_nothing_but_public_names_and_what_they_give() -> None:
    for path in reference():
        # `ssewire.claude.continuation` is a function in a module of its name.
        assert {path, path.rpartition(".")[0]} & {*NAMES, *GIVEN}, path


@pytest.mark.parametrize(
    ("page", "members"),
    [
        ("ssewire.client", ["EventSource.close", "EventStream.batches", "Timeouts.idle"]),
        ("ssewire", ["Parser.feed", "ServerSentEvent.json", "ServerSentEvent.data"]),
        ("ssewire.errors", ["StatusError.status", "EventTooLarge.events"]),
        ("ssewire.claude", ["Claude.messages", "MessageStream.get_final_text"]),
        ("ssewire.replay", ["ReplayServer.requests"]),
    ],
)
def test_classes_have_their_methods_and_attributes_also_inherited_ones(
    page: str, members: list[str]
) -> None:
    ids = pages()[f"reference/{page}.html"].ids
    assert {f"{page}.{member}" for member in members} <= ids
    assert not {name for name in ids if name.endswith(".args")}


# --- links


def fault_of(page: str, link: str, site: dict[str, Page]) -> str | None:
    """Return what is wrong with a link of a page; None if nothing is."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    if parts.path.startswith("/"):
        return "it leads to the top of whatever host the site is on"
    target = page
    if parts.path:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(page), unquote(parts.path)))
        if not (built() / target).is_file():
            return f"there is no {target}"
    if parts.fragment and target in site and unquote(parts.fragment) not in site[target].ids:
        return f"{target} has no #{parts.fragment}"
    return None


def test_every_link_and_image_of_every_page_leads_to_what_is_there() -> None:
    site = pages()
    faults = [
        f"{page}: {link}: {fault}"
        for page in site
        # Its links are written for the site's own address, wherever it is shown.
        if page != "404.html"
        for link in {*site[page].links, *site[page].loaded}
        for fault in [fault_of(page, link, site)]
        if fault
    ]
    assert not faults
    assert fault_of("index.html", "clients.html#nowhere", site) is not None
    assert fault_of("index.html", "reference/nothing.html", site) is not None
    assert sum(len(page.links) for page in site.values()) > 1000


def test_a_link_to_the_repository_names_a_file_that_is_there() -> None:
    for page in pages().values():
        for link in page.links:
            if link.startswith((f"{HOME}/blob/main/", f"{HOME}/tree/main/")):
                path = urlsplit(link).path.split("/main/", 1)[1]
                assert (ROOT / path).exists(), link


def test_no_page_loads_anything_from_another_host() -> None:
    loaded = {link for page in pages().values() for link in page.loaded}
    assert not {link for link in loaded if urlsplit(link).netloc}
    for sheet in built().rglob("*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//", sheet.read_text("utf-8")), sheet


# --- what is on the site


def test_every_page_of_the_documentation_is_on_the_site() -> None:
    for path in (ROOT / "docs").rglob("*.md"):
        name = path.relative_to(ROOT / "docs").as_posix()
        made = re.sub(r"(?:README|index)\.md$", "index.html", name).replace(".md", ".html")
        assert made in pages(), name
    assert {"changelog.html", "contributing.html"} <= set(pages())


def test_the_changelog_is_the_one_of_the_repository() -> None:
    first = re.search(r"^- (.{30,60})$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert first is not None
    text = re.sub(r"<[^>]+>", "", (built() / "changelog.html").read_text("utf-8"))
    assert first[1].replace("`", "") in text


def test_every_question_is_two_clicks_from_the_start_at_most() -> None:
    assert "how-to/index.html" in pages()["index.html"].links
    asked = pages()["how-to/index.html"].links
    guides = [path.name for path in (ROOT / "docs").glob("*.md") if path.name != "README.md"]
    for guide in guides:
        page = guide.replace(".md", ".html")
        assert any(link.partition("#")[0] == f"../{page}" for link in asked), guide
