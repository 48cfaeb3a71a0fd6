# SPDX-License-Identifier: MIT
"""The parser of this process: the compiled one where it is in use, else the Python one.

May import: _choice, _parser_py.
"""

from __future__ import annotations

from ._choice import IMPLEMENTATION, compiled_parser

TYPE_CHECKING = False  # importing typing costs more than the rest of the package

# Type checkers see the Python class only: it is the specification of both.
if TYPE_CHECKING or compiled_parser is None:
    from ._parser_py import Parser
else:
    Parser = compiled_parser.Parser

__all__ = ["IMPLEMENTATION", "Parser"]
