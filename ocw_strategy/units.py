"""Units of time and the names that several rooms share."""

from typing import Final

SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
HOUR_NS: Final = 60 * MINUTE_NS
DAY_NS: Final = 24 * HOUR_NS
MILLISECOND_NS: Final = 1_000_000

DAYS_PER_YEAR: Final = 365
"""Perpetuals trade every day: every annualised figure here uses 365 days."""

SIGNALS: Final = ("funding", "cumulative_volume_delta", "long_short", "open_interest")
"""The derivative signals, in the order of their columns. Positive expects the price to rise."""


def close_of(ts_ns: int) -> int:
    """Return the whole minute a bar closes at.

    Binance stamps a live bar one millisecond before its close, and the engine's conversion from
    milliseconds adds some nanoseconds of float error: both are the same close.

    >>> close_of(60_000_000_000), close_of(59_999_000_064)
    (60000000000, 60000000000)
    """
    return (ts_ns + SECOND_NS) // MINUTE_NS * MINUTE_NS
