# SPDX-License-Identifier: MIT
"""HTTP/1.1 without I/O: time is passed in, bytes go in and out. Level 2 of the layers."""
