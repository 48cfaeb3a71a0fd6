# SPDX-License-Identifier: MIT
"""For PyInstaller: the clients and the compiled modules of Claude are loaded by name.

May import: nothing.
"""

from PyInstaller.utils.hooks import collect_submodules

hiddenimports = collect_submodules("ssewire.claude")
