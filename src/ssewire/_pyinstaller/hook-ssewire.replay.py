# SPDX-License-Identifier: MIT
"""For PyInstaller: recordings that come with the package are files.

May import: nothing.
"""

from PyInstaller.utils.hooks import collect_data_files

datas = collect_data_files("ssewire.replay")
