# SPDX-License-Identifier: MIT
"""The machinery of the benchmarks; what they ask is one file each in the folder above."""
