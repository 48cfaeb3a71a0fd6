"""The Claude layer over each parser and delta decoder that is to be tested."""

from __future__ import annotations

from importlib import import_module

import pytest

import ssewire.claude.accumulator
from tests.conftest import MODULES, chosen_key

DELTA_MODULES = {"python": "ssewire.claude._delta_py", "cython": "ssewire.claude._delta_cy"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "implementation" in metafunc.fixturenames:
        names = metafunc.config.stash[chosen_key]
        metafunc.parametrize("implementation", names, ids=names, indirect=True)


@pytest.fixture
def implementation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make accumulators use one implementation of the parser and of the delta decoder."""
    name: str = request.param
    for attribute, modules in (("Parser", MODULES), ("DeltaDecoder", DELTA_MODULES)):
        cls = getattr(import_module(modules[name]), attribute)
        monkeypatch.setattr(ssewire.claude.accumulator, attribute, cls)
    return name
