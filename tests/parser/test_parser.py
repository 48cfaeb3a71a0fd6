# SPDX-License-Identifier: MIT
"""What Parser promises beyond the wire format: types, states, limits, misuse. Also a few rules
of the standard by hand, so that the corpus is not the only witness."""

from __future__ import annotations

import array
import copy
import gc
import inspect
import pickle
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any, Callable

import pytest

import ssewire
from ssewire import Comment, EventTooLarge, Parser, ServerSentEvent, StateError
from tests.kit.trace import trace

if TYPE_CHECKING:
    from tests.conftest import MakeParser

BOM = b"\xef\xbb\xbf"


def test_the_class_under_test_comes_from_the_module_its_id_names(
    parser_cls: type[Parser[Any]], request: pytest.FixtureRequest
) -> None:
    id_to_module = {"python": "ssewire._parser_py", "cython": "ssewire._parser_cy"}
    name = request.node.callspec.id
    assert parser_cls.__module__ == id_to_module[name]
    assert parser_cls.__name__ == "Parser"
    assert inspect.isfunction(parser_cls.feed) == (name == "python")


def test_the_public_parser_is_the_one_that_implementation_names() -> None:
    modules = {"python": "ssewire._parser_py", "cython": "ssewire._parser_cy"}
    assert Parser.__module__ == modules[ssewire.IMPLEMENTATION]


# Rules of the standard, by hand.


def test_an_event_completed_by_a_bare_cr_comes_out_of_that_very_feed(
    make_parser: MakeParser,
) -> None:
    parser = make_parser()
    assert parser.feed(b"data: a\r\n\r") == [ServerSentEvent("a")]
    assert parser.feed(b"\n") == []
    assert parser.feed(b"data: b\n\n") == [ServerSentEvent("b")]


def test_a_bom_cut_into_single_bytes_is_dropped_once(make_parser: MakeParser) -> None:
    parser = make_parser()
    assert [parser.feed(BOM[i : i + 1]) for i in range(3)] == [[], [], []]
    assert parser.pending == 0
    assert parser.feed(b"data: a\n\n" + BOM + b"data: b\n\n") == [ServerSentEvent("a")]


def test_a_comment_asked_for_comes_out_at_its_line_end_amid_an_event(
    make_parser: MakeParser,
) -> None:
    parser = make_parser(comments=True)
    assert parser.feed(b"data: a\n: hi\r") == [Comment(" hi")]
    assert parser.feed(b"\ndata: b\n\n") == [ServerSentEvent("a\nb")]


def test_retry_counts_as_soon_as_its_line_ends(make_parser: MakeParser) -> None:
    parser = make_parser()
    assert parser.retry is None
    parser.feed(b"retry: 10")
    assert parser.retry is None
    parser.feed(b"\n")
    assert parser.retry == 10


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (b"", ServerSentEvent("x", "t")),
        (b"\r", ServerSentEvent("x", "t")),
        (b"data: first\n", ServerSentEvent("first\nx", "t")),
        (b"data\r\n", ServerSentEvent("\nx", "t")),
        (b"data: piece", ServerSentEvent("pieceevent: t\nx")),
        (b"event: other\n", ServerSentEvent("x", "t")),
        (b"id: 7\n", ServerSentEvent("x", "t", "7")),
        (b"id: 7\n\n", ServerSentEvent("x", "t", "7")),
        (b"retry: 5\n", ServerSentEvent("x", "t", retry=5)),
        (b"retry: 5\n\n", ServerSentEvent("x", "t")),
        (b": comment\n", ServerSentEvent("x", "t")),
        (b": comment, ", None),
    ],
)
@pytest.mark.parametrize("eol", [b"\n", b"\r\n"])
def test_an_event_in_a_chunk_of_its_own_goes_on_with_what_came_before(
    make_parser: MakeParser, before: bytes, expected: ServerSentEvent | None, eol: bytes
) -> None:
    chunk = eol.join([b"event: t", b"data: x", b"", b""])
    parser = make_parser()
    # The usual event of the stream.
    assert parser.feed(chunk) == [ServerSentEvent("x", "t")]
    assert parser.feed(before) == []
    if expected is None:
        # The comment was not over: its line ends with the event's first one.
        expected = ServerSentEvent("x")
    assert parser.feed(chunk) == [expected]
    assert parser.feed(chunk) == [ServerSentEvent("x", "t", expected.id)]


@pytest.mark.parametrize(
    ("chunk", "expected"),
    [
        (b"data: \n\n", [ServerSentEvent("")]),
        (b"data:  x\n\n", [ServerSentEvent(" x")]),
        (b"data: x\r\n\n", [ServerSentEvent("x")]),
        (b"data: x\n\r\n", [ServerSentEvent("x")]),
        (b"data: x\r\r", [ServerSentEvent("x")]),
        (b"data: x\ry\n\n", [ServerSentEvent("x")]),
        (b"data: x\ndata: y\n\n", [ServerSentEvent("x\ny")]),
        (b"data: x\n\ndata: y\n\n", [ServerSentEvent("x"), ServerSentEvent("y")]),
        (b"data: x\n\n\n\n", [ServerSentEvent("x")]),
        (b"data: " + b"x" * 300 + b"\xc3\xa9\xff\n\n", [ServerSentEvent("x" * 300 + "\xe9\ufffd")]),
        (b"event: t\rdata: x\n\n", [ServerSentEvent("x", "t")]),
        (b"event: t2\ndata: x\n\n", [ServerSentEvent("x", "t2")]),
        (b"event: t\n\ndata: x\n\n", [ServerSentEvent("x")]),
        (b"event: tdata: x\n\n", []),
        (b"event: t\n\n", []),
    ],
)
def test_an_event_in_a_chunk_of_its_own_may_differ_from_the_last_one(
    make_parser: MakeParser, chunk: bytes, expected: list[ServerSentEvent]
) -> None:
    parser = make_parser()
    for usual in (b"event: t\ndata: u\n\n", b"data: u\n\n"):
        assert len(parser.feed(usual)) == 1
        assert parser.feed(chunk) == expected
        assert parser.feed(b"data: after\n\n")[-1] == ServerSentEvent("after")
        assert parser.pending == 0


def test_a_chunk_of_one_event_that_is_too_large_is_refused(make_parser: MakeParser) -> None:
    parser = make_parser(max_event_size=12)
    assert parser.feed(b"event: ten!!\ndata: 123456\n\n") == [ServerSentEvent("123456", "ten!!")]
    assert parser.feed(b"event: ten!!\ndata: 123456\n\n") == [ServerSentEvent("123456", "ten!!")]
    with pytest.raises(EventTooLarge):
        parser.feed(b"event: ten!!\ndata: 1234567\n\n")
    parser.reset()
    assert parser.feed(b"data: 123456\n\n") == [ServerSentEvent("123456")]
    with pytest.raises(EventTooLarge):
        parser.feed(b"data: 1234567\n\n")


def test_last_event_id_changes_at_a_blank_line_only(make_parser: MakeParser) -> None:
    parser = make_parser(last_event_id="1")
    parser.feed(b"id: 2\ndata: x\n")
    assert parser.last_event_id == "1"
    assert parser.feed(b"\n") == [ServerSentEvent("x", id="2")]
    assert parser.last_event_id == "2"


def test_an_event_without_retry_of_its_own_has_none_after_one_that_had(
    make_parser: MakeParser,
) -> None:
    events = make_parser().feed(b"retry: 1\ndata: x\n\ndata: y\n\n")
    assert [event.retry for event in events] == [1, None]


def test_events_hold_exact_types(make_parser: MakeParser) -> None:
    class Text(str):
        pass

    parser = make_parser(last_event_id=Text("1"), default_event=Text("update"))
    (event,) = parser.feed(b"retry: 5\ndata: x\n\n")
    assert [type(v) for v in (event.data, event.event, event.id, event.retry)] == [
        *(str, str, str, int)
    ]
    assert type(event) is ServerSentEvent
    assert type(parser.last_event_id) is str


# What feed takes.

STREAM = b"event: t\r\ndata: \xc3\xa9\r\ndata: b\r\n\r\ndata: half"


@pytest.mark.parametrize(
    "convert",
    [
        bytes,
        bytearray,
        memoryview,
        lambda wire: memoryview(bytearray(wire)),
        lambda wire: memoryview(b"-" + wire + b"-")[1:-1],
        lambda wire: memoryview(bytes(b for pair in zip(wire, wire) for b in pair))[::2],
        lambda wire: memoryview(wire[::-1])[::-1],
        lambda wire: array.array("B", wire),
        lambda wire: array.array("b", [b - 256 if b > 127 else b for b in wire]),
        lambda wire: memoryview(wire).cast("c"),
        lambda wire: memoryview(wire + b"." * (-len(wire) % 4)).cast("I")[: len(wire) // 4],
        type("Bytes", (bytes,), {}),
    ],
    ids=[
        *("bytes", "bytearray", "memoryview", "memoryview_of_bytearray", "memoryview_slice"),
        *("every_second_byte", "reversed", "unsigned_array", "signed_array", "chars", "words"),
        "bytes_subclass",
    ],
)
def test_any_bytes_like_object_is_read_as_its_bytes(
    make_parser: MakeParser, convert: Callable[[bytes], Any]
) -> None:
    given = convert(STREAM)
    parser = make_parser()
    assert parser.feed(given) == [ServerSentEvent("é\nb", "t")]
    assert parser.pending == len(bytes(memoryview(given).tobytes())) - STREAM.index(b"data: half")


def test_a_fed_bytearray_may_change_and_grow_afterwards(make_parser: MakeParser) -> None:
    parser = make_parser()
    chunk = bytearray(b"data: abc")
    parser.feed(chunk)
    chunk[:] = b"#" * 1000
    view = memoryview(bytearray(b"def\n"))
    parser.feed(view)
    view.release()
    assert parser.feed(b"\n") == [ServerSentEvent("abcdef")]


def test_a_fed_memoryview_is_released_again(make_parser: MakeParser) -> None:
    backing = bytearray(b"data: x\n\n")
    parser = make_parser(max_event_size=7)
    parser.feed(memoryview(backing))
    backing.append(0)  # a BufferError while anything holds on to it
    backing[:] = b"data: xxxxx"
    with pytest.raises(EventTooLarge):
        parser.feed(memoryview(backing))
    backing.append(0)


def test_a_released_memoryview_is_refused_without_harm(make_parser: MakeParser) -> None:
    view = memoryview(b"data: x\n\n")
    view.release()
    parser = make_parser()
    with pytest.raises(ValueError, match="released"):
        parser.feed(view)
    assert parser.feed(b"data: y\n\n") == [ServerSentEvent("y")]


@pytest.mark.parametrize(
    ("given", "name"),
    [("text", "str"), (5, "int"), (None, "NoneType"), ([1], "list"), (object(), "object")],
)
def test_a_chunk_that_is_not_bytes_like_is_a_type_error_that_names_its_type(
    make_parser: MakeParser, given: object, name: str
) -> None:
    parser = make_parser()
    parser.feed(b"data: a")
    with pytest.raises(TypeError, match=rf"bytes-like object, not {name}") as caught:
        parser.feed(given)  # type: ignore[arg-type]
    assert ("encode" in str(caught.value)) == (name == "str")
    assert caught.value.__cause__ is None
    assert parser.feed(b"b\n\n") == [ServerSentEvent("ab")]


def test_feed_takes_exactly_one_argument(make_parser: MakeParser) -> None:
    parser: Any = make_parser()
    with pytest.raises(TypeError):
        parser.feed()
    with pytest.raises(TypeError):
        parser.feed(b"", b"")


def test_feed_returns_a_new_list_each_time(make_parser: MakeParser) -> None:
    parser = make_parser()
    first = parser.feed(b"data: a\n\n")
    assert type(first) is list
    first.clear()
    assert parser.feed(b"data: b\n\n") == [ServerSentEvent("b")]
    assert parser.feed(b"") is not parser.feed(b"")


# Options.


@pytest.mark.parametrize("bad", ["a\rb", "a\nb", "a\0b", "\n", "\0"])
def test_a_last_event_id_that_no_stream_could_have_set_is_a_value_error(
    make_parser: MakeParser, bad: str
) -> None:
    with pytest.raises(ValueError, match="last_event_id"):
        make_parser(last_event_id=bad)


@pytest.mark.parametrize(
    ("option", "bad"),
    [
        ("last_event_id", None),
        ("last_event_id", b"7"),
        ("last_event_id", 7),
        ("max_event_size", "64"),
        ("max_event_size", 1.5),
        ("default_event", None),
        ("default_event", b"message"),
    ],
)
def test_an_option_of_a_wrong_type_is_a_type_error_that_names_both(
    make_parser: MakeParser, option: str, bad: object
) -> None:
    with pytest.raises(TypeError, match=rf"{option} must be .*, not {type(bad).__name__}"):
        make_parser(**{option: bad})


def test_a_negative_size_is_a_value_error(make_parser: MakeParser) -> None:
    with pytest.raises(ValueError, match="max_event_size"):
        make_parser(max_event_size=-1)


def test_a_size_beyond_what_memory_can_hold_is_no_limit(make_parser: MakeParser) -> None:
    assert make_parser(max_event_size=10**30).feed(b"data: x\n\n") == [ServerSentEvent("x")]


def test_options_are_keywords_and_unknown_ones_are_refused(make_parser: MakeParser) -> None:
    with pytest.raises(TypeError):
        make_parser("7")
    with pytest.raises(TypeError):
        make_parser(max_size=5)


def test_the_default_limit_is_64_mib(make_parser: MakeParser) -> None:
    size = 64 * 2**20
    parser = make_parser()
    parser.feed(b"data: " + b"x" * (size - 6))
    assert parser.pending == size
    with pytest.raises(EventTooLarge) as caught:
        parser.feed(b"x")
    assert caught.value.limit == size


def test_untyped_events_get_the_default_type(make_parser: MakeParser) -> None:
    wire = b"data: a\n\nevent:\ndata: b\n\nevent: c\ndata: c\n\n"
    for default in ("", "update", "message"):
        events = make_parser(default_event=default).feed(wire)
        assert [event.event for event in events] == [default, default, "c"]


# States: close, reset, poison.


def test_pending_counts_data_lines_with_their_line_ends_and_the_current_line(
    make_parser: MakeParser,
) -> None:
    parser = make_parser()
    seen = []
    for chunk in (
        b"data: ab",
        b"\n",
        b"data:cd\r",
        b"\n",
        b"event: x",
        b"\n",
        b": hi",
        b"\n",
        b"\n",
    ):
        parser.feed(chunk)
        seen.append(parser.pending)
    assert seen == [8, 3, 6, 6, 14, 6, 10, 6, 0]


def test_close_drops_the_unfinished_event_silently_and_may_be_repeated(
    make_parser: MakeParser,
) -> None:
    parser = make_parser()
    parser.feed(b"id: 1\ndata: a\n\nid: 2\nretry: 3\ndata: b\n")
    assert parser.close() is None  # type: ignore[func-returns-value]
    parser.close()
    assert (parser.last_event_id, parser.retry, parser.pending) == ("1", 3, 0)


@pytest.mark.parametrize(
    ("data", "items"),
    [
        (b"data: a", [ServerSentEvent("a")]),
        (b"data: a\n", [ServerSentEvent("a")]),
        (b"data: a\r", [ServerSentEvent("a")]),
        (b"data: a\r\n", [ServerSentEvent("a")]),
        (b"data: a\n\ndata", [ServerSentEvent("a"), ServerSentEvent("")]),
        (b"id: 1\nevent: t\nretry: 5\ndata: a\ndata: b", [ServerSentEvent("a\nb", "t", "1", 5)]),
        (b"data: a\nid: 12", [ServerSentEvent("a", id="12")]),
        (b"data: a\nda", [ServerSentEvent("a")]),
        (b"data: \xe2\x82", [ServerSentEvent("\ufffd")]),
        (BOM + b"data: a\n", [ServerSentEvent("a")]),
        (b"data: a\n: c", [Comment(" c"), ServerSentEvent("a")]),
        (b": c", [Comment(" c")]),
        # No data, no event.
        *[(data, []) for data in (b"", BOM[:2], b"event: t\n", b"\r", b'{"error": 1}', b"dat")],
        (b"data: a\n\n", [ServerSentEvent("a")]),
    ],
    ids=repr,
)
def test_flush_ends_the_last_line_and_gives_out_the_unfinished_event_if_it_has_data(
    make_parser: MakeParser, data: bytes, items: list[object]
) -> None:
    for size in (1, 2, len(data) or 1):
        parser = make_parser(comments=True)
        chunks = [data[at : at + size] for at in range(0, len(data), size)]
        given: list[object] = [item for chunk in chunks for item in parser.feed(chunk)]
        assert given + parser.flush() == items
        assert parser.pending == 0
        assert parser.flush() == []
        with pytest.raises(StateError, match="close"):
            parser.feed(b"")


def test_flush_leaves_the_id_of_an_event_without_data_alone(make_parser: MakeParser) -> None:
    parser = make_parser(last_event_id="1")
    parser.feed(b"id: 2\nretry: 7\n")
    assert parser.flush() == []
    assert (parser.last_event_id, parser.retry) == ("1", 7)
    parser.reset()
    parser.feed(b"id: 3\ndata: a")
    assert parser.flush() == [ServerSentEvent("a", id="3")]
    assert parser.last_event_id == "3"


def test_flush_after_close_has_nothing_and_a_poisoned_parser_says_so_again(
    make_parser: MakeParser,
) -> None:
    parser = make_parser(max_event_size=7)
    parser.feed(b"data: x")
    parser.close()
    assert parser.flush() == []
    parser.reset()
    # As large as it may be: the end makes it no larger.
    parser.feed(b"data: x")
    assert parser.flush() == [ServerSentEvent("x")]
    parser.reset()
    calls: list[Callable[[], Any]] = [lambda: parser.feed(b"data: xy"), parser.flush, parser.flush]
    for call in calls:
        with pytest.raises(EventTooLarge) as caught:
            call()
        assert caught.value.events == []
    parser.close()
    assert parser.flush() == []


def test_feed_after_close_is_a_state_error_for_empty_bytes_too(make_parser: MakeParser) -> None:
    parser = make_parser()
    parser.close()
    for chunk in (b"", b"data: x\n\n", bytearray()):
        with pytest.raises(StateError, match="close"):
            parser.feed(chunk)


def test_the_type_is_checked_before_the_state_and_closed_before_poisoned(
    make_parser: MakeParser,
) -> None:
    parser = make_parser(max_event_size=3)
    with pytest.raises(EventTooLarge):
        parser.feed(b"data: x")
    with pytest.raises(TypeError):
        parser.feed("x")  # type: ignore[arg-type]
    with pytest.raises(EventTooLarge):
        parser.feed(b"")
    parser.close()
    with pytest.raises(StateError):
        parser.feed(b"")
    with pytest.raises(TypeError):
        parser.feed("x")  # type: ignore[arg-type]


def test_an_event_past_the_limit_carries_the_limit_and_the_events_before_it(
    make_parser: MakeParser,
) -> None:
    parser = make_parser(max_event_size=10)
    parser.feed(b"data: 0\n\n")
    with pytest.raises(EventTooLarge) as caught:
        parser.feed(b"data: a\n\nid: 2\ndata: b\n\ndata: ccccc\n\ndata: d\n\n")
    assert caught.value.limit == 10
    assert caught.value.events == [ServerSentEvent("a"), ServerSentEvent("b", id="2")]
    assert str(caught.value) == "an event is larger than max_event_size (10 bytes)"


def test_comments_asked_for_are_among_the_events_of_the_error(make_parser: MakeParser) -> None:
    parser = make_parser(max_event_size=10, comments=True)
    with pytest.raises(EventTooLarge) as caught:
        parser.feed(b": hi\ndata: ccccc\n")
    assert caught.value.events == [Comment(" hi")]


def test_a_poisoned_parser_raises_anew_without_events_until_reset(make_parser: MakeParser) -> None:
    parser = make_parser(max_event_size=10)
    with pytest.raises(EventTooLarge) as first:
        parser.feed(b"id: 1\ndata: a\n\nid: 2\ndata: ccccc")
    assert parser.pending == 0
    assert parser.last_event_id == "1"
    for chunk in (b"", b"\n\n", b"data: d\n\n"):
        with pytest.raises(EventTooLarge) as again:
            parser.feed(chunk)
        assert again.value is not first.value
        assert (again.value.limit, again.value.events) == (10, [])
    parser.reset()
    assert parser.feed(b"data: d\n\n") == [ServerSentEvent("d", id="1")]


def test_a_poisoned_parser_may_be_closed(make_parser: MakeParser) -> None:
    parser = make_parser(max_event_size=1)
    with pytest.raises(EventTooLarge):
        parser.feed(b"data")
    parser.close()
    parser.reset()
    assert parser.feed(b"\n") == []


@pytest.mark.parametrize(
    "before",
    [
        [],
        [b"data: half"],
        [b"data: whole line\n"],
        [b"event: x\nid: 2\nretry: 9\ndata: y"],
        [b"data: a\r"],
        [b"\r"],
        [b"\xef"],
        [b"\xef\xbb"],
        [b": comment"],
        [b"data: \xf0\x9f"],
        [b"x" * 99],
    ],
)
@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
def test_reset_equals_a_new_parser_with_the_current_last_event_id(
    make_parser: MakeParser, before: list[bytes], closed: bool
) -> None:
    options: dict[str, Any] = {"max_event_size": 60, "default_event": "d", "comments": True}
    used = make_parser(last_event_id="1", **options)
    used.feed(b"id: 7\nevent: e\ndata: x\n\n")
    for chunk in before:
        try:
            used.feed(chunk)
        except EventTooLarge:
            assert len(chunk) > 60
    if closed:
        used.close()
    used.reset()
    wire = [b"\n", BOM, b": c\n", b"data: y\r", b"\r\n", b"data: half"]
    wires = [wire, wire[1:], [b"\xbb\xbfdata: x\n\n"], [BOM + BOM], [b"data: " + b"z" * 60]]
    for chunks in wires:
        used.reset()
        fresh = make_parser(last_event_id="7", **options)
        retry = used.retry
        assert [_outcome(used, chunk) for chunk in chunks] == [
            _outcome(fresh, chunk) for chunk in chunks
        ]
        assert (used.last_event_id, used.pending) == (fresh.last_event_id, fresh.pending)
        assert used.retry == retry


def _outcome(parser: Any, chunk: bytes) -> object:
    try:
        return parser.feed(chunk)
    except EventTooLarge as exc:
        return (exc.limit, exc.events)


def test_reset_keeps_retry_and_expects_a_bom_again(make_parser: MakeParser) -> None:
    parser = make_parser()
    parser.feed(BOM + b"retry: 5\nid: 1\ndata: a\n\nretry: 6\nid: 2\ndata: half")
    parser.reset()
    assert (parser.retry, parser.last_event_id, parser.pending) == (6, "1", 0)
    assert parser.feed(BOM + b"data: b\n\n") == [ServerSentEvent("b", id="1")]


def test_an_lf_after_reset_is_not_swallowed_for_a_cr_before_it(make_parser: MakeParser) -> None:
    parser = make_parser(max_event_size=0)
    parser.feed(b"\r")
    parser.reset()
    assert parser.feed(b"\n") == []
    with pytest.raises(EventTooLarge):
        parser.feed(b"x")


def test_separate_parsers_do_not_share_state(make_parser: MakeParser) -> None:
    one, two = make_parser(), make_parser()
    one.feed(b"id: 1\nevent: a\ndata: x\n\nretry: 4\ndata: one")
    two.feed(b"data: two")
    assert (two.last_event_id, two.retry) == ("", None)
    assert one.feed(b"\n\n") == [ServerSentEvent("one", id="1", retry=4)]
    assert two.feed(b"\n\n") == [ServerSentEvent("two")]


# The object itself.


@pytest.mark.parametrize("name", ["last_event_id", "retry", "pending", "feed", "new_attribute"])
def test_attributes_can_be_neither_set_nor_added(make_parser: MakeParser, name: str) -> None:
    parser = make_parser()
    with pytest.raises(AttributeError):
        setattr(parser, name, None)
    with pytest.raises(AttributeError):
        delattr(parser, name)
    assert not hasattr(parser, "__dict__")


def test_a_parser_neither_pickles_nor_copies(make_parser: MakeParser) -> None:
    parser = make_parser()
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError):
            pickle.dumps(parser, protocol)
    with pytest.raises(TypeError):
        copy.copy(parser)
    with pytest.raises(TypeError):
        copy.deepcopy(parser)


def test_a_parser_can_be_weakly_referenced_and_is_freed(make_parser: MakeParser) -> None:
    parser = make_parser()
    parser.feed(b"data: x")
    reference = weakref.ref(parser)
    assert reference() is parser
    del parser
    gc.collect()
    assert reference() is None


def test_a_parser_is_hashed_and_compared_by_identity(make_parser: MakeParser) -> None:
    one, two = make_parser(), make_parser()
    assert one == one
    assert one != two
    assert len({one, two}) == 2


def test_the_class_can_be_subscripted_for_type_checkers(parser_cls: Any) -> None:
    alias = parser_cls[ServerSentEvent]
    assert alias().feed(b"data: x\n\n") == [ServerSentEvent("x")]
    assert parser_cls[ServerSentEvent, Comment] is not None


def test_the_signature_names_the_options_and_their_defaults(parser_cls: type[Parser[Any]]) -> None:
    parameters = inspect.signature(parser_cls).parameters
    assert [(p.name, p.kind.name, p.default) for p in parameters.values()] == [
        ("last_event_id", "KEYWORD_ONLY", ""),
        ("max_event_size", "KEYWORD_ONLY", 64 * 2**20),
        ("comments", "KEYWORD_ONLY", False),
        ("default_event", "KEYWORD_ONLY", "message"),
    ]
    assert list(inspect.signature(parser_cls.feed).parameters) == ["self", "data"]
    for method in (parser_cls.close, parser_cls.reset):
        assert list(inspect.signature(method).parameters) == ["self"]


def test_every_public_name_has_a_docstring(parser_cls: type[Parser[Any]]) -> None:
    names = [name for name in dir(parser_cls) if not name.startswith("_")]
    assert names == ["close", "feed", "flush", "last_event_id", "pending", "reset", "retry"]
    assert parser_cls.__doc__
    for name in names:
        assert getattr(parser_cls, name).__doc__, name


# Misuse.


def test_two_threads_that_feed_one_parser_do_not_crash(make_parser: MakeParser) -> None:
    parser = make_parser(max_event_size=5000)
    chunks = [b"data: abc", b"\ndata: d", b"\n\n", b"\r\n\r", b"id: 1\nevent: x\n", b"y" * 700]
    unexpected: list[BaseException] = []

    def misuse(shift: int) -> None:
        try:
            for i in range(1500):
                try:
                    parser.feed(chunks[(i + shift) % len(chunks)])
                    if i % 50 == shift:
                        parser.reset()
                        parser.close()
                        parser.reset()
                except (EventTooLarge, StateError):
                    parser.reset()
        except Exception as exc:
            # What comes of misuse is not defined; that the process lives on is.
            unexpected.append(exc)

    threads = [threading.Thread(target=misuse, args=(shift,)) for shift in range(3)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    parser.reset()
    (event,) = parser.feed(b"data: alive\n\n")
    assert event.data == "alive"


def test_many_threads_with_a_parser_each_get_their_own_events(make_parser: MakeParser) -> None:
    results: dict[int, list[str]] = {}

    def run(number: int) -> None:
        parser = make_parser()
        wire = b"".join(b"event: e%d\ndata: %d-%d\n\n" % (number, number, i) for i in range(200))
        got = []
        for at in range(0, len(wire), 11 + number):
            got += [event.data for event in parser.feed(wire[at : at + 11 + number])]
        results[number] = got

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {n: [f"{n}-{i}" for i in range(200)] for n in range(8)}


def test_a_buffer_that_feeds_the_same_parser_while_it_is_read_does_not_crash(
    make_parser: MakeParser,
) -> None:
    parser = make_parser()

    class Text(str):
        def __str__(self) -> str:  # called by nothing that may trust it
            parser.feed(b"data: sneaked in\n\n")
            return "x"

    for _ in range(3):
        with pytest.raises(TypeError):
            parser.feed(Text("data: x\n\n"))  # type: ignore[arg-type]
    assert parser.feed(b"data: y\n\n") == [ServerSentEvent("y")]


def test_a_trace_shows_the_types_values_and_errors_of_each_step(make_parser: MakeParser) -> None:
    steps = trace(lambda: make_parser(max_event_size=20), [b"id: 1\ndata: x\n\n", 5, b"y" * 21])
    blank = (("str", "1"), ("NoneType", None), ("int", 0))
    event = ("ServerSentEvent", ("str", "x"), ("str", "message"), ("str", "1"), ("NoneType", None))
    assert steps[1] == ("feed", "items", "list", [event], blank)
    assert steps[2][:3] == ("feed", "error", "builtins.TypeError")
    assert steps[3][1:4] == ("error", "ssewire.errors.EventTooLarge", [("int", 20), []])
    assert steps[3][-1] == blank
    assert steps[4][0] == "feed nothing"
    assert steps[4][1:3] == ("error", "ssewire.errors.EventTooLarge")
    assert [step[0] for step in steps[5:]] == [
        *("reset", "probe", "close", "close again", "feed after close"),
        *("wrong feed after close", "probe after close"),
        *("the last chunk", "flush", "flush again", "feed after flush"),
    ]


def test_its_repr_shows_where_it_is_bounded_and_without_control_characters(
    make_parser: MakeParser,
) -> None:
    parser = make_parser(max_event_size=2000)
    assert repr(parser) == "<Parser open, last_event_id='', retry=None, pending=0>"
    parser.feed(b"id: \x1b[7m\nretry: 5\ndata: secret\n\ndata: ab")
    assert repr(parser) == "<Parser open, last_event_id='\\x1b[7m', retry=5, pending=8>"
    parser.feed(b"\nid: " + b"x" * 1000 + b"\n\n")
    assert len(repr(parser)) < 200
    with pytest.raises(EventTooLarge):
        parser.feed(b"data: " + b"x" * 3000)
    assert repr(parser).startswith("<Parser failed")
    parser.close()
    assert repr(parser).startswith("<Parser closed")
    unfinished = type(parser).__new__(type(parser))
    assert repr(unfinished) == "<Parser closed, last_event_id='', retry=None, pending=0>"
