"""The account as a snapshot reports it: numbers checked by hand, for longs and for shorts."""

import pytest

from ocw_strategy.account import (
    AccountView,
    Holding,
    portfolio_report,
    position_reports,
    safety_report,
)
from ocw_strategy.market import BarRing
from ocw_strategy.settings import Settings, settings_from
from ocw_strategy.units import HOUR_NS, MINUTE_NS, SECOND_NS

BTC, ETH = "BTCUSDT-PERP", "ETHUSDT-PERP"
BAR_NS = 15 * MINUTE_NS
NOW_NS = 100 * HOUR_NS


def settings(**tables: object) -> Settings:
    return settings_from({"run": {"start": "2024-01-01", "end": "2024-02-01"}, **tables})


def ring(bars: list[tuple[float, float, float]], minutes: int = 15) -> BarRing:
    """Return bars of (high, low, close), the newest closing now."""
    made = BarRing(minutes, 100)
    step_ns = minutes * MINUTE_NS
    for back, (high, low, close) in zip(range(len(bars) - 1, -1, -1), bars, strict=True):
        assert made.append(NOW_NS - back * step_ns, close, high, low, close, 1.0, 0.5)
    return made


LONG = Holding(BTC, 0.05, 50_000.0, NOW_NS - 2 * BAR_NS, 51_000.0, 47_500.0)
SHORT = Holding(ETH, -2.0, 2_500.0, NOW_NS - 2 * BAR_NS, 2_450.0, None)


def account(*holdings: Holding, equity: float = 10_000.0) -> AccountView:
    return AccountView(
        now_ns=NOW_NS,
        equity_usd=equity,
        holdings=holdings,
        drawdown_fraction=0.03,
        day_return_fraction=-0.01,
        entries_blocked=None,
    )


RINGS = {
    # the first bar is before the positions were opened: its extremes are not theirs
    BTC: ring(
        [
            (60_000.0, 40_000.0, 50_000.0),
            (50_500.0, 49_500.0, 50_200.0),
            (51_500.0, 50_000.0, 51_000.0),
        ]
    ),
    ETH: ring(
        [
            (3_000.0, 2_000.0, 2_500.0),
            (2_525.0, 2_480.0, 2_490.0),
            (2_500.0, 2_425.0, 2_450.0),
        ]
    ),
}


def test_a_long_is_reported_by_hand() -> None:
    report = position_reports(account(LONG), RINGS, settings())[BTC]
    assert (report.side, report.quantity, report.stop_price) == ("long", 0.05, 47_500.0)
    assert (report.entry_price, report.price) == (50_000.0, 51_000.0)
    assert report.exposure == pytest.approx(0.05 * 51_000 / (0.25 * 10_000))
    assert report.gain_fraction == pytest.approx(0.02)
    assert report.best_gain_fraction == pytest.approx(0.03)
    assert report.worst_gain_fraction == pytest.approx(-0.01)
    assert report.held_hours == 0.5


def test_a_short_is_reported_by_hand() -> None:
    report = position_reports(account(SHORT), RINGS, settings())[ETH]
    assert (report.side, report.quantity, report.stop_price) == ("short", 2.0, None)
    assert report.exposure == pytest.approx(-2 * 2_450 / (0.25 * 10_000))
    assert report.gain_fraction == pytest.approx(0.02)
    assert report.best_gain_fraction == pytest.approx(0.03)
    assert report.worst_gain_fraction == pytest.approx(-0.01)


def test_a_position_opened_at_this_very_close_has_a_report() -> None:
    fresh = Holding(BTC, 0.05, 51_000.0, NOW_NS, 51_000.0, None)
    report = position_reports(account(fresh), RINGS, settings())[BTC]
    assert (report.held_hours, report.gain_fraction) == (0.0, 0.0)
    # the bar before the entry is none of its business
    assert (report.best_gain_fraction, report.worst_gain_fraction) == (0.0, 0.0)


def test_a_position_opened_within_a_bar_counts_the_whole_bar() -> None:
    within = Holding(BTC, 0.05, 50_000.0, NOW_NS - 2 * BAR_NS + 6 * SECOND_NS, 51_000.0, None)
    report = position_reports(account(within), RINGS, settings())[BTC]
    assert report.worst_gain_fraction == pytest.approx(-0.01)
    assert report.best_gain_fraction == pytest.approx(0.03)


def test_extremes_count_base_bars_of_the_runs_own_length() -> None:
    rings = {BTC: ring([(90_000.0, 10_000.0, 50_000.0)] + [(51_500.0, 49_500.0, 51_000.0)] * 6, 5)}
    report = position_reports(account(LONG), rings, settings(data={"bar_minutes": 5}))[BTC]
    assert report.best_gain_fraction == pytest.approx(0.03)
    assert report.worst_gain_fraction == pytest.approx(-0.01)


def test_the_largest_allowed_position_is_an_exposure_of_one() -> None:
    largest = Holding(BTC, 0.05, 50_000.0, 0, 50_000.0, None)
    assert account().exposure(largest, 0.25) == 1.0


def test_the_portfolio_is_reported_by_hand() -> None:
    report = portfolio_report(account(LONG, SHORT), leverage=5.0)
    assert report.gross_exposure_fraction == pytest.approx((2_550 + 4_900) / 10_000)
    assert report.net_exposure_fraction == pytest.approx((2_550 - 4_900) / 10_000)
    assert report.cash_usd == pytest.approx(10_000 - 7_450 / 5)
    assert (report.drawdown_fraction, report.day_return_fraction) == (0.03, -0.01)
    assert report.entries_blocked is None


def test_a_flat_account_is_all_cash() -> None:
    report = portfolio_report(account(), leverage=5.0)
    assert (report.cash_usd, report.gross_exposure_fraction) == (10_000.0, 0.0)
    assert position_reports(account(), RINGS, settings()) == {}


def test_the_safety_report_says_the_rules_that_are_in_force() -> None:
    report = safety_report(
        settings(
            risk={"exits": {"stop_fraction": 0.06}, "halt": {"max_daily_loss_fraction": 0.04}},
            costs={"market_slippage_bps": 3.0, "taker_fee": 0.0004},
        ),
        "calm_stagflation",
    )
    assert report.trailing_width_fraction == pytest.approx(0.03 * 0.75)
    assert (report.stop_fraction, report.max_daily_loss_fraction) == (0.06, 0.04)
    assert (report.fee_fraction, report.slippage_fraction) == (0.0004, 0.0003)
