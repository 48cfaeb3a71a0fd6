"""FILE.times, which says when each piece of a recording had come.

May import: errors.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left

from ..errors import RecordingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .recording import Recording


def event_seconds(recording: Recording, lines: list[bytes]) -> list[float]:
    """Return when the last byte of each event had come, by the lines of FILE.times."""
    name = recording.name
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
            if fields.get("version", 1) != 1:
                raise RecordingError(f"{name}.times is of a newer format than this ssewire knows")
            if "offset" in fields:
                begins.append(int(fields["offset"]))
                ends.append(begins[-1] + int(fields["size"]))
                times.append(float(fields["seconds"]))
    except RecordingError:
        raise
    except (
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as exc:
        raise RecordingError(f"{name}.times is not the timing of a recording") from exc
    size = sum(map(len, recording.events))
    # Each piece begins where the one before it ended.
    whole = bool(ends) and begins == [0, *ends[:-1]] and ends == sorted(ends) and ends[-1] <= size
    if not whole or times != sorted(times):
        raise RecordingError(f"{name}.times does not belong to {name}")
    # Both ends of what is sorted.
    if not (times[0] >= 0 and math.isfinite(times[-1])):
        raise RecordingError(f"{name}.times is not the timing of a recording")
    seconds = []
    position = 0
    for event in recording.events:
        position += len(event)
        # What came after the last line was written, in the recorder's last moment.
        seconds.append(times[min(bisect_left(ends, position), len(times) - 1)])
    return seconds
