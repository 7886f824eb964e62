"""The close barrier: due once, in order, whatever order the bars come in."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocw_strategy.market import CloseBarrier

SYMBOLS = ("A", "B", "C")


def due(arrivals: list[tuple[str, int]]) -> list[int]:
    barrier = CloseBarrier(SYMBOLS)
    return [close for symbol, close_ns in arrivals for close in barrier.add(symbol, close_ns)]


@pytest.mark.parametrize("order", list(permutations(SYMBOLS)))
def test_a_close_is_due_with_its_last_bar_whichever_that_is(order: tuple[str, ...]) -> None:
    barrier = CloseBarrier(SYMBOLS)
    assert [barrier.add(symbol, 100) for symbol in order] == [(), (), (100,)]


def test_a_bar_of_a_later_close_makes_the_unfinished_one_due() -> None:
    assert due([("A", 100), ("B", 100), ("A", 200), ("B", 200), ("C", 200)]) == [100, 200]


def test_an_instrument_that_delivers_late_does_not_make_its_close_due_again() -> None:
    barrier = CloseBarrier(SYMBOLS)
    barrier.add("A", 100)
    assert barrier.add("A", 200) == (100,)
    assert barrier.add("B", 100) == ()
    assert [barrier.add("B", 200), barrier.add("C", 200)] == [(), (200,)]


def test_a_repeated_bar_does_not_stand_for_another_instrument() -> None:
    barrier = CloseBarrier(SYMBOLS)
    assert [barrier.add("A", 100) for _ in range(5)] == [()] * 5
    assert barrier.waits(100)


def test_a_single_instrument_is_due_at_every_bar() -> None:
    barrier = CloseBarrier(["A"])
    assert [barrier.add("A", ns) for ns in (100, 200, 400)] == [(100,), (200,), (400,)]


def test_a_close_waits_from_its_first_bar_to_its_last() -> None:
    barrier = CloseBarrier(SYMBOLS)
    assert not barrier.waits(100)
    barrier.add("A", 100)
    assert barrier.waits(100)
    assert not barrier.waits(200)
    barrier.add("B", 100)
    barrier.add("C", 100)
    assert not barrier.waits(100)


def test_finishing_makes_a_close_due_once_and_stragglers_change_nothing() -> None:
    barrier = CloseBarrier(SYMBOLS)
    barrier.add("A", 100)
    assert barrier.finish(100)
    assert not barrier.waits(100)
    assert not barrier.finish(100)
    assert [barrier.add("B", 100), barrier.add("C", 100)] == [(), ()]


def test_finishing_leaves_nothing_behind_for_the_next_close() -> None:
    barrier = CloseBarrier(SYMBOLS)
    barrier.add("A", 100)
    barrier.finish(100)
    assert [barrier.add(symbol, 200) for symbol in SYMBOLS] == [(), (), (200,)]


closes = st.dictionaries(
    st.integers(1, 30), st.sets(st.sampled_from(SYMBOLS), min_size=1), max_size=8
)


@st.composite
def shuffled(draw: st.DrawFn) -> tuple[dict[int, set[str]], list[tuple[str, int]]]:
    """Bars by close, and one order of arrival in which each close's bars are shuffled."""
    found = draw(closes)
    arrivals = []
    for close_ns in sorted(found):
        order = draw(st.permutations(sorted(found[close_ns])))
        arrivals += [(symbol, close_ns) for symbol in order]
    return found, arrivals


@given(shuffled())
def test_arrival_order_within_a_close_never_matters(
    drawn: tuple[dict[int, set[str]], list[tuple[str, int]]],
) -> None:
    found, arrivals = drawn
    times = sorted(found)
    # every close but perhaps the newest is due: complete, or overtaken
    expected = times if times and len(found[times[-1]]) == len(SYMBOLS) else times[:-1]
    assert due(arrivals) == expected


@given(st.lists(st.tuples(st.sampled_from(SYMBOLS), st.integers(1, 10)), max_size=60))
def test_whatever_arrives_each_close_is_due_at_most_once_and_in_order(
    arrivals: list[tuple[str, int]],
) -> None:
    told = due(arrivals)
    assert told == sorted(set(told))
    assert set(told) <= {close_ns for _, close_ns in arrivals}


@given(
    st.lists(st.tuples(st.sampled_from(SYMBOLS), st.integers(1, 10), st.booleans()), max_size=60)
)
def test_a_close_finished_by_the_clock_is_not_due_by_a_bar(
    arrivals: list[tuple[str, int, bool]],
) -> None:
    barrier, told = CloseBarrier(SYMBOLS), []
    for symbol, close_ns, overdue in arrivals:
        told += barrier.add(symbol, close_ns)
        if overdue and barrier.waits(close_ns):
            assert barrier.finish(close_ns)
            told.append(close_ns)
    assert told == sorted(set(told))
