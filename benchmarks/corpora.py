# SPDX-License-Identifier: MIT
"""What bytes is everybody measured on? `python -m benchmarks.corpora DIR` writes them.

Of each corpus the bytes, the events expected and where each event ends, as files of which
benchmarks/harness/files.py says what is in them. They are the same on every machine.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .harness import files, shapes


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.corpora", description=__doc__)
    arguments.add_argument("folder", type=Path, metavar="DIR", help="made where it is missing")
    arguments.add_argument("--corpus", action="append", choices=list(shapes.CORPORA))
    args = arguments.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    for name in args.corpus or shapes.CORPORA:
        corpus = shapes.CORPORA[name]()
        files.write(args.folder, corpus)
        shapes.build.cache_clear()
        path = args.folder / f"{name}.sse"
        print(f"{path}: {len(corpus.document):,} bytes, {len(corpus.expected):,} events")


if __name__ == "__main__":
    main()
