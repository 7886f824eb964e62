"""Timer, cooldown and recovery, on the schedule alone."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocw_strategy.gate import GateError, GateSettings
from ocw_strategy.gate.schedule import Schedule
from ocw_strategy.units import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from tests.gate.market import BTC, ETH, MONDAY_NS, SYMBOLS

SETTINGS = GateSettings()


def woken(*symbols: str) -> Schedule:
    """Return a schedule that woke on Monday midnight for these instruments."""
    schedule = Schedule(SETTINGS, SYMBOLS)
    schedule.woke(MONDAY_NS, symbols)
    return schedule


@given(st.one_of(st.integers(-(10**9), 10**12), st.floats(-1e12, 1e300)))
def test_a_timer_is_due_between_the_bounds_whatever_was_asked(seconds: float) -> None:
    schedule = woken()
    schedule.check(seconds)  # type: ignore[arg-type]
    schedule.set_timer(MONDAY_NS, seconds)
    shortest = MONDAY_NS + round(SETTINGS.min_check_hours * HOUR_NS)
    longest = MONDAY_NS + round(SETTINGS.max_check_hours * HOUR_NS)
    assert not schedule.timer_due(shortest - 1)
    assert schedule.timer_due(longest)
    asked = min(max(MONDAY_NS + seconds * SECOND_NS, shortest), longest)
    assert schedule.timer_due(round(asked) + 1_000)


@pytest.mark.parametrize("seconds", ["600", float("nan"), float("inf"), True, [600]])
def test_b10_a_next_check_that_is_no_number_is_refused(seconds: object) -> None:
    with pytest.raises(GateError, match="next_check_seconds"):
        Schedule(SETTINGS, SYMBOLS).check(seconds)  # type: ignore[arg-type]


def test_b11_a_wake_sets_the_timer_anew() -> None:
    schedule = Schedule(SETTINGS, SYMBOLS)
    assert schedule.timer_due(MONDAY_NS)
    schedule.woke(MONDAY_NS, ())
    assert not schedule.timer_due(MONDAY_NS + round(SETTINGS.default_check_hours * HOUR_NS) - 1)
    assert schedule.timer_due(MONDAY_NS + round(SETTINGS.default_check_hours * HOUR_NS))


def test_a_cooldown_is_of_the_instrument_that_spoke() -> None:
    schedule = woken(ETH)
    within = MONDAY_NS + SETTINGS.cooldown_minutes * MINUTE_NS - 1
    assert schedule.muted(within) == {ETH}
    assert schedule.muted(within + 1) == set()
    schedule.woke(within, (BTC,))
    assert schedule.muted(within) == {BTC, ETH}


def test_worth_recovers_with_the_square_of_time_and_no_further() -> None:
    recovery = SETTINGS.recovery_minutes * MINUTE_NS
    shares = [woken().recovered(MONDAY_NS + n * recovery // 3) for n in (0, 1, 2, 3, 30)]
    assert shares == pytest.approx([0, 1 / 9, 4 / 9, 1, 1])


def test_a_day_has_passed_a_day_after_the_last_wake() -> None:
    assert not woken().day_passed(MONDAY_NS + DAY_NS - 1)
    assert woken().day_passed(MONDAY_NS + DAY_NS)


def test_a_restored_schedule_goes_on_and_a_new_instrument_starts_afresh() -> None:
    saved = woken(ETH)
    restored = Schedule(SETTINGS, ("SOLUSDT-PERP", ETH))
    restored.restore(json.loads(json.dumps(saved.state())))
    assert restored.muted(MONDAY_NS + 1) == {ETH}
    for moment in range(MONDAY_NS, MONDAY_NS + 6 * HOUR_NS, 15 * MINUTE_NS):
        assert restored.timer_due(moment) == saved.timer_due(moment)
        assert restored.recovered(moment) == saved.recovered(moment)
