import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocw_strategy.live.watchdog import Action, Watchdog, WatchdogSettings
from ocw_strategy.units import SECOND_NS

SETTINGS = WatchdogSettings()
T0 = 1_700_000_000 * SECOND_NS


def look(dog: Watchdog, seconds: float, mark_age_s: float, *, bar_in: bool = True) -> Action:
    now_ns = T0 + round(seconds * SECOND_NS)
    due_ns = now_ns - 200 * SECOND_NS
    return dog.look(
        now_ns,
        newest_mark_ns=now_ns - round(mark_age_s * SECOND_NS),
        due_bar_ns=due_ns,
        last_bar_ns=due_ns if bar_in else due_ns - 900 * SECOND_NS,
    )


def test_fresh_data_asks_for_nothing() -> None:
    dog = Watchdog(SETTINGS)
    assert [look(dog, s, 1) for s in range(0, 600, 30)] == [Action.NONE] * 20


def test_silence_stops_entries_then_asks_once_for_a_mark_then_exits() -> None:
    dog = Watchdog(SETTINGS)
    actions = [look(dog, s, 31 + s) for s in range(0, 451, 30)]
    assert actions[0] is Action.STOP_ENTRIES
    assert [i * 30 for i, a in enumerate(actions) if a is Action.ASK_MARK] == [300]
    assert [i * 30 for i, a in enumerate(actions) if a is Action.EXIT] == [420, 450]


def test_entries_resume_when_data_is_fresh_again_and_the_next_silence_starts_anew() -> None:
    dog = Watchdog(SETTINGS)
    look(dog, 0, 31)
    assert dog.blind
    assert look(dog, 310, 341) is Action.ASK_MARK
    assert look(dog, 340, 1) is Action.RESUME_ENTRIES
    assert not dog.blind
    assert look(dog, 370, 40) is Action.STOP_ENTRIES
    assert look(dog, 400, 70) is Action.NONE


def test_a_bar_that_does_not_come_stops_entries_though_marks_flow() -> None:
    assert look(Watchdog(SETTINGS), 0, 1, bar_in=False) is Action.STOP_ENTRIES


@given(st.lists(st.tuples(st.floats(1, 60), st.floats(0, 900)), max_size=40))
def test_it_never_exits_before_data_was_stale_for_as_long_as_it_says(
    steps: list[tuple[float, float]],
) -> None:
    dog, now, stale_since = Watchdog(SETTINGS), 0.0, None
    for step, age in steps:
        now += step
        action = look(dog, now, age)
        stale = age > SETTINGS.stale_seconds
        stale_since = None if not stale else now if stale_since is None else stale_since
        if action is Action.EXIT:
            assert stale_since is not None
            assert now - stale_since >= SETTINGS.exit_seconds - 1e-6
        assert dog.blind == stale


def test_limits_that_do_not_rise_are_refused() -> None:
    with pytest.raises(ValueError, match="must rise"):
        WatchdogSettings(blind_seconds=600.0)
