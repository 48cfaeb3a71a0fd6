# SPDX-License-Identifier: MIT
"""For PyInstaller: the compiled wait of the client is looked for by name, where it was built.

May import: nothing.
"""

from importlib.util import find_spec

hiddenimports = ["ssewire.aio._wake_cy"] if find_spec("ssewire.aio._wake_cy") else []
