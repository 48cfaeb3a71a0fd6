# SPDX-License-Identifier: MIT
"""Tests of the repository itself: documents, builds, layers, what the benchmarks write."""
