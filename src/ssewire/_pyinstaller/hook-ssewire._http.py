# SPDX-License-Identifier: MIT
"""For PyInstaller: the compiled reader of a chunk is looked for by name, where it was built.

May import: nothing.
"""

from importlib.util import find_spec

hiddenimports = ["ssewire._http._chunk_cy"] if find_spec("ssewire._http._chunk_cy") else []
