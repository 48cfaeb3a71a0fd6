# SPDX-License-Identifier: MIT
"""Helpers of the tests in more than one room: none knows which room asks."""
