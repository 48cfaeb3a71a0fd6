# SPDX-License-Identifier: MIT
"""A source that blocks, in a thread of its own from its first item to its closing.

It is asked for an item when the one before has been taken, so that nothing
piles up. Nobody can interrupt it where it blocks: who closes it says so, and it
is closed, in its own thread, as soon as it gives its next item or its end.
May import: _closing.
"""

from __future__ import annotations

import contextvars
import logging
import threading
from typing import Any

from ._closing import close_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Callable

_log = logging.getLogger("ssewire")

# No item.
_NONE: Any = object()


class Ended:
    """What comes after the last item: how the source ended, and whether it was its own doing."""

    __slots__ = ("error",)

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error


class SourceThread:
    """Runs a source; `hand` gets each item, and an `Ended`, in the source's thread."""

    def __init__(self, events: Iterable[Any], hand: Callable[[Any], object]) -> None:
        self._events: Iterable[Any] | None = events
        self._hand = hand
        self._wanted = threading.Semaphore(0)
        self._closed = False
        self._thread: threading.Thread | None = None

    def ask(self) -> None:
        """Let the source give one more item."""
        if self._thread is None:
            # What a framework keeps for the request, the source finds there too.
            context = contextvars.copy_context()
            # A daemon: a source that blocks must not keep a server from stopping.
            self._thread = threading.Thread(
                target=context.run, args=(self._run,), name="ssewire source", daemon=True
            )
            self._thread.start()
        self._wanted.release()

    def close(self) -> None:
        """Have the source closed; at once where it is not at an item. Safe from any thread."""
        self._closed = True
        if self._thread is None:
            self._run()
        else:
            self._wanted.release()

    def _run(self) -> None:
        events, self._events = self._events, None
        if events is None:
            return
        iterator: Any = events
        ended = Ended()
        try:
            try:
                if not self._closed:
                    iterator = iter(events)
                while not self._closed:
                    self._wanted.acquire()
                    item = _NONE if self._closed else next(iterator, _NONE)
                    if item is _NONE:
                        break
                    self._hand(item)
            finally:
                close_all(iterator, events)
        except BaseException as exc:
            if self._closed:
                _log.exception("the source of an event stream could not be closed")
            if not isinstance(exc, Exception):
                # sys.exit() in it ends a thread, as elsewhere, and not the server.
                error = RuntimeError(f"the source raised {type(exc).__name__}")
                error.__cause__ = exc
                exc = error
            ended = Ended(exc)
        self._hand(ended)
