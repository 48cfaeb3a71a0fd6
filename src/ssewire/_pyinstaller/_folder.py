# SPDX-License-Identifier: MIT
"""Where PyInstaller finds the hooks of the package.

It asks by the entry point `hook-dirs`. Each hook in this folder is named after a module, and read
when a program imports that one. Nothing here is imported by the package itself.
May import: nothing.
"""

from __future__ import annotations

import os


def hook_folders() -> list[str]:
    """Return the folder of the hooks."""
    return [os.path.dirname(__file__)]
