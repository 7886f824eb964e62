"""The one thing an advisor sees: the market, the account and the rules at one close.

A snapshot is data alone, versioned, and the same to the byte wherever it is built from the same
facts: numbers are rounded when they enter (`figures`), keys are sorted, unknown numbers are null.
Its hash is therefore the identity of what was known, and a decision can be replayed by it. Every
figure belongs to an instrument or to the account; none is "the last one that came in".
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field

from ocw_strategy.market.composite import SignalValues
from ocw_strategy.market.features import SymbolFeatures
from ocw_strategy.market.indicators import TechnicalIndicators
from ocw_strategy.market.reports import (
    DerivativesReport,
    GateReport,
    InstrumentReport,
    PortfolioReport,
    PositionReport,
    PosteriorReport,
    RegimeReport,
    SafetyReport,
    TradeReport,
)
from ocw_strategy.market.statistics import DerivativeStatistics
from ocw_strategy.model import Strict
from ocw_strategy.units import HOUR_NS

if TYPE_CHECKING:  # what the neighbours hand in, not what this room needs to run
    from ocw_strategy.bandit import BetaPosterior
    from ocw_strategy.journal.records import Trade
    from ocw_strategy.regime import Regime

MAX_RECENT_TRADES: Final = 10
MAX_MEMORY_NOTE: Final = 500
MAX_REFLECTIONS: Final = 8
MAX_REFLECTION: Final = 200


class MarketSnapshot(Strict):
    """Everything a decision may be based on."""

    version: Literal[2] = 2
    now_ns: int
    """The close being decided on, UNIX ns."""
    wake_reasons: tuple[str, ...]
    instruments: dict[str, InstrumentReport]
    """By symbol: what may be traded."""
    regime: RegimeReport
    posteriors: dict[str, PosteriorReport]
    """By signal."""
    positions: dict[str, PositionReport]
    """By symbol: what is held."""
    recent_trades: Annotated[tuple[TradeReport, ...], Field(max_length=MAX_RECENT_TRADES)]
    """Newest first."""
    portfolio: PortfolioReport
    safety: SafetyReport
    gate: GateReport
    memory_note: Annotated[str, Field(max_length=MAX_MEMORY_NOTE)] = ""
    """What the advisor wanted to remember, in its own words."""
    reflections: Annotated[
        tuple[Annotated[str, Field(max_length=MAX_REFLECTION)], ...],
        Field(max_length=MAX_REFLECTIONS),
    ] = ()
    """Of closed trades, the most relevant first: what was expected, what came."""

    def canonical_json(self) -> str:
        """Return the snapshot as ASCII JSON, the same bytes for the same content everywhere."""
        return json.dumps(
            self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), allow_nan=False
        )

    def sha256(self) -> str:
        """Return the hash of `canonical_json` as 64 hexadecimal digits."""
        return hashlib.sha256(self.canonical_json().encode("ascii")).hexdigest()


def build_snapshot(
    *,
    now_ns: int,
    wake_reasons: Sequence[str],
    features: Mapping[str, SymbolFeatures],
    timeframes: Mapping[str, Mapping[str, TechnicalIndicators]],
    statistics: Mapping[str, DerivativeStatistics],
    signals: Mapping[str, SignalValues],
    composites: Mapping[str, float],
    regime: "Regime",
    posteriors: Mapping[str, "BetaPosterior"],
    weights: Mapping[str, float],
    positions: Mapping[str, PositionReport],
    trades: Sequence["Trade"],
    portfolio: PortfolioReport,
    safety: SafetyReport,
    gate: GateReport,
    memory_note: str,
    reflections: Sequence[str] = (),
) -> MarketSnapshot:
    """Assemble a snapshot of what was computed for it.

    Parameters
    ----------
    features : Mapping[str, SymbolFeatures]
        The instruments of the snapshot. `timeframes`, `statistics`, `signals` and `composites`
        must have each.
    weights : Mapping[str, float]
        The composite's weights, by signal.
    trades : Sequence[Trade]
        Closed trades in any order; the newest ten are shown.

    Raises
    ------
    KeyError
        If an instrument lacks one of its parts.
    pydantic.ValidationError
        If a figure that must be known is not finite, or the note is too long.
    """
    newest = sorted(trades, key=lambda trade: (trade.closed_ns, trade.trade_id), reverse=True)
    return MarketSnapshot(
        now_ns=now_ns,
        wake_reasons=tuple(wake_reasons),
        instruments={
            symbol: _instrument(
                found, timeframes[symbol], statistics[symbol], signals[symbol], composites[symbol]
            )
            for symbol, found in features.items()
        },
        regime=RegimeReport(
            key=regime.key,
            volatility=regime.volatility,
            macro=regime.macro,
            macro_assumed=regime.macro_assumed,
            probability=regime.probability,
            annualised_volatility=regime.annualised_volatility,
            exposure_scale=regime.exposure_scale,
            macro_scale=regime.macro_scale,
        ),
        posteriors={
            signal: PosteriorReport(
                mean=posterior.mean,
                alpha=posterior.alpha,
                beta=posterior.beta,
                outcomes=posterior.outcomes,
                shadow_outcomes=posterior.shadow_outcomes,
                weight=weights[signal],
            )
            for signal, posterior in posteriors.items()
        },
        positions=dict(positions),
        recent_trades=tuple(_trade(trade, now_ns) for trade in newest[:MAX_RECENT_TRADES]),
        portfolio=portfolio,
        safety=safety,
        gate=gate,
        memory_note=memory_note,
        reflections=tuple(reflections),
    )


def _instrument(
    features: SymbolFeatures,
    timeframes: Mapping[str, TechnicalIndicators],
    statistics: DerivativeStatistics,
    signals: SignalValues,
    composite: float,
) -> InstrumentReport:
    known = statistics._asdict()
    del known["symbol"], known["now_ns"]
    return InstrumentReport(
        price=features.price,
        stale=features.stale,
        return_15m=features.return_15m,
        return_1h=features.return_1h,
        return_4h=features.return_4h,
        return_24h=features.return_24h,
        volatility=features.volatility,
        return_z=features.return_z,
        volume_z=features.volume_z,
        timeframes=dict(timeframes),
        derivatives=DerivativesReport(**known),
        signals=signals.values,
        missing_signals=signals.missing,
        composite=composite,
    )


def _trade(trade: "Trade", now_ns: int) -> TradeReport:
    return TradeReport(
        symbol=trade.symbol,
        side="long" if trade.direction > 0 else "short",
        net_return=trade.net_return,
        net_usd=trade.net_usd,
        held_hours=(trade.closed_ns - trade.opened_ns) / HOUR_NS,
        closed_hours_ago=(now_ns - trade.closed_ns) / HOUR_NS,
        exit_reason=trade.exit_reason,
        regime=trade.regime,
        signals=dict(_signals(trade.signals)),
    )


@lru_cache(maxsize=4 * MAX_RECENT_TRADES)
def _signals(text: str) -> Mapping[str, float]:
    # a recent trade is shown at many wakes
    found: dict[str, float] = json.loads(text)
    return found
