"""The gate's promises, over closes made by hand and over random markets."""

import json
import math
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ocw_strategy.gate import (
    Gate,
    GateError,
    GateSettings,
    Verdict,
    WakeCondition,
    parse_condition,
)
from ocw_strategy.market.features import DECISION_NS, HORIZON_NS
from ocw_strategy.units import DAY_NS, HOUR_NS, MINUTE_NS
from tests.gate.market import (
    BTC,
    CLOSES_PER_DAY,
    ETH,
    MONDAY_NS,
    REGIME_KEY,
    SYMBOLS,
    USUAL_MOVE,
    HandRun,
    ask,
    features_at,
    make_gate,
    nth_close,
    random_closes,
    unknown,
)

LEVELS = {"shock_z": 6.0, "return_z": 4.0, "volume_z": 4.0, "move_z": 2.0}
RICH = GateSettings(
    budget_usd_per_day=10.0,
    cost_per_call_usd=0.01,
    savings_days=3.0,
    calls_per_day_ceiling=96,
    calls_per_month_day_ceiling=96,
    reserved_calls=0,
    **LEVELS,
)
SHOCK = {"return_z": -1.1 * RICH.shock_z}
OUTLIER = {"return_z": 0.5 * (RICH.return_z + RICH.shock_z)}
LIVELY = {"expected_move": 20.0 * USUAL_MOVE}
DEAD = {"expected_move": 1e-9 * USUAL_MOVE}
"""A close at which any proposal is worth its price, and one at which none is."""

seeds = st.integers(0, 2**32 - 1)


def condition(
    threshold: float, operator: str = "gt", symbol: str = BTC, metric: str = "price"
) -> WakeCondition:
    return parse_condition(
        {"metric": metric, "symbol": symbol, "operator": operator, "threshold": threshold}
    )


def past_timer(gate_settings: GateSettings = RICH) -> HandRun:
    """Return a run whose first timer has been bought."""
    run = HandRun(gate_settings)
    assert run.next(LIVELY).wake
    return run


def steps(hours: float) -> int:
    """Return the number of closes that it takes for so many hours to pass."""
    return math.ceil(hours * HOUR_NS / DECISION_NS)


# -- counting -------------------------------------------------------------------------------------


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_every_evaluation_is_counted_once_by_verdict_and_reason(seed: int) -> None:
    gate = make_gate(GateSettings(**LEVELS), seed)
    verdicts = [ask(gate, close) for close in random_closes(seed, 150)]
    seen = Counter(("wake" if v.wake else "skip", v.counted_as) for v in verdicts)
    assert gate.counts == seen
    assert gate.counts.total() == 150


@given(seeds)
@settings(max_examples=15, deadline=None)
def test_a_wake_names_what_spoke_and_a_quiet_close_names_nothing(seed: int) -> None:
    gate = make_gate(RICH, seed)
    for close in random_closes(seed, 150):
        verdict = ask(gate, close)
        kinds = {text.partition(":")[0] for text in verdict.reasons}
        if verdict.wake:
            assert verdict.counted_as in kinds
        if verdict.counted_as == "quiet":
            assert not kinds


def test_learning_from_history_neither_wakes_nor_counts() -> None:
    gate = make_gate(RICH, 0)
    for index in range(200):
        now_ns = nth_close(index)
        features = features_at(now_ns, {**SHOCK, **LIVELY})
        assert not gate.observe(now_ns, features, regime_key=REGIME_KEY).wake
    assert not gate.counts


@pytest.mark.parametrize(
    "now_ns", [MONDAY_NS, MONDAY_NS - DECISION_NS, MONDAY_NS + 1, MONDAY_NS + 5 * MINUTE_NS]
)
def test_a_close_out_of_order_or_off_the_grid_is_refused_and_changes_nothing(now_ns: int) -> None:
    run = HandRun()
    run.next()
    before = json.dumps(run.gate.state())
    features = features_at(now_ns)
    with pytest.raises(GateError):
        run.gate.evaluate(now_ns, features, regime_key=REGIME_KEY, metric=unknown)
    with pytest.raises(GateError):
        run.gate.observe(now_ns, features, regime_key=REGIME_KEY)
    assert json.dumps(run.gate.state()) == before


# -- stale, warming up ----------------------------------------------------------------------------


def test_when_no_instrument_is_fresh_nothing_wakes_and_the_close_is_counted_so() -> None:
    run = HandRun(RICH)
    assert run.next({"stale": True, **SHOCK, **LIVELY}, holding=[BTC]).counted_as == "stale"
    assert run.next({"ready": False, **SHOCK, **LIVELY}, holding=[BTC]).counted_as == "warming_up"
    assert run.gate.counts == {("skip", "stale"): 1, ("skip", "warming_up"): 1}


@pytest.mark.parametrize("silent", [{"stale": True}, {"ready": False}])
def test_outliers_of_an_instrument_that_is_stale_or_warming_up_do_not_speak(
    silent: dict[str, bool],
) -> None:
    run = past_timer()
    outlier = {**SHOCK, **LIVELY, "volume_z": 99.0, "expected_move_z": 99.0}
    verdict = run.next(BTC={**outlier, **silent})
    assert (verdict.wake, verdict.reasons) == (False, ())
    assert run.next(BTC=outlier).counted_as == "shock"


# -- cooldown -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "outlier", [OUTLIER, {"volume_z": 99.0}, {"expected_move_z": 99.0}], ids=lambda o: next(iter(o))
)
def test_gate_skips_inside_cooldown_even_on_outlier(outlier: dict[str, float]) -> None:
    run = past_timer()
    assert run.next(BTC=SHOCK).wake
    closes = RICH.cooldown_minutes * MINUTE_NS // DECISION_NS
    inside = [run.next(BTC={**outlier, **LIVELY}) for _ in range(closes - 1)]
    assert [v.counted_as for v in inside] == ["cooldown"] * (closes - 1)
    assert run.next(BTC={**outlier, **LIVELY}).wake


def test_a_shock_wakes_inside_the_cooldown() -> None:
    run = past_timer()
    assert [run.next(BTC=SHOCK).counted_as for _ in range(3)] == ["shock"] * 3


def test_a_cooldown_mutes_the_instrument_that_spoke_and_no_other() -> None:
    run = past_timer(RICH.model_copy(update={"cooldown_minutes": 720}))
    assert run.next(BTC=SHOCK).wake
    run.until(run.index + steps(RICH.recovery_minutes / 60))
    assert run.next(BTC={**OUTLIER, **LIVELY}).counted_as == "cooldown"
    assert run.next({**LIVELY}, ETH=OUTLIER | LIVELY).wake


def test_right_after_a_call_another_is_worth_less_and_that_grows_back() -> None:
    def value_after(closes: int) -> float:
        run = HandRun(RICH, seed=1)
        run.next(LIVELY)
        run.index += closes - 1
        return run.next(LIVELY, extra=("position_review",)).value

    closes = range(1, steps(RICH.recovery_minutes / 60) + 1)
    values = [value_after(count) for count in closes]
    assert values == sorted(values)
    assert values[0] < values[-1]
    assert value_after(closes[-1] + 1) == values[-1]


def test_b9_what_stands_out_does_not_depend_on_a_cooldown() -> None:
    closes = random_closes(5, 300)
    spoke = []
    for minutes in (0, 720):
        chosen = RICH.model_copy(update={"cooldown_minutes": minutes})
        gate = make_gate(chosen, 0)
        verdicts = [ask(gate, close) for close in closes]
        spoke.append([[r for r in v.reasons if SYMBOLS[0] in r] for v in verdicts])
        assert any(v.wake for v in verdicts)
    assert spoke[0] == spoke[1]


def test_b9_a_condition_sees_every_close_of_a_cooldown_and_fires_after_it() -> None:
    run = past_timer()
    assert run.next(BTC=SHOCK).wake
    run.gate.request(run.now_ns, None, [condition(100.0, "crosses_above")])
    prices = iter([99.0, 101.0, 99.0, 99.0])
    closes = RICH.cooldown_minutes * MINUTE_NS // DECISION_NS
    said = [run.next(LIVELY, metric=lambda *_: next(prices)).counted_as for _ in range(closes)]
    assert said == ["quiet"] + ["cooldown"] * (closes - 2) + ["condition"]


# -- budget and ceilings --------------------------------------------------------------------------


def adversarial(gate_settings: GateSettings, days: int, first_day: int = 0) -> list[Verdict]:
    """Ask at every close of so many days, each a shock worth a fortune."""
    run = HandRun(gate_settings)
    run.index = first_day * CLOSES_PER_DAY - 1
    return [run.next({**SHOCK, **LIVELY}) for _ in range(days * CLOSES_PER_DAY)]


def per_day(verdicts: list[Verdict]) -> Counter[int]:
    return Counter(v.now_ns // DAY_NS for v in verdicts if v.wake)


def per_month(verdicts: list[Verdict]) -> Counter[tuple[int, int]]:
    dates = [datetime.fromtimestamp(v.now_ns // 10**9, UTC) for v in verdicts if v.wake]
    return Counter((date.year, date.month) for date in dates)


@given(day=st.integers(1, 12), month=st.integers(1, 8), reserved=st.integers(0, 4))
@settings(max_examples=5, deadline=None)
@example(day=24, month=15, reserved=2)
def test_no_utc_day_and_no_month_passes_its_ceiling_when_every_close_is_a_shock(
    day: int, month: int, reserved: int
) -> None:
    chosen = RICH.model_copy(
        update={
            "calls_per_day_ceiling": day,
            "calls_per_month_day_ceiling": month,
            "reserved_calls": reserved,
        }
    )
    verdicts = adversarial(chosen, days=24, first_day=14)
    assert 0 < max(per_day(verdicts).values()) <= day
    days_of = Counter(
        (date.year, date.month)
        for date in (datetime(2024, 1, 15 + n, tzinfo=UTC) for n in range(17))
    )
    days_of[2024, 2] = 29
    for key, calls in per_month(verdicts).items():
        assert calls <= month * days_of[key]


@given(
    budget=st.floats(0.01, 0.5),
    cost=st.floats(0.005, 0.05),
    savings_days=st.floats(0.5, 10.0),
)
@settings(max_examples=5, deadline=None)
def test_calls_never_cost_more_than_was_saved_and_earned(
    budget: float, cost: float, savings_days: float
) -> None:
    chosen = RICH.model_copy(
        update={
            "budget_usd_per_day": budget,
            "cost_per_call_usd": cost,
            "savings_days": savings_days,
        }
    )
    calls = 0
    for index, verdict in enumerate(adversarial(chosen, days=12)):
        calls += verdict.wake
        assert calls * cost <= budget * (savings_days + index / CLOSES_PER_DAY) + 1e-9


def test_what_the_budget_forbids_is_counted_as_budget() -> None:
    chosen = RICH.model_copy(update={"calls_per_day_ceiling": 1})
    run = past_timer(chosen)
    assert run.next({**SHOCK, **LIVELY}).counted_as == "budget"
    run.index = CLOSES_PER_DAY - 1
    assert run.next({**SHOCK, **LIVELY}).wake


def test_reserved_calls_are_for_shocks_alone() -> None:
    chosen = RICH.model_copy(update={"calls_per_day_ceiling": 3, "reserved_calls": 2})
    run = past_timer(chosen)
    run.index = CLOSES_PER_DAY // 2
    assert run.next({**OUTLIER, **LIVELY}).counted_as == "budget"
    assert [run.next(SHOCK).counted_as for _ in range(3)] == ["shock", "shock", "budget"]


def test_a_bill_above_what_was_expected_leaves_less_for_calls() -> None:
    run = past_timer()
    run.gate.charge(run.now_ns, 1e6)
    assert run.next(SHOCK).counted_as == "budget"


@pytest.mark.parametrize("usd", [math.nan, math.inf, -math.inf, -0.01])
def test_a_bill_that_is_no_amount_is_refused_and_changes_nothing(usd: float) -> None:
    run = past_timer()
    before = json.dumps(run.gate.state())
    for call_ns in (run.now_ns, run.now_ns + DECISION_NS):
        with pytest.raises(GateError, match="US dollars"):
            run.gate.charge(call_ns, usd)
    assert json.dumps(run.gate.state()) == before
    run.gate.charge(run.now_ns, 1e6)  # the call can still be billed
    assert run.next(SHOCK).counted_as == "budget"


# -- the timer ------------------------------------------------------------------------------------


@given(st.one_of(st.integers(-(10**9), 10**9), st.floats(-1e9, 1e9)))
@settings(max_examples=30, deadline=None)
@example(0)
@example(600)
@example(3_601)
def test_a_request_is_clamped_and_fires_once_at_the_first_close_at_or_after_its_time(
    seconds: float,
) -> None:
    run = past_timer()
    asked_ns = run.now_ns
    run.gate.request(asked_ns, seconds, None)  # type: ignore[arg-type]
    hours = min(max(seconds / 3600, RICH.min_check_hours), RICH.max_check_hours)
    due = run.index + steps(hours)
    assert [v.counted_as for v in run.until(due)] == ["quiet"] * (due - 1 - (asked_ns > MONDAY_NS))
    assert run.next(LIVELY).counted_as == "timer"
    again = run.index + steps(RICH.default_check_hours)
    assert {v.counted_as for v in run.until(again)} == {"quiet"}


def test_b11_an_omitted_next_check_leaves_no_expired_timer_behind() -> None:
    run = HandRun(RICH)
    said = [run.next(LIVELY) for _ in range(CLOSES_PER_DAY)]
    woke = [index for index, verdict in enumerate(said) if verdict.wake]
    assert {later - sooner for sooner, later in pairwise(woke)} == {steps(RICH.default_check_hours)}
    assert all(v.counted_as == "quiet" for v in said if not v.wake)


def test_a_request_without_next_check_keeps_the_timer() -> None:
    run = past_timer()
    run.gate.request(run.now_ns, 2 * 3600, None)
    run.gate.request(run.now_ns, None, [])
    assert {v.counted_as for v in run.until(steps(2))} == {"quiet"}
    assert run.next(LIVELY).counted_as == "timer"


@pytest.mark.parametrize("seconds", ["600", "soon", math.nan, math.inf, -math.inf, True, [600]])
def test_b10_a_next_check_that_is_no_number_is_refused_and_nothing_takes_effect(
    seconds: object,
) -> None:
    run = past_timer()
    before = json.dumps(run.gate.state())
    with pytest.raises(GateError):
        run.gate.request(run.now_ns, seconds, [condition(1.0)])  # type: ignore[arg-type, list-item]
    assert json.dumps(run.gate.state()) == before


def test_a_declined_timer_stays_due() -> None:
    run = past_timer()
    run.until(steps(RICH.default_check_hours))
    assert [run.next(DEAD).counted_as for _ in range(3)] == ["declined:timer"] * 3
    assert run.next(LIVELY).counted_as == "timer"


# -- conditions and reasons from outside ----------------------------------------------------------


def test_a_condition_that_comes_true_wakes_once() -> None:
    run = past_timer()
    run.until(steps(RICH.recovery_minutes / 60))
    run.gate.request(run.now_ns, None, [condition(100.0)])
    verdict = run.next(LIVELY, metric=lambda *_: 101.0)
    assert (verdict.wake, verdict.counted_as) == (True, "condition")
    assert any(BTC in text for text in verdict.reasons)
    assert run.gate.conditions == ()
    assert run.next(LIVELY, metric=lambda *_: 101.0).counted_as == "quiet"


def test_a_declined_request_is_counted_and_used_up() -> None:
    run = past_timer()
    run.gate.request(run.now_ns, None, [condition(100.0), condition(200.0)])
    assert run.next(DEAD, metric=lambda *_: 101.0).counted_as == "declined:condition"
    assert run.gate.conditions == (condition(200.0),)
    assert run.next(LIVELY, metric=lambda *_: 101.0).counted_as == "quiet"
    assert run.gate.counts["skip", "declined:condition"] == 1


def test_only_metrics_of_armed_conditions_are_asked_for() -> None:
    asked: list[tuple[str, str]] = []

    def metric(symbol: str, name: str) -> float:
        asked.append((symbol, name))
        return math.nan

    run = past_timer()
    run.next(metric=metric)
    assert asked == []
    run.gate.request(run.now_ns, None, [condition(1.0, symbol=ETH)])
    run.next(metric=metric)
    assert asked == [(ETH, "price")]


def test_b7_a_funding_condition_sees_its_own_instruments_rate_of_every_close() -> None:
    run = past_timer()
    run.gate.request(run.now_ns, None, [condition(0.0004, symbol=ETH, metric="funding_rate")])
    rates = {BTC: 0.01, ETH: 0.0001}
    seen = [run.next(metric=lambda symbol, _: rates[symbol]).reasons]
    rates[ETH] = math.nan
    seen.append(run.next(metric=lambda symbol, _: rates[symbol]).reasons)
    assert seen == [(), ()]
    rates[ETH] = 0.0005
    verdict = run.next(metric=lambda symbol, _: rates[symbol])
    assert [text.startswith(f"condition:{ETH}") for text in verdict.reasons] == [True]


def test_a_reason_from_outside_is_priced_and_counted_under_its_kind() -> None:
    run = past_timer()
    run.until(steps(RICH.recovery_minutes / 60))
    said = [run.next(worth, extra=("position_review:BTC",)) for worth in (DEAD, LIVELY)]
    assert [v.counted_as for v in said] == ["declined:position_review", "position_review"]
    assert "position_review:BTC" in said[1].reasons


@pytest.mark.parametrize("chosen", [RICH, GateSettings(budget_usd_per_day=1e-6, **LEVELS)])
def test_an_open_position_gets_a_call_a_day_however_dull_or_dear(chosen: GateSettings) -> None:
    run = HandRun(chosen)
    run.next()
    said = [run.next(DEAD, holding=[ETH]) for _ in range(5 * CLOSES_PER_DAY)]
    woke = [0] + [index + 1 for index, verdict in enumerate(said) if verdict.wake] + [len(said)]
    assert max(later - sooner for sooner, later in pairwise(woke)) <= CLOSES_PER_DAY
    assert len(woke) > 5


def test_without_a_position_nothing_is_called_daily() -> None:
    run = past_timer()
    said = [run.next(DEAD) for _ in range(3 * CLOSES_PER_DAY)]
    assert not any(v.wake for v in said)


# -- learning -------------------------------------------------------------------------------------


def value_after_calls(net: float | None, regime_key: str = REGIME_KEY) -> float:
    """Return the value of a proposal after some calls that each earned so much over holding."""
    run = HandRun(RICH, seed=3)
    for _ in range(20):
        assert run.next(SHOCK).wake
        if net is not None:
            run.gate.settle_call(run.now_ns, net)
    run.index += CLOSES_PER_DAY
    return run.next(SHOCK, regime_key=regime_key).value


def test_calls_that_earn_more_than_holding_raise_the_worth_of_their_arm() -> None:
    worse, unsettled, better = (value_after_calls(net) for net in (-0.1, None, 0.1))
    assert worse < unsettled < better


def test_calls_in_one_regime_say_nothing_of_another() -> None:
    values = {value_after_calls(net, "wild_reflation") for net in (-0.1, None, 0.1)}
    assert len(values) == 1


def test_settling_a_call_twice_or_one_never_made_is_ignored() -> None:
    run = HandRun(RICH)
    run.next(SHOCK)
    run.gate.settle_call(run.now_ns, 0.01)
    before = json.dumps(run.gate.state())
    run.gate.settle_call(run.now_ns, 0.5)
    run.gate.settle_call(run.now_ns + DECISION_NS, 0.5)
    assert json.dumps(run.gate.state()) == before


@pytest.mark.parametrize("net", [math.nan, math.inf, -math.inf])
def test_a_profit_that_is_no_number_is_refused_and_changes_nothing(net: float) -> None:
    run = HandRun(RICH)
    run.next(SHOCK)
    before = json.dumps(run.gate.state())
    for call_ns in (run.now_ns, run.now_ns + DECISION_NS):
        with pytest.raises(GateError, match="finite"):
            run.gate.settle_call(call_ns, net)
    assert json.dumps(run.gate.state()) == before
    run.gate.settle_call(run.now_ns, 0.01)  # the call can still be settled
    assert json.dumps(run.gate.state()) != before


def test_hindsight_learns_from_a_close_only_once_four_hours_have_passed() -> None:
    horizon = HORIZON_NS // DECISION_NS
    said = []
    for first_price in (100.0, 120.0):
        gate = make_gate(RICH, 0)
        prices = [first_price] + [100.0] * horizon
        for index, price in enumerate(prices):
            now_ns = nth_close(index)
            features = features_at(now_ns, {"price": price})
            said.append(
                repr(gate.evaluate(now_ns, features, regime_key=REGIME_KEY, metric=unknown))
            )
    one, other = said[: horizon + 1], said[horizon + 1 :]
    assert one[:horizon] == other[:horizon]
    assert one[horizon] != other[horizon]


# -- state ----------------------------------------------------------------------------------------


def live(gate: Gate, seed: int, first: int, last: int) -> list[str]:
    """Judge closes of a random market with an advisor that asks, is billed and is settled."""
    said = []
    for index, close in enumerate(random_closes(seed, last)):
        if index < first:
            continue
        verdict = ask(gate, close)
        said.append(repr(verdict))
        if verdict.wake:
            levels = [condition(100.0 + index % 7, "crosses_above"), condition(103.0, symbol=ETH)]
            gate.request(verdict.now_ns, 900 * (index % 9), levels)  # type: ignore[arg-type]
            gate.charge(verdict.now_ns, 0.001 * (index % 30))
        gate.settle_call(verdict.now_ns - HORIZON_NS, 0.001 * (index % 11 - 5))
    return said


@given(seed=seeds, split=st.integers(0, 120))
@settings(max_examples=15, deadline=None)
def test_a_gate_restored_from_json_says_exactly_what_the_saved_one_says(
    seed: int, split: int
) -> None:
    saved = make_gate(RICH, seed)
    live(saved, seed, 0, split)
    text = json.dumps(saved.state(), allow_nan=False)
    restored = make_gate(RICH, seed + 1)
    restored.restore(json.loads(text))
    assert json.dumps(restored.state(), allow_nan=False) == text
    assert live(restored, seed, split, 200) == live(saved, seed, split, 200)
    assert restored.counts == saved.counts
    assert json.dumps(restored.state()) == json.dumps(saved.state())


def test_a_saved_state_is_not_changed_by_what_the_gate_does_next() -> None:
    gate = make_gate(RICH, 0)
    live(gate, 1, 0, 60)
    state = gate.state()
    before = json.dumps(state)
    live(gate, 1, 60, 120)
    assert json.dumps(state) == before


@given(seeds)
@settings(max_examples=10, deadline=None)
def test_the_order_in_which_instruments_come_changes_nothing(seed: int) -> None:
    one, other = (make_gate(RICH, 0) for _ in range(2))
    for close in random_closes(seed, 100):
        backwards = dict(reversed(close.features.items()))
        verdict = ask(one, close)
        again = other.evaluate(
            verdict.now_ns,
            backwards,
            regime_key=close.regime_key,
            metric=unknown,
            holding=close.holding,
            extra=close.extra,
        )
        assert repr(again) == repr(verdict)
