"""Cumulative volume delta, from bars where they know it and from ratios where they do not."""

import math

import pytest

from ocw_strategy.market import DerivativeBook, DerivativeStatistics, StatisticsSettings
from ocw_strategy.units import HOUR_NS, MINUTE_NS, SECOND_NS

SYMBOL = "BTCUSDT-PERP"
NOW = 1_700_006_400 * SECOND_NS
STEP = 5 * MINUTE_NS
TIMES = range(NOW - 4 * HOUR_NS + STEP, NOW + 1, STEP)


def add_ratio(book: DerivativeBook, time: int, ratio: float) -> None:
    nothing = math.nan
    book.add_metrics(SYMBOL, time, time - 1, nothing, nothing, nothing, nothing, nothing, ratio)


def ask(book: DerivativeBook) -> DerivativeStatistics:
    return book.at(SYMBOL, NOW)


def make_book() -> DerivativeBook:
    return DerivativeBook(StatisticsSettings(), [SYMBOL])


def test_delta_is_net_taker_buying_over_volume_where_bars_know_it() -> None:
    book = make_book()
    bought = total = 0.0
    for k, time in enumerate(TIMES):
        volume, buys = 100.0 + k, 40.0 + 0.7 * k
        book.add_bar(SYMBOL, time, volume, buys)
        add_ratio(book, time, 99.0)  # what the bars know is not asked of the ratios
        bought, total = bought + buys, total + volume
    known = ask(book)
    assert known.cumulative_volume_delta == pytest.approx((2 * bought - total) / total)
    assert known.cumulative_volume_delta_age_s == 0.0


def test_delta_weighs_the_ratio_by_volume_where_bars_do_not_know_it() -> None:
    book = make_book()
    net = total = 0.0
    for k, time in enumerate(TIMES):
        quarter = k // 3
        ratio, volume = 0.5 + quarter / 8, 100.0 * (1 + quarter % 4)
        book.add_bar(SYMBOL, time, volume, math.nan)
        add_ratio(book, time, ratio)
        net, total = net + volume * (ratio - 1) / (ratio + 1), total + volume
    assert ask(book).cumulative_volume_delta == pytest.approx(net / total, rel=1e-6)


def test_ratios_and_taker_volume_of_the_same_flow_agree() -> None:
    by_ratio, by_volume = make_book(), make_book()
    for k, time in enumerate(TIMES):
        ratio = 1.5 if k % 2 else 0.8
        buys = 100.0 * ratio / (1 + ratio)
        add_ratio(by_ratio, time, ratio)
        by_ratio.add_bar(SYMBOL, time, 100.0, math.nan)
        by_volume.add_bar(SYMBOL, time, 100.0, buys)
    assert ask(by_ratio).cumulative_volume_delta == pytest.approx(
        ask(by_volume).cumulative_volume_delta, rel=1e-6
    )


def test_without_volume_the_ratios_weigh_alike() -> None:
    book = make_book()
    for k, time in enumerate(TIMES):
        add_ratio(book, time, 3.0 if k < 24 else 1.0)
    assert ask(book).cumulative_volume_delta == pytest.approx(0.25)


def test_buying_and_selling_are_mirror_images() -> None:
    buying, selling = make_book(), make_book()
    for time in TIMES:
        add_ratio(buying, time, 1.25)
        add_ratio(selling, time, 0.8)
    assert ask(buying).cumulative_volume_delta == pytest.approx(1 / 9)
    assert ask(selling).cumulative_volume_delta == pytest.approx(-1 / 9)


def test_delta_is_unknown_while_half_of_the_window_is() -> None:
    book = make_book()
    for time in TIMES[27:]:
        add_ratio(book, time, 2.0)
    assert math.isnan(ask(book).cumulative_volume_delta)
    for time in TIMES[24:27]:
        add_ratio(book, time, 2.0)
    assert ask(book).cumulative_volume_delta == pytest.approx(1 / 3)


def test_delta_grows_old_when_ratios_stop() -> None:
    book = make_book()
    for time in TIMES[:-6]:
        add_ratio(book, time, 2.0)
        book.add_bar(SYMBOL, time, 10.0, math.nan)
    for time in TIMES[-6:]:
        book.add_bar(SYMBOL, time, 10.0, math.nan)
    known = ask(book)
    assert known.cumulative_volume_delta == pytest.approx(1 / 3)
    assert known.cumulative_volume_delta_age_s == 1800.0


def test_a_bar_that_has_not_closed_does_not_count() -> None:
    book = make_book()
    for time in TIMES:
        book.add_bar(SYMBOL, time, 10.0, 10.0)
    book.add_bar(SYMBOL, NOW + STEP, 1e6, 0.0)
    assert ask(book).cumulative_volume_delta == 1.0
