# SPDX-License-Identifier: MIT
"""Build the compiled modules where that is possible and wanted.

SSEWIRE_BUILD_EXTENSION says what is wanted: "auto" (the default) builds them
if it can and installs without them if not, "require" fails if it cannot, and
"skip" never tries, which gives a py3-none-any wheel.

With SOURCE_DATE_EPOCH a source distribution is the same bytes whenever and wherever it is made.
"""

from __future__ import annotations

import gzip
import os
import platform
import sys
import tarfile

from setuptools import Extension, setup
from setuptools.command.sdist import sdist

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
        *(
            Extension(name, [f"src/{name.replace('.', '/')}.pyx"], optional=mode == "auto")
            for name in ("ssewire._http._chunk_cy", "ssewire.aio._wake_cy")
        ),
    ]
    if sys.platform != "win32":
        for extension in extensions:
            # -O3 widens the copying loops; a module with symbols is five times the size.
            extension.extra_compile_args = ["-O3", "-g0"]
    # C in the build folder: beside the source an old file could be compiled unnoticed.
    options = {"build_ext": {"cython_c_in_temp": True}}


class ReproducibleSdist(sdist):
    """A source distribution without what differs from machine to machine, if that is asked for."""

    def make_archive(
        self,
        base_name: str,
        format: str,
        root_dir: str | os.PathLike[str] | None = None,
        base_dir: str | None = None,
        owner: str | None = None,
        group: str | None = None,
    ) -> str:
        """Write the archive, and return its name; setuptools does it where no time is given."""
        epoch = os.environ.get("SOURCE_DATE_EPOCH")
        if not epoch or format != "gztar" or base_dir is None:
            return super().make_archive(base_name, format, root_dir, base_dir, owner, group)
        time = int(epoch)

        def normal(member: tarfile.TarInfo) -> tarfile.TarInfo:
            member.mtime = time
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            return member

        name = f"{base_name}.tar.gz"
        # Without the name of the file, which a gzip header may have, and with the time given.
        with open(name, "wb") as file, gzip.GzipFile("", "wb", 9, file, time) as packed:  # noqa: SIM117
            with tarfile.TarFile(mode="w", fileobj=packed, format=tarfile.PAX_FORMAT) as archive:
                # Each folder's files in alphabetical order.
                archive.add(base_dir, filter=normal)
        return name


setup(ext_modules=extensions, options=options, cmdclass={"sdist": ReproducibleSdist})
