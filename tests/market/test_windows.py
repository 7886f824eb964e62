"""Exact statistics over slots against numpy."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocw_strategy.market.windows import (
    BASELINE,
    SLOTS_PER_DAY,
    Baseline,
    HourOfDay,
    Windows,
    hour_of_week,
)

FIRST = 1_000_003
values = st.one_of(st.none(), st.integers(-(10**15), 10**15))


@given(st.lists(values, max_size=80))
@settings(max_examples=40, deadline=None)
def test_means_are_exact_over_what_is_known_of_each_window(pushed: list[int | None]) -> None:
    lengths = (1, 4, 30)
    windows = Windows(lengths)
    for slot, value in enumerate(pushed, FIRST):
        windows.push(slot, value)
    for length, mean in zip(lengths, windows.means(), strict=True):
        known = [value for value in pushed[-length:] if value is not None]
        if math.isnan(mean):
            assert len(known) < length
        else:
            assert mean == sum(known) / len(known)
        if len(known) == length:
            assert not math.isnan(mean)


def noise(count: int, seed: int = 0) -> list[int | None]:
    rng = np.random.default_rng(seed)
    holes = rng.random(count) < 0.05
    drawn = rng.integers(-(10**7), 10**7, count).tolist()
    return [None if hole else value for value, hole in zip(drawn, holes, strict=True)]


@pytest.mark.parametrize("count", [SLOTS_PER_DAY * 2, BASELINE, BASELINE + 777])
def test_a_baseline_is_the_z_score_over_four_weeks(count: int) -> None:
    pushed = noise(count)
    baseline = Baseline()
    for slot, value in enumerate(pushed, FIRST):
        baseline.push(slot, value)
    known = np.array([value for value in pushed[-BASELINE:] if value is not None], dtype=float)
    assert baseline.z(10**7) == pytest.approx((10**7 - known.mean()) / known.std(), rel=1e-9)


def test_a_baseline_of_a_constant_or_of_too_little_has_no_z() -> None:
    short, constant = Baseline(), Baseline()
    for slot, value in enumerate(noise(SLOTS_PER_DAY // 2)):
        short.push(slot, value)
    for slot in range(3 * SLOTS_PER_DAY):
        constant.push(slot, 7)
    assert math.isnan(short.z(1))
    assert math.isnan(constant.z(7))


def test_a_warmed_up_window_equals_one_that_has_always_run() -> None:
    pushed = noise(3 * BASELINE, seed=1)
    always, warmed = Baseline(), Baseline()
    of_hours, warmed_of_hours = HourOfDay(), HourOfDay()
    for slot, value in enumerate(pushed, FIRST):
        always.push(slot, value)
        of_hours.push(slot, hour_of_week(slot), value)
        if slot >= FIRST + 2 * BASELINE:
            warmed.push(slot, value)
            warmed_of_hours.push(slot, hour_of_week(slot), value)
    last = FIRST + len(pushed) - 1
    assert warmed.z(123) == always.z(123)
    assert warmed_of_hours.liveliness(last, 16, 1e-6) == of_hours.liveliness(last, 16, 1e-6)
    assert [warmed_of_hours.z(hour, 5) for hour in range(48)] == [
        of_hours.z(hour, 5) for hour in range(48)
    ]


def test_an_hour_is_judged_by_its_own_past_alone() -> None:
    of_hours = HourOfDay()
    own = []
    for slot, value in enumerate(noise(BASELINE + 500, seed=2), FIRST):
        hour = hour_of_week(slot)
        of_hours.push(slot, hour, value)
        if hour == 13 and value is not None and slot >= FIRST + 500:
            own.append(float(value))
    expected = (5_000.0 - np.mean(own)) / np.std(own)
    assert of_hours.z(13, 5_000) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("minutes", range(0, 14 * 24 * 60, 195))
def test_the_hour_of_a_close_is_the_one_that_was_trading(minutes: int) -> None:
    close = datetime(2024, 2, 26, tzinfo=UTC) + timedelta(minutes=15 * (minutes // 15))
    traded = close - timedelta(minutes=1)
    slot = int(close.timestamp()) // 900
    assert hour_of_week(slot) == traded.hour + 24 * (traded.weekday() >= 5)
