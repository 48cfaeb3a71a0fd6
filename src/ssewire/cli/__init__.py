"""The command line: `python -m ssewire COMMAND`, one module for each command.

A command module has `add_parser(subparsers)`, which sets `run` to a function
of the parsed arguments that returns the exit code. May import: _main.
"""

from ._main import main

__all__ = ["main"]
