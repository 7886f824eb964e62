"""The parts of a `MarketSnapshot`: what each says about one instrument, position, trade or limit.

Fractions are fractions (0.01 is one per cent), returns of instruments are logarithmic, times are
relative (ages, hours held) so that a part reads the same whenever it is read. An unknown number is
None; it is never replaced by a neutral one.
"""

from typing import Annotated, Literal

from pydantic import Field

from ocw_strategy.market.figures import Figure, KnownFigure
from ocw_strategy.market.indicators import TechnicalIndicators
from ocw_strategy.model import Strict

Side = Literal["long", "short"]
Count = Annotated[int, Field(ge=0)]


class DerivativesReport(Strict):
    """One instrument's derivative statistics, each with its own age; see `DerivativeStatistics`."""

    funding_rate: Figure
    funding_age_s: Figure
    funding_relative: Figure
    open_interest: Figure
    open_interest_age_s: Figure
    open_interest_change: Figure
    open_interest_change_24h: Figure
    open_interest_value: Figure
    open_interest_value_age_s: Figure
    toptrader_account_ls_ratio: Figure
    toptrader_account_age_s: Figure
    toptrader_position_ls_ratio: Figure
    toptrader_position_age_s: Figure
    global_account_ls_ratio: Figure
    global_account_age_s: Figure
    long_short_z: Figure
    taker_buy_sell_ratio: Figure
    taker_age_s: Figure
    cumulative_volume_delta: Figure
    cumulative_volume_delta_age_s: Figure


class InstrumentReport(Strict):
    """One instrument at the close."""

    price: Figure
    stale: bool
    """The bar of this close did not come; the figures are of an earlier one."""
    return_15m: Figure
    return_1h: Figure
    return_4h: Figure
    return_24h: Figure
    volatility: Figure
    """Standard deviation of a 15-minute return."""
    return_z: Figure
    volume_z: Figure
    timeframes: dict[str, TechnicalIndicators]
    """Technical indicators by timeframe: ``15m``, ``1h``, ``4h``."""
    derivatives: DerivativesReport
    signals: dict[str, KnownFigure]
    """The four signals in [-1, 1]; positive expects the price to rise."""
    missing_signals: tuple[str, ...]
    """Signals that are 0 because their statistic is unknown or stale."""
    composite: KnownFigure
    """The signals weighed by the posteriors of this regime, in [-1, 1]."""


class RegimeReport(Strict):
    """The regime at the close."""

    key: str
    volatility: str
    macro: str
    macro_assumed: bool
    """No macro data is configured; the quadrant is a neutral assumption."""
    probability: KnownFigure
    annualised_volatility: KnownFigure
    exposure_scale: KnownFigure
    macro_scale: KnownFigure


class PosteriorReport(Strict):
    """What was learnt about one signal in this regime."""

    mean: KnownFigure
    """Expected reward; 0.5 is break-even after costs."""
    alpha: KnownFigure
    beta: KnownFigure
    outcomes: Count
    shadow_outcomes: Count
    weight: KnownFigure
    """Its weight in the composite."""


class PositionReport(Strict):
    """One open position."""

    side: Side
    quantity: KnownFigure
    """Held, positive for either side."""
    entry_price: KnownFigure
    price: Figure
    """Last price at the execution venue."""
    exposure: KnownFigure
    """Signed notional as a share of the largest allowed position."""
    gain_fraction: Figure
    """Gain before costs, a fraction of the entry price; negative is a loss for either side."""
    best_gain_fraction: Figure
    worst_gain_fraction: Figure
    held_hours: KnownFigure
    stop_price: Figure
    """Where the stop rests at the venue; None when none is confirmed."""


class TradeReport(Strict):
    """One closed trade."""

    symbol: str
    side: Side
    net_return: KnownFigure
    """After fees and funding, a fraction of entry notional."""
    net_usd: KnownFigure
    held_hours: KnownFigure
    closed_hours_ago: KnownFigure
    exit_reason: str
    regime: str
    """The regime at entry."""
    signals: dict[str, KnownFigure]
    """The signals at entry."""


class PortfolioReport(Strict):
    """The account."""

    equity_usd: KnownFigure
    cash_usd: KnownFigure
    """Margin not tied up."""
    gross_exposure_fraction: KnownFigure
    """Sum of absolute notionals over equity."""
    net_exposure_fraction: KnownFigure
    drawdown_fraction: KnownFigure
    """Below the highest equity, 0 or more."""
    day_return_fraction: KnownFigure
    """Since the start of the UTC day."""
    entries_blocked: str | None = None
    """Why no position may be opened or grown, such as a halt."""


class SafetyReport(Strict):
    """The rules that act without being asked."""

    stop_fraction: KnownFigure
    trailing_activation_fraction: KnownFigure
    trailing_width_fraction: KnownFigure
    """Of a position entered now: the width depends on the regime at entry."""
    protection_peak_fraction: KnownFigure
    protection_floor_fraction: KnownFigure
    max_hold_hours: KnownFigure
    max_position_fraction: KnownFigure
    """Largest notional of one instrument over equity: what an exposure of 1 means."""
    max_gross_fraction: KnownFigure
    max_daily_loss_fraction: KnownFigure
    max_drawdown_fraction: KnownFigure
    fee_fraction: KnownFigure
    """Taker fee of one order."""
    slippage_fraction: KnownFigure
    """Expected slippage of one order."""


class GateReport(Strict):
    """What calls have been used and what is left."""

    calls_today: Count
    calls_left_today: Count | None = None
    """None where calls are not limited."""
    budget_left_usd: Figure = None
    """None where calls cost nothing."""
    hours_since_call: Figure = None
