# SPDX-License-Identifier: MIT
"""The published figures of what `ssewire bench` measures, for `--against published`.

Written by `python -m benchmarks.harness.published` from docs/benchmarks/parsers.json.
May import: nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FIGURES: dict[str, Any] = {
    "machine": "cpython 3.13.0, AMD EPYC, 2 cores",
    "versions": {
        "ssewire": "0.1.0",
    },
    "rows": [
        {
            "corpus": "claude",
            "chunks": "64k",
            "candidate": "ssewire py",
            "seconds": 0.010667238999303663,
            "events": 20006,
            "fault": "",
        },
        {
            "corpus": "claude",
            "chunks": "64k",
            "candidate": "ssewire cy",
            "seconds": 0.0015034930002002511,
            "events": 20006,
            "fault": "",
        },
        {
            "corpus": "small",
            "chunks": "64k",
            "candidate": "ssewire py",
            "seconds": 0.01696986999741057,
            "events": 40000,
            "fault": "",
        },
        {
            "corpus": "small",
            "chunks": "64k",
            "candidate": "ssewire cy",
            "seconds": 0.002488879999873461,
            "events": 40000,
            "fault": "",
        },
        {
            "corpus": "claude",
            "chunks": "event",
            "candidate": "ssewire py",
            "seconds": 0.05256843400275102,
            "events": 20006,
            "fault": "",
        },
        {
            "corpus": "claude",
            "chunks": "event",
            "candidate": "ssewire cy",
            "seconds": 0.003996611001639394,
            "events": 20006,
            "fault": "",
        },
        {
            "corpus": "small",
            "chunks": "event",
            "candidate": "ssewire py",
            "seconds": 0.0445789280020108,
            "events": 40000,
            "fault": "",
        },
        {
            "corpus": "small",
            "chunks": "event",
            "candidate": "ssewire cy",
            "seconds": 0.007042590998025844,
            "events": 40000,
            "fault": "",
        },
    ],
}
