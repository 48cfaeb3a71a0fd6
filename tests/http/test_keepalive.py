# SPDX-License-Identifier: MIT
"""The options that find out when a peer is gone: what is set where."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ssewire._http.keepalive import keepalive_options

ALL = {
    "SOL_SOCKET": 1,
    "IPPROTO_TCP": 6,
    "SO_KEEPALIVE": 9,
    "TCP_KEEPIDLE": 4,
    "TCP_KEEPINTVL": 5,
    "TCP_KEEPCNT": 7,
}


@pytest.mark.parametrize(
    ("absent", "added", "expected"),
    [
        ([], {}, [(1, 9, 1), (6, 4, 60), (6, 5, 15), (6, 7, 4)]),
        (["TCP_KEEPIDLE"], {"TCP_KEEPALIVE": 16}, [(1, 9, 1), (6, 16, 60), (6, 5, 15), (6, 7, 4)]),
        (["TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT"], {}, [(1, 9, 1)]),
    ],
    ids=["linux", "macos", "none"],
)
def test_the_times_are_set_where_the_platform_has_a_name_for_them(
    absent: list[str], added: dict[str, int], expected: Any
) -> None:
    names = {name: value for name, value in {**ALL, **added}.items() if name not in absent}
    assert keepalive_options(SimpleNamespace(**names)) == expected
