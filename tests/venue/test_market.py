"""What the market shows at a moment: the walk through a bar, klines, nothing of the future."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.venue.history import MINUTE_MS, bars_of, flat, sampled
from tests.venue.market import INTERVALS, POINTS, Market

START_MS = 1_800_000_000_000 // 86_400_000 * 86_400_000
ROWS = [
    (100.0, 105.0, 98.0, 103.0, 8.0),
    (103.0, 104.0, 101.0, 102.0, 4.0),
    (110.0, 111.0, 109.0, 110.0, 2.0),
]


def market(shown: int = 0) -> Market:
    return Market({"SOLUSDT": bars_of(ROWS, START_MS)}, shown)


def test_a_bar_is_walked_open_low_high_close() -> None:
    played = market()
    seen = [played.step()[0].last for _ in range(POINTS)]
    assert [str(price) for price in seen] == ["100.00", "98.00", "105.00", "103.00"]
    assert played.now_ms == START_MS + MINUTE_MS
    assert played.bar_closed


def test_the_clock_goes_through_the_bar_in_quarters() -> None:
    played = market()
    times = []
    for _ in range(POINTS):
        played.step()
        times.append(played.now_ms - START_MS)
    assert times == [0, 15_000, 30_000, 60_000]


def test_a_gap_between_bars_is_a_jump() -> None:
    played = market(2)
    (tick,) = played.step()
    assert (tick.last, tick.jump) == (Decimal("110.00"), True)
    assert not market(1).step()[0].jump


def test_a_forming_kline_holds_only_what_was_walked() -> None:
    played = market()
    shown = []
    for _ in range(POINTS):
        played.step()
        kline = played.kline("SOLUSDT", "1m")
        assert kline is not None
        shown.append((kline.prices, kline.volume, kline.closed))
    assert shown == [
        ((100.0, 100.0, 100.0, 100.0), 2.0, False),
        ((100.0, 100.0, 98.0, 98.0), 4.0, False),
        ((100.0, 105.0, 98.0, 105.0), 6.0, False),
        ((100.0, 105.0, 98.0, 103.0), 8.0, True),
    ]


def test_the_market_ends_with_its_last_bar() -> None:
    played = market(2)
    for _ in range(POINTS):
        played.step()
    assert played.at_end
    assert played.step() == []


def test_an_interval_that_the_bars_cannot_make_is_not_there() -> None:
    played = Market({"SOLUSDT": bars_of(ROWS, START_MS, 5)}, 3)
    assert played.kline("SOLUSDT", "1m") is None
    assert played.klines("SOLUSDT", "1m", None, None, 10) == []


def test_histories_of_different_bars_are_refused() -> None:
    histories = {"SOLUSDT": bars_of(ROWS, START_MS), "BTCUSDT": bars_of(ROWS, START_MS, 5)}
    with pytest.raises(ValueError, match="share bar length"):
        Market(histories)


@given(st.integers(0, 40), st.sampled_from(["1m", "3m", "5m", "15m"]), st.integers(1, 9))
@settings(deadline=None)
def test_klines_agree_with_the_bars_they_are_made_of(
    points: int, interval: str, limit: int
) -> None:
    rng = np.random.default_rng(5)
    rows = [(p, p + 2, p - 2, p + 1, 1.0) for p in (100 + rng.integers(0, 9, 30)).tolist()]
    played = Market({"SOLUSDT": bars_of(rows, START_MS)}, 10)
    for _ in range(points):
        played.step()
    everything = played.klines("SOLUSDT", interval, None, None, 1000)
    assert played.klines("SOLUSDT", interval, None, None, limit) == everything[-limit:]
    assert played.klines("SOLUSDT", interval, START_MS, None, limit) == everything[:limit]
    length_ms = INTERVALS[interval] * MINUTE_MS
    for kline in everything:
        assert kline.open_ms % length_ms == 0
        if kline.closed:
            assert kline.close_ms < played.now_ms
            first = (kline.open_ms - START_MS) // MINUTE_MS
            part = rows[first : first + INTERVALS[interval]]
            assert kline.prices == (
                part[0][0],
                max(row[1] for row in part),
                min(row[2] for row in part),
                part[-1][3],
            )
            assert kline.volume == len(part)
    assert sum(not kline.closed for kline in everything) <= 1


@pytest.fixture(scope="module")
def sample() -> Market:
    return Market(sampled(1, START_MS * 1_000_000, 3), 288)


def test_statistics_come_out_after_their_delay(sample: Market) -> None:
    newest = sample.statistics("BTCUSDT", None, None, 1)[0]["ts"]
    assert newest <= sample.now_ms - sample.publication_delay_ms
    assert len(sample.statistics("BTCUSDT", None, None, 500)) == 287


def test_settlements_are_shown_once_they_are_settled(sample: Market) -> None:
    assert [ts for ts, _ in sample.settled("BTCUSDT", None, None, 10)] == [
        START_MS + hours * 3_600_000 for hours in (0, 8, 16, 24)
    ]
    assert sample.next_funding("BTCUSDT")[0] == START_MS + 32 * 3_600_000


def test_a_flat_market_knows_no_statistics() -> None:
    still = Market(flat({"BTCUSDT": 1.0}, START_MS, 10), 5)
    assert still.statistics("BTCUSDT", None, None, 5) == []
    assert still.open_interest("BTCUSDT") == 0
    assert still.next_funding("BTCUSDT") == (START_MS + 8 * 3_600_000, 0.0001)
