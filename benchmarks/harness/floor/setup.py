# SPDX-License-Identifier: MIT
"""Build the floor beside itself: `python benchmarks/harness/floor/setup.py`."""

import os

from setuptools import Extension, setup

here = os.path.dirname(os.path.abspath(__file__))
core = os.path.join(here, "..", "..", "..", "src", "ssewire")

if __name__ == "__main__":
    os.chdir(here)
    setup(
        name="ssewire-floor",
        script_args=["build_ext", "--inplace"],
        options={"build_ext": {"cython_c_in_temp": True}},
        ext_modules=[
            Extension(
                "ssewire_floor",
                ["ssewire_floor.pyx"],
                depends=[
                    os.path.join(core, name) for name in ("_event_cy.pxi", "_scan.h", "_simd.h")
                ],
                include_dirs=[core],
                extra_compile_args=["-O3", "-g0"],
            )
        ],
    )
