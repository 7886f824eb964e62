"""How time is cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocw_strategy.backtest.walkforward import days_left, windows_of
from ocw_strategy.backtest.walkforward.settings import WindowSettings
from ocw_strategy.errors import SettingsError
from ocw_strategy.settings import parse_time_ns
from ocw_strategy.units import DAY_NS

FIRST_NS = parse_time_ns("2023-01-01")
settings = st.builds(
    WindowSettings,
    kind=st.sampled_from(["rolling", "anchored"]),
    in_sample_days=st.integers(7, 400),
    purge_days=st.integers(0, 60),
    out_of_sample_days=st.integers(1, 200),
)


@given(settings=settings, days=st.integers(1, 1500))
def test_parts_to_be_judged_follow_each_other_and_nothing_after_is_learnt_from(
    settings: WindowSettings, days: int
) -> None:
    last_ns = FIRST_NS + days * DAY_NS
    needed = settings.in_sample_days + settings.purge_days + settings.out_of_sample_days
    if needed > days:
        with pytest.raises(SettingsError):
            windows_of(settings, FIRST_NS, last_ns)
        return
    windows = windows_of(settings, FIRST_NS, last_ns)
    assert [w.index for w in windows] == list(range(len(windows)))
    for before, after in pairwise(windows):
        assert before.oos_end_ns == after.oos_start_ns
    for w in windows:
        assert FIRST_NS <= w.is_start_ns < w.is_end_ns
        assert w.oos_start_ns - w.is_end_ns == settings.purge_days * DAY_NS
        assert w.oos_end_ns - w.oos_start_ns == settings.out_of_sample_days * DAY_NS
        learnt = (w.is_end_ns - w.is_start_ns) // DAY_NS
        if settings.kind == "rolling":
            assert learnt == settings.in_sample_days
        else:
            assert w.is_start_ns == FIRST_NS
            assert learnt == settings.in_sample_days + w.index * settings.out_of_sample_days
    assert 0 <= days_left(windows, last_ns) < settings.out_of_sample_days


def test_the_default_cut_has_eight_windows_in_the_two_and_a_half_years() -> None:
    windows = windows_of(WindowSettings(), FIRST_NS, parse_time_ns("2025-07-01"))
    assert len(windows) == 8


def test_a_window_longer_than_the_data_says_how_long_both_are() -> None:
    with pytest.raises(SettingsError, match=r"was '271 days'; one window is longer than the 100 "):
        windows_of(WindowSettings(), FIRST_NS, FIRST_NS + 100 * DAY_NS)
