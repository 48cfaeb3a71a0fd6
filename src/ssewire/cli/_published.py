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
    "machine": "cpython 3.13.0, Intel(R) Xeon(R) Processor, 2 cores",
    "load": "load 1.00 on 2 cores",
    "versions": {
        "ssewire": "0.2.0",
    },
    "rows": [
        {
            "corpus": "claude",
            "chunks": "64k",
            "candidate": "ssewire py",
            "seconds": 0.007153770000000004,
            "events": 20006,
            "fault": "",
        },
        {
            "corpus": "claude",
            "chunks": "64k",
            "candidate": "ssewire cy",
            "seconds": 0.000884594999999988,
            "events": 20006,
            "fault": "",
        },
        {
            "corpus": "small",
            "chunks": "64k",
            "candidate": "ssewire py",
            "seconds": 0.010899600999999981,
            "events": 40000,
            "fault": "",
        },
        {
            "corpus": "small",
            "chunks": "64k",
            "candidate": "ssewire cy",
            "seconds": 0.0016418630000001322,
            "events": 40000,
            "fault": "",
        },
        {
            "corpus": "claude",
            "chunks": "event",
            "candidate": "ssewire py",
            "seconds": 0.011591836999999994,
            "events": 20006,
            "fault": "",
        },
        {
            "corpus": "claude",
            "chunks": "event",
            "candidate": "ssewire cy",
            "seconds": 0.0018642989999999582,
            "events": 20006,
            "fault": "",
        },
        {
            "corpus": "small",
            "chunks": "event",
            "candidate": "ssewire py",
            "seconds": 0.023013886999999844,
            "events": 40000,
            "fault": "",
        },
        {
            "corpus": "small",
            "chunks": "event",
            "candidate": "ssewire cy",
            "seconds": 0.0035027739999999863,
            "events": 40000,
            "fault": "",
        },
    ],
}
