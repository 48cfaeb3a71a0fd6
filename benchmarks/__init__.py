# SPDX-License-Identifier: MIT
"""Benchmarks of ssewire: a file for each question, the machinery in harness/. Not installed."""
