# SPDX-License-Identifier: MIT
"""One stream of events to all viewers of a process.

Events stand in a chain, each with a reference to the next. A viewer is a place
in it, so that it costs the same however much it is behind; what nobody stands
before, and the history does not hold, is freed by itself. An event is encoded once.
May import: _checks, _closing, _serving, encoder, event.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import threading
import weakref
from collections import deque

from .._checks import check_count, wrong_type
from .._closing import AsyncCloseable
from .._serving import encoded_once, json_data, last_event_id
from ..encoder import encode, encode_event
from ..event import Comment, ServerSentEvent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Callable, Union

    from typing_extensions import Self

    from ..event import Item

    Published = Union[ServerSentEvent, Comment, str, dict[str, Any], list[Any]]

# Events that are kept for those who come back: a minute of a busy feed, which is what a phone
# in a tunnel is away, and a fraction of a megabyte.
HISTORY = 1000

# Events that a viewer may be behind. It is what the history holds by default: who was let go
# comes back, and finds in it what it has missed.
BACKLOG = 1000

# The type of the event that tells a viewer that events are missing before the next.
MISSED_EVENT = "stream-missed"


class _Link:
    """A place in the chain of events."""

    __slots__ = ("item", "next", "number")

    def __init__(self, item: Item | None, number: int = 0) -> None:
        self.item: Item | None = item
        # Counted from one in the order of the chain.
        self.number: int = number
        self.next: _Link | None = None


class Broadcast:
    """Publishes events to all viewers of a process; an application's one object for a feed.

    `event_stream(broadcast)` is an application that serves it to any number of viewers, each
    from the event after the one that its Last-Event-ID names; `subscribe()` gives the events of
    one viewer to whatever else serves them.

    Args:
        history: how many of the last events are kept for viewers who come back.
        backlog: how many events a viewer may be behind before it is let go. A browser then
            comes back by itself, and is given what it has missed out of the history.
        missed_event: the type of the event that a viewer gets who comes back after an event
            that is kept no longer, or was never published here; its data is JSON, with the
            `last_event_id` in question. What is kept follows it.

    Raises:
        TypeError, ValueError: an argument that makes no sense.
    """

    def __init__(
        self,
        history: int = HISTORY,
        *,
        backlog: int = BACKLOG,
        missed_event: str = MISSED_EVENT,
    ) -> None:
        self._history = check_count("history", history)
        self._backlog = check_count("backlog", backlog, 1)
        if missed_event is None:
            raise wrong_type("missed_event", "a str", missed_event)
        # Fails here for a name with a line end in it.
        encode_event("", event=missed_event)
        self._missed_event = missed_event
        # Of the IDs that are given here: another process, or this one started anew, gives others,
        # so that a viewer who comes from there is not taken for one that has missed nothing.
        self._name = secrets.token_hex(4)
        self._numbers = itertools.count(1)
        self._last = _Link(None)
        # Where a viewer who has seen none of what is kept begins.
        self._kept: deque[_Link] = deque()
        self._before_kept = self._last
        self._by_id: dict[str, _Link] = {}
        # What was published and is not yet in the chain.
        self._arrived: deque[Item] = deque()
        # Held by who puts it there; never waited for, so that publish() may be called from
        # anywhere, also from a signal's handler or a destructor.
        self._chaining = threading.Lock()
        # Not held: who was dropped unread, as frameworks do whose client has gone, is none.
        self._viewers: set[weakref.ref[Viewer]] = set()
        # Those who wait for the next event, by their loop.
        self._waiting: dict[Any, set[Viewer]] = {}
        self._closed = False

    @property
    def viewers(self) -> int:
        """How many viewers there are now."""
        return len(self._viewers)

    def publish(self, item: Published) -> str:
        """Send an event to all viewers, and keep it; return its ID.

        Args:
            item: an event, a str (the data of one), a dict or list (its data as JSON), or a
                Comment, which is not kept. An event without an ID is given one.

        Returns at once. It may be called from any thread. Cost: encoding once, and a constant
        for each viewer.

        Raises:
            TypeError: none of those.
            EncodeError, ValueError: what cannot be written.
        """
        if isinstance(item, Comment):
            encode(item)
            self._put(item)
            return ""
        if isinstance(item, ServerSentEvent):
            event = item
        elif isinstance(item, str):
            event = ServerSentEvent(item)
        elif isinstance(item, (dict, list)):
            event = ServerSentEvent(json_data(item))
        else:
            expected = "a ServerSentEvent, Comment, str, dict or list"
            raise wrong_type("what is published", expected, item)
        event_id = event.id or f"{self._name}-{next(self._numbers)}"
        event = ServerSentEvent(event.data, event.event, event_id, event.retry)
        # Here, so that what cannot be written fails here; its viewers find the bytes.
        encoded_once(event)
        self._put(event)
        return event_id

    def subscribe(self, last_event_id: str = "") -> Viewer:
        """Return the events for one viewer: those after that ID, or without one those to come.

        Raises:
            TypeError: the ID is no str.
        """
        if not isinstance(last_event_id, str):
            raise wrong_type("last_event_id", "a str", last_event_id)
        return Viewer(self, *self._place(last_event_id))

    def __call__(self, scope_or_environ: Mapping[str, Any]) -> Viewer:
        """Return the events for the viewer of a request; so `event_stream(broadcast)` serves it."""
        return self.subscribe(last_event_id(scope_or_environ))

    def close(self) -> None:
        """End the streams of all viewers, now and to come, after what was published."""
        self._closed = True
        self._wake_all()

    # --- the chain

    def _put(self, item: Item) -> None:
        self._arrived.append(item)
        # Who cannot have the lock leaves the item to who has it, who looks again afterwards.
        while self._arrived and self._chaining.acquire(blocking=False):
            try:
                while self._arrived:
                    self._chain(self._arrived.popleft())
            finally:
                self._chaining.release()
        self._wake_all()

    def _chain(self, item: Item) -> None:
        link = _Link(item, self._last.number + 1)
        if isinstance(item, ServerSentEvent):
            self._kept.append(link)
            self._by_id[item.id] = link
        self._last.next = link
        self._last = link
        if len(self._kept) > self._history:
            gone = self._kept.popleft()
            self._before_kept = gone
            if isinstance(gone.item, ServerSentEvent) and self._by_id.get(gone.item.id) is gone:
                del self._by_id[gone.item.id]
        # Not at each: that would cost as much as sending it.
        if link.number % max(1, self._backlog // 8) == 0:
            for viewer in [reference() for reference in list(self._viewers)]:
                if viewer is not None:
                    viewer._let_go_behind(link.number - self._backlog)

    def _place(self, event_id: str) -> tuple[_Link, ServerSentEvent | None]:
        """Return what a viewer has seen last, and what it is to be told first."""
        if not event_id:
            return self._last, None
        found = self._by_id.get(event_id)
        if found is not None:
            return found, None
        data = json_data({"last_event_id": event_id})
        # Without an ID: who is told and leaves again comes back with the same one.
        return self._before_kept, ServerSentEvent(data, self._missed_event)

    # --- viewers

    def _wake_all(self) -> None:
        for loop in list(self._waiting):
            try:
                running = asyncio.get_running_loop()
            except RuntimeError:
                running = None
            if running is loop:
                self._wake(loop)
            else:
                try:
                    loop.call_soon_threadsafe(self._wake, loop)
                except RuntimeError:
                    # It was closed, and its viewers with it.
                    self._waiting.pop(loop, None)

    def _wake(self, loop: Any) -> None:
        for viewer in self._waiting.pop(loop, ()):
            viewer._wake()

    def _add(self, viewer: Viewer) -> None:
        self._viewers.add(weakref.ref(viewer, self._viewers.discard))

    def _remove(self, viewer: Viewer) -> None:
        self._viewers.discard(weakref.ref(viewer))

    def _wait(self, loop: Any, viewer: Viewer) -> None:
        self._waiting.setdefault(loop, set()).add(viewer)

    def _wait_no_more(self, loop: Any, viewer: Viewer) -> None:
        # Until the next event it would be held there, and the event may be long in coming.
        self._waiting.get(loop, set()).discard(viewer)


class Viewer(AsyncCloseable):
    """The events for one viewer of a `Broadcast`, an asynchronous iterator; `subscribe` makes it.

    For `event_stream`, `event_body` and `EventResponse`, or for a generator that leaves some out.
    """

    __slots__ = ("__weakref__", "_broadcast", "_first", "_link", "_loop", "_news", "on_gone")

    def __init__(self, broadcast: Broadcast, link: _Link, first: ServerSentEvent | None) -> None:
        self._broadcast = broadcast
        # What it has been given last; None when it has left or was let go.
        self._link: _Link | None = link
        self._first = first
        # Where it is read; None before it is.
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news: asyncio.Future[None] | None = None
        # Called in that loop when it was let go, by what serves it: that may be waiting for a
        # client that does not read, and not ask for the next.
        self.on_gone: Callable[[], object] | None = None
        broadcast._add(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        while True:
            link = self._link
            if link is None:
                raise StopAsyncIteration
            following = link.next
            if following is not None and following.item is not None:
                self._link = following
                return following.item
            if self._broadcast._closed:
                await self.aclose()
                raise StopAsyncIteration
            self._news = self._loop.create_future()
            self._broadcast._wait(self._loop, self)
            # Not where another thread was faster than the two lines above.
            if link.next is None and not self._broadcast._closed:
                try:
                    await self._news
                except BaseException:
                    # Cancelled: it may be dropped now.
                    self._broadcast._wait_no_more(self._loop, self)
                    raise

    async def aclose(self) -> None:
        """Leave; the iteration then ends."""
        self._link = None
        self._broadcast._remove(self)
        self._broadcast._wait_no_more(self._loop, self)
        self._wake()

    def _wake(self) -> None:
        news, self._news = self._news, None
        if news is not None and not news.done():
            news.set_result(None)

    def _let_go_behind(self, number: int) -> None:
        """Let it go if it has not been given what has this number; from any thread."""
        link, loop = self._link, self._loop
        if link is None or link.number >= number:
            return
        self._link = None
        self._broadcast._remove(self)
        if loop is not None and self.on_gone is not None:
            try:
                loop.call_soon_threadsafe(self.on_gone)
            except RuntimeError:
                # The loop was closed, and what served it with it.
                pass
