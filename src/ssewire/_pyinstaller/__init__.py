# SPDX-License-Identifier: MIT
"""What PyInstaller cannot see of the package: modules and files that are named at run time only."""

from ._folder import hook_folders

__all__ = ["hook_folders"]
