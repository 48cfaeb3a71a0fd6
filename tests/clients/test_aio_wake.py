"""What a task waits for without a future of its own: both twins, on each loop."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine
from importlib import import_module
from typing import Any, Callable

import pytest

from ssewire.aio._wake_py import WAKE_CONTRACT
from tests.clients.both import LOOPS
from tests.conftest import chosen_key

MODULES = {"python": "ssewire.aio._wake_py", "cython": "ssewire.aio._wake_cy"}

Make = Callable[[], Any]
Run = Callable[[Coroutine[Any, Any, Any]], Any]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "make" in metafunc.fixturenames:
        names = metafunc.config.stash[chosen_key]
        metafunc.parametrize("make", names, ids=names, indirect=True)
    if "run" in metafunc.fixturenames:
        metafunc.parametrize("run", [loop.run for loop in LOOPS], ids=["asyncio", "uvloop"])


@pytest.fixture
def make(request: pytest.FixtureRequest) -> Make:
    """What makes one for the running loop."""
    cls: Any = import_module(MODULES[request.param]).Wake
    return lambda: cls(asyncio.get_running_loop())


def in_the_loop(function: Callable[[], object]) -> asyncio.Future[Any]:
    """Call a function as a transport's callback is called; return its result to be awaited."""
    loop = asyncio.get_running_loop()
    called = loop.create_future()
    loop.call_soon(lambda: called.set_result(function()))
    return called


async def waits(wake: Any, seen: list[Any], times: int = 1) -> str:
    for number in range(times):
        wake.begin()
        try:
            await wake
        except asyncio.CancelledError as exc:
            seen.append(exc)
            wake.end()
            raise
        seen.append(number)
    return "over"


def test_the_task_runs_to_its_next_wait_within_the_step(make: Make, run: Run) -> None:
    async def main() -> None:
        wake, seen = make(), list[Any]()
        task = asyncio.ensure_future(waits(wake, seen, 3))
        await asyncio.sleep(0)
        for number in range(3):
            assert wake.waited_for
            assert await in_the_loop(lambda: (wake.step(), len(seen))) == (True, number + 1)
        assert await task == "over"
        assert not wake.waited_for

    run(main())


def test_the_task_is_itself_in_the_step_with_its_own_context(make: Make, run: Run) -> None:
    variable = contextvars.ContextVar("variable", default="none")

    async def waiting(wake: Any) -> tuple[Any, str]:
        variable.set("the task's")
        wake.begin()
        await wake
        return asyncio.current_task(), variable.get()

    async def main() -> None:
        wake = make()
        task = asyncio.ensure_future(waiting(wake))
        await asyncio.sleep(0)
        await in_the_loop(lambda: variable.set("the loop's") and wake.step())
        assert await task == (task, "the task's")

    run(main())


def test_a_wake_lets_the_task_go_on_in_the_next_turn(make: Make, run: Run) -> None:
    async def main() -> None:
        wake, seen = make(), list[Any]()
        task = asyncio.ensure_future(waits(wake, seen))
        await asyncio.sleep(0)
        wake.wake()
        assert not seen
        assert not wake.waited_for
        assert await task == "over"

    run(main())


def test_news_before_the_await_is_not_waited_for(make: Make, run: Run) -> None:
    async def main() -> None:
        wake = make()
        wake.begin()
        wake.wake()
        await asyncio.wait_for(waiting(wake), 5)

    async def waiting(wake: Any) -> None:
        await wake

    run(main())


def test_a_cancelled_task_counts_as_waiting_until_it_has_given_up(make: Make, run: Run) -> None:
    async def main() -> None:
        wake, seen = make(), list[Any]()
        task = asyncio.ensure_future(waits(wake, seen))
        await asyncio.sleep(0)
        task.cancel()
        task.cancel()
        assert wake.waited_for
        await asyncio.wait({task})
        assert task.cancelled()
        assert len(seen) == 1
        assert not wake.waited_for
        # Another may wait for it now.
        other = asyncio.ensure_future(waits(wake, seen))
        await asyncio.sleep(0)
        assert await in_the_loop(wake.step)
        assert await other == "over"

    run(main())


@pytest.mark.parametrize("way", ["step", "wake"])
def test_cancelled_after_the_news_the_task_is_cancelled_once(
    make: Make, run: Run, way: str
) -> None:
    async def main() -> None:
        wake, seen = make(), list[Any]()
        task = asyncio.ensure_future(waits(wake, seen, 2))
        await asyncio.sleep(0)
        await in_the_loop(lambda: (getattr(wake, way)(), task.cancel()))
        await asyncio.wait({task})
        assert task.cancelled()
        assert not wake.waited_for

    run(main())


def test_news_after_the_cancellation_leaves_it_a_cancellation(make: Make, run: Run) -> None:
    async def main() -> None:
        wake, seen = make(), list[Any]()
        task = asyncio.ensure_future(waits(wake, seen))
        await asyncio.sleep(0)
        # The task refers to it until it goes on, so that another wait needs another.
        assert await in_the_loop(lambda: (task.cancel(), wake.step())) == (True, False)
        await asyncio.wait({task})
        assert task.cancelled()

    run(main())


def test_a_step_within_another_task_lets_the_task_go_on_later(make: Make, run: Run) -> None:
    async def main() -> None:
        wake, seen = make(), list[Any]()
        task = asyncio.ensure_future(waits(wake, seen))
        await asyncio.sleep(0)
        assert not wake.step()
        assert not seen
        assert await task == "over"

    run(main())


def test_what_the_task_raises_stays_in_the_task(make: Make, run: Run) -> None:
    async def failing(wake: Any) -> None:
        wake.begin()
        await wake
        raise RuntimeError("the task's")

    async def main() -> None:
        wake = make()
        task = asyncio.ensure_future(failing(wake))
        await asyncio.sleep(0)
        assert await in_the_loop(wake.step)
        with pytest.raises(RuntimeError, match="the task's"):
            await task

    run(main())


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_of_the_task_reaches_who_runs_the_loop(
    make: Make, error: type[BaseException]
) -> None:
    stepped = list[Any]()

    async def interrupted(wake: Any) -> None:
        wake.begin()
        await wake
        raise error

    async def main() -> None:
        wake = make()
        task = asyncio.ensure_future(interrupted(wake))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(lambda: stepped.append(wake.step()))
        await asyncio.wait({task}, timeout=5)
        await asyncio.sleep(5)

    with pytest.raises(error):
        asyncio.run(main())
    assert stepped == [True]


def test_stepped_by_something_else_the_wait_is_an_error(make: Make, run: Run) -> None:
    async def main() -> None:
        wake = make()
        coroutine = waits(wake, [])
        assert coroutine.send(None) is wake
        with pytest.raises(RuntimeError, match="stepped by something else"):
            coroutine.send(None)

    run(main())


def test_a_coroutine_thrown_away_in_its_wait_is_not_stepped(make: Make, run: Run) -> None:
    async def main() -> None:
        wake = make()
        coroutine = waits(wake, [])
        coroutine.send(None)
        coroutine.close()
        wake.end()
        assert not await in_the_loop(wake.step)

    run(main())


def test_the_compiled_twin_has_the_contract_of_its_specification() -> None:
    compiled = pytest.importorskip(MODULES["cython"], reason="never built")
    assert compiled.CONTRACT == WAKE_CONTRACT
