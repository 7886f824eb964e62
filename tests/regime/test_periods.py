import json
import math
from datetime import UTC, datetime
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocw_strategy.regime.periods import (
    Period,
    PeriodBuilder,
    last_boundary_ns,
    next_boundary_ns,
    seasonal_log_volatility,
    time_of_week,
    unbroken_lengths,
)
from ocw_strategy.units import DAY_NS, HOUR_NS
from tests.regime.market import START_NS, hours

MOMENTS = st.integers(min_value=0, max_value=4_102_444_800 * 10**9)  # to 2100


def built(builder: PeriodBuilder, close_ns: list[int], close: list[float]) -> list[Period]:
    periods = (builder.push(*hour) for hour in zip(close_ns, close, strict=True))
    return [period for period in periods if period is not None]


@pytest.mark.parametrize("length", [8, 12, 24])
def test_period_holds_the_return_and_realised_volatility_of_its_hours(length: int) -> None:
    close_ns, close = hours(np.full(241, 0.5))
    periods = built(PeriodBuilder(length, 0.75), close_ns, close)
    returns = np.diff(np.log(close))[length - 1 :]  # the first period misses its first return
    by_period = returns[: len(returns) // length * length].reshape(-1, length)
    assert len(periods) == 240 // length
    assert np.allclose([each.log_return for each in periods[1:]], by_period.sum(axis=1))
    expected = np.sqrt((by_period**2).mean(axis=1) * 24 * 365)
    assert np.allclose([each.volatility for each in periods[1:]], expected)


def test_periods_start_at_midnight_and_never_overlap() -> None:
    periods = built(PeriodBuilder(12, 0.75), *hours(np.full(240, 0.5)))
    assert [each.index for each in periods] == [START_NS // (12 * HOUR_NS) + i for i in range(20)]


def test_period_with_too_few_hours_is_skipped_and_counted() -> None:
    close_ns, close = hours(np.full(72, 0.5))
    kept = [i for i in range(72) if not 26 <= i < 34]  # 8 of the 24 hours of the second day
    builder = PeriodBuilder(24, 0.75)
    periods = built(builder, [close_ns[i] for i in kept], [close[i] for i in kept])
    assert [each.index * DAY_NS for each in periods] == [START_NS, START_NS + 2 * DAY_NS]
    assert builder.skipped == 1


def test_days_without_any_hour_are_counted_as_skipped() -> None:
    close_ns, close = hours(np.full(24 * 6, 0.5))
    builder = PeriodBuilder(24, 0.75)
    built(builder, close_ns[:24] + close_ns[96:], close[:24] + close[96:])
    assert builder.skipped == 3


def test_return_across_a_missing_hour_is_left_out() -> None:
    close_ns, close = hours(np.full(24, 0.5))
    close[10:] = [2 * price for price in close[10:]]  # a leap inside the hour that is missing
    builder = PeriodBuilder(24, 0.75)
    (period,) = built(builder, close_ns[:10] + close_ns[11:], close[:10] + close[11:])
    assert period.volatility < 1
    assert abs(period.log_return) < 0.1


def test_period_whose_last_hours_are_missing_completes_when_a_later_hour_arrives() -> None:
    close_ns, close = hours(np.full(30, 0.5))
    builder = PeriodBuilder(24, 0.75)
    assert built(builder, close_ns[:22], close[:22]) == []
    period = builder.push(close_ns[26], close[26])
    assert period is not None
    assert period.index * DAY_NS == START_NS


def test_market_that_does_not_move_gives_no_period() -> None:
    close_ns, _ = hours(np.full(48, 0.5))
    builder = PeriodBuilder(24, 0.75)
    assert built(builder, close_ns, [100.0] * 48) == []
    assert builder.skipped == 2


def test_builder_restored_from_json_continues_to_the_bit() -> None:
    close_ns, close = hours(np.full(100, 0.5))
    builder, other = PeriodBuilder(24, 0.75), PeriodBuilder(24, 0.75)
    built(builder, close_ns[:31], close[:31])
    other.restore(json.loads(json.dumps(builder.state())))
    assert built(builder, close_ns[31:], close[31:]) == built(other, close_ns[31:], close[31:])
    assert builder.state() == other.state()


@given(MOMENTS)
def test_refit_boundaries_are_mondays_and_firsts_of_the_month(now_ns: int) -> None:
    kinds: tuple[Literal["weekly", "monthly"], ...] = ("weekly", "monthly")
    for refit in kinds:
        last = last_boundary_ns(now_ns, refit)
        following = next_boundary_ns(now_ns, refit)
        assert last <= now_ns < following
        assert last_boundary_ns(following - 1, refit) == last
        for moment in (last, following):
            day = datetime.fromtimestamp(moment // 10**9, tz=UTC)
            assert (day.weekday() == 0) if refit == "weekly" else (day.day == 1)
            assert moment % DAY_NS == 0


@given(MOMENTS, st.sampled_from([8, 12, 24]))
def test_time_of_week_tells_part_of_day_and_weekend(now_ns: int, length: int) -> None:
    moment = datetime.fromtimestamp(now_ns // 10**9, tz=UTC)
    parts = 24 // length
    expected = moment.hour // length + (parts if moment.weekday() >= 5 else 0)
    assert time_of_week(now_ns // (length * HOUR_NS), length) == expected


def test_season_of_quiet_weekends_is_found_and_keeps_the_mean_square() -> None:
    usual = {False: 0.6, True: 0.3}
    first = START_NS // DAY_NS
    days = range(first, first + 70)
    periods = [Period(day, 0.01, usual[time_of_week(day, 24) == 1]) for day in days]
    working, weekend = seasonal_log_volatility(periods, 24)
    assert math.exp(working - weekend) == pytest.approx(2)
    assert (5 * math.exp(2 * working) + 2 * math.exp(2 * weekend)) / 7 == pytest.approx(1)


def test_time_of_week_never_seen_has_no_season() -> None:
    monday = START_NS // DAY_NS + 1
    assert seasonal_log_volatility([Period(monday, 0.0, 0.4)], 24) == [0.0, 0.0]


def test_runs_are_broken_where_periods_are_missing() -> None:
    periods = [Period(index, 0.0, 0.5) for index in (3, 4, 5, 8, 10, 11)]
    assert unbroken_lengths(periods) == [3, 1, 2]
    assert unbroken_lengths([]) == []
