"""Features of a decision close: functions of a finite past, scaled by what came before."""

import itertools
import math
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocw_strategy.market.features import (
    DECISION_NS,
    FeatureBook,
    FeatureSettings,
    SymbolFeatures,
)
from ocw_strategy.units import DAY_NS, MINUTE_NS

SYMBOL, OTHER = "BTCUSDT-PERP", "ETHUSDT-PERP"
MONDAY_NS = 1_704_067_200 * 10**9
PER_DAY = 96
READY_DAYS = 16
"""Days of bars from a Monday on that make every feature known."""

Row = tuple[int, float, float, float, float, float]


def bars(days: float, minutes: int = 15, seed: int = 0) -> list[Row]:
    """Return bars of independent noise with whole volumes, so that their sums are exact."""
    count = round(days * 24 * 60 / minutes)
    rng = np.random.default_rng(seed)
    closes = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.0005 * math.sqrt(minutes), count)))
    opens = np.append(100.0, closes[:-1])
    highs = np.maximum(opens, closes) * (1.0 + rng.uniform(0.0, 0.001, count))
    lows = np.minimum(opens, closes) * (1.0 - rng.uniform(0.0, 0.001, count))
    volumes = np.floor(rng.lognormal(6.0, 0.5, count)) + 1.0
    times = MONDAY_NS + (1 + np.arange(count)) * minutes * MINUTE_NS
    columns = (times, opens, highs, lows, closes, volumes)
    return list(zip(*[column.tolist() for column in columns], strict=True))


def grouped(rows: list[Row], ratio: int) -> list[Row]:
    """Return every so many bars as one."""
    found = []
    for at in range(0, len(rows), ratio):
        times, opens, highs, lows, closes, volumes = zip(*rows[at : at + ratio], strict=True)
        found.append((times[-1], opens[0], max(highs), min(lows), closes[-1], sum(volumes)))
    return found


def feature_book(minutes: int = 15) -> FeatureBook:
    return FeatureBook(FeatureSettings(), [SYMBOL], minutes)


def all_features(rows: Iterable[Row], minutes: int = 15) -> list[SymbolFeatures]:
    """Return the features of every decision close that has a bar."""
    book = feature_book(minutes)
    found = []
    for row in rows:
        book.add_bar(SYMBOL, *row, math.nan)
        if row[0] % DECISION_NS == 0:
            found.append(book.close(row[0])[SYMBOL])
    return found


ROWS = bars(60)
FEATURES = all_features(ROWS)


def test_everything_is_known_after_three_weekends_and_stays_known() -> None:
    assert not FEATURES[0].ready
    assert all(feature.ready for feature in FEATURES[READY_DAYS * PER_DAY :])
    assert not any(feature.stale for feature in FEATURES)


def test_an_instrument_without_bars_is_stale_and_knows_nothing() -> None:
    features: Mapping[str, SymbolFeatures] = feature_book().close(MONDAY_NS)
    assert (features[SYMBOL].stale, features[SYMBOL].ready) == (True, False)
    assert math.isnan(features[SYMBOL].price)


def test_an_instrument_whose_bar_did_not_come_is_stale_and_keeps_its_last_values() -> None:
    book = FeatureBook(FeatureSettings(), [SYMBOL, OTHER], 15)
    for row in ROWS[: READY_DAYS * PER_DAY]:
        for symbol in (SYMBOL, OTHER):
            book.add_bar(symbol, *row, math.nan)
    before = book.close(row[0])[OTHER]
    later = ROWS[READY_DAYS * PER_DAY]
    book.add_bar(SYMBOL, *later, math.nan)
    features = book.close(later[0])
    assert (features[SYMBOL].stale, features[OTHER].stale) == (False, True)
    assert features[OTHER].now_ns == before.now_ns == row[0]
    assert features[OTHER].price == before.price


@pytest.mark.parametrize(
    ("name", "closes"), [("return_15m", 1), ("return_1h", 4), ("return_4h", 16), ("return_24h", 96)]
)
def test_returns_are_logs_of_closes_so_long_ago(name: str, closes: int) -> None:
    prices = np.array([row[4] for row in ROWS])
    expected = np.log(prices[closes:] / prices[:-closes])
    found = [getattr(feature, name) for feature in FEATURES]
    np.testing.assert_allclose(found[closes:], expected, rtol=1e-12, atol=1e-15)
    assert all(math.isnan(value) for value in found[:closes])


def test_a_return_is_scaled_by_the_volatility_of_the_close_before() -> None:
    for before, feature in itertools.pairwise(FEATURES[2_000:]):
        assert feature.return_z == feature.return_15m / before.volatility


def test_range_volatility_is_that_of_parkinson() -> None:
    frame = pd.DataFrame(ROWS, columns=["t", "open", "high", "low", "close", "volume"])
    squares = np.log(frame["high"] / frame["low"]) ** 2 / (4.0 * math.log(2.0))
    for name, closes in (("volatility_1h", 4), ("volatility_1d", 96), ("volatility_1w", 672)):
        expected = np.sqrt(squares.rolling(closes).mean())[-1_000:]
        found = [getattr(feature, name) for feature in FEATURES[-1_000:]]
        np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_b9_volume_is_held_against_the_same_hour_of_the_four_weeks_before() -> None:
    opened = pd.to_datetime([row[0] - DECISION_NS for row in ROWS])
    logs = np.log([row[5] for row in ROWS])
    hours = opened.hour.to_numpy() + 24 * (opened.dayofweek.to_numpy() >= 5)
    for index in range(28 * PER_DAY, len(ROWS), 61):
        past = slice(index - 28 * PER_DAY, index)
        usual = logs[past][hours[past] == hours[index]]
        expected = (logs[index] - usual.mean()) / usual.std()
        assert FEATURES[index].volume_z == pytest.approx(expected, abs=1e-4)


def test_a_value_is_no_part_of_its_own_yardstick() -> None:
    at = 30 * PER_DAY
    base = FEATURES[at]
    for factor in (2.0, 4.0, 1e6):
        close_ns, o, h, low, close, volume = ROWS[at]
        row = (close_ns, o, max(h, close * factor), low, close * factor, volume * factor)
        changed = all_features([*ROWS[:at], row])[-1]
        move = base.return_15m + math.log(factor)
        assert changed.return_z == pytest.approx(base.return_z * move / base.return_15m)
        assert changed.volume_z > base.volume_z
    assert changed.volume_z > 20.0
    assert changed.return_z > 100.0


def test_b8_no_feature_but_the_price_knows_the_price_level() -> None:
    rescaled = [(t, *(1024.0 * price for price in prices), v) for t, *prices, v in ROWS]
    for feature, other in zip(FEATURES, all_features(rescaled), strict=True):
        known = [value for value in _values(feature) if not math.isnan(value)]
        assert [value for value in _values(other) if not math.isnan(value)] == known
        assert other.price == 1024.0 * feature.price


def _values(feature: SymbolFeatures) -> list[float]:
    return [getattr(feature, name) for name in feature.__slots__[5:]]


def test_the_move_to_expect_grows_with_volatility() -> None:
    before = FEATURES[READY_DAYS * PER_DAY - 1]
    wild = []
    for t, o, h, low, c, v in ROWS[READY_DAYS * PER_DAY :][:8]:
        wild.append((t, o, h * 1.05, low / 1.05, c, v))
    found = all_features([*ROWS[: READY_DAYS * PER_DAY], *wild])[-1]
    assert found.expected_move > before.expected_move
    assert found.expected_move_z > 3.0


@given(
    seed=st.integers(0, 1_000),
    arrived=st.floats(1.0, 40.0),
    later=st.integers(0, 300),
    hole=st.integers(0, 57 * PER_DAY),
    width=st.integers(0, 200),
)
@settings(max_examples=4, deadline=None)
def test_a_warm_start_equals_a_run_that_arrives_there_bit_for_bit(
    seed: int, arrived: float, later: int, hole: int, width: int
) -> None:
    history = feature_book().history_ns
    rows = bars(arrived + history / DAY_NS + 4, seed=seed)
    start = round(arrived * PER_DAY)
    rows = rows[: start + hole] + rows[start + hole + width :]
    now_ns = rows[-1 - later][0]
    warm = all_features(row for row in rows if row[0] >= now_ns - history)
    arriving = all_features(rows)
    since = [repr(feature) for feature in arriving if feature.now_ns >= now_ns]
    assert since == [repr(feature) for feature in warm if feature.now_ns >= now_ns]
    assert len(since) == later + 1


@pytest.mark.parametrize("minutes", [1, 5])
def test_shorter_base_bars_give_the_same_features_bit_for_bit(minutes: int) -> None:
    rows = bars(READY_DAYS + 1, minutes, seed=3)
    short = all_features(rows, minutes)
    long = all_features(grouped(rows, 15 // minutes))
    assert short[-1].ready
    assert [repr(feature) for feature in short] == [repr(feature) for feature in long]


def test_b9_bars_of_a_decision_interval_that_still_forms_are_not_seen() -> None:
    rows = bars(READY_DAYS, 5, seed=4)
    book = feature_book(5)
    for row in rows:
        book.add_bar(SYMBOL, *row, math.nan)
    close_ns = rows[-1][0]
    before = book.close(close_ns)
    for minutes in (5, 10):
        assert book.add_bar(SYMBOL, close_ns + minutes * MINUTE_NS, 1.0, 9e9, 1.0, 9e9, 9e9, 1.0)
    assert book.close(close_ns) == before


def test_a_hole_within_a_decision_interval_leaves_the_price_and_no_volume() -> None:
    rows = bars(READY_DAYS + 1, 5, seed=5)
    del rows[-2]
    feature = all_features(rows, 5)[-1]
    assert feature.price == rows[-1][4]
    assert math.isnan(feature.volume_z)
    assert not feature.ready


def test_a_gap_makes_what_it_touches_unknown_and_what_it_does_not_is_kept() -> None:
    at = 30 * PER_DAY
    after = all_features(ROWS[:at] + ROWS[at + 8 :])
    first, recovered = after[at], after[at + 1]
    assert (first.stale, first.ready) == (False, False)
    assert math.isnan(first.return_15m)
    assert math.isnan(first.return_1h)
    assert first.return_4h == FEATURES[at + 8].return_4h
    assert recovered.return_15m == FEATURES[at + 9].return_15m


def test_a_gap_longer_than_the_memory_starts_afresh() -> None:
    at = 57 * PER_DAY
    rows = bars(57 + 20, seed=6)
    found = all_features(rows[: 20 * PER_DAY] + rows[at:])[20 * PER_DAY :]
    afresh = all_features(rows[at:])
    assert [repr(feature) for feature in found] == [repr(feature) for feature in afresh]


@pytest.mark.parametrize("volume", [0.0, 1e-9])
def test_a_close_without_trades_knows_no_volume_and_breaks_nothing(volume: float) -> None:
    at = 30 * PER_DAY
    rows = list(ROWS[: at + PER_DAY])
    price = rows[at - 1][4]
    rows[at] = (rows[at][0], price, price, price, price, volume)
    found = all_features(rows)
    assert math.isnan(found[at].volume_z) == (volume == 0.0)
    assert found[at].return_z == 0.0
    assert found[-1].ready


def test_a_market_that_never_moves_is_never_ready_and_never_fails() -> None:
    rows = [(t, 5.0, 5.0, 5.0, 5.0, 1.0) for t, *_ in ROWS[: READY_DAYS * PER_DAY]]
    assert not any(feature.ready for feature in all_features(rows))


def test_a_refused_bar_changes_no_feature() -> None:
    book = feature_book()
    for row in ROWS[:500]:
        book.add_bar(SYMBOL, *row, math.nan)
    before = repr(book.close(row[0]))
    assert not book.add_bar(SYMBOL, *row, math.nan)
    assert not book.add_bar(SYMBOL, row[0] + DECISION_NS, 1.0, math.nan, 1.0, 1.0, 1.0, 1.0)
    assert repr(book.close(row[0])) == before
    assert book.rings[SYMBOL].rejected == 2
