# SPDX-License-Identifier: MIT
"""An extension of griffe: what of a docstring is for readers of the source is not on the pages.

The last sentence of a module's docstring, "May import: ...", is for the test of the layers. And a
class that says `__doc__ = Base.__doc__` has its base's.
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
            if member.is_alias:
                continue
            if member.is_module:
                self._walk(member)
            elif member.is_class and "__doc__" in member.members and not member.docstring:
                member.docstring = next(base.docstring for base in member.mro() if base.docstring)
