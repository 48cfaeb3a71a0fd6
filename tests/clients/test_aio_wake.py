# SPDX-License-Identifier: MIT
"""What a task waits for without a future for each wait: both twins, on each loop.

At the end what that means for a stream, over sockets.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import sys
from collections.abc import Coroutine
from importlib import import_module
from typing import Any, Callable

import pytest

from ssewire.aio import open_stream
from ssewire.aio._wake_py import WAKE_CONTRACT
from tests.clients.both import LOOPS
from tests.clients.scenarios import event
from tests.conftest import chosen_key
from tests.kit.limits import PAUSE
from tests.kit.scripted import CHUNKED, LAST_CHUNK, Server, chunk, head

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
    """What makes one for the running loop; all of a test belong to one turn."""
    module: Any = import_module(MODULES[request.param])
    turns: dict[Any, Any] = {}

    def made() -> Any:
        loop = asyncio.get_running_loop()
        return module.Wake(turns.setdefault(loop, module.Turn(loop)))

    return made


async def waits(wake: Any, seen: list[Any], times: int = 1, name: Any = None) -> str:
    for number in range(times):
        wake = wake.begin()
        try:
            await wake
        except asyncio.CancelledError as exc:
            seen.append(exc)
            wake.end()
            raise
        seen.append(number if name is None else name)
    return "over"


async def suspended(coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Return the task of a coroutine that has come to its first wait."""
    task = asyncio.ensure_future(coroutine)
    await asyncio.sleep(0)
    return task


def test_the_task_goes_on_in_the_next_turn_and_waits_for_the_same_again(
    make: Make, run: Run
) -> None:
    async def main() -> None:
        wake, seen = make(), list[Any]()
        task = await suspended(waits(wake, seen, 3))
        for number in range(3):
            assert wake.waited_for
            assert not wake.done()
            wake.wake()
            assert len(seen) == number
            assert wake.done()
            assert not wake.waited_for
            await asyncio.sleep(0)
            assert len(seen) == number + 1
        assert await task == "over"
        assert wake.begin() is wake

    run(main())


def test_the_task_goes_on_as_itself_and_in_its_own_context(make: Make, run: Run) -> None:
    variable = contextvars.ContextVar("variable", default="none")

    async def waiting(wake: Any, name: str) -> tuple[Any, str]:
        variable.set(name)
        await wake.begin()
        return asyncio.current_task(), variable.get()

    async def main() -> None:
        wakes = [make(), make()]
        tasks = [await suspended(waiting(wake, str(n))) for n, wake in enumerate(wakes)]
        for wake in wakes:
            wake.wake()
        assert await asyncio.gather(*tasks) == [(tasks[0], "0"), (tasks[1], "1")]
        assert variable.get() == "none"

    run(main())


def test_those_that_are_woken_together_go_on_in_turn_and_together(make: Make, run: Run) -> None:
    async def main() -> None:
        wakes, seen = [make() for _ in range(5)], list[Any]()
        tasks = [await suspended(waits(wake, seen, 1, n)) for n, wake in enumerate(wakes)]
        for number in (3, 1, 4, 0, 2):
            wakes[number].wake()
        await asyncio.sleep(0)
        assert seen == [3, 1, 4, 0, 2]
        await asyncio.gather(*tasks)

    run(main())


def test_news_before_the_await_is_not_waited_for(make: Make, run: Run) -> None:
    async def waiting(wake: Any) -> None:
        await wake

    async def main() -> None:
        wake = make().begin()
        wake.wake()
        await asyncio.wait_for(waiting(wake), 5)

    run(main())


def test_a_cancelled_task_counts_as_waiting_until_it_has_given_up(make: Make, run: Run) -> None:
    async def main() -> None:
        wake, seen = make(), list[Any]()
        task = await suspended(waits(wake, seen))
        task.cancel()
        task.cancel()
        assert wake.waited_for
        await asyncio.wait({task})
        assert task.cancelled()
        assert len(seen) == 1
        assert not wake.waited_for
        # Another may wait now.
        other = wake.begin()
        task = await suspended(waits(other, seen))
        other.wake()
        assert await task == "over"

    run(main())


def test_cancelled_after_the_news_the_task_is_cancelled_once(make: Make, run: Run) -> None:
    async def main() -> None:
        wake, seen = make(), list[Any]()
        task = await suspended(waits(wake, seen, 2))
        wake.wake()
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        assert [type(one) for one in seen] == [asyncio.CancelledError]
        assert not wake.waited_for

    run(main())


def test_news_after_the_cancellation_leaves_it_a_cancellation(make: Make, run: Run) -> None:
    async def main() -> None:
        wake, seen = make(), list[Any]()
        task = await suspended(waits(wake, seen))
        task.cancel("why")
        wake.wake()
        await asyncio.wait({task})
        assert task.cancelled()
        assert seen[0].args == ("why",)

    run(main())


def test_a_task_that_is_yet_to_go_on_does_not_share_the_wait_of_the_next(
    make: Make, run: Run
) -> None:
    async def main(cancelled: bool) -> None:
        wake, seen = make(), list[Any]()
        first = await suspended(waits(wake, seen, 1, "first"))
        wake.wake()
        # It comes between the news and the step of the one that was woken by it.
        later = wake.begin()
        second = asyncio.ensure_future(waiting(later))
        if cancelled:
            first.cancel()
        await asyncio.wait({first})
        assert first.cancelled() == cancelled
        await asyncio.sleep(0)
        assert later.waited_for
        later.wake()
        assert await second == "second"

    async def waiting(wake: Any) -> str:
        await wake
        return "second"

    run(main(False))
    run(main(True))


def test_what_a_task_raises_stays_in_it_and_the_others_go_on(make: Make, run: Run) -> None:
    async def failing(wake: Any) -> None:
        await wake.begin()
        raise RuntimeError("the task's")

    async def main() -> None:
        wakes, seen = [make(), make()], list[Any]()
        task = await suspended(failing(wakes[0]))
        other = await suspended(waits(wakes[1], seen))
        for wake in wakes:
            wake.wake()
        with pytest.raises(RuntimeError, match="the task's"):
            await task
        assert await other == "over"

    run(main())


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_reaches_who_runs_the_loop_and_the_others_go_on_after_it(
    make: Make, error: type[BaseException]
) -> None:
    seen: list[Any] = []

    async def interrupted(wake: Any) -> None:
        await wake.begin()
        raise error

    async def main() -> None:
        wakes = [make(), make(), make()]
        coroutines = [waits(wakes[0], seen), interrupted(wakes[1]), waits(wakes[2], seen)]
        tasks = [await suspended(coroutine) for coroutine in coroutines]
        for wake in wakes:
            wake.wake()
        await asyncio.wait(tasks, timeout=5)

    loop = asyncio.new_event_loop()
    try:
        task = loop.create_task(main())
        with pytest.raises(error):
            loop.run_forever()
        assert seen == [0]
        loop.run_until_complete(task)
        assert seen == [0, 0]
    finally:
        loop.close()


def test_a_loop_that_is_made_to_run_within_a_task_steps_the_others(make: Make) -> None:
    """As nest_asyncio and the event loops of windows do."""

    async def nesting(wake: Any, other: asyncio.Task[Any]) -> None:
        await wake.begin()
        loop: Any = asyncio.get_running_loop()
        task: Any = asyncio.current_task()
        tasks: Any = asyncio.tasks
        tasks._leave_task(loop, task)
        for _ in range(3):
            loop.call_soon(lambda: None)
            loop._run_once()
        tasks._enter_task(loop, task)
        assert other.done()

    async def main() -> None:
        wakes, seen = [make(), make()], list[Any]()
        other = await suspended(waits(wakes[1], seen))
        task = await suspended(nesting(wakes[0], other))
        for wake in wakes:
            wake.wake()
        await task

    asyncio.run(main())


def test_debugging_the_loop_names_the_task_that_holds_it_up(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    async def holds_it_up(wake: Any) -> None:
        await wake.begin()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        wake = make()
        task = await suspended(holds_it_up(wake))
        loop.set_debug(True)
        loop.slow_callback_duration = 0
        wake.wake()
        await task
        loop.set_debug(False)

    with caplog.at_level(logging.WARNING, "asyncio"):
        asyncio.run(main())
    assert any("Executing <Task" in text and "holds_it_up" in text for text in caplog.messages)


def test_a_wait_without_init_is_an_attribute_error(make: Make, run: Run) -> None:
    async def main() -> None:
        cls: Any = type(make())
        wake = cls.__new__(cls)
        wake.add_done_callback(print)
        for call in (wake.get_loop, wake.wake):
            with pytest.raises(AttributeError):
                call()
        wake.add_done_callback(print)
        with pytest.raises(AttributeError):
            wake.cancel()

    run(main())


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
        wake.wake()
        await asyncio.sleep(0)
        assert wake.done()

    run(main())


def test_the_compiled_twin_has_the_contract_of_its_specification() -> None:
    compiled = pytest.importorskip(MODULES["cython"], reason="never built")
    assert compiled.CONTRACT == WAKE_CONTRACT


# --- over sockets


@pytest.mark.sockets
def test_no_code_of_a_user_runs_within_a_callback_of_the_transport(run: Run) -> None:
    def callers() -> set[str]:
        names, frame = set[str](), sys._getframe()
        while frame.f_back is not None:
            frame = frame.f_back
            names.add(frame.f_code.co_name)
        return names

    async def main(url: str) -> None:
        seen = 0
        async with open_stream(url) as stream:
            async for _ in stream:
                assert "buffer_updated" not in callers()
                seen += 1
        assert seen == 3

    # Each is a read of its own: the first two by the short way, the third with the end.
    chunks = [chunk(event(number)) for number in (1, 2, 3)]
    steps = [chunks[0], PAUSE, chunks[1], PAUSE, chunks[2] + LAST_CHUNK]
    with Server([[head(200, CHUNKED), *steps]]) as server:
        run(main(server.url))


@pytest.mark.sockets
def test_anyio_sees_a_task_that_waits_for_an_event_as_blocked(run: Run) -> None:
    anyio = pytest.importorskip("anyio")

    async def reads(stream: Any) -> list[str]:
        return [item.data async for item in stream]

    async def main(url: str) -> None:
        async with open_stream(url) as stream:
            task = asyncio.ensure_future(reads(stream))
            await asyncio.wait_for(anyio.wait_all_tasks_blocked(), 5)
            assert not task.done()
            task.cancel()
            await asyncio.wait({task})

    with Server([[head(), "hold"]]) as server:
        run(main(server.url))
