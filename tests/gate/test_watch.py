"""The watch over bars: what wakes on a market, and what does not."""

import math
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocw_strategy.gate import GateError, GateSettings, Verdict, is_decision_close
from ocw_strategy.units import MINUTE_NS
from tests.gate.market import (
    BTC,
    CLOSES_PER_DAY,
    ETH,
    MONDAY_NS,
    Row,
    new_watch,
    nth_close,
    quiet_bars,
    scaled,
    shocked,
    spoken,
    unknown,
    watched,
    with_volume,
    without,
)

READY = 16 * CLOSES_PER_DAY
"""Closes after which bars from a Monday on have made every feature known."""
SETTINGS = GateSettings(
    budget_usd_per_day=10.0,
    cost_per_call_usd=0.01,
    savings_days=3.0,
    calls_per_day_ceiling=96,
    calls_per_month_day_ceiling=96,
    shock_z=6.0,
    return_z=4.0,
    volume_z=4.0,
    move_z=3.5,
)


def market(days: int, seed: int = 0) -> dict[str, list[Row]]:
    closes = days * CLOSES_PER_DAY
    return {BTC: quiet_bars(closes, seed), ETH: quiet_bars(closes, seed + 1)}


QUIET = market(26)


def said(verdicts: Sequence[Verdict]) -> list[str]:
    """Return verdicts in a form in which unknown equals unknown."""
    return [repr(verdict) for verdict in verdicts]


def test_a_decision_close_is_every_quarter_of_an_hour() -> None:
    minutes = [m for m in range(60) if is_decision_close(MONDAY_NS + m * MINUTE_NS)]
    assert minutes == [0, 15, 30, 45]


def test_a_market_warms_up_before_anything_wakes() -> None:
    verdicts = watched(QUIET, SETTINGS, last=READY)
    kinds = [verdict.counted_as for verdict in verdicts]
    first = next(i for i, kind in enumerate(kinds) if kind != "warming_up")
    assert 7 * CLOSES_PER_DAY // 2 < first < READY
    assert not any(verdict.wake for verdict in verdicts[:first])


def test_b11_the_timer_layer_lives_in_a_quiet_market_with_budget() -> None:
    verdicts = watched(QUIET, SETTINGS, first=READY)
    longest = int(SETTINGS.max_check_hours * 4)
    timers = [verdict.now_ns for verdict in spoken(verdicts, "timer")]
    days = {now_ns // (CLOSES_PER_DAY * 15 * MINUTE_NS) for now_ns in timers}
    assert len(days) >= len(verdicts) // CLOSES_PER_DAY
    gaps = [(later - sooner) // (15 * MINUTE_NS) for sooner, later in pairwise(timers)]
    assert max(gaps) <= longest
    assert any(verdict.wake and verdict.counted_as == "timer" for verdict in verdicts)


def test_b11_the_candle_layer_lives() -> None:
    at = READY + 50
    bars = {**QUIET, ETH: with_volume(shocked(QUIET[ETH], at, 0.05), at, 50.0)}
    verdict = watched(bars, SETTINGS, first=READY, last=at + 1)[-1]
    assert (verdict.wake, verdict.counted_as) == (True, "shock")
    assert {text.rpartition(":")[0] for text in verdict.reasons} >= {
        f"shock:{ETH}",
        f"volume:{ETH}",
    }


@pytest.mark.parametrize("factor", [1024.0, 1.0 / 1024.0])
def test_b8_the_unit_of_a_price_changes_no_verdict(factor: float) -> None:
    rescaled = {symbol: scaled(rows, factor) for symbol, rows in QUIET.items()}
    before = watched(QUIET, SETTINGS, first=READY)
    assert said(watched(rescaled, SETTINGS, first=READY)) == said(before)


def test_b8_a_thousandfold_price_wakes_at_the_same_closes_for_the_same_reasons() -> None:
    rescaled = {symbol: scaled(rows, 1000.0) for symbol, rows in QUIET.items()}
    before = watched(QUIET, SETTINGS, first=READY)
    after = watched(rescaled, SETTINGS, first=READY)
    assert [v.counted_as for v in after] == [v.counted_as for v in before]


def test_b8_a_random_walk_of_the_price_stands_out_no_more_than_chance() -> None:
    chosen = SETTINGS.model_copy(update={"return_z": 3.0})
    verdicts = watched(QUIET, chosen, first=READY)
    by_chance = 2.0 * math.erfc(3.0 / math.sqrt(2.0))
    assert len(spoken(verdicts, "return")) < 4.0 * by_chance * len(verdicts)
    assert not spoken(verdicts, "shock")


def american(hour: int) -> float:
    """Trade ten times as much from 13:00 to 21:00."""
    return 10.0 if 13 <= hour < 21 else 1.0


def test_b9_a_daily_season_of_volume_alone_raises_no_volume_reason() -> None:
    bars = {s: quiet_bars(26 * CLOSES_PER_DAY, i, season=american) for i, s in enumerate(QUIET)}
    verdicts = watched(bars, SETTINGS, first=READY)
    assert not spoken(verdicts, "volume")


def test_b9_volume_is_held_against_its_own_hour_of_day() -> None:
    rows = quiet_bars(26 * CLOSES_PER_DAY, season=american)
    night, noon = READY + 8, READY + 4 * 15
    for at, closes in ((night, 1), (noon, 0)):
        bars = {BTC: with_volume(rows, at, 10.0 if closes else 1.0), ETH: QUIET[ETH]}
        verdict = watched(bars, SETTINGS, first=READY, last=at + 1)[-1]
        assert len(spoken([verdict], "volume")) == closes
    assert rows[night][5] * 10.0 < 4.0 * rows[noon][5]


def test_b9_reasons_are_the_same_with_and_without_a_cooldown_before() -> None:
    bars = QUIET
    for at in range(READY + 10, READY + 90, 3):
        bars = {**bars, BTC: shocked(bars[BTC], at, 0.02 * (-1) ** at)}
    spoke = []
    for minutes in (0, 600):
        chosen = SETTINGS.model_copy(update={"cooldown_minutes": minutes})
        verdicts = watched(bars, chosen, first=READY, last=READY + 200)
        spoke.append([[r for r in v.reasons if ":" in r] for v in verdicts])
    assert any(spoke[0])
    assert spoke[0] == spoke[1]


@given(st.integers(0, 300), st.integers(0, 1_000))
@settings(max_examples=5, deadline=None)
def test_changing_what_comes_later_changes_no_verdict_so_far(after: int, seed: int) -> None:
    cut = READY + after
    other = market(26, seed + 100)
    changed = {symbol: rows[:cut] + other[symbol][cut:] for symbol, rows in QUIET.items()}
    before = watched(QUIET, SETTINGS, first=READY - 100, last=cut)
    assert said(watched(changed, SETTINGS, first=READY - 100))[: len(before)] == said(before)


def test_the_order_in_which_the_bars_of_a_close_arrive_changes_nothing() -> None:
    bars = {**QUIET, BTC: shocked(QUIET[BTC], READY + 20, 0.05)}
    backwards = dict(reversed(bars.items()))
    assert said(watched(backwards, SETTINGS, first=READY)) == said(
        watched(bars, SETTINGS, first=READY)
    )


def test_a_missing_bar_silences_its_instrument_and_no_other() -> None:
    at = READY + 20
    bars = {
        BTC: without(shocked(QUIET[BTC], at, 0.05), [at]),
        ETH: shocked(QUIET[ETH], at, 0.05),
    }
    verdict = watched(bars, SETTINGS, first=READY, last=at + 1)[-1]
    assert verdict.now_ns == nth_close(at + 1)
    assert verdict.counted_as == "shock"
    assert not any(BTC in text for text in verdict.reasons)


def test_a_close_without_any_bar_is_counted_as_stale() -> None:
    watch, gate = new_watch(SETTINGS)
    for index in range(READY):
        for symbol, rows in QUIET.items():
            watch.add_bar(symbol, *rows[index], math.nan)
        watch.observe(nth_close(index + 1))
    assert watch.decide(nth_close(READY + 1), metric=unknown).counted_as == "stale"
    assert gate.counts == {("skip", "stale"): 1}


def test_b9_the_forming_bar_is_never_seen() -> None:
    watch, _ = new_watch(SETTINGS)
    for index in range(READY):
        watch.add_bar(BTC, *QUIET[BTC][index], math.nan)
    now_ns = nth_close(READY)
    assert not watch.add_bar(BTC, now_ns + 5 * MINUTE_NS, 1.0, 9.0, 1.0, 9.0, 1e9, math.nan)
    watch.observe(now_ns)
    assert watch.features[BTC].price == QUIET[BTC][READY - 1][4]


def test_a_refused_bar_is_reported() -> None:
    watch, _ = new_watch()
    assert watch.add_bar(BTC, *QUIET[BTC][0], math.nan)
    assert not watch.add_bar(BTC, *QUIET[BTC][0], math.nan)


@pytest.mark.parametrize("now_ns", [nth_close(1), nth_close(0), nth_close(2) + 5 * MINUTE_NS])
def test_a_close_out_of_order_or_off_the_grid_is_refused(now_ns: int) -> None:
    watch, _ = new_watch()
    watch.observe(nth_close(1))
    with pytest.raises(GateError):
        watch.decide(now_ns, metric=unknown)
    with pytest.raises(GateError):
        watch.observe(now_ns)
