# SPDX-License-Identifier: MIT
"""Tests of the Claude layer; a package, since test names recur in the folders."""
