# SPDX-License-Identifier: MIT
"""The event of this package. May import: nothing."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class ServerSentEvent:
    """One event; read-only. Two are equal only if they are one object, as in the original.

    Args:
        event: its type; None and "" are "message".
        data: its text; None is "".
        id: the last event ID at its dispatch; None is "".
        retry: the reconnection time in milliseconds that stood in its block, else None.
    """

    def __init__(
        self,
        event: str | None = None,
        data: str | None = None,
        id: str | None = None,
        retry: int | None = None,
    ) -> None:
        self._event = event or "message"
        self._data = data or ""
        self._id = id or ""
        self._retry = retry

    @property
    def event(self) -> str:
        """The type, never empty."""
        return self._event

    @property
    def data(self) -> str:
        """The text of its data lines, joined by LF."""
        return self._data

    @property
    def id(self) -> str:
        """The last event ID at its dispatch; empty where there is none."""
        return self._id

    @property
    def retry(self) -> int | None:
        """The reconnection time in milliseconds of its own block, or None."""
        return self._retry

    def json(self) -> Any:
        """Return `json.loads(data)`.

        Raises:
            ValueError: the data is not JSON.
        """
        import json  # not at import: not every user needs it

        return json.loads(self._data)

    def __repr__(self) -> str:
        shown = [f"event={self._event!r}"]
        if self._data:
            shown.append(f"data={self._data!r}")
        if self._id:
            shown.append(f"id={self._id!r}")
        if self._retry is not None:
            shown.append(f"retry={self._retry!r}")
        return f"ServerSentEvent({', '.join(shown)})"
