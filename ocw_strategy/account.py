"""The account as a snapshot reports it, made from what the actor reads in the engine's cache."""

from collections.abc import Mapping
from dataclasses import dataclass

from ocw_strategy.market import BarRing, PortfolioReport, PositionReport, SafetyReport
from ocw_strategy.settings import Settings
from ocw_strategy.units import HOUR_NS, MINUTE_NS


@dataclass(frozen=True, slots=True)
class Holding:
    """An open position, as the engine knows it."""

    symbol: str
    quantity: float
    """Negative when short."""
    entry_price: float
    opened_ns: int
    price: float
    stop_price: float | None


@dataclass(frozen=True, slots=True)
class AccountView:
    """The account at a close. Money in US dollars."""

    now_ns: int
    equity_usd: float
    holdings: tuple[Holding, ...]
    drawdown_fraction: float
    day_return_fraction: float
    entries_blocked: str | None

    def exposure(self, holding: Holding, max_position_fraction: float) -> float:
        """Return a holding's signed notional as a share of the largest allowed position."""
        return holding.quantity * holding.price / (max_position_fraction * self.equity_usd)


def position_reports(
    account: AccountView, rings: Mapping[str, BarRing], settings: Settings
) -> dict[str, PositionReport]:
    """Return what the snapshot says of each open position."""
    bar_ns = settings.data.bar_minutes * MINUTE_NS
    reports = {}
    for held in account.holdings:
        side = 1 if held.quantity > 0 else -1
        begun = max(0, -((held.opened_ns - account.now_ns) // bar_ns))
        bars = rings[held.symbol].newest(begun)
        high = float(bars.high.max(initial=held.entry_price))
        low = float(bars.low.min(initial=held.entry_price))
        best, worst = (high, low) if side > 0 else (low, high)
        reports[held.symbol] = PositionReport(
            side="long" if side > 0 else "short",
            quantity=abs(held.quantity),
            entry_price=held.entry_price,
            price=held.price,
            exposure=account.exposure(held, settings.risk.max_position_fraction),
            gain_fraction=side * (held.price / held.entry_price - 1),
            best_gain_fraction=side * (best / held.entry_price - 1),
            worst_gain_fraction=side * (worst / held.entry_price - 1),
            held_hours=(account.now_ns - held.opened_ns) / HOUR_NS,
            stop_price=held.stop_price,
        )
    return reports


def portfolio_report(account: AccountView, leverage: float) -> PortfolioReport:
    """Return what the snapshot says of the whole account."""
    notionals = [held.quantity * held.price for held in account.holdings]
    gross = sum(abs(notional) for notional in notionals)
    return PortfolioReport(
        equity_usd=account.equity_usd,
        cash_usd=account.equity_usd - gross / leverage,
        gross_exposure_fraction=gross / account.equity_usd,
        net_exposure_fraction=sum(notionals) / account.equity_usd,
        drawdown_fraction=account.drawdown_fraction,
        day_return_fraction=account.day_return_fraction,
        entries_blocked=account.entries_blocked,
    )


def safety_report(settings: Settings, regime: str) -> SafetyReport:
    """Return the rules that act without being asked, on a position entered in a regime."""
    risk, exits = settings.risk, settings.risk.exits
    return SafetyReport(
        stop_fraction=exits.stop_fraction,
        trailing_activation_fraction=exits.trailing_activation_fraction,
        trailing_width_fraction=exits.trailing_width_fraction * settings.regime.trail_scale(regime),
        protection_peak_fraction=exits.protection_peak_fraction,
        protection_floor_fraction=exits.protection_floor_fraction,
        max_hold_hours=exits.max_hold_hours,
        max_position_fraction=risk.max_position_fraction,
        max_gross_fraction=risk.max_gross_fraction,
        max_daily_loss_fraction=risk.halt.max_daily_loss_fraction,
        max_drawdown_fraction=risk.halt.max_drawdown_fraction,
        fee_fraction=settings.costs.taker_fee,
        slippage_fraction=settings.costs.market_slippage_bps / 10_000,
    )
