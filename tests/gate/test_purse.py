"""The purse: what was not earned is not spent, and nothing passes a ceiling."""

import calendar
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocw_strategy.gate import GateSettings
from ocw_strategy.gate.purse import Purse
from ocw_strategy.market.features import DECISION_NS
from ocw_strategy.units import DAY_NS, HOUR_NS
from tests.gate.market import MONDAY_NS, nth_close

SETTINGS = GateSettings(
    budget_usd_per_day=1.0,
    cost_per_call_usd=0.1,
    savings_days=5.0,
    calls_per_day_ceiling=6,
    calls_per_month_day_ceiling=4,
    reserved_calls=2,
)


def purse_at(now_ns: int = MONDAY_NS, **changes: float) -> Purse:
    purse = Purse(SETTINGS.model_copy(update=changes))
    purse.move_on(now_ns)
    return purse


def calls_affordable(purse: Purse, reserved: int = 0) -> int:
    calls = 0
    while purse.affords(reserved):
        purse.spend()
        calls += 1
    return calls


def test_the_budget_is_earned_by_the_hour_and_kept_for_so_many_days_only() -> None:
    purse = purse_at()
    purse.pay_bill(purse.balance_usd, expected=False)
    purse.move_on(MONDAY_NS + 6 * HOUR_NS)
    assert purse.balance_usd == pytest.approx(0.25)
    purse.move_on(MONDAY_NS + 100 * DAY_NS)
    assert purse.balance_usd == pytest.approx(5.0)


def test_an_empty_purse_affords_nothing_until_it_has_earned_a_call() -> None:
    purse = purse_at()
    purse.pay_bill(purse.balance_usd, expected=False)
    assert not purse.affords(0)
    purse.move_on(MONDAY_NS + 2 * HOUR_NS)
    assert not purse.affords(0)
    purse.move_on(MONDAY_NS + 3 * HOUR_NS)
    assert purse.affords(0)


def test_the_day_ceiling_holds_and_falls_with_midnight() -> None:
    purse = purse_at(MONDAY_NS + 4 * DAY_NS, calls_per_month_day_ceiling=99)
    assert calls_affordable(purse) == 6
    purse.move_on(MONDAY_NS + 5 * DAY_NS - DECISION_NS)
    assert not purse.below_ceilings(0)
    purse.move_on(MONDAY_NS + 5 * DAY_NS)
    assert purse.below_ceilings(0)


def test_reserved_calls_are_kept_back_from_both_ceilings_and_from_the_money() -> None:
    assert calls_affordable(purse_at(calls_per_month_day_ceiling=99), reserved=2) == 4
    poor = purse_at()
    poor.pay_bill(poor.balance_usd - 0.25, expected=False)
    assert (poor.affords(0), poor.affords(2)) == (True, False)


@given(
    first_day=st.integers(0, 364),
    hours=st.lists(st.integers(1, 60), min_size=1, max_size=120),
    ceiling=st.integers(1, 5),
)
@settings(max_examples=30, deadline=None)
def test_no_month_has_more_calls_than_its_days_allow(
    first_day: int, hours: list[int], ceiling: int
) -> None:
    now_ns = MONDAY_NS + first_day * DAY_NS
    purse = purse_at(
        now_ns, budget_usd_per_day=100.0, calls_per_month_day_ceiling=ceiling, reserved_calls=0
    )
    calls: dict[tuple[int, int], int] = {}
    for step in hours:
        date = datetime.fromtimestamp(now_ns // 10**9, UTC)
        month = (date.year, date.month)
        calls[month] = calls.get(month, 0) + calls_affordable(purse)
        now_ns += step * HOUR_NS
        purse.move_on(now_ns)
    for (year, month_number), made in calls.items():
        assert made <= ceiling * calendar.monthrange(year, month_number)[1]


def test_a_month_that_began_before_the_run_does_not_lend_its_days() -> None:
    last_week_ns = MONDAY_NS + 24 * DAY_NS
    purse = purse_at(last_week_ns, budget_usd_per_day=100.0, calls_per_month_day_ceiling=2)
    made = 0
    for day in range(7):
        purse.move_on(last_week_ns + day * DAY_NS)
        made += calls_affordable(purse)
    assert 0 < made <= 2 * 7


def test_a_call_costs_its_bill_once_that_is_known() -> None:
    purse = purse_at()
    before = purse.balance_usd
    purse.spend()
    assert purse.balance_usd == pytest.approx(before - 0.1)
    purse.pay_bill(0.25, expected=True)
    assert purse.balance_usd == pytest.approx(before - 0.25)
    purse.pay_bill(0.03, expected=False)
    assert purse.balance_usd == pytest.approx(before - 0.28)


@given(st.lists(st.floats(0.0, 6.0), min_size=2, max_size=8))
@settings(max_examples=30, deadline=None)
def test_the_less_is_left_the_dearer_a_call(bills: list[float]) -> None:
    prices = []
    for bill in sorted(bills):
        purse = purse_at(MONDAY_NS + 12 * HOUR_NS)
        purse.pay_bill(bill, expected=False)
        prices.append(purse.scarcity())
    assert prices == sorted(prices)
    assert min(prices) > 0.0


def test_a_call_in_the_morning_makes_the_next_dearer_than_its_cost_alone_does() -> None:
    called, paid = purse_at(), purse_at()
    called.spend()
    paid.pay_bill(SETTINGS.cost_per_call_usd, expected=False)
    assert called.scarcity() > paid.scarcity()


@given(st.lists(st.tuples(st.integers(1, 200), st.booleans()), max_size=40), st.integers(0, 40))
@settings(max_examples=30, deadline=None)
def test_a_restored_purse_goes_on_exactly(steps: list[tuple[int, bool]], split: int) -> None:
    purse, other = Purse(SETTINGS), Purse(SETTINGS)
    index = 0
    for at, (closes, called) in enumerate(steps):
        if at == split:
            other.restore(json.loads(json.dumps(purse.state(), allow_nan=False)))
        index += closes
        for each in (purse, other) if at >= split else (purse,):
            each.move_on(nth_close(index))
            if called and each.affords(0):
                each.spend()
    if len(steps) > split:
        assert other.state() == purse.state()
        assert other.scarcity() == purse.scarcity()
