"""A pulse that wakes the event loop.

The engine's sockets schedule tasks from a thread of their own without waking the loop (a reconnect
then waits for whatever wakes it next, up to ten seconds on a quiet node). While this runs, nothing
waits for longer than `PULSE_S`.
"""

import asyncio
from typing import Final

PULSE_S: Final = 0.5


async def beat() -> None:
    """Wake the loop for ever."""
    while True:
        await asyncio.sleep(PULSE_S)
