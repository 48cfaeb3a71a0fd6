# SPDX-License-Identifier: MIT
"""What shows the variables of a traceback's frames, and so whether there is a secret among them."""

from __future__ import annotations

import traceback
from pathlib import Path

import ssewire

_PACKAGE = Path(ssewire.__file__).parent


def secrets_in_frames(error: BaseException | None, secret: str) -> list[str]:
    """Return the variables of the package's frames whose repr shows a secret."""
    found = []
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if Path(frame.f_code.co_filename).is_relative_to(_PACKAGE):
                for name, value in frame.f_locals.items():
                    if secret in repr(value):
                        found.append(f"{frame.f_code.co_name}: {name}")
        error = error.__cause__ or error.__context__
    return found
