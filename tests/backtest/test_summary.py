"""What a summary says of a run: hand-made runs to the cent, and a real one that must add up."""

from pathlib import Path

import pytest

from ocw_strategy.backtest import Summary, summarise
from ocw_strategy.errors import JournalError
from ocw_strategy.journal import Clamp, Equity, Event, Funding, Journal, Posterior, Trade
from ocw_strategy.units import HOUR_NS
from tests.backtest.runs import (
    BTC,
    ETH,
    HOURS,
    OPENED_NS,
    SOL,
    closed,
    decided,
    evaluated,
    filled,
    flat,
    hand_settings,
    samples,
    write_run,
)

FEES = (1 - 0.0005) / (1 + 0.0005)


def test_the_warm_up_is_no_part_of_the_result(tmp_path: Path) -> None:
    warm = samples([9_000.0] * 24, {BTC: [50.0] * 24}, first_ns=OPENED_NS - 24 * HOUR_NS)
    rising = [10_000.0 + index for index in range(HOURS + 1)]
    found = summarise(write_run(tmp_path / "a", hand_settings(tmp_path), warm + samples(rising)))
    assert found.starting_usd == 10_000.0
    assert found.start_ns == OPENED_NS
    assert found.days == 2.0
    assert found.result.total_return == pytest.approx(0.0048)
    assert found.hold.total_return == pytest.approx(FEES - 1)


def test_b37_holds_cover_the_very_window_of_the_result(tmp_path: Path) -> None:
    # the price doubles before the window and rises by a tenth in it
    before = samples([10_000.0] * 24, {BTC: [50.0] * 24}, first_ns=OPENED_NS - 24 * HOUR_NS)
    prices = {
        BTC: [100.0 + 10 * index / HOURS for index in range(HOURS + 1)],
        ETH: [100.0 - 40 * index / HOURS for index in range(HOURS + 1)],
    }
    window = samples([10_000.0] * (HOURS + 1), prices)
    found = summarise(write_run(tmp_path / "a", hand_settings(tmp_path), before + window))
    equal = FEES * (1.1 + 0.6 + 1.0) / 3 - 1
    assert found.hold.total_return == pytest.approx(1.1 * FEES - 1)
    assert found.equal_weight.total_return == pytest.approx(equal)
    assert found.excess_over_hold == pytest.approx(0 - (1.1 * FEES - 1))
    assert found.excess_over_equal_weight == pytest.approx(0 - equal)


def test_a_window_that_opens_between_two_samples_starts_from_the_one_before(tmp_path: Path) -> None:
    settings = hand_settings(tmp_path, run={"start": "2024-03-01T00:30"})
    equity = [10_000.0] + [9_900.0] * HOURS
    found = summarise(write_run(tmp_path / "a", settings, samples(equity)))
    assert found.result.total_return == pytest.approx(-0.01)


def test_slippage_is_measured_against_the_price_or_trigger_when_sent(tmp_path: Path) -> None:
    records = flat()
    records += filled("a", 1, "BUY", "2", "101", reference="100")
    records += filled("b", 2, "SELL", "1", "98", reference="99", purpose="reduce")
    records += filled("c", 3, "SELL", "1", "94", reference="99", trigger="95", purpose="stop")
    records += filled("d", 4, "SELL", "2", "103", reference="100")
    costs = summarise(write_run(tmp_path / "a", hand_settings(tmp_path), records)).costs
    assert costs.slippage_usd == {"entry": 2 * 1 - 2 * 3, "reduce": 1.0, "stop": 1.0}
    assert costs.fees_usd == 2.0


def test_the_optimistic_bound_reprices_entries_alone_at_their_alert(tmp_path: Path) -> None:
    records = flat() + filled("a", 1, "BUY", "2", "130", reference="100")
    records += filled("b", 2, "SELL", "2", "80", reference="100", purpose="exit")
    found = summarise(write_run(tmp_path / "a", hand_settings(tmp_path), records))
    # at the alert it would have paid 100 and the basis point of a market order: 100.01
    assert found.optimistic.gain_usd == pytest.approx(2 * (130 - 100.01))
    assert found.optimistic.entries == 1
    gained = found.optimistic.total_return - found.result.total_return
    assert gained == pytest.approx(59.98 / 10_000)


def test_the_optimistic_bound_still_pays_the_slippage_of_a_market_order(tmp_path: Path) -> None:
    # filled at once, 20 basis points beyond 100 and 50: waiting cost nothing
    records = flat() + filled("a", 1, "BUY", "2", "100.2", reference="100")
    records += filled("b", 2, "SELL", "4", "49.9", reference="50", symbol=ETH)
    settings = hand_settings(tmp_path, costs={"market_slippage_bps": 20.0})
    found = summarise(write_run(tmp_path / "a", settings, records))
    assert found.optimistic.gain_usd == pytest.approx(0.0, abs=1e-9)
    assert found.optimistic.total_return == pytest.approx(found.result.total_return)
    assert found.costs.slippage_usd["entry"] == pytest.approx(2 * 0.2 + 4 * 0.1)


def test_waiting_that_paid_makes_the_bound_the_lower_figure(tmp_path: Path) -> None:
    records = flat() + filled("a", 1, "SELL", "3", "103", reference="100")
    found = summarise(write_run(tmp_path / "a", hand_settings(tmp_path), records))
    assert found.optimistic.gain_usd == pytest.approx(-3 * (103 - 99.99))


def test_equity_that_fills_fees_and_funding_do_not_explain_is_shown(tmp_path: Path) -> None:
    prices = {BTC: [100.0] * HOURS + [110.0]}
    records = [*filled("a", 1, "BUY", "2", "101", fee="0.75"), Funding(OPENED_NS, BTC, "2", -0.25)]
    explained = 10_000.0 + 2 * (110 - 101) - 0.75 - 0.25
    honest = samples([10_000.0] * HOURS + [explained], prices)
    wrong = samples([10_000.0] * HOURS + [explained + 5], prices)
    settings = hand_settings(tmp_path)
    right = summarise(write_run(tmp_path / "a", settings, honest + records)).costs
    assert right.unexplained_usd == pytest.approx(0.0, abs=1e-9)
    off = summarise(write_run(tmp_path / "b", settings, wrong + records)).costs
    assert off.unexplained_usd == pytest.approx(5.0)


def test_open_positions_and_time_in_market_come_from_the_fills(tmp_path: Path) -> None:
    records = flat() + filled("a", 6, "BUY", "0.3", "100")
    records += filled("b", 12, "SELL", "0.1", "100", purpose="reduce")
    records += filled("c", 18, "SELL", "0.2", "100", purpose="stop", trigger="100")
    records += filled("d", 36, "SELL", "1.5", "100", symbol=ETH)
    found = summarise(write_run(tmp_path / "a", hand_settings(tmp_path), records))
    assert [(p.symbol, p.quantity, p.value_usd) for p in found.open_positions] == [
        (ETH, -1.5, -150.0)
    ]
    assert found.time_in_market == pytest.approx((12 + 12) / 48)


def test_trades_are_counted_won_lost_and_grouped(tmp_path: Path) -> None:
    trades = [
        closed("a", 30.0, signals={"funding": 0.6, "long_short": -0.5}),
        closed("b", -10.0, signals={"funding": -0.7}, symbol=SOL, exit_reason="trailing"),
        closed("c", -5.0, direction=-1, signals={"funding": -0.6}, regime="extreme_goldilocks"),
        closed("d", 1.0, signals={"funding": 0.01}),
    ]
    folder = write_run(tmp_path / "a", hand_settings(tmp_path), flat() + trades)
    found = summarise(folder).trades
    assert (found.count, found.win_rate) == (4, 0.5)
    assert found.profit_factor == pytest.approx(31 / 15)
    assert found.average_win == pytest.approx(0.0155)
    assert found.average_loss == pytest.approx(-0.0075)
    assert [(g.name, g.trades, g.net_usd) for g in found.by_instrument] == [
        (BTC, 3, 26.0), (SOL, 1, -10.0),
    ]  # fmt: skip
    assert [(g.name, g.trades) for g in found.by_regime] == [
        ("calm_goldilocks", 3), ("extreme_goldilocks", 1),
    ]  # fmt: skip
    assert [(g.name, g.win_rate) for g in found.by_exit] == [("stop", 2 / 3), ("trailing", 0.0)]
    funding = found.by_signal[0]
    assert (funding.signal, funding.agreed.net_usd, funding.opposed.net_usd) == (
        "funding", 25.0, -10.0,
    )  # fmt: skip


def test_gate_calls_decisions_limits_and_events_are_counted(tmp_path: Path) -> None:
    records = flat() + [evaluated(h / 4, "quiet", wake=False) for h in range(18)]
    records += [evaluated(5, "shock", wake=True), evaluated(6, "timer", wake=True)]
    records += [decided("a", 0), decided("b", 0, outcome="malformed"), decided("c", 1)]
    records += [Clamp("a", OPENED_NS, BTC, "gross", 2.0, 1.0)] * 2
    records += [Event(OPENED_NS, "halt:daily_loss", "", "-3 %"), Event(OPENED_NS, "stale", BTC, "")]
    found = summarise(write_run(tmp_path / "a", hand_settings(tmp_path), records))
    gate = found.gate
    assert (gate.closes, gate.wakes, gate.skip_rate) == (20, 2, 0.9)
    assert (gate.calls, gate.calls_per_day, gate.busiest_day_calls) == (3, 1.5, 2)
    assert gate.wakes_by_reason == {"shock": 1, "timer": 1}
    assert gate.skips_by_reason == {"quiet": 18}
    assert found.decisions_by_outcome == {"decided": 2, "malformed": 1}
    assert found.clamps_by_limit == {"gross": 2}
    assert found.events_by_kind == {"halt:daily_loss": 1, "stale": 1}
    assert found.costs.advisor_usd == pytest.approx(3 * 0.0165)
    assert found.macro_assumed


def test_a_run_without_trades_or_decisions_is_a_run(tmp_path: Path) -> None:
    found = summarise(write_run(tmp_path / "a", hand_settings(tmp_path), flat()))
    assert (found.trades.count, found.trades.win_rate, found.trades.profit_factor) == (
        0,
        None,
        None,
    )
    assert (found.gate.skip_rate, found.gate.calls_per_day) == (None, 0.0)
    assert found.result.sharpe is None
    assert found.time_in_market == 0.0
    assert not found.macro_assumed


def test_a_summary_survives_json_to_the_last_bit(tmp_path: Path, finished: Path) -> None:
    for folder in (finished, write_run(tmp_path / "a", hand_settings(tmp_path), flat())):
        found = summarise(folder)
        assert Summary.model_validate_json(found.model_dump_json()) == found


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="give the folder of a run"):
        summarise(tmp_path)
    folder = write_run(tmp_path / "a", hand_settings(tmp_path), [])
    with pytest.raises(JournalError, match="no sample"):
        summarise(folder)


def test_a_runs_money_adds_up_to_the_cent(finished: Path) -> None:
    found = summarise(finished)
    assert found.trades.count > 10
    assert found.costs.unexplained_usd == pytest.approx(0.0, abs=0.01)
    with Journal.read_only(finished / "journal.db") as journal:
        last = journal.rows(Equity)[-1]
        net = sum(trade.net_usd for trade in journal.rows(Trade))
        assert journal.digest() == found.digest
        assert journal.count(Posterior) > 0
    assert found.result.end_usd == last.equity
    if not found.open_positions:
        assert found.result.end_usd == pytest.approx(found.starting_usd + net, abs=0.01)
