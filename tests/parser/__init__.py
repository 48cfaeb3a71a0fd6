# SPDX-License-Identifier: MIT
"""Tests of the format: the parsers, the corpus, encoding, streams of events."""
