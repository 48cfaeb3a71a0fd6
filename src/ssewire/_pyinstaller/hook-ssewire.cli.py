# SPDX-License-Identifier: MIT
"""For PyInstaller: each command is loaded by name, and `demo` reads a file.

May import: nothing.
"""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

hiddenimports = collect_submodules("ssewire.cli")
datas = collect_data_files("ssewire.cli")
