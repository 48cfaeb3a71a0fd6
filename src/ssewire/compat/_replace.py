# SPDX-License-Identifier: MIT
"""Put modules of ours in the place of another package's, for a process.

Invariant: either all names are ours afterwards, or none is. May import: errors.
"""

from __future__ import annotations

import sys

from ..errors import StateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType


def take_the_place(package: str, modules: dict[str, ModuleType]) -> None:
    """Have `import` give these modules by these names; nothing happens where it does already.

    Raises:
        StateError: the package was imported before. Who took names from it would keep the
            originals, so that one process would have two kinds of each class.
    """
    if sys.modules.get(package) not in (None, modules[package]):
        raise StateError(
            f"{package} has been imported already, and what was taken from it stays: "
            f"call install() before anything imports {package}"
        )
    sys.modules.update(modules)
