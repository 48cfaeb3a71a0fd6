# SPDX-License-Identifier: MIT
"""The Claude layer over each parser, delta decoder, PartialJSON and step that is to be tested."""

from __future__ import annotations

from importlib import import_module

import pytest

import ssewire.claude.accumulator
import ssewire.claude.tool_input
from ssewire.claude.stream._step import Stepping
from tests.conftest import MODULES, chosen_key

DELTA_MODULES = {"python": "ssewire.claude._delta_py", "cython": "ssewire.claude._delta_cy"}
PARTIAL_JSON_MODULES = {
    "python": "ssewire.claude._partial_json_py",
    "cython": "ssewire.claude._partial_json_cy",
}
USERS = (
    (ssewire.claude.accumulator, "Parser", MODULES),
    (ssewire.claude.accumulator, "DeltaDecoder", DELTA_MODULES),
    (ssewire.claude.tool_input, "PartialJSON", PARTIAL_JSON_MODULES),
)


def compiled_steps() -> list[str]:
    """Return the names of the methods of streams in whose place compiled ones are in use."""
    return [name for name in vars(Stepping) if not name.startswith("__")]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "implementation" in metafunc.fixturenames:
        names = metafunc.config.stash[chosen_key]
        metafunc.parametrize("implementation", names, ids=names, indirect=True)


@pytest.fixture
def implementation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make accumulators and streams use one implementation of all four."""
    name: str = request.param
    for step in compiled_steps() if name == "python" else ():
        monkeypatch.delattr(Stepping, step)
    for user, attribute, modules in USERS:
        monkeypatch.setattr(user, attribute, getattr(import_module(modules[name]), attribute))
    return name
