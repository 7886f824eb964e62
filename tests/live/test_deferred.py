import asyncio

from ocw_strategy.live.deferred import DELAY_S, Deferred


def test_work_is_done_a_moment_later_and_once_however_often_it_was_asked_for() -> None:
    done: list[float] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        deferred = Deferred(lambda: done.append(loop.time()))
        begun = loop.time()
        deferred.ask()
        deferred.ask()
        assert not done
        await asyncio.sleep(3 * DELAY_S)
        assert len(done) == 1
        assert done[0] >= begun + DELAY_S
        deferred.ask()
        await asyncio.sleep(3 * DELAY_S)

    asyncio.run(main())
    assert len(done) == 2


def test_work_that_was_dropped_is_not_done_until_it_is_asked_for_again() -> None:
    done: list[int] = []

    async def main() -> None:
        deferred = Deferred(lambda: done.append(1))
        deferred.drop()
        deferred.ask()
        deferred.drop()
        await asyncio.sleep(3 * DELAY_S)
        assert not done
        deferred.ask()
        await asyncio.sleep(3 * DELAY_S)

    asyncio.run(main())
    assert done == [1]
