"""Promises of the limits, over random accounts and decisions and one by one."""

import math
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocw_strategy.risk import (
    ClampEvent,
    Costs,
    Listing,
    PortfolioView,
    RiskLimits,
    RiskSettings,
    TargetExposure,
    round_down,
    wanted_fraction,
)
from tests.risk.portfolios import (
    COSTS,
    LISTINGS,
    OBSTACLES,
    PRICES,
    ROUNDING,
    SYMBOLS,
    account,
    accounts,
    decisions,
    filled,
    final_notional,
    fractions,
    gross,
    limits,
    no_entry_view,
    risk_settings,
)

BTC, ETH, SOL = SYMBOLS

# 10,000 USD of equity, positions up to 2,500, gross up to 6,000, band 250
DEFAULTS = RiskSettings(
    max_position_fraction=0.25, max_gross_fraction=0.60, rebalance_band_fraction=0.10
)


def target(symbol: str, exposure: float, confidence: float = 1.0) -> TargetExposure:
    return TargetExposure(symbol, exposure, confidence)


# -- over random accounts and decisions -----------------------------------------------------------


@given(risk_settings(), accounts(), decisions())
def test_no_limit_is_exceeded_by_what_a_plan_adds(
    knobs: RiskSettings, view: PortfolioView, wishes: list[TargetExposure]
) -> None:
    plan = limits(knobs).plan(wishes, view)
    after = filled(plan, view, knobs)
    entries = [leg for leg in plan.legs if leg.purpose == "entry"]
    allowed = knobs.max_position_fraction * view.equity
    for leg in entries:
        assert abs(leg.target_notional) <= allowed * (1 + ROUNDING)
        listing, price = LISTINGS[leg.symbol], PRICES[leg.symbol]
        quantity = round_down(abs(leg.delta_notional) / price, listing.step)
        assert float(quantity) * price >= listing.minimum_notional
    if entries:
        assert gross(after) <= knobs.max_gross_fraction * view.equity * (1 + ROUNDING)
        assert after.free_margin >= -ROUNDING * view.equity
        assert after.orders_last_hour <= knobs.max_orders_per_hour
    else:
        assert gross(after) <= gross(view)
    band = knobs.rebalance_band_fraction * allowed
    for wish in wishes:
        step = float(LISTINGS[wish.symbol].step) * PRICES[wish.symbol]
        assert abs(after.notional(wish.symbol)) <= allowed * (1 + ROUNDING) + max(band, step)


@given(risk_settings(), accounts(), decisions(), st.sampled_from(OBSTACLES))
def test_reductions_are_never_blocked_and_nothing_else_passes_an_obstacle(
    knobs: RiskSettings, view: PortfolioView, wishes: list[TargetExposure], obstacle: str
) -> None:
    view = replace(view, free_margin=1e12, orders_last_hour=0)
    free = limits(knobs).plan(wishes, view)
    hindered = limits(knobs).plan(wishes, no_entry_view(view, obstacle))
    assert hindered.legs == tuple(leg for leg in free.legs if leg.purpose != "entry")


@given(
    risk_settings(),
    accounts(),
    decisions(),
    st.sampled_from((math.nan, math.inf, -math.inf, 0.0, -1.0, -1e6)),
)
def test_without_a_positive_equity_there_are_only_reductions(
    knobs: RiskSettings, view: PortfolioView, wishes: list[TargetExposure], equity: float
) -> None:
    view = replace(view, equity=equity)
    plan = limits(knobs).plan(wishes, view)
    assert {leg.purpose for leg in plan.legs} <= {"exit"}
    for wish in wishes:
        held, wanted = view.notional(wish.symbol), wanted_fraction(wish)
        left = final_notional(plan, view, wish.symbol)
        assert left == (held if wanted * held > 0 else 0.0)
        told = wish.symbol in {dropped.symbol for dropped in plan.dropped}
        assert told == (wanted != 0)


@given(risk_settings(), accounts(), decisions())
def test_clamps_reproduce_every_change_and_nothing_is_silent(
    knobs: RiskSettings, view: PortfolioView, wishes: list[TargetExposure]
) -> None:
    plan = limits(knobs).plan(wishes, view)
    dropped = {drop.symbol for drop in plan.dropped}
    for wish in wishes:
        asked = wanted_fraction(wish) * (knobs.max_position_fraction * view.equity)
        reached = asked
        for clamp in (clamp for clamp in plan.clamps if clamp.symbol == wish.symbol):
            assert clamp.before == reached
            assert clamp.after != clamp.before
            reached = clamp.after
        if wish.symbol not in dropped:
            assert final_notional(plan, view, wish.symbol) == reached
    untouched = set(SYMBOLS) - {wish.symbol for wish in wishes}
    spoken_of = {leg.symbol for leg in plan.legs} | {clamp.symbol for clamp in plan.clamps}
    assert not untouched & (spoken_of | dropped)


@given(risk_settings(), accounts(), decisions())
def test_a_plan_applied_to_its_own_result_has_no_further_legs(
    knobs: RiskSettings, view: PortfolioView, wishes: list[TargetExposure]
) -> None:
    plan = limits(knobs).plan(wishes, view)
    assert limits(knobs).plan(wishes, filled(plan, view, knobs)).legs == ()


@given(risk_settings(), accounts(), decisions())
def test_the_mirrored_decision_gives_the_mirrored_plan(
    knobs: RiskSettings, view: PortfolioView, wishes: list[TargetExposure]
) -> None:
    plan = limits(knobs).plan(wishes, view)
    mirrored = limits(knobs).plan(
        [replace(wish, exposure=-wish.exposure) for wish in wishes],
        replace(
            view,
            positions={s: replace(p, quantity=-p.quantity) for s, p in view.positions.items()},
        ),
    )
    assert mirrored.legs == tuple(
        replace(leg, target_notional=-leg.target_notional, delta_notional=-leg.delta_notional)
        for leg in plan.legs
    )
    assert mirrored.clamps == tuple(
        replace(clamp, before=-clamp.before, after=-clamp.after) for clamp in plan.clamps
    )


@given(risk_settings(), decisions(), fractions(100.0, 1e6), fractions(1.0, 10.0))
def test_gross_exposure_grows_with_equity(
    knobs: RiskSettings, wishes: list[TargetExposure], equity: float, factor: float
) -> None:
    poor, rich = account(equity), account(equity * factor)
    exposures = [
        gross(filled(limits(knobs).plan(wishes, view), view, knobs)) for view in (poor, rich)
    ]
    assert exposures[0] <= exposures[1] * (1 + ROUNDING)


@given(risk_settings(), accounts(), decisions())
def test_reductions_come_first_and_the_order_of_targets_does_not_matter(
    knobs: RiskSettings, view: PortfolioView, wishes: list[TargetExposure]
) -> None:
    plan = limits(knobs).plan(wishes, view)
    entered = [leg.purpose == "entry" for leg in plan.legs]
    assert entered == sorted(entered)
    assert limits(knobs).plan(wishes[::-1], view) == plan


@given(risk_settings(), accounts(), decisions())
def test_increases_that_must_shrink_shrink_by_one_factor(
    knobs: RiskSettings, view: PortfolioView, wishes: list[TargetExposure]
) -> None:
    plan = limits(knobs).plan(wishes, view)
    kept = {leg.symbol: leg.target_notional for leg in plan.legs if leg.purpose != "entry"}
    factors = []
    for clamp in plan.clamps:
        base = kept.get(clamp.symbol, view.notional(clamp.symbol))
        if clamp.limit in ("gross_exposure", "free_margin") and clamp.after != base:
            factors.append((clamp.after - base) / (clamp.before - base))
    assert all(factor == pytest.approx(factors[0]) for factor in factors)
    assert all(0 < factor < 1 for factor in factors)


# -- one by one -----------------------------------------------------------------------------------


def test_b1_a_decision_to_be_where_one_already_is_sends_nothing() -> None:
    view = account(held={BTC: 2_500.0})
    plan = limits(DEFAULTS).plan([target(BTC, 1.0)], view)
    assert (plan.legs, plan.clamps, plan.dropped) == ((), (), ())


def test_b1_a_cooldown_is_known_before_an_order_leaves_not_after() -> None:
    view = account(held={ETH: 1_000.0}, blocked={BTC: "cooldown"})
    plan = limits(DEFAULTS).plan([target(BTC, 1.0), target(ETH, 0.0)], view)
    assert [(leg.symbol, leg.purpose) for leg in plan.legs] == [(ETH, "exit")]
    assert plan.clamps == (ClampEvent("entries_blocked:cooldown", BTC, 2_500.0, 0.0),)


def test_b2_an_order_not_yet_filled_is_no_position_but_uses_up_room() -> None:
    view = account(working={BTC: 2_500.0})
    plan = limits(DEFAULTS).plan([target(BTC, 1.0), target(ETH, 1.0), target(SOL, 1.0)], view)
    # 6,000 less the 2,500 that are working, shared by the two others
    assert {leg.symbol: leg.target_notional for leg in plan.legs} == {ETH: 1_750.0, SOL: 1_750.0}
    assert ClampEvent("entries_blocked:order_working", BTC, 2_500.0, 0.0) in plan.clamps
    # what was filled in part counts as far as it was filled: the rest may be given up at once
    partly = account(held={BTC: 700.0}, working={BTC: 1_800.0})
    assert [leg.purpose for leg in limits(DEFAULTS).plan([target(BTC, 0.0)], partly).legs] == [
        "exit"
    ]


def test_b27_adding_to_a_short_sells_and_reducing_it_buys() -> None:
    view = account(held={BTC: -1_000.0})
    (added,) = limits(DEFAULTS).plan([target(BTC, -1.0)], view).legs
    (reduced,) = limits(DEFAULTS).plan([target(BTC, -0.2)], view).legs
    assert (added.purpose, added.delta_notional) == ("entry", -1_500.0)
    assert (reduced.purpose, reduced.delta_notional) == ("reduce", 500.0)


def test_b28_the_costs_it_is_given_are_the_only_ones_it_knows() -> None:
    view = account(free_margin=500.0)
    for costs in (COSTS, Costs(0.01, 0.0), Costs(0.0, 0.0)):
        (leg,) = RiskLimits(DEFAULTS, LISTINGS, costs).plan([target(BTC, 1.0)], view).legs
        assert leg.delta_notional == pytest.approx(500.0 / (1 / 5 + costs.one_way))
    named = " ".join(RiskSettings.model_fields)
    assert "fee" not in named
    assert "cost" not in named


def test_b29_several_entries_of_one_decision_share_the_gross_cap_with_what_is_held() -> None:
    view = account(held={SOL: 2_000.0})
    plan = limits(DEFAULTS).plan([target(BTC, 1.0), target(ETH, -1.0)], view)
    assert {leg.symbol: leg.target_notional for leg in plan.legs} == {BTC: 2_000.0, ETH: -2_000.0}
    assert plan.clamps == (
        ClampEvent("gross_exposure", BTC, 2_500.0, 2_000.0),
        ClampEvent("gross_exposure", ETH, -2_500.0, -2_000.0),
    )


def test_b29_an_order_is_never_enlarged_to_reach_a_minimum() -> None:
    poor = account(equity=100.0)
    knobs = RiskSettings(rebalance_band_fraction=0.0)
    plan = limits(knobs).plan([target(BTC, 0.1)], poor)
    assert plan.legs == ()
    assert [(drop.symbol, drop.reason) for drop in plan.dropped] == [(BTC, "too_small")]


def test_an_entry_still_has_the_minimum_notional_once_its_quantity_is_rounded_down() -> None:
    listing = Listing(Decimal("0.001"), 100.0)
    knobs = RiskSettings(rebalance_band_fraction=0.0)
    rounding = RiskLimits(knobs, {BTC: listing}, COSTS)
    # 119 USD are 0.00198 BTC at 60,000: rounded down to 60 USD, below the minimum
    assert rounding.plan([target(BTC, 119.0 / 2_500.0)], account()).legs == ()
    (leg,) = rounding.plan([target(BTC, 161.0 / 2_500.0)], account()).legs
    quantity = round_down(leg.delta_notional / PRICES[BTC], listing.step)
    assert float(quantity) * PRICES[BTC] >= 100.0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -5.0, 7.0])
def test_b29_a_size_that_makes_no_sense_is_refused_and_the_position_held(bad: float) -> None:
    view = account(held={BTC: 1_000.0})
    for wish in (target(BTC, bad), target(BTC, 1.0, confidence=bad)):
        plan = limits(DEFAULTS).plan([wish, target(ETH, 1.0)], view)
        assert [leg.symbol for leg in plan.legs] == [ETH]
        assert [(drop.symbol, drop.reason) for drop in plan.dropped] == [(BTC, "invalid_target")]


def test_b30_the_position_cap_is_the_configured_one_and_gross_exposure_is_enforced() -> None:
    boosted = [TargetExposure(symbol, 1.0, 1.0, posterior_scale=2.0) for symbol in SYMBOLS]
    plan = limits(DEFAULTS).plan(boosted, account())
    assert [leg.target_notional for leg in plan.legs] == pytest.approx([2_000.0] * 3)
    assert [clamp.limit for clamp in plan.clamps] == ["position"] * 3 + ["gross_exposure"] * 3


def test_b30_a_halt_stops_entries_and_lets_reductions_through() -> None:
    view = account(held={BTC: 2_000.0, ETH: 1_000.0}, entries_blocked="daily_loss")
    plan = limits(DEFAULTS).plan([target(BTC, 0.2), target(ETH, 1.0), target(SOL, 1.0)], view)
    assert [(leg.symbol, leg.purpose) for leg in plan.legs] == [(BTC, "reduce")]
    assert {clamp.limit for clamp in plan.clamps} == {"entries_blocked:daily_loss"}


def test_a_change_of_side_is_an_exit_and_an_entry_and_the_exit_stands_alone_when_blocked() -> None:
    view = account(held={BTC: 2_000.0})
    legs = limits(DEFAULTS).plan([target(BTC, -1.0)], view).legs
    assert [(leg.purpose, leg.target_notional, leg.delta_notional) for leg in legs] == [
        ("exit", 0.0, -2_000.0),
        ("entry", -2_500.0, -2_500.0),
    ]
    blocked = limits(DEFAULTS).plan([target(BTC, -1.0)], replace(view, entries_blocked="drawdown"))
    assert [leg.purpose for leg in blocked.legs] == ["exit"]
    assert blocked.clamps == (ClampEvent("entries_blocked:drawdown", BTC, -2_500.0, 0.0),)


def test_reductions_are_not_scaled_when_increases_are() -> None:
    view = account(held={BTC: 2_500.0, ETH: 2_500.0, SOL: 2_400.0})
    plan = limits(DEFAULTS).plan([target(BTC, 0.5), target(SOL, -1.0)], view)
    assert [(leg.symbol, leg.purpose, leg.target_notional) for leg in plan.legs] == [
        (SOL, "exit", 0.0),
        (BTC, "reduce", 1_250.0),
        (SOL, "entry", -2_250.0),
    ]


def test_changes_inside_the_rebalance_band_are_dropped_and_told() -> None:
    view = account(held={BTC: 2_000.0, ETH: 2_000.0})
    plan = limits(DEFAULTS).plan([target(BTC, 0.89), target(ETH, 0.71)], view)
    assert plan.legs == ()
    assert [(drop.symbol, drop.reason) for drop in plan.dropped] == [
        (ETH, "rebalance_band"),
        (BTC, "too_small"),
    ]


@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_every_obstacle_stops_every_entry_by_itself_and_is_told(obstacle: str) -> None:
    wishes = [target(symbol, 1.0) for symbol in SYMBOLS]
    plan = limits(DEFAULTS).plan(wishes, no_entry_view(account(), obstacle))
    assert plan.legs == ()
    assert {clamp.symbol: clamp.after for clamp in plan.clamps} == dict.fromkeys(SYMBOLS, 0.0)


def test_a_full_exit_is_never_too_small() -> None:
    plan = limits(DEFAULTS).plan([target(BTC, 0.0)], account(held={BTC: 1.0}))
    assert [leg.purpose for leg in plan.legs] == ["exit"]


def test_a_reduction_that_would_leave_dust_leaves_nothing() -> None:
    plan = limits(DEFAULTS).plan([target(BTC, 0.001)], account(held={BTC: 1_000.0}))
    assert [(leg.purpose, leg.target_notional) for leg in plan.legs] == [("exit", 0.0)]
    assert plan.clamps == (ClampEvent("minimum_notional", BTC, 2.5, 0.0),)


def test_room_too_small_for_all_goes_to_those_it_is_enough_for() -> None:
    view = account(held={SOL: 4_600.0})
    plan = limits(DEFAULTS).plan([target(BTC, 1.0), target(ETH, 0.15)], view)
    # of 1,400 the 375 asked for in ETH would get 183, less than the band of 250
    assert [(leg.symbol, leg.target_notional) for leg in plan.legs] == [
        (BTC, pytest.approx(1_400.0))
    ]
    assert ClampEvent("gross_exposure", ETH, 375.0, 0.0) in plan.clamps


def test_the_order_rate_keeps_the_largest_entries_and_counts_reductions() -> None:
    view = account(held={SOL: 1_000.0}, orders_last_hour=18)
    plan = limits(DEFAULTS).plan([target(BTC, 0.5), target(ETH, 1.0), target(SOL, 0.0)], view)
    assert [(leg.symbol, leg.purpose) for leg in plan.legs] == [(SOL, "exit"), (ETH, "entry")]
    assert plan.clamps == (ClampEvent("orders_per_hour", BTC, 1_250.0, 0.0),)


def test_a_position_without_a_price_can_be_left_and_stops_all_entries() -> None:
    view = account(held={BTC: 2_000.0}, prices={**PRICES, BTC: math.nan})
    plan = limits(DEFAULTS).plan([target(BTC, 0.0), target(ETH, 1.0)], view)
    assert [(leg.symbol, leg.purpose) for leg in plan.legs] == [(BTC, "exit")]
    assert plan.clamps == (ClampEvent("entries_blocked:unpriced_position", ETH, 2_500.0, 0.0),)
    held = limits(DEFAULTS).plan([target(BTC, 0.5)], view)
    assert held.legs == ()
    assert [(drop.symbol, drop.reason) for drop in held.dropped] == [(BTC, "no_size")]


def test_an_unknown_or_twice_named_instrument_is_refused() -> None:
    wishes = [target("DOGEUSDT-PERP", 1.0), target(BTC, 1.0), target(BTC, -1.0), target(ETH, 1.0)]
    plan = limits(DEFAULTS).plan(wishes, account())
    assert [leg.symbol for leg in plan.legs] == [ETH]
    assert sorted(drop.reason for drop in plan.dropped) == [
        "duplicate_target",
        "duplicate_target",
        "unknown_instrument",
    ]


def test_held_positions_above_the_gross_cap_are_kept_but_nothing_grows() -> None:
    view = account(equity=1_000.0, held={BTC: 2_000.0})
    plan = limits(DEFAULTS).plan([target(ETH, 1.0)], view)
    assert plan.legs == ()
    assert plan.clamps == (ClampEvent("gross_exposure", ETH, 250.0, 0.0),)


def test_a_mentioned_position_above_its_cap_is_cut_to_it() -> None:
    view = account(equity=4_000.0, held={BTC: 2_000.0})
    plan = limits(DEFAULTS).plan([TargetExposure(BTC, 1.0, 1.0, regime_scale=1.5)], view)
    assert [(leg.purpose, leg.target_notional) for leg in plan.legs] == [("reduce", 1_000.0)]
    assert plan.clamps == (ClampEvent("position", BTC, 1_500.0, 1_000.0),)
