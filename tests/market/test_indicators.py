"""Indicators against plain recursions written from their definitions, and their conventions."""

import numpy as np
import pandas as pd
import pytest

from ocw_strategy.market import (
    BarRing,
    BarWindow,
    IndicatorBook,
    TechnicalIndicators,
    technical_indicators,
)
from ocw_strategy.market.indicators import BARS, TIMEFRAMES
from ocw_strategy.units import HOUR_NS, MINUTE_NS


def make_window(bars: int = BARS, seed: int = 1, scale: float = 1.0) -> BarWindow:
    draw = np.random.default_rng(seed)
    close = 30_000 * np.exp(draw.normal(0, 0.01, bars).cumsum())
    opening = np.concatenate(([30_000.0], close[:-1]))
    high = np.maximum(opening, close) * (1 + draw.uniform(0, 0.01, bars))
    low = np.minimum(opening, close) * (1 - draw.uniform(0, 0.01, bars))
    volume = draw.uniform(1, 2, bars)
    return BarWindow(
        close_ns=np.arange(1, bars + 1) * HOUR_NS,
        open=opening * scale,
        high=high * scale,
        low=low * scale,
        close=close * scale,
        volume=volume,
        taker_buy_volume=volume / 2,
    )


def flat_window(price: float) -> BarWindow:
    column = np.full(BARS, price)
    return BarWindow(np.arange(1, BARS + 1) * HOUR_NS, *([column] * 6))


def exponential(values: np.ndarray, alpha: float) -> float:
    found = values[0]
    for value in values[1:]:
        found += alpha * (value - found)
    return float(found)


@pytest.mark.parametrize("seed", range(5))
def test_indicators_are_what_their_definitions_say(seed: int) -> None:
    window = make_window(seed=seed)
    found = technical_indicators(window)
    close = window.close
    last = close[-1]

    change = np.diff(close, prepend=close[0])
    gain = exponential(np.maximum(change, 0), 1 / 14)
    loss = exponential(np.maximum(-change, 0), 1 / 14)
    assert found.rsi == pytest.approx(100 * gain / (gain + loss), rel=1e-6)

    series = pd.Series(close)
    line = series.ewm(span=12, adjust=False).mean() - series.ewm(span=26, adjust=False).mean()
    signal = line.ewm(span=9, adjust=False).mean()
    assert found.macd == pytest.approx(line.iloc[-1] / last, rel=1e-6)
    assert found.macd_signal == pytest.approx(signal.iloc[-1] / last, rel=1e-6)
    histogram = (line.iloc[-1] - signal.iloc[-1]) / last
    assert found.macd_histogram == pytest.approx(histogram, rel=1e-5)

    middle, deviation = close[-20:].mean(), close[-20:].std()
    expected = (last - (middle - 2 * deviation)) / (4 * deviation)
    assert found.bollinger_percent_b == pytest.approx(expected, rel=1e-6)
    assert found.bollinger_bandwidth == pytest.approx(4 * deviation / middle, rel=1e-6)

    before = np.concatenate((close[:1], close[:-1]))
    true_range = np.maximum(window.high, before) - np.minimum(window.low, before)
    assert found.atr == pytest.approx(exponential(true_range, 1 / 14) / last, rel=1e-6)

    fast, slow = exponential(close, 2 / 10), exponential(close, 2 / 22)
    assert found.ema_gap == pytest.approx(fast / slow - 1, rel=1e-5)

    steps = np.abs(np.diff(close[-25:]))
    assert found.efficiency_ratio == pytest.approx(abs(last - close[-25]) / steps.sum(), rel=1e-6)
    assert found.momentum == pytest.approx(last / close[-25] - 1, rel=1e-6)
    assert found.mean_distance == pytest.approx(last / close[-48:].mean() - 1, rel=1e-6)


def test_too_few_bars_give_no_indicator_at_all() -> None:
    for bars in (0, 1, 20, 64):
        assert technical_indicators(make_window(bars)) == TechnicalIndicators()
    assert technical_indicators(make_window(65)).rsi is not None


def test_older_bars_have_no_influence() -> None:
    long = make_window(500)
    newest = BarWindow(*(getattr(long, name)[-BARS:] for name in BarWindow.__slots__))
    assert technical_indicators(long) == technical_indicators(newest)


def test_indicators_do_not_depend_on_the_level_of_the_price() -> None:
    dear, cheap = (
        technical_indicators(make_window(scale=scale)).model_dump() for scale in (1.0, 0.001)
    )
    assert dear == pytest.approx(cheap, rel=1e-5)


def test_a_straight_rise_is_the_extreme_of_every_scale() -> None:
    window = make_window()
    close = np.linspace(100.0, 171.0, BARS)
    rise = BarWindow(window.close_ns, close, close, close, close, window.volume, window.volume)
    found = technical_indicators(rise)
    assert found.rsi == 100.0
    assert found.efficiency_ratio == 1.0
    assert found.bollinger_percent_b is not None
    assert 0.9 < found.bollinger_percent_b < 1.0
    assert found.macd is not None
    assert found.macd > 0.0


@pytest.mark.parametrize("price", [100.0, 0.1, 30_000.1])
def test_a_price_that_never_moved_has_no_rsi_and_no_place_in_its_bands(price: float) -> None:
    found = technical_indicators(flat_window(price))
    assert found.rsi is None
    assert found.bollinger_percent_b is None
    assert found.efficiency_ratio == found.atr == found.momentum == 0.0
    assert found.bollinger_bandwidth == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("missing", [0.0, 0.0003, 0.01])
def test_what_a_book_remembers_is_what_it_would_compute_anew(missing: float) -> None:
    draw = np.random.default_rng(5)
    ring = BarRing(5, 4_000)
    book = IndicatorBook({"BTC": ring})
    price = 100.0
    for count in range(1, 9_000):
        if draw.random() < missing:
            continue  # a bar that did not come
        price *= 1 + draw.normal(0, 0.001)
        ring.append(count * 5 * MINUTE_NS, price, price, price, price, 1.0, 0.5)
        asked = 0.3 if count < 4_400 else 0.01  # often, then after days
        if count > 3_600 and draw.random() < 0.3:
            book.prepare()
        if count > 3_600 and draw.random() < asked:
            assert book.timeframes("BTC") == {
                name: technical_indicators(ring.rollup(minutes, BARS))
                for name, minutes in TIMEFRAMES.items()
            }


def test_a_book_that_prepared_looks_at_the_next_bar_alone() -> None:
    asked: list[int] = []

    class Watched(BarRing):
        def rollup(self, minutes: int, count: int) -> BarWindow:
            asked.append(count)
            return super().rollup(minutes, count)

    ring = Watched(15, 2_000)
    book = IndicatorBook({"BTC": ring})
    draw, price = np.random.default_rng(6), 100.0
    for count in range(1, 1_500):
        price *= 1 + draw.normal(0, 0.001)
        ring.append(count * 15 * MINUTE_NS, price, 1.001 * price, 0.998 * price, price, 1.0, 0.5)
        asked.clear()
        found = book.timeframes("BTC")
        if count > 1_300:  # a boundary of 15 minutes, perhaps of more
            assert set(asked) == {1}
            assert found == {
                name: technical_indicators(ring.rollup(minutes, BARS))
                for name, minutes in TIMEFRAMES.items()
            }
        book.prepare()
    asked.clear()
    book.prepare()
    assert asked == []
