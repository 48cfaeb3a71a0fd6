# SPDX-License-Identifier: MIT
"""One answer of the replay server: a recording, a fault in it or instead of it, a delay.

May import: _checks, recording.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .._checks import check_count, check_seconds
from .recording import Recording, recording_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .recording import Source


class Fault(NamedTuple):
    """What goes wrong with an answer."""

    # "reset", "truncate", "stall", "error" or "status".
    kind: str
    # The error's type, or the status.
    detail: str
    # After how many events; -1 is before the head.
    at: int
    # Seconds that a status asks to wait.
    retry_after: float | None


def make_fault(text: str | None, at: int, retry_after: float | None) -> Fault | None:
    """Return the fault that arguments of `Reply` or `ReplayServer` ask for, None for none.

    Raises:
        TypeError, ValueError: one of them makes no sense.
    """
    check_count("at", at, -1)
    if retry_after is not None:
        check_seconds("retry_after", retry_after, zero=True, expected="seconds or None")
    if text is None:
        return None
    kind, _, detail = text.partition(":")
    plain = kind in ("reset", "truncate", "stall") and not detail
    status = kind == "status" and re.fullmatch("[45][0-9][0-9]", detail)
    if plain or status or (kind == "error" and detail):
        return Fault(kind, detail, at, retry_after)
    raise ValueError(
        f"fault must be reset, truncate, stall, error:TYPE or status:CODE, not {text!r}"
    )


class Reply:
    """One answer of a `ReplayServer`, for the request whose turn it is.

    Args:
        source: a file, or what `Recording` takes; None where nothing of a recording is
            answered: a fault that comes before its first event.
        fault, at, retry_after: as for `ReplayServer`, for this answer.
        delay: seconds of silence before the answer, its head included; not shortened by
            the server's `speed`.

    Raises:
        RecordingError: the recording is missing or broken.
        TypeError, ValueError: another argument that makes no sense.
    """

    def __init__(
        self,
        source: Source | None = None,
        *,
        fault: str | None = None,
        at: int = 0,
        retry_after: float | None = None,
        delay: float = 0.0,
    ) -> None:
        check_seconds("delay", delay, zero=True)
        self.fault: Fault | None = make_fault(fault, at, retry_after)
        self.delay: float = delay
        if source is None and (self.fault is None or at > 0):
            raise ValueError(
                "a reply without a recording has a fault, before the first event: "
                'Reply(fault="status:529")'
            )
        self.recording: Recording | None = None if source is None else recording_of(source)

    def __repr__(self) -> str:
        parts = [] if self.recording is None else [repr(self.recording)]
        if self.fault is not None:
            kind, detail, at, _ = self.fault
            parts += [f"fault={':'.join(filter(None, (kind, detail)))!r}"]
            parts += [f"at={at}"] if at else []
        if self.delay:
            parts += [f"delay={self.delay:g}"]
        return f"Reply({', '.join(parts)})"
