# SPDX-License-Identifier: MIT
"""Hold a parser against the literal reading of the standard, after every feed."""

from __future__ import annotations

from typing import Any

import pytest

from ssewire import Comment, EventTooLarge, ServerSentEvent
from tests.kit.literal import CommentLine, Event, History, Item


def as_literal(item: object) -> Item:
    """Return an item of a parser as the literal machine would give it."""
    if isinstance(item, Comment):
        return CommentLine(item.text)
    assert isinstance(item, ServerSentEvent)
    return Event(item.data, item.event, item.id, item.retry)


def feed_and_compare(parser: Any, chunks: list[bytes], expected: History) -> None:
    """Feed all chunks; after each one everything seen must be what `expected` holds for it."""
    count = fed = 0
    for chunk in chunks:
        fed += len(chunk)
        moment = expected.moments[fed]
        if moment.refused:
            with pytest.raises(EventTooLarge) as caught:
                parser.feed(chunk)
            given = caught.value.events
        else:
            given = parser.feed(chunk)
        items = [as_literal(item) for item in given]
        wanted_items = expected.items[count : moment.items]
        count = moment.items
        seen = (items, parser.last_event_id, parser.retry, parser.pending)
        wanted = (wanted_items, moment.last_event_id, moment.retry, moment.pending)
        if seen != wanted:  # cheaper than an assert, which builds a report
            pytest.fail(f"seen {seen}, not {wanted}, after {fed} bytes of {chunks}")
