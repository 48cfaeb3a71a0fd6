# SPDX-License-Identifier: MIT
"""FILE.times, which says when each piece of a recording arrived: written and read here.

NDJSON in UTF-8. Its first line:
    {"version": 1, "method": "GET", "url": "https://host/path", "status": 200,
     "content_type": "text/event-stream", "date": "2025-01-31T12:00:00Z"}
(the URL after redirects, less its query, where people put keys; content_type
may be null; the date, UTC, of the response head). Then one line per read:
    {"offset": 0, "size": 120, "seconds": 0.001234}
(size > 0; seconds since the response head, never falling). Last:
    {"end": "complete", "seconds": 12.5}
or "interrupted", or "failed" with "error": text; no such line: killed. Other
keys may be added. May import: errors.
"""

from __future__ import annotations

import json
import math
import time
from bisect import bisect_left
from itertools import accumulate

from ..errors import RecordingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Callable

_VERSION = 1


def times_path(path: str) -> str:
    """Return the name of the file that holds the timing of the recording `path`."""
    return f"{path}.times"


class TimesWriter:
    """The lines of FILE.times, as bytes, for the file that the caller has open.

    Args:
        clock: seconds, from whatever beginning; counted from when this is made.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = clock()
        # Bytes and reads so far.
        self.size: int = 0
        self.reads: int = 0

    def seconds(self) -> float:
        """Return how long it is since the response's head."""
        return round(self._clock() - self._started, 6)

    def head(
        self, method: str, url: str, status: int, content_type: str | None, at: float
    ) -> bytes:
        """Return the first line; `at` is the Unix time of the response's head."""
        return _line(
            {
                "version": _VERSION,
                "method": method,
                "url": url,
                "status": status,
                "content_type": content_type,
                "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)),
            }
        )

    def piece(self, size: int, seconds: float) -> bytes:
        """Return the line of a piece that arrived at `seconds`."""
        line = _line({"offset": self.size, "size": size, "seconds": seconds})
        self.size += size
        self.reads += 1
        return line

    def end(self, how: str, seconds: float, error: str | None = None) -> bytes:
        """Return the last line; `how` is "complete", "interrupted" or "failed"."""
        reason = {} if error is None else {"error": error}
        return _line({"end": how, **reason, "seconds": seconds})


def _line(fields: dict[str, object]) -> bytes:
    return (json.dumps(fields) + "\n").encode()


def event_seconds(sizes: Iterable[int], lines: list[bytes], name: str) -> list[float]:
    """Return when the last byte of each event had come.

    Args:
        sizes: bytes of each event.
        lines: those of FILE.times, with their ends.
        name: of FILE, for error texts.

    Raises:
        RecordingError: they are no timing, or that of another file.
    """
    event_ends = list(accumulate(sizes))
    begins, ends, times = _pieces(lines, name)
    # Each piece begins where the one before it ended.
    whole = bool(ends) and begins == [0, *ends[:-1]] and ends == sorted(ends)
    if not whole or ends[-1] > event_ends[-1] or times != sorted(times):
        raise RecordingError(f"{times_path(name)} does not belong to {name}")
    # Both ends of what is sorted.
    if not (times[0] >= 0 and math.isfinite(times[-1])):
        raise _broken(name)
    # What came after the last line was written, in the recorder's last moment, has its time.
    return [times[min(bisect_left(ends, end), len(times) - 1)] for end in event_ends]


def _pieces(lines: list[bytes], name: str) -> tuple[list[int], list[int], list[float]]:
    """Return where each piece begins and ends, and when it arrived."""
    begins, ends, times = [], [], []
    try:
        for number, line in enumerate(lines, 1):
            try:
                fields = json.loads(line)
            except ValueError:
                if number == len(lines) and not line.endswith(b"\n"):
                    # The recorder was killed while it wrote.
                    break
                raise
            if fields.get("version", _VERSION) != _VERSION:
                raise RecordingError(
                    f"{times_path(name)} is of a newer format than this ssewire knows"
                )
            if "offset" in fields:
                begins.append(int(fields["offset"]))
                ends.append(begins[-1] + int(fields["size"]))
                times.append(float(fields["seconds"]))
    except RecordingError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError) as e:
        raise _broken(name) from e
    return begins, ends, times


def _broken(name: str) -> RecordingError:
    return RecordingError(f"{times_path(name)} is not the timing of a recording")
