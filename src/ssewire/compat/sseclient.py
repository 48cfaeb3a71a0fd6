# SPDX-License-Identifier: MIT
"""What sseclient-py 1.9.0 has, by the same names, over our parser.

Its name for import is sseclient; the package that is called sseclient on the index takes URLs
and is another. May import: _replace, _unfinished, errors, parser.
"""

from __future__ import annotations

import codecs
import sys

from .._unfinished import end_input
from ..errors import EventTooLarge
from ..parser import Parser
from ._replace import take_the_place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from typing import Any

    from ..event import ServerSentEvent

__all__ = ["Event", "SSEClient", "install"]


class SSEClient:
    """The events of an open response of requests or urllib3, or of any other iterable of bytes.

    Args:
        event_source: the chunks; its `close()` is what `close` calls.
        char_enc: the encoding of the stream. The standard has UTF-8 only.

    Raises:
        TypeError: the source is a str or bytes.
        LookupError: there is no such encoding.
    """

    def __init__(self, event_source: Iterable[bytes], char_enc: str = "utf-8") -> None:
        if isinstance(event_source, str):
            raise TypeError(
                "event_source must be an open response or another iterable of bytes, not str; "
                "ssewire.client.EventSource takes a URL"
            )
        if isinstance(event_source, (bytes, bytearray)):
            raise TypeError(
                "event_source must be an iterable of bytes, not bytes: [data] makes one of them"
            )
        self._event_source: Any = event_source
        # Whether it decodes bytes to text is not known without trying.
        b" ".decode(char_enc, "replace")
        self._encoding = codecs.lookup(char_enc)

    def events(self) -> Generator[Event, None, None]:
        """Generate the events that have data.

        An exception that comes out of a step, Ctrl-C too, finishes the generator.

        Raises (while iterating):
            EventTooLarge: an event is larger than 64 MiB, after the events before it; the
                original has no limit.
            Exception: whatever the source raises, unchanged.
        """
        parser = Parser()
        decode = None
        if self._encoding.name != "utf-8":
            # What is no text in it becomes U+FFFD, as in UTF-8.
            decode = self._encoding.incrementaldecoder("replace").decode
        for chunk in self._event_source:
            # Half of a surrogate pair, which UTF-7 can say, becomes U+FFFD too.
            data = chunk if decode is None else decode(chunk).encode("utf-8", "surrogatepass")
            try:
                events = parser.feed(data)
            except EventTooLarge as exc:
                complete: list[Any] = exc.events
                yield from map(_made, complete)
                raise
            yield from map(_made, events)
        end_input(parser, dispatch=False)

    def close(self) -> None:
        """Close the source."""
        self._event_source.close()


class Event:
    """One event; its attributes may be set, as in the original.

    Args:
        id: the last event ID at its dispatch; None where there is none.
        event: its type.
        data: its text.
        retry: the digits of the reconnection time (ms) that stood in its block, else None.
    """

    def __init__(
        self, id: str | None = None, event: str = "message", data: str = "", retry: Any = None
    ) -> None:
        self.id = id
        self.event = event
        self.data = data
        self.retry = retry

    def __str__(self) -> str:
        shown = f"{self.event} event"
        if self.id:
            shown += f" #{self.id}"
        # "bytes" are characters, and one of them has an s: as in the original.
        shown += f", {len(self.data)} bytes" if self.data else ", no data"
        if self.retry:
            shown += f", retry in {self.retry}ms"
        return shown


def _made(event: ServerSentEvent) -> Event:
    retry = None if event.retry is None else str(event.retry)
    return Event(event.id or None, event.event, event.data, retry)


def install() -> None:
    """Have `import sseclient` give this module, in this process.

    Call it before anything imports sseclient; sseclient-py need not be installed. A second call
    does nothing.

    Raises:
        StateError: sseclient was imported before.
    """
    take_the_place("sseclient", {"sseclient": sys.modules[__name__]})
