# SPDX-License-Identifier: MIT
"""Tests of the blocking and the asyncio client against scripted and real servers."""
