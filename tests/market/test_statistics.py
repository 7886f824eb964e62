"""`DerivativeBook`: what was known, when, of whom."""

import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocw_strategy.errors import OcwError
from ocw_strategy.gate.conditions import DERIVATIVE_METRICS
from ocw_strategy.market import DerivativeBook, DerivativeStatistics, StatisticsSettings
from ocw_strategy.units import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from tests.shared import shared_data

BTC, ETH = "BTCUSDT-PERP", "ETHUSDT-PERP"
NOW = 1_700_000_000 // 900 * 900 * SECOND_NS
STEP = 5 * MINUTE_NS
DELAY = 300 * SECOND_NS - 1
"""From an event to its publication."""
KNOWN = 300 * SECOND_NS
"""From an event to the first moment at which it is known."""


def make_book() -> DerivativeBook:
    return DerivativeBook(StatisticsSettings(), [BTC, ETH])


def add(
    book: DerivativeBook,
    time: int,
    *,
    symbol: str = BTC,
    published: int | None = None,
    oi: float = 100.0,
    ls: float = 1.0,
    taker: float = 1.0,
) -> None:
    book.add_metrics(
        symbol,
        time,
        time + DELAY if published is None else published,
        oi,
        oi * 2,
        1.5,
        ls,
        2.5,
        taker,
    )


def fill(book: DerivativeBook, days: float, end: int, seed: int = 0, symbol: str = BTC) -> None:
    """Add `days` of rows up to `end`, each a function of its own time."""
    for time in range(int(end - days * DAY_NS) // STEP * STEP, end + 1, STEP):
        draw = random.Random(time // STEP + seed)
        add(
            book, time, symbol=symbol, oi=draw.uniform(90, 110),
            ls=draw.uniform(1.5, 2.5), taker=draw.uniform(0.5, 2.0),
        )  # fmt: skip


def same(a: DerivativeStatistics, b: DerivativeStatistics) -> bool:
    return all(x == y or (x != x and y != y) for x, y in zip(a, b, strict=True))


def test_a_record_counts_only_after_the_instant_of_its_publication() -> None:
    book = make_book()
    add(book, NOW, oi=100.0)
    add(book, NOW + STEP, oi=200.0)
    book.add_funding(BTC, NOW, NOW + DELAY, 0.0003)
    before = book.at(BTC, NOW + KNOWN - 1)
    assert math.isnan(before.open_interest)
    assert math.isnan(before.funding_rate)
    known = book.at(BTC, NOW + KNOWN)
    assert known.open_interest == 100.0
    assert known.open_interest_value == 200.0
    assert known.toptrader_account_ls_ratio == 1.5
    assert known.global_account_ls_ratio == 2.5
    assert known.funding_rate == 0.0003
    assert known.open_interest_age_s == known.funding_age_s == 300.0
    assert book.at(BTC, NOW + STEP + KNOWN).open_interest == 200.0


def test_a_record_from_the_future_is_refused_even_if_it_claims_to_be_published() -> None:
    book = make_book()
    add(book, NOW, oi=100.0)
    add(book, NOW + HOUR_NS, published=NOW, oi=999.0)
    book.add_funding(BTC, NOW + HOUR_NS, NOW, 0.001)
    known = book.at(BTC, NOW + KNOWN)
    assert known.open_interest == 100.0
    assert math.isnan(known.funding_rate)


def test_an_unpublished_value_keeps_the_last_known_one_with_its_growing_age() -> None:
    book = make_book()
    add(book, NOW, oi=100.0, ls=1.7)
    for k, nothing in enumerate((math.nan, 0.0, -1.0, math.inf), start=1):
        add(book, NOW + k * STEP, oi=nothing, ls=nothing, taker=1.2)
        known = book.at(BTC, NOW + k * STEP + KNOWN)
        assert known.open_interest == 100.0
        assert known.toptrader_position_ls_ratio == 1.7
        assert known.open_interest_age_s == known.toptrader_position_age_s == 300.0 * (k + 1)
        assert known.taker_age_s == 300.0


def test_a_value_older_than_the_window_is_unknown_again() -> None:
    book = make_book()
    add(book, NOW)
    assert book.at(BTC, NOW + 7 * DAY_NS - 1).open_interest == 100.0
    gone = book.at(BTC, NOW + 7 * DAY_NS)
    assert math.isnan(gone.open_interest)
    assert math.isnan(gone.open_interest_age_s)


def test_of_two_records_of_one_moment_the_one_published_later_holds() -> None:
    for order in ((0, 1), (1, 0)):
        book = make_book()
        records: list[dict[str, Any]] = [
            {"published": NOW + DELAY, "oi": 100.0, "ls": 1.2, "taker": 2.0},
            {"published": NOW + 2 * DELAY, "oi": 101.0, "ls": math.nan, "taker": 3.0},
        ]
        for at in order:
            add(book, NOW, **records[at])
        assert book.at(BTC, NOW + KNOWN).open_interest == 100.0
        revised = book.at(BTC, NOW + 2 * KNOWN)
        assert revised.open_interest == 101.0
        assert revised.taker_buy_sell_ratio == 3.0
        assert revised.toptrader_position_ls_ratio == 1.2, "a revision takes nothing back"


def test_a_late_record_takes_its_place_and_is_not_the_newest() -> None:
    book = make_book()
    add(book, NOW + STEP, oi=110.0)
    add(book, NOW + STEP - 4 * HOUR_NS, published=NOW + STEP + DELAY, oi=100.0)
    known = book.at(BTC, NOW + STEP + KNOWN)
    assert known.open_interest == 110.0
    assert known.open_interest_change == pytest.approx(0.1)


@settings(max_examples=40)
@given(st.randoms(use_true_random=False))
def test_the_order_of_arrival_never_matters(shuffler: random.Random) -> None:
    rows = [(NOW - k * STEP, 100.0 + k % 7, 1.0 + k % 5 / 10) for k in range(60)]
    shuffled = rows.copy()
    shuffler.shuffle(shuffled)
    straight, mixed = make_book(), make_book()
    for book, source in ((straight, rows), (mixed, shuffled)):
        for time, oi, taker in source:
            add(book, time, oi=oi, taker=taker, ls=oi / 80)
            book.add_funding(BTC, time, time + DELAY, oi * 1e-6)
    asked = NOW - 6 * STEP  # some of the records are not known yet
    assert same(straight.at(BTC, asked), mixed.at(BTC, asked))
    assert same(straight.at(BTC, NOW + KNOWN), mixed.at(BTC, NOW + KNOWN))


@settings(max_examples=20)
@given(st.integers(0, 2000), st.floats(0.1, 10.0))
def test_changing_what_is_published_later_changes_nothing_now(ahead: int, value: float) -> None:
    plain, altered = make_book(), make_book()
    for book in (plain, altered):
        fill(book, 1.5, NOW)
    add(
        altered,
        NOW - 50 * STEP,
        published=NOW + ahead * SECOND_NS,
        oi=value,
        ls=value,
        taker=value,
    )
    altered.add_funding(BTC, NOW - HOUR_NS, NOW + ahead, value)
    assert same(plain.at(BTC, NOW), altered.at(BTC, NOW))


def test_open_interest_change_compares_with_the_value_known_then() -> None:
    book = make_book()
    add(book, NOW - DAY_NS, oi=50.0)
    add(book, NOW - 4 * HOUR_NS - 2 * STEP, oi=80.0)
    add(book, NOW - 4 * HOUR_NS, oi=math.nan)
    add(book, NOW - 4 * HOUR_NS + STEP, oi=777.0)
    add(book, NOW, oi=100.0)
    known = book.at(BTC, NOW + KNOWN)
    assert known.open_interest_change == pytest.approx(100 / 80 - 1)
    assert known.open_interest_change_24h == pytest.approx(1.0)


def test_open_interest_change_is_unknown_across_a_hole() -> None:
    book = make_book()
    add(book, NOW - 4 * HOUR_NS - 31 * MINUTE_NS, oi=80.0)
    add(book, NOW, oi=100.0)
    assert math.isnan(book.at(BTC, NOW + KNOWN).open_interest_change)


def test_long_short_z_is_judged_by_the_past_without_the_value_itself() -> None:
    book = make_book()
    draw = np.random.default_rng(4)
    ratios = np.exp(draw.normal(0.5, 0.1, 1000))
    for k, ratio in enumerate(ratios):
        add(book, NOW - (999 - k) * STEP, ls=float(ratio))
    logs = np.log(ratios)
    expected = (logs[-1] - logs[:-1].mean()) / logs[:-1].std()
    assert book.at(BTC, NOW + KNOWN).long_short_z == pytest.approx(expected, rel=1e-6)


def test_long_short_z_is_unknown_before_a_day_of_history() -> None:
    book = make_book()
    for k in range(289):
        assert math.isnan(book.at(BTC, NOW + k * STEP).long_short_z)
        add(book, NOW + k * STEP, ls=1.0 + k % 2)
    assert math.isfinite(book.at(BTC, NOW + 289 * STEP).long_short_z)


def test_a_ratio_that_never_moved_gives_a_finite_z() -> None:
    book = make_book()
    for k in range(400):
        add(book, NOW - (400 - k) * STEP, ls=1.5)
    assert book.at(BTC, NOW).long_short_z == 0.0
    add(book, NOW, ls=1.5 * math.exp(0.02))
    assert book.at(BTC, NOW + KNOWN).long_short_z == pytest.approx(2.0, rel=1e-6)


def test_a_warm_start_equals_a_book_that_ran_all_along_bit_for_bit() -> None:
    veteran, warm = make_book(), make_book()
    fill(veteran, 21, NOW + 5 * HOUR_NS)
    fill(warm, 8, NOW + 5 * HOUR_NS)
    for k in range(60):
        time = NOW - k * 8 * HOUR_NS
        veteran.add_funding(BTC, time, time + DELAY, 1e-5 * (k % 11))
        if k < 45:
            warm.add_funding(BTC, time, time + DELAY, 1e-5 * (k % 11))
    for time in range(NOW - 20 * DAY_NS, NOW, 7 * HOUR_NS):
        veteran.at(BTC, time)
    for time in range(NOW, NOW + 5 * HOUR_NS, 15 * MINUTE_NS):
        late, early = warm.at(BTC, time), veteran.at(BTC, time)
        assert same(late, early)
        assert math.isfinite(sum(early[2:]))


def test_b7_statistics_belong_to_their_instrument_and_are_there_without_an_extreme() -> None:
    book = make_book()
    add(book, NOW, symbol=BTC, oi=100.0)
    add(book, NOW, symbol=ETH, oi=5000.0)
    book.add_funding(ETH, NOW, NOW + DELAY, 0.0001)
    bitcoin, ether = book.at(BTC, NOW + KNOWN), book.at(ETH, NOW + KNOWN)
    assert (bitcoin.open_interest, ether.open_interest) == (100.0, 5000.0)
    assert math.isnan(bitcoin.funding_rate)
    assert ether.funding_rate == 0.0001


def test_b10_every_metric_a_wake_condition_may_name_is_a_statistic_that_exists() -> None:
    assert set(DERIVATIVE_METRICS) - {"composite"} <= set(DerivativeStatistics._fields)


def test_asking_for_an_earlier_moment_is_refused() -> None:
    book = make_book()
    book.at(BTC, NOW)
    with pytest.raises(OcwError, match=f"ask for {NOW} or a later moment"):
        book.at(BTC, NOW - 1)
    assert math.isnan(book.at(ETH, NOW - 1).open_interest)


def test_real_metrics_agree_with_pandas() -> None:
    import pandas as pd

    frame = pd.read_parquet(shared_data() / "metrics_5m" / "ETHUSDT.parquet")
    frame = frame[(frame.ts >= 1_706_745_600_000) & (frame.ts < 1_708_560_000_000)]
    book = make_book()
    for row in frame.itertuples(index=False):
        time = row.ts * 1_000_000
        book.add_metrics(ETH, time, time + DELAY, *map(float, row[1:]))
    for day in (9, 15, 19):
        now = (1_706_745_600 + day * 86_400 + 900) * SECOND_NS
        known = frame[frame.ts * 1_000_000 + KNOWN <= now]
        found = book.at(ETH, now)
        interest = known[known.open_interest > 0]
        reference = interest[interest.ts <= interest.ts.iloc[-1] - 4 * 3_600_000]
        assert found.open_interest_change == pytest.approx(
            interest.open_interest.iloc[-1] / reference.open_interest.iloc[-1] - 1
        )
        window = known[known.ts * 1_000_000 > now - 7 * DAY_NS]
        logs = np.log(window.toptrader_position_ls_ratio.dropna())
        expected = (logs.iloc[-1] - logs.iloc[:-1].mean()) / max(logs.iloc[:-1].std(ddof=0), 0.01)
        assert found.long_short_z == pytest.approx(expected, rel=1e-5)


def test_what_is_added_between_two_questions_of_one_moment_counts_in_the_second() -> None:
    book = make_book()
    add(book, NOW, oi=100.0)
    asked = NOW + STEP + KNOWN
    first = book.at(BTC, asked)
    assert book.at(BTC, asked) is first
    add(book, NOW + STEP, oi=200.0)
    assert book.at(BTC, asked).open_interest == 200.0
    book.add_funding(BTC, NOW, NOW + DELAY, 0.0003)
    assert book.at(BTC, asked).funding_rate == 0.0003
