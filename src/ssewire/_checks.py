"""Checks of arguments, and the words for what fails them.

They stand once, so that both twins, both clients and every tool say the same
of the same mistake. May import: nothing.
"""

from __future__ import annotations

# Enough of the peer's data to recognise it, too little to flood or forge a log.
_SHOWN = 64

# The largest float, as sys.float_info.max: an int beyond it is no number of seconds.
_LARGEST = 1.7976931348623157e308


def excerpt(data: str | bytes) -> str:
    """Return the repr of the first 64 characters or bytes of peer data, for an error text."""
    shown = repr(data[:_SHOWN])
    return shown if len(data) <= _SHOWN else f"{shown}..."


def shortened(text: str) -> str:
    """Return the first 64 characters of a text that is known to be harmless."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def shown_number(number: float) -> str:
    """Return a number for an error text: the str of a huge int takes long, or raises."""
    far = isinstance(number, int) and number.bit_length() > 64
    return "a far larger number" if far else str(number)


def not_bytes(data: object) -> TypeError:
    """Return the TypeError for a `feed` that was not given a bytes-like object."""
    hint = "; encode it first, as in text.encode()" if isinstance(data, str) else ""
    return TypeError(f"feed() takes a bytes-like object, not {type(data).__name__}{hint}")


def wrong_type(name: str, expected: str, value: object) -> TypeError:
    """Return the TypeError for an argument of the wrong type."""
    return TypeError(f"{name} must be {expected}, not {type(value).__name__}")


def unpicklable(value: object) -> TypeError:
    """Return the TypeError for an object that neither pickles nor copies."""
    return TypeError(f"cannot pickle or copy a {type(value).__name__}: it belongs to one stream")


def check_seconds(
    name: str, value: object, *, zero: bool = False, expected: str = "a number"
) -> float:
    """Return a duration as a float of seconds.

    Args:
        zero: whether none at all makes sense.
        expected: what the argument may be, for the text.

    Raises:
        TypeError: not a number; a bool is none.
        ValueError: negative, not finite, or zero where that makes no sense.
    """
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise wrong_type(name, expected, value)
    # Written so that NaN fails too.
    if not 0 <= value <= _LARGEST or (value == 0 and not zero):
        wanted = "finite and not negative" if zero else "positive and finite"
        raise ValueError(f"{name} must be {wanted}, not {shown_number(value)}")
    return float(value)


def check_count(name: str, value: object, least: int = 0, expected: str = "an int") -> int:
    """Return a count.

    Raises:
        TypeError: not an int; a bool is none.
        ValueError: less than `least`.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong_type(name, expected, value)
    if value < least:
        wanted = f"be at least {least}" if least else "not be negative"
        raise ValueError(f"{name} must {wanted}, not {shown_number(value)}")
    return value


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
