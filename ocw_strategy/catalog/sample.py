"""The built-in sample market: SYNTHETIC data with known truth, for the demo, tests and benches.

Three correlated perpetuals (BTCUSDT, ETHUSDT, SOLUSDT) share one chain of three volatility
regimes; returns have fat tails, rare jumps, volatility clusters and an intraday season; volume,
funding, open interest, long/short ratios and the taker ratio come with them, in the canonical
layout of the catalog. It is no real market: nothing learnt on it says anything about one, and
whoever shows it says so.

The planted truth (`PLANTED_EDGES`), in terms of signals whose positive value expects a rise:

============================ ====================================== ======================
signal                       how it is read                         where it predicts
============================ ====================================== ======================
``funding``                  contrarian, rate around 0.0001         calm and normal
``cumulative_volume_delta``  directional, taker ratio around 1      calm and normal
``long_short``               contrarian, ratios around recent mean  turbulent
``open_interest``            any way                                nowhere
============================ ====================================== ======================

Where a signal predicts, the drift of each step leans its way, by a fraction of the volatility of
the moment, on what was known at the close before. Read every 15 minutes, the sign of such a signal
is right about the next four hours 57 or 58 times in a hundred, elsewhere 50. ``edge`` scales the
drift; at 0 the returns are pure noise, and the same noise as with any other edge.

The same arguments give the same market in any process. Another length or base interval gives
another market. Refused (`SettingsError`): a start that is no midnight UTC, days below 1, a base
interval other than 1, 5 or 15 minutes, a negative edge.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from ocw_strategy.catalog.sample_perpetual import (
    NORMAL_FUNDING_RATE,
    PERPETUALS,
    SharedPath,
    perpetual_frames,
)
from ocw_strategy.catalog.sample_process import (
    PLANTED_EDGES,
    REGIMES,
    VOLATILITY_BY_REGIME,
    VOLUME_BY_HOUR,
    Floats,
    regime_track,
    volatility_and_jumps,
)
from ocw_strategy.errors import SettingsError
from ocw_strategy.units import DAY_NS, MILLISECOND_NS

__all__ = [
    "NORMAL_FUNDING_RATE",
    "PLANTED_EDGES",
    "REGIMES",
    "VOLATILITY_BY_REGIME",
    "VOLUME_BY_HOUR",
    "SampleMarket",
    "sample_market",
]

_BASE_MINUTES = (1, 5, 15)
_TAILS: Final = 5  # degrees of freedom of Student's t


@dataclass(frozen=True, slots=True)
class SampleMarket:
    """A synthetic market and the truth behind it.

    Attributes
    ----------
    frames : dict
        Canonical frames by kind and venue symbol, such as ``("bars_5m", "BTCUSDT")``; the kinds are
        ``bars_<n>m``, ``mark_<n>m``, ``bars_1h``, ``funding`` and ``metrics_5m``.
    regimes : pyarrow.Table
        The true regime of every hour: ``ts`` (its start, UTC ms), ``regime`` (name), ``index``.
    """

    frames: dict[tuple[str, str], pa.Table]
    regimes: pa.Table


def sample_market(
    seed: int, start_ns: int, days: int, base_minutes: int = 5, *, edge: float = 1.0
) -> SampleMarket:
    """Make a synthetic market with planted edges.

    Parameters
    ----------
    seed : int
        Seed of everything random in it.
    start_ns : int
        A midnight UTC, UNIX nanoseconds.
    days : int
        Length, at least 1.
    base_minutes : int
        Interval of the base bars: 1, 5 or 15.
    edge : float
        Multiplier of `PLANTED_EDGES`; 0 plants none.

    Returns
    -------
    SampleMarket
        Frames and true regimes.

    Raises
    ------
    SettingsError
        When an argument is not as above.
    """
    _check(start_ns, days, base_minutes, edge)
    rng = np.random.default_rng(seed)
    minutes = min(base_minutes, 5)  # of a simulated step: metrics come every five
    steps_per_hour = 60 // minutes
    start_ms = start_ns // MILLISECOND_NS
    track = regime_track(rng, days * 24)
    regime = np.repeat(track, steps_per_hour)
    volatility, jump = volatility_and_jumps(rng, regime, steps_per_hour)
    innovations = _correlated_innovations(rng, len(regime))
    crowd = rng.standard_normal((len(regime), 3))
    path = SharedPath(start_ms, minutes, regime, volatility, jump, crowd)
    frames = {
        (kind, perpetual.symbol): table
        for column, perpetual in enumerate(PERPETUALS)
        for kind, table in perpetual_frames(
            rng, perpetual, path, innovations[:, column], base_minutes, edge
        ).items()
    }
    hours = start_ms + np.arange(days * 24) * 3_600_000
    regimes = pa.table({"ts": hours, "regime": np.array(REGIMES)[track], "index": track})
    return SampleMarket(frames, regimes)


def _correlated_innovations(rng: np.random.Generator, count: int) -> Floats:
    # a multivariate t of unit variance: one factor, and tails that strike all at once
    loading = np.array([perpetual.loading for perpetual in PERPETUALS])
    common = rng.standard_normal((count, 1))
    own = rng.standard_normal((count, len(PERPETUALS)))
    scale = np.sqrt((_TAILS - 2) / rng.chisquare(_TAILS, size=(count, 1)))
    return scale * (common * loading + own * np.sqrt(1 - loading**2))


def _check(start_ns: int, days: int, base_minutes: int, edge: float) -> None:
    if start_ns % DAY_NS or start_ns < 0:
        raise SettingsError("start_ns", start_ns, "start the sample market at a midnight UTC")
    if days < 1:
        raise SettingsError("days", days, "ask for at least one day")
    if base_minutes not in _BASE_MINUTES:
        raise SettingsError("base_minutes", base_minutes, "choose 1, 5 or 15")
    if not 0 <= edge < np.inf:
        raise SettingsError("edge", edge, "give a strength of 0 (pure noise) or more")
