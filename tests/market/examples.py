"""A market to make snapshots of, and a snapshot written by hand."""

import json
from typing import Any

import numpy as np

from ocw_strategy.bandit import BetaPosterior
from ocw_strategy.journal.records import Trade
from ocw_strategy.market import (
    BarRing,
    DerivativeStatistics,
    GateReport,
    IndicatorBook,
    MarketSnapshot,
    PortfolioReport,
    PositionReport,
    SafetyReport,
    SignalValues,
    SymbolFeatures,
    build_snapshot,
)
from ocw_strategy.regime import Regime
from ocw_strategy.units import HOUR_NS, MINUTE_NS, SECOND_NS, SIGNALS

BTC, ETH, SOL = SYMBOLS = ("BTCUSDT-PERP", "ETHUSDT-PERP", "SOLUSDT-PERP")
NOW = 1_700_006_400 * SECOND_NS
_BASE_MINUTES = 15
_BARS = 73 * 16 + 1


def make_ring(seed: int) -> BarRing:
    """Return a ring of 15-minute bars up to `NOW`, long enough for every timeframe."""
    draw = np.random.default_rng(seed)
    ring = BarRing(_BASE_MINUTES, _BARS)
    closes = (100.0 * np.exp(draw.normal(0, 0.003, _BARS).cumsum())).tolist()
    opening = closes[0]
    for k, close in enumerate(closes):
        time = NOW - (_BARS - 1 - k) * _BASE_MINUTES * MINUTE_NS
        high, low = max(opening, close) * 1.001, min(opening, close) * 0.999
        assert ring.append(time, opening, high, low, close, 10.0, 5.0)
        opening = close
    return ring


def make_features(symbol: str, **changes: Any) -> SymbolFeatures:
    """Return features that are all known."""
    numbers = {
        name: 0.001 * k
        for k, name in enumerate(SymbolFeatures.__slots__, start=1)
        if SymbolFeatures.__annotations__[name] is float
    }
    facts = {"symbol": symbol, "now_ns": NOW, "stale": False, "ready": True, "price": 100.5}
    return SymbolFeatures(**{**numbers, **facts, **changes})


def make_trade(number: int, **changes: Any) -> Trade:
    """Return a closed trade; the higher its number, the later it closed."""
    facts: dict[str, Any] = {
        "trade_id": f"T-{number:02}", "lot_id": f"L-{number:02}", "symbol": SOL, "direction": -1,
        "quantity": "2", "entry_price": "150", "exit_price": "147",
        "opened_ns": NOW - (30 - number) * HOUR_NS, "closed_ns": NOW - (24 - number) * HOUR_NS,
        "gross_usd": 6.0, "fees_usd": 0.3, "funding_usd": -0.1, "net_usd": 5.6,
        "net_return": 0.0187, "regime": "calm_goldilocks",
        "signals": json.dumps(dict.fromkeys(SIGNALS, 0.25)), "decision_id": "D-1",
        "exit_reason": "trailing_stop", "max_favourable": 0.03, "max_adverse": -0.004,
    }  # fmt: skip
    return Trade(**{**facts, **changes})


def make_position(**changes: Any) -> PositionReport:
    """Return an open long."""
    facts: dict[str, Any] = {
        "side": "long", "quantity": 0.5, "entry_price": 100.0, "price": 101.0, "exposure": 0.4,
        "gain_fraction": 0.01, "best_gain_fraction": 0.02, "worst_gain_fraction": -0.005,
        "held_hours": 3.25, "stop_price": 95.0,
    }  # fmt: skip
    return PositionReport(**{**facts, **changes})


PORTFOLIO = PortfolioReport(
    equity_usd=10_000.0, cash_usd=7_500.0, gross_exposure_fraction=0.25,
    net_exposure_fraction=-0.05, drawdown_fraction=0.02, day_return_fraction=-0.001,
)  # fmt: skip
SAFETY = SafetyReport(
    stop_fraction=0.05, trailing_activation_fraction=0.04, trailing_width_fraction=0.03,
    protection_peak_fraction=0.02, protection_floor_fraction=0.005, max_hold_hours=48.0,
    max_position_fraction=0.25, max_gross_fraction=0.6, max_daily_loss_fraction=0.05,
    max_drawdown_fraction=0.2, fee_fraction=0.0005, slippage_fraction=0.0002,
)  # fmt: skip
REGIME = Regime("calm", "goldilocks", 0.93, 0.41, 1.0, 1.0, True)


def make_parts(**changes: Any) -> dict[str, Any]:
    """Return everything `build_snapshot` wants."""
    statistics = {
        symbol: DerivativeStatistics(symbol, NOW, funding_rate=1e-4 * k, funding_age_s=600.0 * k)
        for k, symbol in enumerate(SYMBOLS, start=1)
    }
    indicators = IndicatorBook({symbol: make_ring(k) for k, symbol in enumerate(SYMBOLS)})
    parts = {
        "now_ns": NOW,
        "wake_reasons": ("timer",),
        "features": {symbol: make_features(symbol) for symbol in SYMBOLS},
        "timeframes": {symbol: indicators.timeframes(symbol) for symbol in SYMBOLS},
        "statistics": statistics,
        "signals": {
            symbol: SignalValues(dict.fromkeys(SIGNALS, 0.1), ("long_short",)) for symbol in SYMBOLS
        },
        "composites": dict.fromkeys(SYMBOLS, 0.2),
        "regime": REGIME,
        "posteriors": {name: BetaPosterior(3.0, 2.0, 1, 4) for name in SIGNALS},
        "weights": dict.fromkeys(SIGNALS, 0.25),
        "positions": {BTC: make_position()},
        "trades": [make_trade(k) for k in range(3)],
        "portfolio": PORTFOLIO,
        "safety": SAFETY,
        "gate": GateReport(calls_today=3, calls_left_today=5, budget_left_usd=None),
        "memory_note": "watch the funding",
    }
    return parts | changes


def make_snapshot(**changes: Any) -> MarketSnapshot:
    """Return a snapshot of a made-up market."""
    return build_snapshot(**make_parts(**changes))
