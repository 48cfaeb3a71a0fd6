# SPDX-License-Identifier: MIT
"""How far a message has been handed out: one place, which all its readers share.

What comes next is in at most four parts, in this order: events or texts that
are ready, the run under way, the wire events at hand. Whoever reads, whatever
the reader before wanted, goes on there; no reader keeps anything of its own.
What is ready stands in an iterator written in C that all loops of a kind walk,
so that handing out is one step: no exception can come into its middle, no
second reader can be given the same, none can overwrite it.

An event changes the message in the step that makes it ready. That step is
marked (`_torn`): an exception that leaves it halfway, or any number of them,
leaves the mark, and the next reader fails the stream.
docs/design/0009-interruptions.md has the rules.
May import: _brought, _structured, _text_order, claude._json, claude._text, claude.accumulator,
claude.blocks, claude.events.
"""

from __future__ import annotations

from _thread import get_ident
from itertools import islice

from .._json import MISSING
from .._text import has_surrogates
from ..accumulator import Accumulator
from ..blocks import TextBlock, UnknownBlock
from ..events import (
    DERIVED,
    ContentBlockDeltaEvent,
    ContentBlockStartEvent,
    ContentBlockStopEvent,
    ErrorEvent,
    MessageStartEvent,
    MessageStopEvent,
    PingEvent,
    TextEvent,
)
from ._brought import run_events, started_text
from ._structured import JSONText
from ._text_order import HalfKept, TextOrder, text_of

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, ClassVar

    from typing_extensions import TypeAlias

    from ...event import ServerSentEvent
    from ..errors import ClaudeError

    # An iterator over a list or tuple, whose `__length_hint__` says how many items are left.
    Walker: TypeAlias = Any

# Bumped with any change of what is here, in _reader, _brought or _endless that has a
# compiled twin, which repeats it as a literal.
STEP_CONTRACT = 1

# Texts handed out ahead of a look at whether another thread has closed a client's stream.
_MAX_OPEN_RUN = 16

# Deltas decoded ahead of their reader. What another reader makes it leave is decoded
# again: so a run begins with few, and has twice as many each time that it was not left.
_FIRST_RUN = 16
_MAX_RUN = 256

# Shared by all streams that wait; nobody adds to them.
NOTHING: list[ServerSentEvent] = []
NONE_READY: Walker = iter(())


class Place:
    """What has been handed out of a message and what comes next."""

    # Half the memory of a stream that waits (benchmarks/claude_clients.py).
    __slots__ = (
        "_accumulator",
        "_batch",
        "_closed",
        "_error",
        "_half",
        "_json",
        "_mode",
        "_next_run",
        "_order",
        "_position",
        "_ready",
        "_runner",
        "_running",
        "_spoken",
        "_texts",
        "_torn",
        "_values",
        "_voice",
    )

    # Whether events are derived from deltas, as the official SDK's streams do.
    _derives: ClassVar[bool] = True
    _run_events = staticmethod(run_events)

    def _begin_at(self, accumulator: Accumulator, mode: str) -> None:
        """Begin at a message's beginning; `mode` says how PartialJSON shows what is unfinished."""
        self._accumulator = accumulator
        self._mode = mode
        # Wire events at hand; those from _position on were not taken.
        self._batch: list[ServerSentEvent] = NOTHING
        self._position = 0
        # Events, texts and JSON values to be handed out before those: walked by all loops
        # over events, texts and values. At most one of them is not exhausted.
        self._ready: Walker = NONE_READY
        self._texts: Walker = NONE_READY
        self._values: Walker = NONE_READY
        # While the last of _ready is there: the text that it brings, and of which block. None
        # for the text: the block whose half is kept back has stopped. While _texts has the text
        # of one plain delta: that.
        self._spoken: tuple[TextBlock, str | None] | None = None
        # The block that a run adds to: wire events from _position on, decoded ahead, whose
        # texts _texts walks, or whose events _ready. `_end_run` settles how far.
        self._running: TextBlock | None = None
        # The thread that started it, and the most that the next one decodes ahead.
        self._runner = 0
        self._next_run = _FIRST_RUN
        # A step is under way, or was left halfway by an exception, say of a signal handler.
        self._torn = False
        # Why there is no more.
        self._error: ClaudeError | None = None
        # The block whose text came last.
        self._voice: TextBlock | None = None
        # The text so far where blocks take turns; None while it is that of the blocks in order.
        self._order: TextOrder | None = None
        # What text_stream holds back; None for nothing.
        self._half: HalfKept | None = None
        # What reads the text as JSON, once somebody wants that.
        self._json: JSONText | None = None

    # --- what readers ask for: an iterator with something in it, or None for more bytes

    def _more_events(self) -> Walker | None:
        """Return what the next events are had from; None where they need more bytes."""
        while not self._ready.__length_hint__():
            if self._torn:
                self._mend()
            elif self._running is not None:
                self._end_run()
            elif self._texts.__length_hint__() and self._spoken is not None:
                self._unspeak()
            elif self._position >= len(self._batch):
                return None
            elif self._half is not None or not self._take_delta():
                self._take_step()
                if self._half is not None and self._spoken is not None:
                    self._speak_in_event()
        return self._ready

    def _more_texts(self) -> Walker | None:
        """Return what the next texts are had from; None where they need more bytes."""
        while not self._texts.__length_hint__():
            if self._torn:
                self._mend()
            elif self._running is not None:
                self._end_run()
            elif self._ready.__length_hint__():
                self._speak()
            elif self._position >= len(self._batch):
                if self._half is None or not self._is_over():
                    return None
                self._speak_half(self._half)
            elif self._half is not None or not self._take_text():
                self._take_step()
        return self._texts

    def _more_values(self) -> Walker | None:
        """Return what the next JSON values are had from; None where they need more bytes.

        Raises:
            MalformedJSON: the text is not JSON.
        """
        while not self._values.__length_hint__():
            if self._torn:
                self._mend()
            elif self._running is not None:
                self._end_run()
            elif self._json is None or self._json.torn:
                self._json = JSONText(self._mode, self._text_so_far())
            elif self._json.pending:
                self._json.look()
            elif self._json.error is not None:
                raise self._not_json(self._json.error)
            elif self._texts.__length_hint__() and self._spoken is not None:
                self._unspeak()
            elif self._ready.__length_hint__():
                self._value_out(self._json.value)
            elif self._position >= len(self._batch):
                return None
            else:
                self._take_step()
        return self._values

    def _not_json(self, cause: Exception) -> ClaudeError:
        """Return the error for an answer that is not JSON."""
        raise NotImplementedError

    def _is_over(self) -> bool:
        """Say whether nothing more comes, though nobody closed the stream."""
        raise NotImplementedError

    def _text_so_far(self) -> str:
        """Return what text_stream has come to, as far as the message goes; cost: its length."""
        message = self._accumulator.message
        if self._order is not None:
            return self._order.get()
        return "" if message is None else text_of(message.content)

    # --- steps

    def _take_step(self) -> None:
        """Take the next wire event at hand, and make ready what it brings: perhaps nothing."""
        self._torn = True
        batch = self._batch
        position = self._position
        if position >= len(batch):
            self._torn = False
            return  # Another thread has closed the stream just now.
        accumulator = self._accumulator
        begun = accumulator.message is not None
        event: Any = accumulator._step(batch[position])
        cls = type(event)
        events: tuple[Any, ...] = (event,)
        spoken: tuple[TextBlock, str | None] | None = None
        if cls is ContentBlockDeltaEvent:
            block = event._block
            kind = event._kind
            if block is not None:
                derive = DERIVED.get(kind)
                if derive is not None and self._derives and type(block) is not UnknownBlock:
                    events = (event, derive(event._sse, event.index, block, event._text))
                if kind == "text_delta" and type(block) is TextBlock:
                    spoken = (block, event._text)
        elif cls is ContentBlockStartEvent or (cls is MessageStartEvent and not begun):
            spoken = started_text(event, accumulator.message)
        elif cls is ContentBlockStopEvent:
            if self._order is not None:
                self._order.stop(event.content_block)
            half = self._half
            if half is not None and half.block is event.content_block:
                spoken = (event.content_block, None)
        elif event is None or cls is PingEvent:
            events = ()
        elif cls is ErrorEvent:
            self._error = event.exception
            events = ()
        if spoken is not None and spoken[1] is not None:
            self._note(spoken[0], spoken[1])
        taken = position + 1
        if accumulator._ended:
            taken = len(batch)
            for sse in batch[position + 1 :]:
                accumulator._look_past_end(sse)
        self._position, self._ready, self._spoken = taken, iter(events), spoken
        self._torn = False

    def _take_delta(self) -> bool:
        """Make ready what plain deltas for the block that began last bring; say whether.

        As `_take_step`, which takes whatever else comes: of several for a text a run, of
        others the next one. Half of what each costs where it is a packet of its own
        (benchmarks/claude_pipeline.py).
        """
        last = self._accumulator._last_block
        if type(last) is TextBlock and len(self._batch) - self._position > 1:
            return self._start_run(True)
        found = self._plain_delta()
        if found is None:
            return False
        block, sse, index, kind, text = found
        self._torn = True
        block._growing.add(text)
        event = ContentBlockDeltaEvent(sse, index, block, kind, text)
        events: tuple[Any, ...] = (event,)
        if self._derives:
            events = (event, DERIVED[kind](sse, index, block, text))
        spoken: tuple[TextBlock, str | None] | None = None
        if type(block) is TextBlock:
            spoken = (block, text)
            if block is not self._voice or self._json is not None:
                self._note(block, text)
        self._position, self._ready, self._spoken = self._position + 1, iter(events), spoken
        self._torn = False
        return True

    def _take_text(self) -> bool:
        """Make ready the texts that plain deltas for the block that began last bring; say whether.

        Of several a run; one alone, as packets bring them, needs neither that nor an event.
        """
        block = self._accumulator._last_block
        if type(block) is not TextBlock:
            return False
        if len(self._batch) - self._position > 1:
            return self._start_run(False)
        found = self._plain_delta()
        if found is None:
            return False
        text = found[-1]
        if not text.isascii() and has_surrogates(text):
            return False
        self._torn = True
        block._growing.add(text)
        if block is not self._voice or self._json is not None:
            self._note(block, text)
        self._position, self._texts = self._position + 1, iter((text,))
        self._spoken = (block, text)
        self._torn = False
        return True

    def _plain_delta(self) -> tuple[Any, ServerSentEvent, int, str, str] | None:
        """Return the next wire event if it is a plain delta that the block that began last takes.

        With the block before it, and after it its index, type and text. Changes nothing.
        """
        accumulator = self._accumulator
        block = accumulator._last_block
        # Where blocks have no other index than their place, that of the last one is its own.
        if block is None or accumulator._blocks is not None:
            return None
        if accumulator._ended or self._order is not None or self._position >= len(self._batch):
            return None
        sse = self._batch[self._position]
        decoded = accumulator._decoder.decode(sse.data)
        if decoded is None or sse.event == "error":
            return None
        index, kind, text = decoded
        if index != accumulator._last_index or kind != block._grows_by:
            return None
        return block, sse, index, kind, text

    def _note(self, block: TextBlock, piece: str) -> None:
        """Note text where others than the block itself have to know it."""
        if not piece:
            return
        if self._order is not None:
            self._order.add(block, piece)
        elif block is not self._voice and self._voice is not None:
            message = self._accumulator.message
            if block is not self._accumulator._last_block and message is not None:
                self._order = TextOrder(message.content, block, piece)
        self._voice = block
        if self._json is not None:
            self._json.pending.append(piece)

    def _speak(self) -> None:
        """Make ready what text_stream gives for the events that are, and pass those by."""
        self._torn = True
        spoken, self._spoken = self._spoken, None
        _pass(self._ready)
        if spoken is not None:
            block, piece = spoken
            if piece is None:
                piece = "" if self._half is None else self._half.half
                self._half = None
            elif self._half is not None or has_surrogates(piece):
                half = self._half or HalfKept()
                piece = half.whole(block, piece)
                self._half = half if half.half else None
            self._texts = iter((piece,))
        self._torn = False

    def _speak_half(self, half: HalfKept) -> None:
        """Make ready the half that was kept back, as nothing more comes."""
        self._texts, self._half, self._spoken = iter((half.half,)), None, None

    def _unspeak(self) -> None:
        """Make events of the text that is ready, as an exception kept it from its reader."""
        assert self._spoken is not None
        self._torn = True
        block, index = self._spoken[0], self._accumulator._last_index
        pieces = [*self._texts]
        position = self._position - 1
        events = self._run_events(self._batch, position, block, index, pieces, self._derives)
        self._ready = iter(events)
        self._torn = False

    def _speak_in_event(self) -> None:
        """Have the half that a reader of texts left come with the text of the next event."""
        self._torn = True
        events = [*self._ready]
        last = events[-1]
        if type(last) is TextEvent and self._half is not None and last.text:
            half = self._half
            last.text = half.whole(last._block, last.text) + half.half
            self._half = None
        self._ready = iter(events)
        self._torn = False

    def _value_out(self, value: Any) -> None:
        """Make a JSON value ready in the place of the events that are, if they bring text."""
        self._torn = True
        _pass(self._ready)
        if self._spoken is not None and self._spoken[1] is not None:
            # A character belongs to who takes its second half.
            self._half = None
            if value is not MISSING:
                self._values = iter((value,))
        self._torn = False

    # --- runs: the fast way for what most events are, more text for the same block

    def _start_run(self, events: bool) -> bool:
        """Make the next texts, or their events, ready without a step for each; say whether.

        They are in the message as soon as they were handed out: the iterator itself tells
        how far its reader has come.
        """
        if self._order is not None:
            return False
        batch = self._batch
        position = self._position
        most = self._next_run
        found = self._accumulator._texts_ahead(batch, position, most)
        if found is None:
            return False
        block, pieces = found
        if not events and has_surrogates("".join(pieces)):
            return False
        self._runner = get_ident()
        items: list[Any] = pieces
        if events:
            index = self._accumulator._last_index
            items = self._run_events(batch, position, block, index, pieces, self._derives)
        if len(pieces) == most < (_MAX_RUN if self._may_run_far() else _MAX_OPEN_RUN):
            self._next_run = most * 2
        walker = block._growing.start_run(pieces, items, len(items) // len(pieces))
        self._running = block
        if events:
            self._ready = walker
        else:
            self._texts = walker
        return True

    def _may_run_far(self) -> bool:
        """Say whether no other thread may close the stream while its texts are handed out."""
        return True

    def _end_run(self) -> None:
        """Settle the run: what was handed out of it is taken, the rest is to come again."""
        running = self._running
        if running is None:
            return
        self._torn = True
        ready = self._ready
        rest: list[Any] = []
        if ready.__length_hint__():
            self._next_run = _FIRST_RUN
            if ready.__length_hint__() % 2 and self._derives:
                # Its delta was handed out, and it follows from that.
                rest = [*islice(ready, 1)]
        elif self._texts.__length_hint__():
            self._next_run = _FIRST_RUN
        handed = running._growing.handed_out()
        self._position += running._growing.end_run()
        self._running = None
        if any(handed):
            self._voice = running
        if rest:
            self._ready, self._spoken = iter(rest), (rest[0]._block, rest[0].text)
        if self._json is not None:
            self._json.pending += handed
        self._torn = False

    # --- ends

    def _mend(self) -> None:
        """Fail, since an exception left a step halfway: what it lost is not known.

        The mark goes last: the next reader goes on here if this is interrupted too.
        """
        raise NotImplementedError

    def _lost_stop(self) -> tuple[Any, ...]:
        """Return the event of a message_stop that was taken but is not ready."""
        message = self._accumulator.message
        if message is None or self._position >= len(self._batch):
            return ()
        sse = self._batch[self._position]
        return (MessageStopEvent(sse, message),) if '"message_stop"' in sse.data else ()

    def _drop(self) -> None:
        """Forget what was not handed out; loops then end."""
        self._batch, self._position = NOTHING, 0
        # A run of another thread ends by itself.
        if self._running is None or self._runner == get_ident():
            self._forget_ready()

    def _forget_ready(self) -> None:
        if self._running is not None:
            self._running._growing.end_run()
            self._running = None
        _pass(self._ready)
        _pass(self._texts)
        _pass(self._values)
        self._half = self._json = None


def _pass(walker: Iterator[Any]) -> None:
    """Let the readers of an iterator find nothing in it."""
    for _ in walker:
        pass
