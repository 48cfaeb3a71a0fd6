# SPDX-License-Identifier: MIT
"""The values that parsers give out: ServerSentEvent and Comment."""

from __future__ import annotations

import copy
import gc
import json
import pickle
import subprocess
import sys
from typing import Any

import pytest

from ssewire import Comment, ServerSentEvent
from tests.kit.platforms import needs_processes

FULL = ("data", "type", "7", 5)
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


class Text(str):
    """A str that is not exactly one."""

    def __str__(self) -> str:
        return "another text"


def test_fields_are_read_as_given() -> None:
    event = ServerSentEvent(*FULL)
    assert (event.data, event.event, event.id, event.retry) == FULL


def test_fields_may_be_named_and_default_to_a_plain_message() -> None:
    assert ServerSentEvent(data="x", event="e", id="i", retry=1) == ServerSentEvent(
        *("x", "e", "i", 1)
    )
    event = ServerSentEvent("x")
    assert (event.data, event.event, event.id, event.retry) == ("x", "message", "", None)


def test_data_is_required_and_unknown_fields_are_refused() -> None:
    make: Any = ServerSentEvent
    for arguments in ({}, {"data": "x", "type": "y"}):
        with pytest.raises(TypeError):
            make(**arguments)
    with pytest.raises(TypeError):
        make("x", "y", "z", 1, 2)


@pytest.mark.parametrize("name", ["data", "event", "id", "retry", "new"])
def test_an_event_is_read_only(name: str) -> None:
    event = ServerSentEvent(*FULL)
    with pytest.raises(AttributeError):
        setattr(event, name, "x")
    with pytest.raises(AttributeError):
        delattr(event, name)
    assert event == ServerSentEvent(*FULL)
    assert not hasattr(event, "__dict__")


@pytest.mark.parametrize("position", range(4))
def test_events_are_equal_only_if_each_field_is(position: int) -> None:
    other: list[Any] = list(FULL)
    other[position] = 6 if position == 3 else "other"
    one, same, different = ServerSentEvent(*FULL), ServerSentEvent(*FULL), ServerSentEvent(*other)
    assert one == same
    assert not one != same  # noqa: SIM202
    assert one != different
    assert not one == different  # noqa: SIM201
    assert hash(one) == hash(same)
    assert len({one, same, different}) == 2


def test_an_event_equals_nothing_of_another_type() -> None:
    event = ServerSentEvent("x")
    others: list[object] = ["x", ("x", "message", "", None), None, Comment("x")]
    for other in others:
        assert event != other
        assert not event == other  # noqa: SIM201
    assert Comment("x") != "x"
    with pytest.raises(TypeError):
        event < event  # type: ignore[operator]  # noqa: B015


def test_repr_shows_all_fields_and_evaluates_to_an_equal_event() -> None:
    event = ServerSentEvent("a\n'é", "t", "7", 5)
    assert repr(event) == "ServerSentEvent(data=\"a\\n'é\", event='t', id='7', retry=5)"
    assert eval(repr(event)) == event
    assert repr(Comment(" hi")) == "Comment(' hi')"
    assert eval(repr(Comment(" hi"))) == Comment(" hi")


@pytest.mark.parametrize("item", [ServerSentEvent(*FULL), ServerSentEvent("x"), Comment(" c")])
def test_copies_are_equal_and_of_the_same_class(item: object) -> None:
    for twin in (copy.copy(item), copy.deepcopy(item)):
        assert twin == item
        assert type(twin) is type(item)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("item", [ServerSentEvent(*FULL), ServerSentEvent("x"), Comment(" c")])
def test_pickles_of_every_protocol_give_an_equal_item_back(item: object, protocol: int) -> None:
    twin = pickle.loads(pickle.dumps([item, item], protocol))
    assert twin == [item, item]
    assert type(twin[0]) is type(item)
    assert hash(twin[0]) == hash(item)


@needs_processes
def test_a_pickle_is_read_by_a_process_with_the_pure_event_class() -> None:
    wire = pickle.dumps([ServerSentEvent(*FULL), Comment(" c")], 2)
    program = (
        "import pickle, sys; event, comment = pickle.loads(sys.stdin.buffer.read());"
        "print(repr(event), repr(comment), type(event).__module__, end='')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=wire,
        env=_environment(SSEWIRE_PARSER="python"),
        stdout=subprocess.PIPE,
        check=True,
    )
    shown = f"{ServerSentEvent(*FULL)!r} {Comment(' c')!r} ssewire.event"
    assert done.stdout.decode() == shown


def _environment(**extra: str) -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **extra}


def test_match_args_are_the_fields_in_order() -> None:
    assert ServerSentEvent.__match_args__ == ("data", "event", "id", "retry")
    assert Comment.__match_args__ == ("text",)


@pytest.mark.skipif(sys.version_info < (3, 10), reason="match statements came with Python 3.10")
def test_events_match_by_position_and_by_name() -> None:
    program = (
        "match item:\n"
        "    case Comment(text): found = text\n"
        "    case ServerSentEvent(data, 'type', retry=5): found = data\n"
    )
    for item, found in ((ServerSentEvent(*FULL), "data"), (Comment("c"), "c")):
        names: dict[str, Any] = {
            "Comment": Comment,
            "ServerSentEvent": ServerSentEvent,
            "item": item,
        }
        exec(program, names)
        assert names["found"] == found


def test_json_decodes_the_data() -> None:
    assert ServerSentEvent('{"a": [1, null]}').json() == {"a": [1, None]}
    with pytest.raises(json.JSONDecodeError):
        ServerSentEvent("[DONE]").json()


def test_json_takes_another_decoder_by_position_or_name() -> None:
    event = ServerSentEvent("12")
    assert event.json(lambda text: text * 2) == "1212"
    assert event.json(loads=int) == 12
    with pytest.raises(ZeroDivisionError):
        event.json(lambda text: 1 / 0)


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        *(("data", b"x"), ("data", None), ("data", 1)),
        *(("event", None), ("event", b"x"), ("id", None), ("id", 7)),
        *(("retry", "5"), ("retry", 1.5), ("retry", b"5")),
    ],
)
def test_a_field_of_a_wrong_type_is_a_type_error_that_names_field_and_type(
    field: str, bad: object
) -> None:
    fields: dict[str, Any] = {"data": "x", field: bad}
    with pytest.raises(TypeError, match=rf"{field} must be .*, not {type(bad).__name__}"):
        ServerSentEvent(**fields)


def test_a_str_subclass_becomes_an_exact_str_of_the_same_text() -> None:
    event = ServerSentEvent(Text("a"), Text("b"), Text("c"))
    for value, text in ((event.data, "a"), (event.event, "b"), (event.id, "c")):
        assert type(value) is str
        assert value == text
    comment = Comment(Text("c"))
    assert type(comment.text) is str
    assert comment.text == "c"


def test_an_int_subclass_becomes_an_exact_int() -> None:
    event = ServerSentEvent("x", retry=True)
    assert type(event.retry) is int
    assert event.retry == 1


def test_a_comment_is_read_only_hashable_and_compared_by_text() -> None:
    comment = Comment(" hi")
    assert comment.text == " hi"
    assert comment == Comment(" hi")
    assert comment != Comment("hi")
    assert len({comment, Comment(" hi")}) == 1
    for name in ("text", "new"):
        with pytest.raises(AttributeError):
            setattr(comment, name, "x")
        with pytest.raises(AttributeError):
            delattr(comment, name)
    assert comment.text == " hi"


@pytest.mark.parametrize("bad", [None, b"x", 1])
def test_a_comment_that_is_not_text_is_a_type_error(bad: Any) -> None:
    with pytest.raises(TypeError, match=rf"text must be a str, not {type(bad).__name__}"):
        Comment(bad)


def test_an_event_is_not_changed_by_initialising_it_again() -> None:
    event: Any = ServerSentEvent(*FULL)
    before = hash(event)
    try:
        event.__init__(b"x")
    except TypeError:
        pass
    assert event == ServerSentEvent(*FULL)
    assert hash(event) == before


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="counts CPython's references")
def test_events_do_not_keep_or_lose_references_to_their_fields() -> None:
    data = "some data of its own " + str(id(FULL))
    before = sys.getrefcount(data)
    events = [ServerSentEvent(data, data, data) for _ in range(100)]
    assert sys.getrefcount(data) == before + 300
    del events
    gc.collect()
    assert sys.getrefcount(data) == before
