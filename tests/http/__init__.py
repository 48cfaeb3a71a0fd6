# SPDX-License-Identifier: MIT
"""Tests of HTTP without I/O: no socket is opened here."""
