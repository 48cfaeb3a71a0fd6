# SPDX-License-Identifier: MIT
"""The command line: `python -m ssewire COMMAND`, one module for each command.

A command's module has `PARSER`, what argparse is told of it, `add_options(parser)`,
which adds its arguments, and `run(args)`, which carries it out and returns the
exit code. May import: _main.
"""

from ._main import main

__all__ = ["main"]
