"""Build the compiled modules where that is possible and wanted.

SSEWIRE_BUILD_EXTENSION says what is wanted: "auto" (the default) builds them
if it can and installs without them if not, "require" fails if it cannot, and
"skip" never tries, which gives a py3-none-any wheel.
"""

import os
import platform
import sys

from setuptools import Extension, setup

try:
    import Cython  # noqa: F401
except ImportError:
    have_cython = False
else:
    have_cython = True

mode = os.environ.get("SSEWIRE_BUILD_EXTENSION") or "auto"
if mode not in ("auto", "require", "skip"):
    sys.exit(f"SSEWIRE_BUILD_EXTENSION must be auto, require or skip, not {mode!r}")
if mode == "require" and not have_cython:
    sys.exit("SSEWIRE_BUILD_EXTENSION=require, but Cython cannot be imported")
if mode == "auto" and (not have_cython or platform.python_implementation() != "CPython"):
    mode = "skip"

extensions = []
options = {}
if mode != "skip":
    # Not through cythonize(), which drops `optional`; setuptools hands the
    # .pyx to Cython itself. `optional` excuses a missing compiler, never an
    # error in our own source.
    extensions = [
        Extension(
            "ssewire._parser_cy",
            ["src/ssewire/_parser_cy.pyx"],
            depends=[
                "src/ssewire/_event_cy.pxi",
                "src/ssewire/_scan.h",
                "src/ssewire/_simd.h",
            ],
            include_dirs=["src/ssewire"],
            optional=mode == "auto",
        ),
        Extension(
            "ssewire.claude._delta_cy",
            ["src/ssewire/claude/_delta_cy.pyx"],
            depends=[
                "src/ssewire/claude/_delta.h",
                "src/ssewire/claude/_string.h",
                "src/ssewire/_simd.h",
            ],
            include_dirs=["src/ssewire", "src/ssewire/claude"],
            optional=mode == "auto",
        ),
        Extension(
            "ssewire.claude._partial_json_cy",
            ["src/ssewire/claude/_partial_json_cy.pyx"],
            depends=["src/ssewire/claude/_string.h", "src/ssewire/_simd.h"],
            include_dirs=["src/ssewire", "src/ssewire/claude"],
            optional=mode == "auto",
        ),
        Extension(
            "ssewire.claude.stream._step_cy",
            ["src/ssewire/claude/stream/_step_cy.pyx"],
            depends=["src/ssewire/claude/stream/_slot.h"],
            include_dirs=["src/ssewire/claude/stream"],
            optional=mode == "auto",
        ),
    ]
    if sys.platform != "win32":
        for extension in extensions:
            # -O3 widens the copying loops; a module with symbols is five times the size.
            extension.extra_compile_args = ["-O3", "-g0"]
    # C in the build folder: beside the source an old file could be compiled unnoticed.
    options = {"build_ext": {"cython_c_in_temp": True}}

setup(ext_modules=extensions, options=options)
