# SPDX-License-Identifier: MIT
"""The events of a response of httpx or httpx2, as objects of another class.

Invariant: the response stays its owner's. What was made from it to read it is closed when the
generator ends or is closed; the response itself is not, as in the originals.
May import: errors, parser, stream.
"""

from __future__ import annotations

from ..errors import EventTooLarge
from ..parser import Parser
from ..stream import aiter_events, iter_events

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from typing import Any, TypeVar

    EventT = TypeVar("EventT")
    # event, data, id, retry: the order in which both packages have them.
    Make = Callable[[str, str, str, "int | None"], EventT]


def events_of(
    response: Any,
    check: Callable[[], object],
    make: Make[EventT],
    too_large: Callable[[int], Exception],
    max_event_size: int | None,
) -> Generator[EventT, None, None]:
    """Generate what `make` makes of each event of `response.iter_bytes()`.

    That is the body less its Content-Encoding, not yet decoded as text: an event stream is UTF-8
    whatever its charset parameter says (WHATWG, "Parsing an event stream").

    Args:
        check: called first, in the first step; what it raises ends the generator.
        too_large: what makes the exception for an event that is larger than it takes in bytes.

    Raises (while iterating):
        Exception: what `too_large` makes, after the events that were complete before; and
            whatever the response raises, unchanged.
    """
    check()
    parser = Parser(max_event_size=max_event_size)
    with iter_events(response.iter_bytes(), parser) as events:
        try:
            for event in events:
                yield make(event.event, event.data, event.id, event.retry)
        except EventTooLarge as exc:
            raise too_large(exc.limit) from exc


async def aevents_of(
    response: Any,
    check: Callable[[], object],
    make: Make[EventT],
    too_large: Callable[[int], Exception],
    max_event_size: int | None,
) -> AsyncGenerator[EventT, None]:
    """Generate events as `events_of` does, from `response.aiter_bytes()`."""
    check()
    parser = Parser(max_event_size=max_event_size)
    # Closed now, not when collected: that would be in another task, and anyio's scopes with it.
    async with aiter_events(response.aiter_bytes(), parser) as events:
        try:
            async for event in events:
                yield make(event.event, event.data, event.id, event.retry)
        except EventTooLarge as exc:
            raise too_large(exc.limit) from exc


def media_type(response: Any) -> str:
    """Return the Content-Type of a response in lower case, less its parameters; "" without one."""
    value: str = response.headers.get("content-type", "")
    return value.partition(";")[0].strip().lower()
