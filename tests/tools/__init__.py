# SPDX-License-Identifier: MIT
"""Tests of the command line, the replay server, serving, and the example relay."""
