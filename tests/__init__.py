# SPDX-License-Identifier: MIT
"""The proof of ssewire. Helpers are imported as `tests.kit.NAME`, from the repository's root."""
