"""Numbers that both parsers, the encoder and the tests share, each with its reason.

May import: errors.
"""

from __future__ import annotations

from .errors import wrong_type

# Base64 images and tool results reach tens of MiB in one event, so the default
# must not refuse what real services send (a 1 MiB default elsewhere cut tool
# results); without any bound a server that never ends an event eats the memory.
MAX_EVENT_SIZE = 64 * 2**20

# The largest reconnection time kept, in milliseconds (24.8 days): what a signed
# 32-bit timer holds. Browsers and timer APIs overflow past it.
MAX_RETRY = 2**31 - 1

# Bumped with any change of parser behaviour. The compiled parser repeats the
# number as a literal; a build that lags behind is refused at import.
PARSER_CONTRACT = 1


def check_parser_options(
    last_event_id: object, max_event_size: object, default_event: object
) -> None:
    """Refuse parser options that make no sense, in the same words for both parsers.

    Raises:
        TypeError: an option of the wrong type.
        ValueError: a last event ID that no stream could have set (CR, LF or
            NUL in it), or a negative size.
    """
    if not isinstance(last_event_id, str):
        raise wrong_type("last_event_id", "a str", last_event_id)
    if any(char in last_event_id for char in "\r\n\0"):
        raise ValueError("last_event_id must not contain CR, LF or NUL")
    if max_event_size is not None:
        if not isinstance(max_event_size, int):
            raise wrong_type("max_event_size", "an int or None", max_event_size)
        if max_event_size < 0:
            raise ValueError(f"max_event_size must not be negative, not {max_event_size}")
    if not isinstance(default_event, str):
        raise wrong_type("default_event", "a str", default_event)
