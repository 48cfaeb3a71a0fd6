# SPDX-License-Identifier: MIT
"""Which idle connections to keep: the shelf of both pools, with no socket and no clock."""

from __future__ import annotations

import sys
import threading
from typing import Any, Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ssewire._http.idle import POOL_IDLE, POOL_SIZE, Shelf


def filled(names: str, key: str = "key") -> Shelf[str]:
    """Return a shelf that was given these, one every second from 0 on, and closed none."""
    shelf: Shelf[str] = Shelf(1)
    for second, name in enumerate(names):
        assert shelf.give(key, name, second) == []
    return shelf


def test_the_newest_is_taken_first_and_each_once() -> None:
    shelf = filled("abc")
    assert [shelf.take("key", 3.0) for _ in range(4)] == [
        ("c", []),
        ("b", []),
        ("a", []),
        (None, []),
    ]


def test_keys_do_not_share() -> None:
    shelf = filled("ab", "one")
    assert shelf.take("two", 2.0) == (None, [])
    assert shelf.give("two", "c", 2.0) == []
    assert shelf.take("two", 2.0) == ("c", [])
    assert shelf.take("one", 2.0) == ("b", [])


@pytest.mark.parametrize(("now", "expected"), [(29.9, ("a", [])), (30.0, (None, ["a"]))])
def test_one_is_kept_for_so_long(now: float, expected: Any) -> None:
    assert POOL_IDLE == 30.0
    assert filled("a").take("key", now) == expected


def test_taking_closes_all_that_are_too_old_of_every_key_the_oldest_first() -> None:
    shelf = filled("abc")
    shelf.give("other", "d", 2.0)
    shelf.give("other", "e", 15.0)
    # At 31.5 s c and d, given at 2 s, are young enough.
    assert shelf.take("key", 31.5) == ("c", ["a", "b"])
    assert shelf.take("key", 40.0) == (None, ["d"])
    assert shelf.take("other", 40.0) == ("e", [])


def test_giving_closes_all_that_are_too_old_of_every_key() -> None:
    shelf = filled("abc")
    assert shelf.give("other", "d", 31.5) == ["a", "b"]
    assert shelf.clear() == ["c", "d"]


def test_threads_that_share_a_shelf_get_each_connection_once() -> None:
    shelf: Shelf[int] = Shelf(1)
    got: list[list[int]] = []

    def run(first: int) -> None:
        mine: list[int] = []
        got.append(mine)
        for number in range(first, first + 500):
            mine += shelf.give("key", number, number % 60)
            taken, old = shelf.take("key", number % 60)
            mine += old if taken is None else [*old, taken]

    threads = [threading.Thread(target=run, args=(first,)) for first in range(0, 2000, 500)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert sorted(sum(got, shelf.clear())) == list(range(2000))


def test_giving_closes_those_of_the_key_that_are_too_old() -> None:
    shelf = filled("abc")
    assert shelf.give("key", "d", 31.0) == ["a", "b"]
    assert shelf.clear() == ["c", "d"]


def test_those_too_many_are_closed_and_the_newest_are_kept() -> None:
    names = "abcdefghijklmnopqrstuvwxyz"
    shelf = filled(names[:POOL_SIZE])
    assert shelf.give("key", names[POOL_SIZE], 20.0) == ["a"]
    assert shelf.give("key", names[POOL_SIZE + 1], 20.0) == ["b"]
    assert shelf.clear() == list(names[2 : POOL_SIZE + 2])


def test_discarding_forgets_one_and_tolerates_what_is_not_there() -> None:
    shelf: Shelf[int] = Shelf(1)
    for number in (1, 2, 3):
        shelf.give("key", number, 0.0)
    for number in (2, 2, 4):
        shelf.discard(number)
    assert shelf.take("key", 3.0) == (3, [])
    shelf.discard(1)
    assert shelf.take("key", 3.0) == (None, [])


def test_discarding_goes_by_identity() -> None:
    shelf: Shelf[list[int]] = Shelf(1)
    first: list[int] = []
    second: list[int] = []
    shelf.give("key", first, 0.0)
    shelf.give("key", second, 0.0)
    shelf.discard(second)
    taken, _ = shelf.take("key", 0.0)
    assert taken is first


def test_nothing_is_left_of_a_key_that_has_none() -> None:
    # A client may talk to many servers in its time.
    shelf: Shelf[int] = Shelf(1)
    forgets: list[Callable[[], object]] = [
        lambda: shelf.take("key", 0.0),
        lambda: shelf.take("key", 100.0),
        lambda: shelf.discard(1),
    ]
    for forget in forgets:
        shelf.give("key", 1, 0.0)
        forget()
        assert shelf._kept == []


def test_clearing_forgets_all() -> None:
    shelf = filled("ab")
    shelf.give("other", "c", 2.0)
    assert shelf.clear() == ["a", "b", "c"]
    assert shelf.clear() == []
    assert shelf.take("key", 2.0) == (None, [])


def test_a_forked_child_gets_what_is_its_parents_to_forget_it_once() -> None:
    shelf = filled("ab")
    assert not shelf.forked(1)
    assert shelf.forked(2)
    assert shelf.leave_parent(2) == ["a", "b"]
    assert not shelf.forked(2)
    assert shelf.clear() == []


class Walk(RuleBasedStateMachine):
    """The shelf against a list of all that was given and not taken, closed or discarded."""

    KEYS = st.sampled_from(["one", "two"])

    def __init__(self) -> None:
        super().__init__()
        self.shelf: Shelf[int] = Shelf(1)
        # Key, time and number, in the order in which they were given.
        self.model: list[tuple[str, float, int]] = []
        self.gone: set[int] = set()
        self.now = 0.0
        self.number = 0

    def of(self, key: str) -> list[tuple[str, float, int]]:
        return [entry for entry in self.model if entry[0] == key]

    def old(self) -> list[int]:
        return [number for _, since, number in self.model if since + POOL_IDLE <= self.now]

    def forget(self, numbers: list[int]) -> None:
        assert not self.gone.intersection(numbers)
        self.gone.update(numbers)
        self.model = [entry for entry in self.model if entry[2] not in self.gone]

    @rule(seconds=st.sampled_from([0.5, 1.0, 29.0, 30.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(key=KEYS, count=st.integers(1, POOL_SIZE + 2))
    def give(self, key: str, count: int) -> None:
        for _ in range(count):
            self.number += 1
            self.model.append((key, self.now, self.number))
            closed = self.shelf.give(key, self.number, self.now)
            old = self.old()
            young = [entry for entry in self.of(key) if entry[2] not in old]
            assert closed == old + [entry[2] for entry in young[:-POOL_SIZE]]
            self.forget(closed)

    @rule(key=KEYS)
    def take(self, key: str) -> None:
        newest, closed = self.shelf.take(key, self.now)
        assert closed == self.old()
        self.forget(closed)
        kept = self.of(key)
        assert newest == (kept[-1][2] if kept else None)
        self.forget([] if newest is None else [newest])

    @rule(chance=st.integers(0, 10_000))
    def discard(self, chance: int) -> None:
        if self.model:
            number = self.model[chance % len(self.model)][2]
            self.shelf.discard(number)
            self.forget([number])

    @rule(process=st.integers(1, 2))
    def use_in(self, process: int) -> None:
        if self.shelf.forked(process):
            left = self.shelf.leave_parent(process)
            assert sorted(left) == sorted(entry[2] for entry in self.model)
            self.forget(left)

    @invariant()
    def never_more_than_the_limit(self) -> None:
        assert len(self.of("one")) <= POOL_SIZE
        assert len(self.of("two")) <= POOL_SIZE

    def teardown(self) -> None:
        left = self.shelf.clear()
        assert sorted(left) == sorted(entry[2] for entry in self.model)


TestWalk: Callable[..., Any] = Walk.TestCase
TestWalk.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)  # type: ignore[attr-defined]
