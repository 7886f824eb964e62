"""The ring of base bars: what it takes, what it refuses, and its roll-ups against pandas."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocw_strategy.market.bars import BarRing, BarWindow
from ocw_strategy.units import MINUTE_NS

MONDAY_NS = 1_704_067_200 * 10**9
COLUMNS = ["open", "high", "low", "close", "volume", "taker_buy_volume"]
GOOD = (10.0, 12.0, 9.0, 11.0, 5.0, 2.0)


def market(count: int, minutes: int, seed: int = 0, first: int = 0) -> pd.DataFrame:
    """Return bars indexed by close, with whole volumes so that sums are exact."""
    rng = np.random.default_rng(seed)
    closes = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, count)))
    opens = np.concatenate(([100.0], closes[:-1]))
    volume = rng.integers(1, 1_000, count).astype(float)
    return pd.DataFrame(
        {
            "open": opens,
            "high": np.maximum(opens, closes) * 1.001,
            "low": np.minimum(opens, closes) * 0.999,
            "close": closes,
            "volume": volume,
            "taker_buy_volume": np.floor(volume / 3.0),
        },
        index=MONDAY_NS + (first + 1 + np.arange(count)) * minutes * MINUTE_NS,
    )


def filled(frame: pd.DataFrame, minutes: int, capacity: int = 10_000) -> BarRing:
    ring = BarRing(minutes, capacity)
    for close_ns, *values in frame.itertuples():
        assert ring.append(close_ns, *values)
    return ring


def resampled(frame: pd.DataFrame, base: int, minutes: int, count: int) -> pd.DataFrame:
    """Return complete bars of a longer interval, as pandas sees them."""
    ratio = minutes // base
    boundary = frame.index[-1] - frame.index[-1] % (minutes * MINUTE_NS)
    horizon = frame[frame.index <= boundary].iloc[-(count + 1) * ratio :]
    index = pd.to_datetime(horizon.index)
    groups = horizon.set_index(index).resample(f"{minutes}min", closed="right", label="right")
    found = groups.agg(
        {
            "open": "first",
            "high": "max",
            "low": "min",
            "close": "last",
            "volume": "sum",
        }
    )
    found["taker_buy_volume"] = groups["taker_buy_volume"].sum(min_count=ratio)
    return found[groups.size() == ratio].iloc[-count:]


def equal(window: BarWindow, expected: pd.DataFrame) -> bool:
    assert len(window) == len(expected)
    np.testing.assert_array_equal(window.close_ns, expected.index.as_unit("ns").asi8)
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(window, name), expected[name].to_numpy())
    return True


def test_an_empty_ring_knows_nothing() -> None:
    ring = BarRing(5, 10)
    assert (len(ring), ring.last_close_ns, ring.rejected) == (0, 0, 0)
    assert math.isnan(ring.last_close)
    assert len(ring.newest(5)) == len(ring.rollup(60, 5)) == 0


def test_a_good_bar_is_taken_and_told_back() -> None:
    ring = BarRing(5, 10)
    assert ring.append(MONDAY_NS, *GOOD)
    assert (len(ring), ring.last_close_ns, ring.last_close) == (1, MONDAY_NS, 11.0)
    window = ring.newest(3)
    assert [float(getattr(window, name)[0]) for name in COLUMNS] == list(GOOD)


@pytest.mark.parametrize(
    "close_ns",
    [MONDAY_NS, MONDAY_NS - 5 * MINUTE_NS, 0, -5 * MINUTE_NS, MONDAY_NS + 1, MONDAY_NS + MINUTE_NS],
    ids=["duplicate", "late", "epoch", "before the epoch", "off by a ns", "off the grid"],
)
def test_a_duplicate_late_or_unaligned_bar_is_refused_and_counted(close_ns: int) -> None:
    ring = BarRing(5, 10)
    ring.append(MONDAY_NS, *GOOD)
    assert not ring.append(close_ns, *GOOD)
    assert (len(ring), ring.rejected, ring.last_close_ns) == (1, 1, MONDAY_NS)


BAD = [
    {name: value}
    for name in ("open", "high", "low", "close")
    for value in (math.nan, math.inf, -math.inf, 0.0, -1.0)
]
BAD += [{"volume": value} for value in (math.nan, math.inf, -1.0)]
BAD += [{"high": 8.0}, {"low": 13.0}, {"open": 12.5}, {"open": 8.5}, {"close": 12.5}]
BAD += [{"close": 8.5}, {"high": 10.5}, {"low": 10.5}]


@pytest.mark.parametrize("changes", BAD, ids=str)
def test_an_impossible_bar_is_refused_counted_and_leaves_the_ring_as_it_was(
    changes: dict[str, float],
) -> None:
    ring = BarRing(5, 10)
    ring.append(MONDAY_NS, *GOOD)
    values = {**dict(zip(COLUMNS, GOOD, strict=True)), **changes}
    later_ns = MONDAY_NS + 5 * MINUTE_NS
    assert not ring.append(later_ns, **values)
    assert (len(ring), ring.rejected, ring.last_close) == (1, 1, 11.0)
    assert ring.append(later_ns, *GOOD)


def test_a_bar_without_trades_is_good() -> None:
    assert BarRing(5, 10).append(MONDAY_NS, 10.0, 10.0, 10.0, 10.0, 0.0, 0.0)


@pytest.mark.parametrize("taker", [math.nan, -1.0, 5.1, math.inf])
def test_a_taker_volume_that_cannot_be_true_is_unknown_and_its_bar_is_kept(taker: float) -> None:
    ring = BarRing(5, 10)
    assert ring.append(MONDAY_NS, *GOOD[:5], taker)
    assert ring.rejected == 0
    assert np.isnan(ring.newest(1).taker_buy_volume[0])


@given(
    capacity=st.integers(1, 40),
    count=st.integers(0, 130),
    wanted=st.integers(1, 60),
)
@settings(max_examples=40, deadline=None)
def test_the_ring_keeps_the_newest_bars_however_often_it_wraps(
    capacity: int, count: int, wanted: int
) -> None:
    frame = market(count, 5)
    ring = filled(frame, 5, capacity)
    assert len(ring) == min(count, capacity)
    kept = frame.iloc[max(0, count - min(wanted, capacity)) :]
    window = ring.newest(wanted)
    np.testing.assert_array_equal(window.close_ns, kept.index.to_numpy())
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(window, name), kept[name].to_numpy())


@given(
    intervals=st.sampled_from([(1, 15), (5, 15), (5, 60), (15, 60), (15, 240), (5, 240)]),
    count=st.integers(1, 12),
    first=st.integers(0, 50),
    bars=st.integers(1, 500),
    holes=st.sets(st.integers(0, 499), max_size=12),
    capacity=st.integers(60, 600),
)
@settings(max_examples=40, deadline=None)
def test_a_rollup_is_what_pandas_makes_of_the_bars_with_incomplete_ones_left_out(
    intervals: tuple[int, int],
    count: int,
    first: int,
    bars: int,
    holes: set[int],
    capacity: int,
) -> None:
    base, minutes = intervals
    frame = market(bars, base, seed=bars, first=first)
    frame = frame.iloc[[i for i in range(bars) if i not in holes or i == bars - 1]]
    ring = filled(frame, base, capacity)
    window = ring.rollup(minutes, count)
    assert equal(window, resampled(frame.iloc[-capacity:], base, minutes, count))


def test_a_rollup_leaves_out_the_forming_bar_and_the_one_that_was_cut_off() -> None:
    frame = market(4 + 4 + 3, 15).iloc[1:]
    window = filled(frame, 15).rollup(60, 10)
    assert window.close_ns.tolist() == [MONDAY_NS + 120 * MINUTE_NS]


def test_a_rollup_has_an_unknown_taker_volume_where_one_base_bar_has() -> None:
    frame = market(8, 15)
    frame.iloc[5, 5] = math.nan
    taker = filled(frame, 15).rollup(60, 2).taker_buy_volume
    assert taker[0] == frame["taker_buy_volume"].iloc[:4].sum()
    assert np.isnan(taker[1])


def test_a_rollup_to_the_base_interval_is_the_base_bars() -> None:
    frame = market(9, 15)
    assert equal(filled(frame, 15).rollup(15, 4), frame.set_index(pd.to_datetime(frame.index))[-4:])


def test_what_a_window_holds_does_not_change_with_later_bars() -> None:
    frame = market(20, 5)
    ring = filled(frame.iloc[:10], 5, capacity=10)
    window = ring.newest(10)
    for close_ns, *values in frame.iloc[10:].itertuples():
        ring.append(close_ns, *values)
    np.testing.assert_array_equal(window.close, frame["close"].to_numpy()[:10])


@given(count=st.integers(1, 40), bars=st.integers(1, 15), capacity=st.integers(15, 25))
@settings(max_examples=30, deadline=None)
def test_the_newest_interval_is_known_when_all_its_bars_are(
    count: int, bars: int, capacity: int
) -> None:
    frame = market(count, 1)
    high, low, volume = filled(frame, 1, capacity).interval(bars)
    if bars > count:
        assert math.isnan(high + low + volume)
    else:
        last = frame.iloc[-bars:]
        assert (high, low) == (last["high"].max(), last["low"].min())
        assert volume == last["volume"].sum()


def test_an_interval_with_a_hole_is_unknown() -> None:
    ring = filled(market(6, 5).iloc[[0, 1, 2, 3, 5]], 5)
    assert all(math.isnan(value) for value in ring.interval(3))
    assert not math.isnan(ring.interval(1)[0])
