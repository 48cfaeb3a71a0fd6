# SPDX-License-Identifier: MIT
"""Each test here runs on both parsers: these packages take the one of the process."""

from __future__ import annotations

import pytest

import ssewire.compat._responses
import ssewire.compat.httpx_sse._decoders
import ssewire.compat.sseclient


@pytest.fixture
def implementation(parser_cls: type, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (
        ssewire.compat._responses,
        ssewire.compat.httpx_sse._decoders,
        ssewire.compat.sseclient,
    ):
        monkeypatch.setattr(module, "Parser", parser_cls)
