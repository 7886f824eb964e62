"""The market the venue plays: bars, marks, statistics and funding of each perpetual, as columns.

`sampled` takes them from the built-in sample market, `flat` makes a still one for tests that move
the price themselves, `bars_of` takes rows that a test writes down.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from ocw_strategy.catalog.frames import STATISTICS
from ocw_strategy.catalog.sample import sample_market
from ocw_strategy.units import DAY_NS, MILLISECOND_NS
from tests.venue.listings import LISTINGS

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
MINUTE_MS: Final = 60_000
Row = tuple[float, float, float, float, float]
"""Open, high, low, close, volume."""


@dataclass(slots=True)
class Statistics:
    """Derivative statistics by the END of their five minutes; columns as the catalog names them."""

    ts_ms: Integers = field(default_factory=lambda: np.empty(0, np.int64))
    columns: dict[str, Floats] = field(
        default_factory=lambda: {name: np.empty(0) for name in STATISTICS}
    )


@dataclass(slots=True)
class History:
    """One perpetual's columns. Prices are (rows, 4) arrays of open, high, low, close."""

    minutes: int
    open_ms: Integers
    prices: Floats
    volume: Floats
    taker_buy_volume: Floats
    marks: Floats
    statistics: Statistics = field(default_factory=Statistics)
    funding_ms: Integers = field(default_factory=lambda: np.empty(0, np.int64))
    funding_rate: Floats = field(default_factory=lambda: np.empty(0))

    @property
    def length_ms(self) -> int:
        """Milliseconds of a bar."""
        return self.minutes * MINUTE_MS


def bars_of(
    rows: Iterable[Row], start_ms: int, minutes: int = 1, *, marks: Iterable[Row] | None = None
) -> History:
    """Return a history of rows that follow each other from a moment on."""
    table = np.array(list(rows), dtype=float).reshape(-1, 5)
    mark_table = table if marks is None else np.array(list(marks), dtype=float).reshape(-1, 5)
    return History(
        minutes=minutes,
        open_ms=start_ms + np.arange(len(table), dtype=np.int64) * minutes * MINUTE_MS,
        prices=table[:, :4],
        volume=table[:, 4],
        taker_buy_volume=np.round(table[:, 4] / 2, 3),
        marks=mark_table[:, :4].copy(),
    )


def flat(
    prices: Mapping[str, float], start_ms: int, bars: int, minutes: int = 1
) -> dict[str, History]:
    """Return a market that stands still."""
    return {
        symbol: bars_of([(price, price, price, price, 10.0)] * bars, start_ms, minutes)
        for symbol, price in prices.items()
    }


def sampled(
    seed: int, start_ns: int, days: int, minutes: int = 5, *, edge: float = 1.0
) -> dict[str, History]:
    """Return the built-in sample market from a midnight on (see `sample_market`)."""
    frames = sample_market(seed, start_ns, days, minutes, edge=edge).frames
    found = {}
    for symbol in LISTINGS:
        bars, marks = frames[f"bars_{minutes}m", symbol], frames[f"mark_{minutes}m", symbol]
        metrics, funding = frames["metrics_5m", symbol], frames["funding", symbol]
        names = ("open", "high", "low", "close")
        volume = bars.column("volume").to_numpy()
        ratio = np.repeat(metrics.column("taker_buy_sell_ratio").to_numpy(), max(5 // minutes, 1))
        ratio = ratio[:: max(minutes // 5, 1)]
        found[symbol] = History(
            minutes=minutes,
            open_ms=bars.column("ts").to_numpy().astype(np.int64),
            prices=np.column_stack([bars.column(name).to_numpy() for name in names]),
            volume=volume,
            taker_buy_volume=np.round(
                volume * ratio / (1 + ratio), LISTINGS[symbol].quantity_digits
            ),
            marks=np.column_stack([marks.column(name).to_numpy() for name in names]),
            statistics=Statistics(
                metrics.column("ts").to_numpy().astype(np.int64),
                {name: metrics.column(name).to_numpy() for name in STATISTICS},
            ),
            funding_ms=funding.column("ts").to_numpy().astype(np.int64),
            funding_rate=funding.column("rate").to_numpy(),
        )
    return found


def midnight_before_ns(now_ns: int, days: int) -> int:
    """Return the midnight UTC that many days before today's."""
    return now_ns // DAY_NS * DAY_NS - days * DAY_NS


def last_minute_ms(now_ns: int) -> int:
    """Return the minute that has begun, in UTC milliseconds."""
    return now_ns // MILLISECOND_NS // MINUTE_MS * MINUTE_MS
