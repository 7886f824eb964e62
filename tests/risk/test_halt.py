"""Promises of the halts and cooldowns."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocw_strategy.risk import HaltGuard, HaltSettings
from ocw_strategy.units import DAY_NS, HOUR_NS, MINUTE_NS

SETTINGS = HaltSettings(
    max_daily_loss_fraction=0.05, max_drawdown_fraction=0.20, cooldown_minutes=60.0
)


def guard(*equities: tuple[int, float]) -> HaltGuard:
    made = HaltGuard(SETTINGS)
    for now_ns, equity in equities:
        made.on_equity(now_ns, equity)
    return made


def test_b30_a_daily_loss_stops_entries_until_the_next_utc_day() -> None:
    made = guard((0, 1_000.0))
    assert [e.kind for e in made.on_equity(HOUR_NS, 950.0)] == ["halt:daily_loss"]
    assert made.on_equity(2 * HOUR_NS, 1_100.0) == ()
    assert made.blocked(DAY_NS - 1) == "daily_loss"
    assert made.blocked(DAY_NS) is None
    assert [e.kind for e in made.on_equity(DAY_NS, 1_100.0)] == ["halt_ended:daily_loss"]


def test_a_loss_just_short_of_the_limit_does_not_halt() -> None:
    assert guard((0, 1_000.0), (1, 950.01)).blocked(1) is None


def test_a_fall_across_midnight_counts_for_the_new_day() -> None:
    made = guard((0, 1_000.0), (DAY_NS - 1, 1_000.0), (DAY_NS + 1, 940.0))
    assert made.blocked(DAY_NS + 1) == "daily_loss"
    assert made.daily_loss_fraction == pytest.approx(0.06)


def test_the_days_loss_is_measured_from_its_start_and_not_from_its_peak() -> None:
    made = guard((0, 1_000.0), (1, 1_100.0), (2, 1_000.0))
    assert made.blocked(2) is None
    assert made.daily_loss_fraction == 0.0


def test_b30_a_drawdown_stops_entries_until_a_person_resumes_them() -> None:
    days = [(day * DAY_NS, 1_000.0 - 40.0 * day) for day in range(6)]
    made = guard(*days)
    assert made.blocked(5 * DAY_NS) == "drawdown"
    made.on_equity(30 * DAY_NS, 2_000.0)
    assert made.blocked(30 * DAY_NS) == "drawdown"
    made.on_equity(31 * DAY_NS, 1_950.0)
    made.resume()
    assert made.blocked(31 * DAY_NS) is None
    assert made.drawdown_fraction == 0.0
    made.on_equity(31 * DAY_NS, 1_900.0)
    assert made.drawdown_fraction == pytest.approx(1 - 1_900.0 / 1_950.0)


@pytest.mark.parametrize("equity", [math.nan, math.inf, -math.inf])
def test_an_unknown_equity_stops_entries_until_it_is_known(equity: float) -> None:
    made = guard((0, 1_000.0))
    assert [e.kind for e in made.on_equity(1, equity)] == ["halt:equity_unknown"]
    assert made.blocked(1) == "equity_unknown"
    made.on_equity(2, 1_000.0)
    assert made.blocked(2) is None
    assert made.drawdown_fraction == 0.0


def test_an_account_that_starts_without_equity_is_halted() -> None:
    assert guard((0, 0.0)).blocked(0) == "drawdown"


def test_a_cooldown_is_of_its_instrument_and_ends_on_time() -> None:
    made = guard()
    made.on_exit("BTCUSDT-PERP", 10)
    assert made.cooling(10 + 60 * MINUTE_NS - 1) == {"BTCUSDT-PERP": "cooldown"}
    assert made.cooling(10 + 60 * MINUTE_NS) == {}


@given(
    st.lists(
        st.tuples(
            st.integers(0, 12 * HOUR_NS),
            st.floats(0.9, 1.08) | st.just(math.nan),
            st.sampled_from(("", "BTCUSDT-PERP", "ETHUSDT-PERP")),
        ),
        max_size=25,
    ),
    st.integers(0, 25),
)
def test_a_restart_at_any_moment_changes_nothing(
    steps: list[tuple[int, float, str]], restart_at: int
) -> None:
    steady, restarted = guard(), guard()
    now_ns, equity = 0, 1_000.0
    for number, (wait_ns, factor, exited) in enumerate(steps):
        if number == restart_at:
            state = json.loads(json.dumps(restarted.state()))
            restarted = guard()
            restarted.restore(state)
            assert restarted.state() == state
        now_ns += wait_ns
        equity = equity * factor if math.isfinite(factor) else equity
        seen = equity if math.isfinite(factor) else factor
        for made in (steady, restarted):
            if exited:
                made.on_exit(exited, now_ns)
        assert steady.on_equity(now_ns, seen) == restarted.on_equity(now_ns, seen)
        assert steady.blocked(now_ns) == restarted.blocked(now_ns)
        assert steady.cooling(now_ns) == restarted.cooling(now_ns)
    assert steady.state() == restarted.state()


@given(st.lists(st.floats(1.0, 1e6), min_size=1, max_size=50))
def test_entries_are_halted_whenever_a_limit_is_exceeded(equities: list[float]) -> None:
    made = guard()
    for hour, equity in enumerate(equities):
        now_ns = hour * HOUR_NS
        made.on_equity(now_ns, equity)
        today = [e for h, e in enumerate(equities[: hour + 1]) if h // 24 == hour // 24]
        start = equities[hour // 24 * 24 - 1] if hour >= 24 else today[0]
        lost = any((start - e) / start >= 0.05 for e in today)
        peaks = [max(equities[: h + 1]) for h in range(hour + 1)]
        fallen = any((p - e) / p >= 0.20 for e, p in zip(equities, peaks, strict=False))
        assert made.blocked(now_ns) == ("drawdown" if fallen else "daily_loss" if lost else None)
