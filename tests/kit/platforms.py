# SPDX-License-Identifier: MIT
"""What a platform lacks, so that some tests do not run there."""

from __future__ import annotations

import sys

import pytest

# Pyodide, which `make pyodide` runs tests in.
needs_processes = pytest.mark.skipif(
    sys.platform == "emscripten", reason="WebAssembly has no processes"
)
