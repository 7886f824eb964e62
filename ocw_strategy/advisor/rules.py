"""The rule-based advisor: with the trend where there is one, else against the stretch.

It decides from the snapshot alone, the same way each time and the same way for longs and shorts:

- the *price rule* of an instrument mixes two views of its hourly bars, by how efficiently the
  price moved: ``trend * tanh(distance from the mean / its scale)`` and ``(1 - trend) *
  -tanh(stretch)``, where ``trend`` rises from 0 in a range to 1 in a trend and ``stretch`` is the
  mean of the place in the Bollinger bands and of the RSI, each 0 in the middle. In between, the
  two cancel: a market that is neither gives no reason;
- the *score* is 0.7 of the price rule and 0.3 of the derivatives composite, always;
- an entry needs ``entry_score``. A position stays as it is while the score in its direction is at
  least ``exit_score``, is reduced when little of its reason is left, and closed when it is gone;
- exposure is the score over ``full_score``; confidence is half for the price rule alone and rises
  or falls as the composite agrees.

An instrument that is stale, or has too little history, is left as it is. When a review of the
position is among the wake reasons, nothing is opened, grown or turned. Regime, posteriors and
caps are not applied here: the strategy scales and limits what is asked for.
"""

import math
from operator import itemgetter
from typing import Final, NamedTuple

from ocw_strategy.advisor.decision import (
    MAX_REASON,
    Advice,
    Decision,
    SignalConfidence,
    Target,
    check_decision,
)
from ocw_strategy.advisor.settings import RulesSettings
from ocw_strategy.gate.conditions import WakeCondition
from ocw_strategy.market.figures import significant
from ocw_strategy.market.reports import InstrumentReport, PositionReport
from ocw_strategy.market.snapshot import MarketSnapshot
from ocw_strategy.units import SIGNALS

POSITION_REVIEW: Final = "position_review"
"""The wake reason on which the rules may only reduce."""

_TIMEFRAME: Final = "1h"
_RSI_UNIT: Final = 20.0  # 70 and 30 count as much as the upper and the lower band
_MAX_CONDITIONS: Final = 2


class RulesAdvisor:
    """The rule-based advisor.

    Parameters
    ----------
    settings : RulesSettings
        When the rules act.
    """

    name = "rules"

    def __init__(self, settings: RulesSettings) -> None:
        self._settings = settings

    async def decide(self, snapshot: MarketSnapshot) -> Advice:
        """Return advice on a snapshot; it costs nothing and never waits."""
        return check_decision(decide_by_rules(snapshot, self._settings), snapshot.instruments)


class _Reading(NamedTuple):
    """What the rules make of one instrument."""

    score: float
    composite: float
    price: float
    mean_price: float
    words: str


def decide_by_rules(snapshot: MarketSnapshot, settings: RulesSettings) -> Decision:
    """Return the rules' decision on every instrument of a snapshot."""
    review = any(reason.split(":")[0] == POSITION_REVIEW for reason in snapshot.wake_reasons)
    scale = snapshot.regime.exposure_scale * snapshot.regime.macro_scale
    targets: list[Target] = []
    reasons: list[str] = []
    conditions: list[tuple[float, WakeCondition]] = []
    for symbol, instrument in sorted(snapshot.instruments.items()):
        position = snapshot.positions.get(symbol)
        reading = _read(instrument, settings)
        if reading is None:
            why = "the bar is late" if instrument.stale else "too little history"
            reasons.append(f"{symbol}: {why}, {'kept' if position else 'flat'}.")
            continue
        target, verdict = _judge(symbol, reading, position, scale, review, settings)
        if target is not None:
            targets.append(target)
        reasons.append(f"{symbol}: {verdict} ({reading.words}).")
        if target.exposure if target else position:
            conditions.append(_condition(symbol, reading))
    return Decision(
        targets=tuple(targets),
        signal_confidence=SignalConfidence(
            **{
                name: snapshot.posteriors[name].mean if name in snapshot.posteriors else 0.5
                for name in SIGNALS
            }
        ),
        reason=" ".join(reasons)[:MAX_REASON],
        next_check_seconds=settings.next_check_seconds,
        wake_conditions=tuple(
            each for _, each in sorted(conditions, key=itemgetter(0))[:_MAX_CONDITIONS]
        ),
        memory_note="",
    )


def _read(instrument: InstrumentReport, settings: RulesSettings) -> _Reading | None:
    """Return the scores of an instrument, None when too little is known to have any."""
    hourly = instrument.timeframes.get(_TIMEFRAME)
    if instrument.stale or not instrument.price or hourly is None:
        return None
    efficiency, distance, atr = hourly.efficiency_ratio, hourly.mean_distance, hourly.atr
    percent_b, rsi = hourly.bollinger_percent_b, hourly.rsi
    if efficiency is None or distance is None or not atr or percent_b is None or rsi is None:
        return None
    span = settings.trend_efficiency - settings.range_efficiency
    trend = min(1.0, max(0.0, (efficiency - settings.range_efficiency) / span))
    following = math.tanh(distance / (settings.trend_distance_atr * atr))
    stretch = 0.5 * ((2.0 * percent_b - 1.0) + (rsi - 50.0) / _RSI_UNIT)
    rule = trend * following - (1.0 - trend) * math.tanh(stretch)
    weight = settings.composite_weight
    score = (1.0 - weight) * rule + weight * instrument.composite
    words = (
        f"score {score:+.2f} from price rule {rule:+.2f} and composite {instrument.composite:+.2f};"
        f" trend {trend:.0%}, efficiency {efficiency:.2f}, RSI {rsi:.0f}, {distance:+.2%} from mean"
    )
    mean_price = instrument.price / (1.0 + distance)
    return _Reading(score, instrument.composite, instrument.price, mean_price, words)


def _judge(
    symbol: str,
    reading: _Reading,
    position: PositionReport | None,
    scale: float,
    review: bool,
    settings: RulesSettings,
) -> tuple[Target | None, str]:
    """Return what to ask for, None to leave the instrument as it is, and why."""
    score = reading.score
    exposure = max(-1.0, min(1.0, score / settings.full_score))
    agreement = math.copysign(1.0, score) * reading.composite
    wanted = Target(symbol=symbol, exposure=exposure, confidence=0.5 * (1.0 + agreement))
    side = "long" if score > 0 else "short"
    enters = abs(score) >= settings.entry_score and not review
    if position is None:
        return (wanted, f"opens {side}") if enters else (None, "flat, no reason to enter")
    direction = 1.0 if position.side == "long" else -1.0
    if direction * score < settings.exit_score:
        if enters and direction * score < 0:
            return wanted, f"turns {side}"
        return (
            Target(symbol=symbol, exposure=0.0, confidence=1.0),
            f"closes the {position.side}, its reason is gone",
        )
    if wanted.confidence * abs(exposure) * scale < 0.5 * abs(position.exposure):
        return wanted, f"reduces the {position.side}, little of its reason is left"
    return None, f"keeps the {position.side}"


def _condition(symbol: str, reading: _Reading) -> tuple[float, WakeCondition]:
    """Return the price at which the reason of a position is gone, after how far away it is.

    For a trend that is the mean it left, for a stretch the mean it should return to.
    """
    above = reading.price > reading.mean_price
    return abs(reading.price / reading.mean_price - 1.0), WakeCondition(
        metric="price",
        symbol=symbol,
        operator="crosses_below" if above else "crosses_above",
        threshold=significant(reading.mean_price),
        reason="price at its two-day mean",
    )
