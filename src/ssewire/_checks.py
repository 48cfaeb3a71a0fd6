# SPDX-License-Identifier: MIT
"""Checks of arguments, and the words for what fails them.

They stand once, so that both twins, both clients and every tool say the same
of the same mistake. May import: nothing.
"""

from __future__ import annotations

# Enough of the peer's data to recognise it, too little to flood or forge a log.
_SHOWN = 64

# The largest float, as sys.float_info.max: an int beyond it is no number of seconds.
_LARGEST = 1.7976931348623157e308

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from typing import Any


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


def shown_url(url: str) -> str:
    """Return an excerpt of a URL less its query, where people put keys."""
    return excerpt(url.partition("#")[0].partition("?")[0])


def shown_parser(parser: Any, state: str) -> str:
    """Return the repr of a parser, the same for both."""
    known = excerpt(parser.last_event_id)
    return (
        f"<Parser {state}, last_event_id={known}, retry={parser.retry}, pending={parser.pending}>"
    )


def shown_stream(stream: Any, state: str) -> str:
    """Return the repr of an event stream, the same for both clients."""
    where, known = shown_url(stream.url), excerpt(stream.last_event_id)
    return f"<EventStream {state}, {stream.status} from {where}, last_event_id={known}>"


def not_bytes(data: object) -> TypeError:
    """Return the TypeError for a `feed` that was not given a bytes-like object."""
    hint = "; encode it first, as in text.encode()" if isinstance(data, str) else ""
    return TypeError(f"feed() takes a bytes-like object, not {type(data).__name__}{hint}")


# What a parser says that an exception left halfway.
HALF_FED = "an exception ended an earlier feed() halfway: its events are lost; reset() starts anew"


def wrong_type(name: str, expected: str, value: object) -> TypeError:
    """Return the TypeError for an argument of the wrong type."""
    return TypeError(f"{name} must be {expected}, not {type(value).__name__}")


def exact_str(name: str, value: Any, expected: str = "a str") -> str:
    """Return the text of `value` as a str that is of no subclass.

    What is checked is thus what is written: a subclass may say other things of itself when it is
    formatted, searched or walked through, as an Enum with a str in it does.

    Raises:
        TypeError: not a str.
    """
    if type(value) is str:
        return value
    # Not isinstance(): that believes what an object says of its class.
    if not issubclass(type(value), str):
        raise wrong_type(name, expected, value)
    # Not str.__str__(): on PyPy that asks the subclass.
    text: str = str.__add__("", value)
    return text


def exact_int(value: int) -> int:
    """Return an int that is of no subclass; a bool becomes 0 or 1."""
    # Not int.__index__(): on PyPy that asks the subclass.
    return int.__add__(value, 0)


def unpicklable(value: object) -> TypeError:
    """Return the TypeError for an object that neither pickles nor copies."""
    return TypeError(f"cannot pickle or copy a {type(value).__name__}: it belongs to one stream")


def iterator_of(name: str, items: str, source: Any) -> Any:
    """Return an iterator over a source, which holds `items`.

    Raises:
        TypeError: it is something else; the text says what to give.
    """
    whole = isinstance(source, (bytes, bytearray, memoryview, str))
    if not whole and (hasattr(source, "__iter__") or hasattr(source, "__getitem__")):
        return iter(source)
    hint = "; the asynchronous twin takes that" if hasattr(source, "__aiter__") else ""
    hint = _instead_of_whole(name, source) if whole else hint
    raise TypeError(f"{name} must be an iterable of {items}, not {type(source).__name__}{hint}")


def async_iterator_of(name: str, items: str, source: Any) -> Any:
    """Return an asynchronous iterator over a source, as `iterator_of`."""
    if hasattr(source, "__aiter__"):
        return source.__aiter__()
    if isinstance(source, (bytes, bytearray, memoryview, str)):
        hint = "; parse() takes all of a stream at once" if name == "chunks" else ""
    else:
        hint = "; the blocking twin takes that" if hasattr(source, "__iter__") else ""
    raise TypeError(
        f"{name} must be an asynchronous iterable of {items}, not {type(source).__name__}{hint}"
    )


def _instead_of_whole(name: str, source: object) -> str:
    """Return what to say of one str or bytes object where many things are due."""
    if name != "chunks":
        return "; iter_events() makes them of chunks of bytes"
    text = isinstance(source, str)
    return f"; put it in a list, as in [{'text.encode()' if text else 'data'}]"


def check_seconds(
    name: str, value: Any, *, zero: bool = False, expected: str = "a number"
) -> float:
    """Return a duration as a float of seconds.

    Args:
        zero: whether none at all makes sense.
        expected: what the argument may be, for the text.

    Raises:
        TypeError: not a number; a bool is none.
        ValueError: negative, not finite, or zero where that makes no sense.
    """
    if not issubclass(type(value), (int, float)) or isinstance(value, bool):
        raise wrong_type(name, expected, value)
    value = exact_int(value) if isinstance(value, int) else float.__add__(value, 0.0)
    # Written so that NaN fails too.
    if not 0 <= value <= _LARGEST or (value == 0 and not zero):
        wanted = "finite and not negative" if zero else "positive and finite"
        raise ValueError(f"{name} must be {wanted}, not {shown_number(value)}")
    return float(value)


def check_count(name: str, value: Any, least: int = 0, expected: str = "an int") -> int:
    """Return a count.

    Raises:
        TypeError: not an int; a bool is none.
        ValueError: less than `least`.
    """
    if not issubclass(type(value), int) or isinstance(value, bool):
        raise wrong_type(name, expected, value)
    count = exact_int(value)
    if count < least:
        wanted = f"be at least {least}" if least else "not be negative"
        raise ValueError(f"{name} must {wanted}, not {shown_number(count)}")
    return count


def check_callable(name: str, hook: Any) -> Any:
    """Return a hook that can be called, or None.

    Raises:
        TypeError: it is something else.
    """
    if hook is not None and not callable(hook):
        raise wrong_type(name, "a callable", hook)
    return hook


def plain_callable(name: str, hook: Any) -> Any:
    """Return a hook that can be called and is done when it returns, or None.

    Raises:
        TypeError: it is something else, such as a coroutine function.
    """
    if check_callable(name, hook) is not None:
        import inspect  # not at import: only who has hooks needs it

        if inspect.iscoroutinefunction(hook) or inspect.iscoroutinefunction(
            getattr(hook, "__call__", None)  # noqa: B004 - its type is looked at, not called
        ):
            raise TypeError(f"{name} must be a plain callable, not a coroutine function")
    return hook


def check_parser_options(
    last_event_id: object, max_event_size: Any, default_event: object
) -> int | None:
    """Return `max_event_size`; refuse options that make no sense, in the same words for both.

    Raises:
        TypeError: an option of the wrong type.
        ValueError: a last event ID that no stream could have set (CR, LF or
            NUL in it), or a negative size.
    """
    known_id = exact_str("last_event_id", last_event_id)
    if any(char in known_id for char in "\r\n\0"):
        raise ValueError("last_event_id must not contain CR, LF or NUL")
    limit = None
    if max_event_size is not None:
        if not issubclass(type(max_event_size), int):
            raise wrong_type("max_event_size", "an int or None", max_event_size)
        limit = exact_int(max_event_size)
        if limit < 0:
            raise ValueError(f"max_event_size must not be negative, not {shown_number(limit)}")
    exact_str("default_event", default_event)
    return limit
