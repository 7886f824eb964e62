"""The snapshot: the same bytes for the same facts, and nothing that is not known."""

import hashlib
import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ocw_strategy.market import DerivativesReport, DerivativeStatistics, MarketSnapshot
from ocw_strategy.market.figures import significant
from ocw_strategy.market.indicators import TIMEFRAMES, IndicatorBook, technical_indicators
from tests.market.examples import (
    BTC,
    ETH,
    NOW,
    PORTFOLIO,
    SOL,
    SYMBOLS,
    make_features,
    make_parts,
    make_position,
    make_ring,
    make_snapshot,
    make_trade,
)


def test_a_snapshot_comes_back_equal_from_its_json() -> None:
    snapshot = make_snapshot()
    again = MarketSnapshot.model_validate_json(snapshot.canonical_json())
    assert again == snapshot
    assert again.canonical_json() == snapshot.canonical_json()
    assert again.sha256() == snapshot.sha256()


def test_the_hash_is_that_of_the_canonical_json() -> None:
    snapshot = make_snapshot()
    text = snapshot.canonical_json()
    assert snapshot.sha256() == hashlib.sha256(text.encode()).hexdigest()
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))


def test_another_process_finds_the_same_hash() -> None:
    program = "from tests.market.examples import make_snapshot; print(make_snapshot().sha256())"
    hashes = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1",)
    }
    assert hashes == {make_snapshot().sha256()}


def test_the_order_in_which_parts_are_handed_in_does_not_matter() -> None:
    parts = make_parts()
    turned = {
        name: dict(reversed(part.items())) if isinstance(part, dict) else part
        for name, part in parts.items()
    }
    turned["trades"] = turned["trades"][::-1]
    assert make_snapshot(**turned).sha256() == make_snapshot(**parts).sha256()


def test_every_fact_has_a_part_in_the_hash() -> None:
    seen = {make_snapshot().sha256()}
    changes: list[dict[str, Any]] = [
        {"now_ns": NOW + 1},
        {"wake_reasons": ("outlier",)},
        {"memory_note": ""},
        {"composites": dict.fromkeys(SYMBOLS, 0.20001)},
        {"positions": {}},
        {"trades": []},
        {"portfolio": PORTFOLIO.model_copy(update={"cash_usd": 7_500.01})},
    ]
    for change in changes:
        seen.add(make_snapshot(**change).sha256())
    assert len(seen) == 1 + len(changes)


def test_b7_every_instrument_shows_its_own_derivatives_with_their_ages() -> None:
    snapshot = make_snapshot()
    shown = [snapshot.instruments[symbol].derivatives for symbol in SYMBOLS]
    assert [each.funding_rate for each in shown] == [0.0001, 0.0002, 0.0003]
    assert [each.funding_age_s for each in shown] == [600.0, 1200.0, 1800.0]
    assert tuple(DerivativesReport.model_fields) == DerivativeStatistics._fields[2:]


def test_b41_a_recent_trade_shows_its_own_return_time_and_entry_signals() -> None:
    shown = make_snapshot(trades=[make_trade(0)]).recent_trades[0]
    assert (shown.symbol, shown.side) == (SOL, "short")
    assert (shown.net_return, shown.net_usd) == (0.0187, 5.6)
    assert (shown.held_hours, shown.closed_hours_ago) == (6.0, 24.0)
    assert (shown.exit_reason, shown.regime) == ("trailing_stop", "calm_goldilocks")
    assert shown.signals["funding"] == 0.25


def test_the_ten_newest_trades_are_shown_newest_first() -> None:
    snapshot = make_snapshot(trades=[make_trade(k) for k in (4, 11, 0, 7, 2, 9, 1, 3, 10, 5, 6, 8)])
    assert [trade.closed_hours_ago for trade in snapshot.recent_trades] == list(range(13, 23))


def test_b40_the_view_of_a_timeframe_is_made_of_its_complete_bars_alone() -> None:
    ring = make_ring(1)
    book = IndicatorBook({ETH: ring})
    before = {name: ring.rollup(minutes, 72) for name, minutes in TIMEFRAMES.items()}
    assert book.timeframes(ETH)["15m"] == technical_indicators(before["15m"])
    # a hole in the newest hour: that hour and that quarter of a day never become bars
    assert ring.append(ring.last_close_ns + 30 * 60 * 10**9, *([ring.last_close] * 4), 1.0, 0.5)
    timeframes = make_parts()["timeframes"] | {ETH: book.timeframes(ETH)}
    shown = make_snapshot(timeframes=timeframes).instruments[ETH].timeframes
    assert shown["1h"] == technical_indicators(before["1h"])
    assert shown["4h"] == technical_indicators(before["4h"])
    assert shown["15m"] != technical_indicators(before["15m"])


def test_unknown_numbers_are_null_and_never_neutral() -> None:
    features = make_features(BTC, return_4h=math.nan, volume_z=math.inf, stale=True)
    snapshot = make_snapshot(features={BTC: features})
    shown = json.loads(snapshot.canonical_json())["instruments"][BTC]
    assert shown["return_4h"] is None
    assert shown["volume_z"] is None
    assert shown["stale"] is True
    assert shown["derivatives"]["open_interest"] is None
    assert shown["missing_signals"] == ["long_short"]
    assert "NaN" not in snapshot.canonical_json()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_figure_that_must_be_known_is_refused_when_it_is_not(value: float) -> None:
    with pytest.raises(ValidationError):
        make_snapshot(composites=dict.fromkeys(SYMBOLS, value))
    with pytest.raises(ValidationError):
        make_position(entry_price=value)


def test_a_note_that_is_too_long_and_a_key_that_is_unknown_are_refused() -> None:
    make_snapshot(memory_note="x" * 500)
    with pytest.raises(ValidationError):
        make_snapshot(memory_note="x" * 501)
    with pytest.raises(ValidationError):
        MarketSnapshot.model_validate_json(make_snapshot().canonical_json()[:-1] + ',"more":1}')


def test_any_text_survives_in_a_note() -> None:
    note = 'line\nbreak "quote" \u00e9 \u2028 \N{SNOWMAN}'
    snapshot = make_snapshot(memory_note=note)
    assert snapshot.canonical_json().isascii()
    assert MarketSnapshot.model_validate_json(snapshot.canonical_json()).memory_note == note


def test_a_change_below_the_seventh_digit_is_no_change() -> None:
    portfolio = PORTFOLIO.model_dump() | {"cash_usd": 7_500.00004}
    fine = make_snapshot(portfolio=type(PORTFOLIO)(**portfolio))
    assert fine.sha256() == make_snapshot().sha256()


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_figures_are_rounded_once_and_for_all(value: float) -> None:
    rounded = significant(value)
    assert significant(rounded) == rounded
    assert rounded == pytest.approx(value, rel=5.1e-7)
    assert math.copysign(1.0, rounded) == 1.0 or rounded < 0.0


def test_numpy_numbers_enter_as_plain_floats() -> None:
    price = np.float64(123.456)
    snapshot = make_snapshot(features={BTC: replace(make_features(BTC), price=price)})
    assert type(snapshot.instruments[BTC].price) is float
