import asyncio
from collections.abc import Awaitable, Callable
from itertools import count

import pytest

from serving import shared_reading
from serving.shared_reading import SharedReading


def numbered_readings(gate: asyncio.Event) -> Callable[[], Awaitable[int]]:
    """Return a reading that waits for the gate, and returns how often it was called before."""
    numbers = count()

    async def read() -> int:
        number = next(numbers)
        await gate.wait()
        return number

    return read


async def test_those_who_ask_during_a_reading_share_it() -> None:
    gate = asyncio.Event()
    shared = SharedReading(numbered_readings(gate))
    asked = [asyncio.create_task(shared.get()) for _ in range(20)]
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(*asked) == [0] * 20


async def test_a_quick_reading_is_not_kept() -> None:
    gate = asyncio.Event()
    gate.set()
    shared = SharedReading(numbered_readings(gate))
    assert [await shared.get() for _ in range(3)] == [0, 1, 2]


async def test_a_reading_that_took_long_is_kept_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter([0.0, 2.0, 11.9, 12.1, 12.1, 12.1])  # began, ended, asked, asked, began, ended
    monkeypatch.setattr(shared_reading, "monotonic", lambda: next(clock))
    gate = asyncio.Event()
    gate.set()
    shared = SharedReading(numbered_readings(gate))
    assert [await shared.get() for _ in range(3)] == [0, 0, 1]


async def test_who_leaves_does_not_end_the_reading_of_others() -> None:
    gate = asyncio.Event()
    shared = SharedReading(numbered_readings(gate))
    first, second = (asyncio.create_task(shared.get()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    gate.set()
    assert await second == 0
    assert first.cancelled()


async def test_an_error_reaches_all_who_wait_and_is_not_kept() -> None:
    turns = count()

    async def read() -> int:
        await asyncio.sleep(0)
        if (turn := next(turns)) == 0:
            raise OSError("the catalog is away")
        return turn

    shared = SharedReading(read)
    results = await asyncio.gather(shared.get(), shared.get(), return_exceptions=True)
    assert [str(error) for error in results] == ["the catalog is away"] * 2
    assert await shared.get() == 1
