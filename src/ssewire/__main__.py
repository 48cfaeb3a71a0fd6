# SPDX-License-Identifier: MIT
"""The command line, as `python -m ssewire`. May import: cli."""

from .cli import main

if __name__ == "__main__":
    raise SystemExit(main())
