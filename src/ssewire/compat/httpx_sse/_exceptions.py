# SPDX-License-Identifier: MIT
"""The error of this package. Importing it imports httpx. May import: nothing."""

from __future__ import annotations

import httpx  # pyright: ignore[reportMissingImports]


class SSEError(httpx.TransportError):  # type: ignore[misc]
    """The response is no event stream, or one of its events is too large.

    The second is not in the original, which has no limit. `except httpx.TransportError`
    catches it, as it catches what httpx itself raises when a connection fails.
    """
