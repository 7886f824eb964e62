"""The four derivative signals and their composite. Positive expects the price to rise.

Each signal is tanh of a statistic over a scale: smooth, bounded by 1, odd and monotone, without a
threshold at which it cuts in. None depends on the level of a price.

- ``funding``, contrarian: longs that pay far more than usual are crowded.
- ``cumulative_volume_delta``, directional: takers who pay the spread to buy push the price.
- ``long_short``, contrarian: top traders' positions leaning further long than they lately did.
- ``open_interest``, confirming: tanh(recent return / its volatility) times tanh(change of open
  interest / scale). New positions behind a move are committed to it; a move on which open interest
  falls is made by closing (a squeeze, a flush) and has no one left to carry it. It says nothing
  without a move, and nothing without a change.

A statistic that is unknown or too old contributes exactly 0 and is named; the other weights are
not raised to fill its place, so less evidence makes a weaker composite.
"""

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

from ocw_strategy.market.settings import SignalSettings
from ocw_strategy.market.statistics import DerivativeStatistics
from ocw_strategy.units import SIGNALS

_CLOSES_PER_RETURN: Final = 16
_GAIN: Final = 2.0
"""Slope of the composite at zero, for weights that sum to 1."""


class SignalValues(NamedTuple):
    """The signals of one instrument at one moment."""

    values: dict[str, float]
    """All of ``SIGNALS``, each in [-1, 1]."""
    missing: tuple[str, ...]
    """Those whose statistic is unknown or stale, and whose 0 is therefore no opinion."""


def signal_values(
    statistics: DerivativeStatistics,
    *,
    return_4h: float,
    volatility: float,
    settings: SignalSettings,
) -> SignalValues:
    """Return the four signals of an instrument.

    Parameters
    ----------
    statistics : DerivativeStatistics
        As known at the moment of the decision.
    return_4h : float
        Log return over the last 4 hours; NaN when unknown.
    volatility : float
        Standard deviation of a 15-minute return; NaN when unknown.
    settings : SignalSettings
        Scales and the ages beyond which a statistic is stale.
    """
    stale = settings.metrics_stale_seconds
    move = (
        return_4h / (volatility * math.sqrt(_CLOSES_PER_RETURN)) if volatility > 0.0 else math.nan
    )
    arguments = (
        (
            -statistics.funding_relative / settings.funding_scale,
            statistics.funding_age_s <= settings.funding_stale_seconds,
            1.0,
        ),
        (
            statistics.cumulative_volume_delta / settings.flow_scale,
            statistics.cumulative_volume_delta_age_s <= stale,
            1.0,
        ),
        (
            -statistics.long_short_z / settings.long_short_scale,
            statistics.toptrader_position_age_s <= stale,
            1.0,
        ),
        (
            statistics.open_interest_change / settings.open_interest_scale,
            statistics.open_interest_age_s <= stale,
            math.tanh(move),
        ),
    )
    values: dict[str, float] = {}
    missing: list[str] = []
    for name, (argument, fresh, factor) in zip(SIGNALS, arguments, strict=True):
        value = math.tanh(argument) * factor
        if fresh and value == value:
            values[name] = value
        else:
            values[name] = 0.0
            missing.append(name)
    return SignalValues(values, tuple(missing))


def composite(signals: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Return tanh(2 * sum of weight * signal), in [-1, 1].

    Parameters
    ----------
    signals : Mapping[str, float]
        Signal values; one that is absent counts 0.
    weights : Mapping[str, float]
        A weight of 0 or more for each of ``SIGNALS``, such as the bandit's, which sum to 1. They
        are used as they are: a smaller sum makes a weaker composite.

    Examples
    --------
    >>> weights = {
    ...     "funding": 0.35, "cumulative_volume_delta": 0.30,
    ...     "long_short": 0.25, "open_interest": 0.10,
    ... }
    >>> round(composite({"funding": -0.5, "cumulative_volume_delta": 0.2}, weights), 4)
    -0.226
    """
    total = math.fsum(weights[name] * signals.get(name, 0.0) for name in SIGNALS)
    return math.tanh(_GAIN * total)
