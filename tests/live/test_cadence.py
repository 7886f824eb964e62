"""Five minutes while all is there, one while something is missing."""

from hypothesis import given
from hypothesis import strategies as st

from ocw_strategy.live.cadence import LOOK_AHEAD_NS, awaited_ms, pause_ns
from ocw_strategy.live.statistics_rows import PERIOD_NS
from ocw_strategy.units import MILLISECOND_NS, MINUTE_NS, SECOND_NS

DELAY_NS = 300 * SECOND_NS
NOW_NS = st.integers(1_700_000_000 * SECOND_NS, 1_900_000_000 * SECOND_NS)


def pause(now_ns: int, *, busy: bool, interval_ns: int = 300 * SECOND_NS) -> int:
    return pause_ns(
        now_ns, busy=busy, interval_ns=interval_ns, busy_ns=60 * SECOND_NS, delay_ns=DELAY_NS
    )


@given(NOW_NS)
def test_the_venue_is_looked_at_a_minute_before_a_row_is_due(now_ns: int) -> None:
    waited = pause(now_ns, busy=False)
    assert 0 < waited <= PERIOD_NS
    assert (now_ns + waited + LOOK_AHEAD_NS - DELAY_NS) % PERIOD_NS == 0


@given(NOW_NS)
def test_something_missing_is_looked_for_every_minute(now_ns: int) -> None:
    assert pause(now_ns, busy=True) == MINUTE_NS


def test_a_short_interval_is_kept_as_it_is() -> None:
    assert pause(123, busy=False, interval_ns=7 * SECOND_NS) == 7 * SECOND_NS
    assert pause(123, busy=True, interval_ns=7 * SECOND_NS) == 7 * SECOND_NS


@given(NOW_NS)
def test_the_awaited_row_is_the_newest_that_is_due_within_the_minute(now_ns: int) -> None:
    due_ns = awaited_ms(now_ns, DELAY_NS) * MILLISECOND_NS + DELAY_NS
    assert due_ns <= now_ns + LOOK_AHEAD_NS < due_ns + PERIOD_NS
