# SPDX-License-Identifier: MIT
"""The version of the package, in one place; the build reads it from here."""

__version__ = "0.2.0"
"""The version of this package, as PEP 440 writes it."""
