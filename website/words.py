# SPDX-License-Identifier: MIT
"""An extension of griffe: what of a docstring is for readers of the source is not on the pages.

The last sentence of a module's docstring, "May import: ...", is for the test of the layers.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

MAY_IMPORT = re.compile(r"\s*May import: .*\Z", re.DOTALL)


class Words(griffe.Extension):
    def on_package(self, *, pkg: griffe.Module, **kwargs: Any) -> None:
        self._walk(pkg)

    def _walk(self, module: griffe.Module) -> None:
        if module.docstring:
            module.docstring.value = MAY_IMPORT.sub("", module.docstring.value)
        for member in module.members.values():
            if not member.is_alias and member.is_module:
                self._walk(member)
