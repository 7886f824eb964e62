"""When to look at the venue's statistics next.

Rows come every five minutes and may be told a publication delay later. So the venue is looked at
once a row, a minute before it is due, and every so often from then on while something is missing.
"""

from ocw_strategy.live.statistics_rows import PERIOD_NS
from ocw_strategy.units import MINUTE_NS

LOOK_AHEAD_NS = MINUTE_NS


def pause_ns(now_ns: int, *, busy: bool, interval_ns: int, busy_ns: int, delay_ns: int) -> int:
    """Return how long to wait from now, at most `interval_ns`.

    >>> pause_ns(100, busy=True, interval_ns=300, busy_ns=60, delay_ns=0)
    60
    """
    if busy:
        return min(busy_ns, interval_ns)
    if interval_ns < PERIOD_NS:
        return interval_ns
    phase_ns = (now_ns - delay_ns + LOOK_AHEAD_NS) % PERIOD_NS
    return min(interval_ns, PERIOD_NS - phase_ns)


def awaited_ms(now_ns: int, delay_ns: int) -> int:
    """Return the ``ts`` in milliseconds of the newest row that is due within a minute, or was."""
    return (now_ns + LOOK_AHEAD_NS - delay_ns) // PERIOD_NS * PERIOD_NS // 1_000_000
