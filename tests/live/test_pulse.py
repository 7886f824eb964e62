"""Defect 7 by itself: a callback that another thread leaves on a loop without waking it."""

import asyncio
import threading
import time

import pytest

from ocw_strategy.live import PULSE_S
from ocw_strategy.live.pulse import beat

_QUIET_S = 4 * PULSE_S


def waited_s(*, beating: bool) -> float:
    """Return how long a callback from another thread waits on a loop that sleeps."""

    async def main() -> float:
        loop, called = asyncio.get_running_loop(), []
        pulse = asyncio.create_task(beat()) if beating else None
        await asyncio.sleep(0.01)
        left_at = time.monotonic()

        def leave() -> None:  # as the engine's sockets do: no wake-up
            time.sleep(0.05)
            loop.call_soon(lambda: called.append(time.monotonic()))

        thread = threading.Thread(target=leave)
        thread.start()
        await asyncio.sleep(_QUIET_S)
        thread.join()
        await asyncio.sleep(0)
        if pulse is not None:
            pulse.cancel()
        return called[0] - left_at

    return asyncio.run(main())


@pytest.mark.parametrize(("beating", "waits"), [(True, False), (False, True)])
def test_7_only_a_pulse_keeps_a_sleeping_loop_from_letting_it_wait(
    beating: bool, waits: bool
) -> None:
    assert (waited_s(beating=beating) > 2 * PULSE_S) is waits
