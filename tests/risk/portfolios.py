"""Random accounts and decisions, and what a plan makes of an account once it is filled."""

import math
from dataclasses import replace
from decimal import Decimal

from hypothesis import strategies as st

from ocw_strategy.risk import (
    Costs,
    Listing,
    Plan,
    PortfolioView,
    PositionView,
    RiskLimits,
    RiskSettings,
    TargetExposure,
)

SYMBOLS = ("BTCUSDT-PERP", "ETHUSDT-PERP", "SOLUSDT-PERP")
COSTS = Costs(fee_fraction=0.0005, slippage_fraction=0.0001)
LISTINGS = {
    "BTCUSDT-PERP": Listing(Decimal("0.0001"), 5.0),
    "ETHUSDT-PERP": Listing(Decimal("0.001"), 5.0),
    "SOLUSDT-PERP": Listing(Decimal("0.01"), 5.0),
}
PRICES = {"BTCUSDT-PERP": 60_000.0, "ETHUSDT-PERP": 2_500.0, "SOLUSDT-PERP": 150.0}
ROUNDING = 1e-9


def position(symbol: str, notional: float, price: float | None = None) -> PositionView:
    price = PRICES[symbol] if price is None else price
    return PositionView(
        symbol=symbol,
        quantity=notional / price,
        entry_price=price,
        price=price,
        price_ns=0,
        opened_ns=0,
        best_price=price,
        worst_price=price,
    )


def account(
    equity: float = 10_000.0, held: dict[str, float] | None = None, **changes: object
) -> PortfolioView:
    view = PortfolioView(
        now_ns=0,
        equity=equity,
        free_margin=1e12,
        positions={s: position(s, notional) for s, notional in (held or {}).items() if notional},
        prices=PRICES,
    )
    return replace(view, **changes)


def limits(settings: RiskSettings | None = None) -> RiskLimits:
    return RiskLimits(settings or RiskSettings(), LISTINGS, COSTS)


def filled(plan: Plan, view: PortfolioView, settings: RiskSettings) -> PortfolioView:
    """The account once every leg of the plan is filled at the prices it was planned on."""
    positions = dict(view.positions)
    margin = 0.0
    for leg in plan.legs:
        positions.pop(leg.symbol, None)
        if leg.target_notional:
            positions[leg.symbol] = position(leg.symbol, leg.target_notional)
        if leg.purpose == "entry":
            margin += abs(leg.delta_notional) * (1 / settings.venue_leverage + COSTS.one_way)
    return replace(
        view,
        positions=positions,
        free_margin=view.free_margin - margin,
        orders_last_hour=view.orders_last_hour + len(plan.legs),
    )


def gross(view: PortfolioView) -> float:
    return sum(abs(view.notional(symbol)) for symbol in view.positions)


def final_notional(plan: Plan, view: PortfolioView, symbol: str) -> float:
    legs = [leg for leg in plan.legs if leg.symbol == symbol]
    return legs[-1].target_notional if legs else view.notional(symbol)


def fractions(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False)


@st.composite
def risk_settings(draw: st.DrawFn) -> RiskSettings:
    largest = draw(fractions(0.05, 1.5))
    return RiskSettings(
        max_position_fraction=largest,
        max_gross_fraction=draw(fractions(largest, 3.0)),
        venue_leverage=draw(fractions(3.0, 20.0)),
        max_orders_per_hour=draw(st.integers(1, 12)),
        rebalance_band_fraction=draw(fractions(0.02, 0.3)),
    )


@st.composite
def decisions(draw: st.DrawFn) -> list[TargetExposure]:
    symbols = draw(st.lists(st.sampled_from(SYMBOLS), unique=True, max_size=3))
    return [
        TargetExposure(
            symbol=symbol,
            exposure=draw(st.sampled_from((-1.0, 0.0, 1.0)) | fractions(-1.0, 1.0)),
            confidence=draw(fractions(0.0, 1.0)),
            posterior_scale=draw(fractions(0.25, 2.0)),
            regime_scale=draw(fractions(0.0, 1.5)),
            macro_scale=draw(fractions(0.5, 1.2)),
        )
        for symbol in symbols
    ]


@st.composite
def accounts(draw: st.DrawFn) -> PortfolioView:
    equity = draw(fractions(20_000.0, 1_000_000.0))
    held = {symbol: draw(st.just(0.0) | fractions(-1.2, 1.2)) * equity for symbol in SYMBOLS}
    return account(
        equity,
        {symbol: notional for symbol, notional in held.items() if abs(notional) > 1.0},
        free_margin=draw(st.just(1e12) | fractions(0.0, equity)),
        orders_last_hour=draw(st.integers(0, 12)),
    )


def no_entry_view(view: PortfolioView, obstacle: str) -> PortfolioView:
    """The same account with one thing that forbids every entry."""
    return {
        "halt": replace(view, entries_blocked="drawdown"),
        "cooldown": replace(view, blocked=dict.fromkeys(SYMBOLS, "cooldown")),
        "working": replace(view, working=dict.fromkeys(SYMBOLS, 1.0)),
        "margin": replace(view, free_margin=0.0),
        "negative margin": replace(view, free_margin=-1.0),
        "unknown margin": replace(view, free_margin=math.nan),
        "order rate": replace(view, orders_last_hour=10_000),
        "unknown working": replace(view, working={"OTHER": math.nan}),
        "full": replace(view, working={"OTHER": 1e12}),
    }[obstacle]


OBSTACLES = (
    "halt", "cooldown", "working", "margin", "negative margin", "unknown margin", "order rate",
    "unknown working", "full",
)  # fmt: skip
