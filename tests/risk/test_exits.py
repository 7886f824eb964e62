"""Promises of the exit rules."""

import math
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ocw_strategy.errors import SettingsError
from ocw_strategy.risk import Costs, ExitRules, ExitSettings, ExitSignal, PositionView, StopLevel
from ocw_strategy.units import HOUR_NS, SECOND_NS
from tests.risk.portfolios import fractions

COSTS = Costs(fee_fraction=0.0005, slippage_fraction=0.0002)
RULES = ExitRules(ExitSettings(), COSTS)
# a power of two, so that gains in 4,096ths give prices without rounding
ENTRY = 1_024.0
NAMES = {"stop", "trailing", "profit_protection", "time_stop"}


def fresh(direction: int = 1, trail_scale: float = 1.0) -> PositionView:
    return PositionView(
        symbol="BTCUSDT-PERP",
        quantity=2.0 * direction,
        entry_price=ENTRY,
        price=ENTRY,
        price_ns=0,
        opened_ns=0,
        best_price=ENTRY,
        worst_price=ENTRY,
        trail_scale=trail_scale,
    )


def moved(position: PositionView, *gains: float) -> PositionView:
    for gain in gains:
        position = position.marked(position.price_at(gain), position.price_ns)
    return position


def first_exit(
    rules: ExitRules, position: PositionView, gains: list[float]
) -> tuple[int, str] | None:
    for step, gain in enumerate(gains):
        position = moved(position, gain)
        signal = rules.evaluate(position, 0)
        if signal is not None:
            return step, signal.rule
    return None


def rules_met(rules: ExitRules, settings: ExitSettings, trail_scale: float) -> set[str]:
    """The rules that speak first when the price climbs to some peak and falls without jumps."""
    width = settings.trailing_width_fraction * trail_scale
    floor = settings.protection_floor_fraction + COSTS.round_trip
    peak = settings.protection_peak_fraction + COSTS.round_trip
    activation = settings.trailing_activation_fraction
    met = set()
    for top in (0.5 * min(peak, activation), peak, activation, max(activation, floor + width) + 1):
        corners = sorted((top - width, floor, -settings.stop_fraction), reverse=True)
        falls = [corner - 1e-9 for corner in corners if corner < top]
        found = first_exit(rules, fresh(trail_scale=trail_scale), [top + 1e-9, *falls])
        assert found is not None
        met.add(found[1])
    held = rules.evaluate(replace(fresh(), price_ns=10**18), 10**18)
    return met | {held.rule if held else ""}


@pytest.mark.parametrize("trail_scale", [0.5, 1.0, 2.0])
def test_b22_every_rule_is_reachable_with_the_default_settings(trail_scale: float) -> None:
    assert rules_met(RULES, ExitSettings(), trail_scale) == NAMES


@given(
    st.builds(
        ExitSettings,
        stop_fraction=fractions(0.005, 0.3),
        trailing_activation_fraction=fractions(0.005, 0.2),
        trailing_width_fraction=fractions(0.005, 0.2),
        protection_peak_fraction=fractions(0.005, 0.2),
        protection_floor_fraction=fractions(0.0, 0.2),
    )
)
def test_b22_settings_are_refused_exactly_when_a_rule_is_unreachable(
    settings: ExitSettings,
) -> None:
    peak, floor = settings.protection_peak_fraction, settings.protection_floor_fraction
    width = settings.trailing_width_fraction / 2
    assume(abs(peak - floor) > 1e-6)
    assume(abs(peak + COSTS.round_trip - settings.trailing_activation_fraction) > 1e-6)
    assume(abs(peak - width - floor) > 1e-6)
    early = settings.trailing_activation_fraction < peak + COSTS.round_trip
    reachable = floor < peak and not (early and floor < peak - width)
    try:
        rules = ExitRules(settings, COSTS)
    except SettingsError:
        assert not reachable
    else:
        assert reachable
        assert all(rules_met(rules, settings, scale) == NAMES for scale in (0.5, 1.0, 2.0))


def test_b22_the_originals_unreachable_profit_protection_is_refused_in_one_sentence() -> None:
    original = ExitSettings(
        stop_fraction=0.06,
        trailing_activation_fraction=0.03,
        trailing_width_fraction=0.015,
        protection_peak_fraction=0.03,
        protection_floor_fraction=0.01,
    )
    with pytest.raises(SettingsError, match="trailing stop always speaks before") as caught:
        ExitRules(original, COSTS)
    assert caught.value.field == "risk.exits.protection_peak_fraction"
    assert caught.value.value == 0.03


def test_b22_a_frozen_price_is_not_believed_and_says_so() -> None:
    fallen = moved(fresh(), -0.2)
    assert RULES.evaluate(fallen, 120 * SECOND_NS) is not None
    assert RULES.evaluate(fallen, 121 * SECOND_NS) is None
    assert RULES.blind(fallen, 121 * SECOND_NS) == "price is 121 s old"
    unknown = replace(fallen, price=math.nan)
    assert RULES.evaluate(unknown, 0) is None
    assert RULES.blind(unknown, 0) == "price unknown"
    held = RULES.evaluate(unknown, 48 * HOUR_NS)
    assert held is not None
    assert held.rule == "time_stop"


@given(
    st.lists(st.tuples(st.sampled_from((1, -1)), fractions(-0.2, 0.3)), min_size=1, max_size=10),
    fractions(-0.1, 0.1),
)
def test_b25_an_exit_never_depends_on_an_earlier_position(
    earlier: list[tuple[int, float]], gain: float
) -> None:
    used = ExitRules(ExitSettings(), COSTS)
    for direction, moves in earlier:
        used.evaluate(moved(fresh(direction), moves), 0)
        used.resting_stop(moved(fresh(direction), moves))
    now = moved(fresh(), gain)
    assert used.evaluate(now, 0) == RULES.evaluate(now, 0)
    assert used.resting_stop(now) == RULES.resting_stop(now)


@given(
    st.lists(st.integers(-400, 800), min_size=1, max_size=30),
    st.sampled_from((0.5, 1.0, 2.0)),
)
def test_b27_a_mirrored_path_gives_the_mirrored_exit_and_the_mirrored_stops(
    path: list[int], trail_scale: float
) -> None:
    long, short = fresh(1, trail_scale), fresh(-1, trail_scale)
    long_stop = short_stop = None
    for step in path:
        long, short = moved(long, step / 4_096), moved(short, step / 4_096)
        assert short.price - ENTRY == ENTRY - long.price
        assert RULES.evaluate(long, 0) == RULES.evaluate(short, 0)
        long_stop = RULES.resting_stop(long, long_stop)
        short_stop = RULES.resting_stop(short, short_stop)
        assert short_stop.price - ENTRY == pytest.approx(ENTRY - long_stop.price)
        assert short_stop.rule == long_stop.rule


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize(
    ("gains", "rule"),
    [
        ((0.019, -0.049), None),
        ((0.019, -0.0501), "stop"),
        ((0.041, 0.0112), None),
        ((0.041, 0.0109), "trailing"),
        ((0.0215, 0.0065), None),
        ((0.0215, 0.0063), "profit_protection"),
        ((0.0213, 0.0063), None),
    ],
)
def test_each_rule_speaks_at_its_own_level(
    direction: int, gains: tuple[float, ...], rule: str | None
) -> None:
    # protection: 2 % and 0.5 % net of a round trip's 0.14 %
    signal = RULES.evaluate(moved(fresh(direction), *gains), 0)
    assert (signal.rule if signal else None) == rule


def test_the_first_rule_in_the_stated_order_wins_when_a_price_jumps_through_several() -> None:
    assert _rule(moved(fresh(), 0.1, -0.1)) == "stop"
    assert _rule(moved(fresh(), 0.1, 0.0)) == "trailing"
    assert _rule(fresh(), 48 * HOUR_NS) == "time_stop"
    assert _rule(moved(fresh(), -0.1), 48 * HOUR_NS) == "stop"


def test_b28_profit_protection_is_net_of_the_costs_it_is_given() -> None:
    dear = ExitRules(ExitSettings(), Costs(fee_fraction=0.004, slippage_fraction=0.0))
    position = moved(fresh(), 0.035, 0.012)
    assert _rule(position) is None
    signal = dear.evaluate(position, 0)
    assert signal is not None
    assert signal.rule == "profit_protection"


@given(
    st.lists(
        st.tuples(fractions(-0.04, 0.3), st.sampled_from((0.5, 1.0, 2.0)), fractions(0.9, 1.1)),
        max_size=30,
    ),
    st.sampled_from((1, -1)),
)
def test_the_resting_stop_never_loosens_and_moves_by_at_least_its_step(
    path: list[tuple[float, float, float]], direction: int
) -> None:
    position = fresh(direction)
    current = RULES.resting_stop(position)
    assert current == StopLevel(position.price_at(-0.05), "stop")
    for gain, scale, entry_factor in path:
        # the trail scale changes, and adding to the position moves its entry price
        position = replace(
            moved(position, gain), trail_scale=scale, entry_price=ENTRY * entry_factor
        )
        stop = RULES.resting_stop(position, current)
        if stop is not current:
            tightened = direction * (stop.price - current.price)
            assert tightened >= 0.0025 * position.entry_price
        current = stop


def test_the_resting_stop_follows_the_best_price_and_names_its_rule() -> None:
    stop = RULES.resting_stop(moved(fresh(), 0.0625, 0.05))
    assert stop.rule == "trailing"
    assert stop.price == pytest.approx(ENTRY * (1 + 0.0625 - 0.03))
    wide = RULES.resting_stop(moved(fresh(trail_scale=2.0), 0.0625, 0.05))
    assert wide.price == pytest.approx(ENTRY * (1 + 0.0625 - 0.06))


def test_a_signal_tells_its_rule_and_the_figures() -> None:
    assert RULES.evaluate(moved(fresh(), -0.0625), 0) == ExitSignal(
        "stop", "gain -6.2500% at or below -5.0000%, best 0.0000%"
    )


def _rule(position: PositionView, now_ns: int = 0) -> str | None:
    position = replace(position, price_ns=now_ns)
    signal = RULES.evaluate(position, now_ns)
    return signal.rule if signal else None
