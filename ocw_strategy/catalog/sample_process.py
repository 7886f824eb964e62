"""The random processes behind the sample market: regimes, volatility, shocks, slow latent states.

Everything here is arrays in, arrays out, driven by a generator that is passed in. A value at index
``t`` of a latent state is known at the END of step ``t``; the volatility at ``t`` is that of step
``t`` and does not depend on the innovation of the same step. Nothing is refused and nothing fails:
the caller has checked its arguments.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ocw_strategy.units import DAYS_PER_YEAR

Floats = NDArray[np.float64]

VOLATILITY_BY_REGIME: Final = {"calm": 0.18, "normal": 0.40, "turbulent": 0.84}
"""Annualised volatility of BTC in each true regime, shocks and clusters included."""
REGIMES: Final = tuple(VOLATILITY_BY_REGIME)
"""Names of the true regimes, in the order of their index."""
PLANTED_EDGES: Final[Mapping[str, Mapping[str, float]]] = MappingProxyType(
    {
        "funding": {"calm": 0.40, "normal": 0.40, "turbulent": 0.0},
        "cumulative_volume_delta": {"calm": 0.52, "normal": 0.52, "turbulent": 0.0},
        "long_short": {"calm": 0.0, "normal": 0.0, "turbulent": 0.50},
        "open_interest": {"calm": 0.0, "normal": 0.0, "turbulent": 0.0},
    }
)
"""Drift over four hours by signal and true regime, in standard deviations of four hours, when the
signal is at its full value of 1; 0 where it predicts nothing."""
DWELL_DAYS: Final = (8, 20)
"""Shortest and longest stay in one regime."""
VOLUME_BY_HOUR: Final = 1 + 0.5 * np.cos(2 * np.pi * (np.arange(24) - 15) / 24)
"""Mean volume of each UTC hour over the mean of all hours, shape ``(24,)``: busiest at 15:00."""

_SHOCKS_PER_DAY = 0.15
_SHOCK_SIZE = (4.0, 8.0)  # of a quiet 15-minute standard deviation
_BURST_SIZE = (0.7, 1.6)  # added to the volatility multiplier right after a shock
_BURST_HALF_LIFE_HOURS = 3.0
_CLUSTER_HALF_LIFE_HOURS = 10.0
_CLUSTER_SPREAD = 0.10  # standard deviation of the log volatility within a regime
_SEASON_POWER = 0.4  # volatility is less seasonal than volume


def decay(values: Floats, half_life_steps: float) -> Floats:
    """Filter `values` by ``y[t] = a * y[t-1] + x[t]`` with the given half-life, columns apart."""
    alpha = 1 - 0.5 ** (1 / half_life_steps)
    scaled = values / alpha
    scaled[0] = values[0]
    return (
        pd.DataFrame(scaled).ewm(alpha=alpha, adjust=False).mean().to_numpy().reshape(values.shape)
    )


def smooth(innovations: Floats, half_life_steps: float) -> Floats:
    """Turn unit innovations into a stationary first-order autoregression of unit variance."""
    keep = 0.5 ** (1 / half_life_steps)
    scaled = innovations * np.sqrt(1 - keep**2)
    scaled[0] = innovations[0]
    return decay(scaled, half_life_steps)


def previous(values: Floats) -> Floats:
    """Return what was known one step earlier; the first row stands for itself."""
    return np.concatenate((values[:1], values[:-1]))


def regime_track(rng: np.random.Generator, hours: int) -> NDArray[np.int8]:
    """Draw the true regime of each hour.

    Regimes follow one another in shuffled rounds of all three, no regime twice in a row, each for
    a whole number of hours between the two `DWELL_DAYS`: none is away for more than 80 days.
    """
    track = np.empty(0, dtype=np.int8)
    last = -1
    while len(track) < hours:
        order = rng.permutation(len(REGIMES))
        if order[0] == last:
            order = order[::-1]
        stays = rng.integers(DWELL_DAYS[0] * 24, DWELL_DAYS[1] * 24 + 1, size=len(order))
        track = np.concatenate((track, np.repeat(order.astype(np.int8), stays)))
        last = int(order[-1])
    return track[:hours]


def volatility_and_jumps(
    rng: np.random.Generator, regime: NDArray[np.int8], steps_per_hour: int
) -> tuple[Floats, Floats]:
    """Draw BTC's volatility of each step and its rare jumps.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    regime : numpy.ndarray
        Index of the true regime of each step, from midnight UTC on.
    steps_per_hour : int
        Steps in an hour.

    Returns
    -------
    tuple of numpy.ndarray
        Standard deviation of the log return of each step, and the signed jump of each step (a log
        return, nearly always 0). Volatility clusters within a regime, follows the hour of day, and
        bursts for some hours after each jump; the level is such that all of it together has the
        annualised volatility of the regime.
    """
    count = len(regime)
    steps_per_day = 24 * steps_per_hour
    season = np.repeat(VOLUME_BY_HOUR**_SEASON_POWER, steps_per_hour)
    season /= np.sqrt(np.mean(season**2))
    cluster = smooth(rng.standard_normal(count), _CLUSTER_HALF_LIFE_HOURS * steps_per_hour)

    shocks = rng.poisson(_SHOCKS_PER_DAY * count / steps_per_day)
    when = rng.integers(count // steps_per_day, size=shocks) * steps_per_day
    when += rng.choice(steps_per_day, size=shocks, p=season / season.sum())
    jump_size, impulse = np.zeros(count), np.zeros(count)
    jump_size[when] = rng.uniform(*_SHOCK_SIZE, size=shocks) * rng.choice((-1.0, 1.0), size=shocks)
    impulse[when] = rng.uniform(*_BURST_SIZE, size=shocks)
    burst = decay(np.concatenate(([0.0], impulse[:-1])), _BURST_HALF_LIFE_HOURS * steps_per_hour)

    annual = np.array([VOLATILITY_BY_REGIME[name] for name in REGIMES])
    quiet = annual[regime] / np.sqrt(_variance_of_shocks() * DAYS_PER_YEAR * steps_per_day)
    jump = jump_size * quiet * np.sqrt(steps_per_hour / 4)
    shape = np.exp(_CLUSTER_SPREAD * cluster - _CLUSTER_SPREAD**2) * (1 + burst)
    return quiet * np.tile(season, count // steps_per_day) * shape, jump


def bridge_extremes(rng: np.random.Generator, move: Floats, sigma: Floats) -> tuple[Floats, Floats]:
    """Draw how far a path went above and below its start within each step.

    The exact laws of the maximum and the minimum of a Brownian bridge that ends at `move`
    (Glasserman, Monte Carlo Methods in Financial Engineering, section 6.4), drawn independently.
    """
    reach = [np.sqrt(move**2 + 2 * sigma**2 * rng.exponential(size=len(move))) for _ in range(2)]
    return (move + reach[0]) / 2, (move - reach[1]) / 2


def _variance_of_shocks() -> float:
    """Variance with jumps and bursts over the variance without."""
    (low, high), (least, most) = _SHOCK_SIZE, _BURST_SIZE
    jump = (low**2 + low * high + high**2) / 3 / (24 * 4)
    hours = _BURST_HALF_LIFE_HOURS / np.log(2)
    mean, square = (least + most) / 2, (least**2 + least * most + most**2) / 3
    burst = (2 * mean * hours + square * hours / 2) / 24
    return float(1 + _SHOCKS_PER_DAY * (jump + burst))
