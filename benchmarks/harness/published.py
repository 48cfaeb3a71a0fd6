# SPDX-License-Identifier: MIT
"""Put the published figures into the package, where `ssewire bench --against published` has them.

`python -m benchmarks` does so whenever it writes docs/benchmarks/parsers.json; by hand
`python -m benchmarks.harness.published`. Tested by tests/project/test_benchmark_published.py.
May import: field, processes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .field import OURS
from .processes import ROOT

SOURCE = ROOT / "docs" / "benchmarks" / "parsers.json"
TARGET = ROOT / "src" / "ssewire" / "cli" / "_published.py"
# What `ssewire bench` measures itself.
CORPORA = ("claude", "small")
CHUNKS = ("64k", "event")

_HEAD = '''\
# SPDX-License-Identifier: MIT
"""The published figures of what `ssewire bench` measures, for `--against published`.

Written by `python -m benchmarks.harness.published` from docs/benchmarks/parsers.json.
May import: nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

'''


def excerpt(part: dict[str, Any]) -> dict[str, Any]:
    """Return of what parsers.json holds the machine and our rows, in the same format."""
    found = {key: part[key] for key in ("machine", "load") if key in part}
    found["versions"] = {"ssewire": part["versions"]["ssewire"]}
    found["rows"] = [
        {key: row[key] for key in ("corpus", "chunks", "candidate", "seconds", "events", "fault")}
        for row in part["rows"]
        if row["candidate"] in OURS and row["corpus"] in CORPORA and row["chunks"] in CHUNKS
    ]
    return found


def module(part: dict[str, Any]) -> str:
    """Return the source of the module that holds the excerpt, as ruff formats it."""
    return f"{_HEAD}FIGURES: dict[str, Any] = {_literal(excerpt(part))}\n"


def _literal(value: Any, indent: str = "") -> str:
    inner = indent + "    "
    if isinstance(value, dict):
        lines = [f"{inner}{json.dumps(k)}: {_literal(v, inner)},\n" for k, v in value.items()]
        return "{\n" + "".join(lines) + indent + "}"
    if isinstance(value, list):
        return "[\n" + "".join(f"{inner}{_literal(v, inner)},\n" for v in value) + indent + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def write(source: Path = SOURCE, target: Path = TARGET) -> None:
    """Write the module anew from the file of figures."""
    target.write_text(module(json.loads(source.read_text("utf-8"))), "utf-8")


if __name__ == "__main__":
    write()
