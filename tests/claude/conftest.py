# SPDX-License-Identifier: MIT
"""The Claude layer over each parser, delta decoder and PartialJSON that is to be tested."""

from __future__ import annotations

from importlib import import_module

import pytest

import ssewire.claude.accumulator
import ssewire.claude.tool_input
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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "implementation" in metafunc.fixturenames:
        names = metafunc.config.stash[chosen_key]
        metafunc.parametrize("implementation", names, ids=names, indirect=True)


@pytest.fixture
def implementation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make accumulators use one implementation of all three."""
    name: str = request.param
    for user, attribute, modules in USERS:
        monkeypatch.setattr(user, attribute, getattr(import_module(modules[name]), attribute))
    return name
