# SPDX-License-Identifier: MIT
"""For PyInstaller: the compiled parser is looked for by name, where it was built.

May import: nothing.
"""

from importlib.util import find_spec

hiddenimports = ["ssewire._parser_cy"] if find_spec("ssewire._parser_cy") else []
