# SPDX-License-Identifier: MIT
"""The corpora as files, for programs in any language.

NAME.sse has the bytes, NAME.ndjson the events expected, one JSON object a line with `event`,
`data` and `id`, and NAME.ends the number of bytes up to the end of each event, one a line.
May import: shapes.
"""

from __future__ import annotations

import json
from pathlib import Path

from . import shapes


def write(folder: Path, corpus: shapes.Corpus) -> None:
    """Write the three files of a corpus."""
    (folder / f"{corpus.name}.sse").write_bytes(corpus.document)
    lines = (
        json.dumps({"event": event, "data": data, "id": last_id}, ensure_ascii=False)
        for data, event, last_id in corpus.expected
    )
    text = "".join(f"{line}\n" for line in lines)
    (folder / f"{corpus.name}.ndjson").write_bytes(text.encode())
    end = 0
    ends = []
    for piece in corpus.wire:
        end += len(piece)
        ends.append(f"{end}\n")
    (folder / f"{corpus.name}.ends").write_bytes("".join(ends).encode())
