"""Fills at the simulated venue: stated slippage, honest gaps, and no random state but its own."""

import random
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocw_strategy.backtest.fill import OcwFillModel, OcwFillModelConfig
from tests.backtest.scripted import Ohlc, Send, hours_settings, play, steady, write_market

COSTS = {"market_slippage_bps": 2.0, "stop_slippage_bps": 5.0}


def fill_prices(
    folder: Path, bars: dict[str, Ohlc], orders: list[Send], costs: dict[str, float] | None = None
) -> list[Decimal]:
    frames = {("bars_15m", "BTCUSDT"): steady(50_000.0, bars, hours=4)}
    settings = hours_settings(write_market(folder / "catalog", frames), costs=costs or COSTS)
    return [fill.price for fill in play(settings, orders).fills]


def test_market_orders_pay_the_slippage_beyond_the_last_price(tmp_path: Path) -> None:
    bars = {"01:00": (50_000.0, 50_900.0, 49_900.0, 50_500.0)}
    orders = [Send("01:00", "BUY", "1"), Send("02:00", "SELL", "1")]
    # 2 basis points of 50,500 are 10.1, of 50,000 they are 10
    assert fill_prices(tmp_path, bars, orders) == [Decimal("50510.1"), Decimal("49990.0")]


def test_without_slippage_market_orders_fill_at_the_last_price(tmp_path: Path) -> None:
    orders = [Send("01:00", "BUY", "1"), Send("02:00", "SELL", "1")]
    costs = dict.fromkeys(COSTS, 0.0)
    assert fill_prices(tmp_path, {}, orders, costs) == [Decimal(50_000), Decimal(50_000)]


# A long from 01:00 with a stop at 49,000, a short with one at 51,000; 5 basis points are 24.5 and
# 25.5 of these. Each case: the bar that closes at 02:00, and the price of the stop's fill.
@pytest.mark.parametrize(
    ("ohlc", "filled"),
    [
        ((50_000.0, 50_100.0, 48_000.0, 48_500.0), "48975.5"),
        ((50_000.0, 50_100.0, 49_000.0, 49_900.0), "48975.5"),
        ((49_500.0, 50_900.0, 48_900.0, 50_800.0), "48975.5"),
        ((48_000.0, 48_200.0, 47_000.0, 48_100.0), "47976.0"),
        ((48_000.0, 49_900.0, 47_000.0, 49_800.0), "47976.0"),
        ((49_000.0, 49_900.0, 48_900.0, 49_800.0), "48975.5"),
    ],
    ids=["through it", "to it", "and back", "gap", "gap and back", "opened at it"],
)
def test_a_longs_stop_pays_slippage_from_its_trigger_or_from_a_worse_open(
    tmp_path: Path, ohlc: Ohlc, filled: str
) -> None:
    orders = [Send("01:00", "BUY", "1"), Send("01:15", "SELL", "1", trigger="49000")]
    assert fill_prices(tmp_path, {"02:00": ohlc}, orders)[1:] == [Decimal(filled)]


@pytest.mark.parametrize(
    ("ohlc", "filled"),
    [
        ((50_000.0, 52_000.0, 49_900.0, 51_500.0), "51025.5"),
        ((52_000.0, 53_000.0, 51_800.0, 52_500.0), "52026.0"),
        ((52_000.0, 53_000.0, 50_100.0, 50_200.0), "52026.0"),
    ],
    ids=["through it", "gap", "gap and back"],
)
def test_a_shorts_stop_is_the_mirror_image(tmp_path: Path, ohlc: Ohlc, filled: str) -> None:
    orders = [Send("01:00", "SELL", "1"), Send("01:15", "BUY", "1", trigger="51000")]
    assert fill_prices(tmp_path, {"02:00": ohlc}, orders)[1:] == [Decimal(filled)]


def test_a_stop_that_is_not_reached_does_not_fill(tmp_path: Path) -> None:
    bars = {"02:00": (50_000.0, 50_100.0, 49_000.1, 49_500.0)}
    orders = [Send("01:00", "BUY", "1"), Send("01:15", "SELL", "1", trigger="49000")]
    assert len(fill_prices(tmp_path, bars, orders)) == 1


def test_a_stop_never_fills_better_than_its_trigger_nor_beyond_the_open(tmp_path: Path) -> None:
    # one market, many gaps: each close sends a long and a stop 1 % below, the next bar may gap
    rng = random.Random(5)
    bars: dict[str, Ohlc] = {}
    orders, triggers = [], []
    for hour in range(1, 9):
        opened = float(rng.randrange(47_000, 50_001, 100))
        low = opened - rng.randrange(0, 2_000, 100)
        bars[f"{hour:02}:30"] = (opened, opened + 100.0, low, low)
        triggers.append((49_500.0, opened, low))
        orders += [
            Send(f"{hour:02}:00", "BUY", "0.1"),
            Send(f"{hour:02}:15", "SELL", "0.1", trigger="49500"),
        ]
    frames = {("bars_15m", "BTCUSDT"): steady(50_000.0, bars)}
    settings = hours_settings(
        write_market(tmp_path / "catalog", frames), costs={"stop_slippage_bps": 0.0}
    )
    sold = [fill for fill in play(settings, orders).fills if fill.side == "SELL"]
    reached = [(trigger, opened) for trigger, opened, low in triggers if low <= trigger]
    assert [float(fill.price) for fill in sold] == [min(pair) for pair in reached]
    assert any(opened < trigger for trigger, opened in reached)


def test_a_limit_order_fills_at_its_price(tmp_path: Path) -> None:
    bars = {"02:00": (50_000.0, 50_000.0, 48_900.0, 49_500.0)}
    orders = [Send("01:00", "BUY", "1", limit="49000")]
    assert fill_prices(tmp_path, bars, orders) == [Decimal("49000.0")]


def draws(model: OcwFillModel, count: int = 200) -> list[bool]:
    return [model.is_limit_filled() for _ in range(count)]


def half(seed: int = 3) -> OcwFillModel:
    return OcwFillModel(OcwFillModelConfig(prob_fill_on_limit=0.5, random_seed=seed))


def test_pythons_own_random_state_is_left_alone() -> None:
    random.seed(42)
    before = random.getstate()
    draws(half())
    assert random.getstate() == before


def test_a_run_leaves_pythons_own_random_state_alone(tmp_path: Path) -> None:
    before = random.getstate()
    fill_prices(tmp_path, {}, [Send("01:00", "BUY", "1")])
    assert random.getstate() == before


def test_two_models_do_not_disturb_each_other_nor_does_anyone_else() -> None:
    alone = draws(half())
    one, other = half(), half(9)
    together = []
    for _ in range(200):
        together += [one.is_limit_filled()]
        other.is_limit_filled()
        random.random()
    assert together == alone
    assert draws(half(9)) != alone


@given(probability=st.sampled_from((0.0, 0.25, 1.0)), seed=st.integers(0, 1_000))
def test_limit_fills_are_as_likely_as_stated(probability: float, seed: int) -> None:
    model = OcwFillModel(OcwFillModelConfig(prob_fill_on_limit=probability, random_seed=seed))
    share = sum(draws(model, 400)) / 400
    assert abs(share - probability) < (0.15 if 0 < probability < 1 else 1e-12)
