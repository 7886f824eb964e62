"""A small seeded market for these tests: hourly closes whose volatility is known hour by hour."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ocw_strategy.regime import RegimeSettings, VolatilityRegimeModel
from ocw_strategy.units import HOUR_NS

START_NS = 1_672_531_200_000_000_000  # 2023-01-01 00:00 UTC, a Sunday
QUICK = RegimeSettings(history_days=90, minimum_days=60, state_counts=(2, 3), restarts=1)


def hours(
    volatility: Sequence[float] | NDArray[np.float64], seed: int = 1
) -> tuple[list[int], list[float]]:
    """Closes of consecutive hours from `START_NS`, one per annualised volatility given."""
    rng = np.random.default_rng(seed)
    per_hour = np.asarray(volatility) / np.sqrt(24 * 365)
    close = 30_000 * np.exp(np.cumsum(per_hour * rng.standard_normal(len(per_hour))))
    close_ns = START_NS + HOUR_NS * np.arange(1, len(close) + 1)
    return close_ns.tolist(), close.tolist()


def turns(levels: Sequence[float], stay_days: int, days: int) -> NDArray[np.float64]:
    """Volatility of each hour of a market that takes up its levels in turn."""
    turn = np.arange(days * 24) // (stay_days * 24)
    return np.asarray(levels)[turn % len(levels)]


QUIET_AND_WILD = turns([0.15, 0.8], stay_days=9, days=200)


def fed(settings: RegimeSettings, pairs: Iterable[tuple[int, float]]) -> VolatilityRegimeModel:
    model = VolatilityRegimeModel(settings)
    for close_ns, close in pairs:
        assert model.add_hour(close_ns, close)
    return model


def market(volatility: NDArray[np.float64], seed: int = 1) -> list[tuple[int, float]]:
    return list(zip(*hours(volatility, seed), strict=True))


def names(settings: RegimeSettings, pairs: Iterable[tuple[int, float]]) -> list[str]:
    model = VolatilityRegimeModel(settings)
    found = []
    for close_ns, close in pairs:
        model.add_hour(close_ns, close)
        found.append(model.current.name)
    return found
