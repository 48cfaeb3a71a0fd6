# SPDX-License-Identifier: MIT
"""The command line: `python -m ssewire COMMAND`, one module for each command.

`_definition` says what such a module has. May import: _main.
"""

from ._main import main

__all__ = ["main"]
