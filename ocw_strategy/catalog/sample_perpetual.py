"""One perpetual of the sample market: its states, its prices and its canonical frames.

Order of cause: volatility and innovations (given) move the price; past innovations and independent
latent states make funding, positioning and taker flow; these lean the drift of the NEXT step where
an edge is planted. So no published value knows a later price, and an edge of 0 leaves every price
without any drift. Open interest follows neither.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ocw_strategy.catalog.sample_process import (
    PLANTED_EDGES,
    REGIMES,
    VOLATILITY_BY_REGIME,
    VOLUME_BY_HOUR,
    Floats,
    bridge_extremes,
    decay,
    previous,
    smooth,
)
from ocw_strategy.units import DAYS_PER_YEAR

NORMAL_FUNDING_RATE: Final = 0.0001
"""The rate per settlement around which funding moves."""

_FUNDING_HOURS = 8
_FUNDING_SPREAD = 0.0001
_HORIZON_HOURS = 4  # of the planted edges


@dataclass(frozen=True, slots=True)
class Perpetual:
    """What makes one synthetic perpetual differ from the next."""

    symbol: str
    beta: float
    """Volatility over that of BTC."""
    loading: float
    """Correlation of its innovations with the market's common factor."""
    price: float
    """First open."""
    price_decimals: int
    """Of the tick, a power of ten."""
    volume: float
    """Mean contracts a minute."""
    lot_decimals: int
    """Of the lot, a power of ten."""
    open_interest: float
    """Usual contracts."""


PERPETUALS: Final = (
    Perpetual("BTCUSDT", 1.00, 0.92, 60_000.0, 1, 160.0, 3, 80_000.0),
    Perpetual("ETHUSDT", 1.25, 0.88, 3_000.0, 2, 2_900.0, 3, 1_300_000.0),
    Perpetual("SOLUSDT", 1.60, 0.80, 140.0, 2, 14_000.0, 2, 6_500_000.0),
)


@dataclass(frozen=True, slots=True)
class SharedPath:
    """What the three perpetuals share: arrays of one value a step.

    `minutes` of a step divide 5; `volatility` and `jump` are BTC's; `crowd` has a column of unit
    innovations for funding, long/short and flow.
    """

    start_ms: int
    minutes: int
    regime: NDArray[np.int8]
    volatility: Floats
    jump: Floats
    crowd: Floats


def perpetual_frames(
    rng: np.random.Generator,
    perpetual: Perpetual,
    path: SharedPath,
    innovations: Floats,
    base_minutes: int,
    edge: float,
) -> dict[str, pa.Table]:
    """Make the frames of one perpetual, by kind.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of what is its own.
    perpetual : Perpetual
        What it is.
    path : SharedPath
        The market around it.
    innovations : numpy.ndarray
        Its unit innovations, one a step, correlated with those of the others.
    base_minutes : int
        Interval of the base bars, a multiple of the step.
    edge : float
        Multiplier of `PLANTED_EDGES`.

    Returns
    -------
    dict
        Tables of ``bars_<n>m``, ``mark_<n>m``, ``bars_1h``, ``funding`` and ``metrics_5m``.
    """
    per_hour = 60 // path.minutes
    mood = 0.6 * path.crowd + 0.8 * rng.standard_normal(path.crowd.shape)
    # a rise makes longs pay more and turns small accounts short; most of either state is its own
    funding_state = 0.96 * smooth(mood[:, 0], 36 * per_hour)
    funding_state += 0.28 * smooth(innovations, 48 * per_hour)
    crowd_state = 0.96 * smooth(mood[:, 1], 10 * per_hour)
    crowd_state -= 0.28 * smooth(innovations, 24 * per_hour)
    flow_state = smooth(mood[:, 2], 8 * per_hour)

    every = _FUNDING_HOURS * per_hour
    rates = np.round(NORMAL_FUNDING_RATE + _FUNDING_SPREAD * previous(funding_state)[::every], 8)
    settled = np.repeat((rates - NORMAL_FUNDING_RATE) / _FUNDING_SPREAD, every)
    leaning = {
        "funding": -np.tanh(settled),
        "cumulative_volume_delta": np.tanh(previous(flow_state)),
        "long_short": -np.tanh(previous(crowd_state)),
    }
    sigma = path.volatility * perpetual.beta
    drift = np.zeros(len(sigma))
    for signal, direction in leaning.items():
        strength = np.array([PLANTED_EDGES[signal][name] for name in REGIMES])[path.regime]
        drift += strength * direction
    drift *= edge * sigma / np.sqrt(_HORIZON_HOURS * per_hour)
    moves = sigma * innovations + perpetual.beta * path.jump + drift

    bars = _bars(rng, perpetual, path, sigma, moves)
    base = _rolled(bars, base_minutes // path.minutes, perpetual.lot_decimals)
    hourly = _rolled(bars, per_hour, perpetual.lot_decimals)
    return {
        f"bars_{base_minutes}m": _table(base, path.start_ms, base_minutes),
        f"mark_{base_minutes}m": _table(
            _mark(rng, perpetual, base, base_minutes), path.start_ms, base_minutes
        ),
        "bars_1h": _table(hourly, path.start_ms, 60),
        "funding": _table({"rate": rates}, path.start_ms, _FUNDING_HOURS * 60),
        "metrics_5m": _metrics(
            rng, perpetual, path, bars["close"], innovations, crowd_state, flow_state
        ),
    }


def _bars(
    rng: np.random.Generator,
    perpetual: Perpetual,
    path: SharedPath,
    sigma: Floats,
    moves: Floats,
) -> dict[str, Floats]:
    tick = 10.0**-perpetual.price_decimals

    def priced(log_price: Floats) -> Floats:
        ticks = np.maximum(np.round(perpetual.price * np.exp(log_price) / tick), 1)
        return np.round(ticks * tick, perpetual.price_decimals)

    after = np.cumsum(moves)
    before = np.concatenate(([0.0], after[:-1]))
    above, below = bridge_extremes(rng, moves, sigma)
    close = priced(after)
    opened = np.concatenate((priced(np.zeros(1)), close[:-1]))
    per_hour = 60 // path.minutes
    season = np.tile(np.repeat(VOLUME_BY_HOUR, per_hour), len(moves) // (24 * per_hour))
    usual = VOLATILITY_BY_REGIME["normal"] * perpetual.beta
    usual /= np.sqrt(DAYS_PER_YEAR * 24 * per_hour)
    volume = perpetual.volume * path.minutes * season * np.sqrt(sigma / usual)
    volume *= 0.6 + 0.55 * np.minimum(np.abs(moves) / sigma, 12.0)
    volume *= np.exp(0.35 * rng.standard_normal(len(moves)) - 0.35**2 / 2)
    return {
        "open": opened,
        "high": np.maximum(priced(before + above), np.maximum(opened, close)),
        "low": np.minimum(priced(before + below), np.minimum(opened, close)),
        "close": close,
        "volume": np.maximum(
            np.round(volume, perpetual.lot_decimals), 10.0**-perpetual.lot_decimals
        ),
    }


def _mark(
    rng: np.random.Generator, perpetual: Perpetual, bars: dict[str, Floats], minutes: int
) -> dict[str, Floats]:
    # the mark follows the last price within a few basis points
    basis = np.exp(0.00015 * smooth(rng.standard_normal(len(bars["close"])), 120 / minutes))
    digits = perpetual.price_decimals + 4
    close = np.round(bars["close"] * basis, digits)
    opened = np.concatenate((np.round(bars["open"][:1] * basis[:1], digits), close[:-1]))
    high = np.round(bars["high"] * basis, digits)
    low = np.round(bars["low"] * basis, digits)
    return {
        "open": opened,
        "high": np.maximum(high, np.maximum(opened, close)),
        "low": np.minimum(low, np.minimum(opened, close)),
        "close": close,
    }


def _metrics(
    rng: np.random.Generator,
    perpetual: Perpetual,
    path: SharedPath,
    close: Floats,
    innovations: Floats,
    crowd_state: Floats,
    flow_state: Floats,
) -> pa.Table:
    # the row of ts describes the five minutes before it: states and prices at their end
    width = 5 // path.minutes
    end = slice(width - 1, None, width)
    rows = len(close) // width
    push = innovations.reshape(rows, width).sum(axis=1) / np.sqrt(width)
    noise = rng.standard_normal((rows, 6))
    shocks = (path.jump.reshape(rows, width) != 0).any(axis=1)
    interest = 0.10 * smooth(noise[:, 0], 240 * 12) + 0.02 * smooth(noise[:, 1], 8 * 12)
    interest -= 0.03 * decay(shocks.astype(float), 24 * 12)  # a shock liquidates, then it fills up
    interest = np.round(perpetual.open_interest * np.exp(interest), 3)
    crowd, flow = crowd_state[end], flow_state[end]
    return _table(
        {
            "open_interest": interest,
            "open_interest_value": np.round(interest * close[end], 2),
            "toptrader_account_ls_ratio": _ratio(2.2, 0.14 * crowd + 0.02 * noise[:, 2]),
            "toptrader_position_ls_ratio": _ratio(1.8, 0.08 * crowd + 0.01 * noise[:, 3]),
            "global_account_ls_ratio": _ratio(2.0, 0.12 * crowd + 0.01 * noise[:, 4]),
            "taker_buy_sell_ratio": _ratio(1.0, 0.14 * flow + 0.15 * push + 0.25 * noise[:, 5]),
        },
        path.start_ms + 300_000,
        5,
    )


def _ratio(usual: float, deviation: Floats) -> Floats:
    return np.round(usual * np.exp(deviation), 4)


def _rolled(bars: dict[str, Floats], width: int, lot_decimals: int) -> dict[str, Floats]:
    groups = {name: values.reshape(-1, width) for name, values in bars.items()}
    return {
        "open": groups["open"][:, 0],
        "high": groups["high"].max(axis=1),
        "low": groups["low"].min(axis=1),
        "close": groups["close"][:, -1],
        "volume": np.round(groups["volume"].sum(axis=1), lot_decimals),
    }


def _table(columns: dict[str, Floats], start_ms: int, minutes: int) -> pa.Table:
    rows = len(next(iter(columns.values())))
    return pa.table({"ts": start_ms + np.arange(rows) * (minutes * 60_000), **columns})
