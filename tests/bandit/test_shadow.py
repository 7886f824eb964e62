import json
from math import inf, nan

import pytest

from ocw_strategy.bandit import BanditSettings, Outcome, ShadowOutcomes
from ocw_strategy.errors import OcwError
from ocw_strategy.units import MINUTE_NS

SYMBOLS = ("BTCUSDT-PERP", "ETHUSDT-PERP")
CLOSE_NS = 15 * MINUTE_NS
HORIZON = 16
COST = 0.001
SETTINGS = BanditSettings()


def observe(
    shadows: ShadowOutcomes, close: int, price: float = 100.0, volatility: float = 0.002
) -> Outcome | None:
    signals = {"funding": close / 1000.0}
    return shadows.observe(
        close * CLOSE_NS, SYMBOLS[0], price, signals, f"regime{close}", volatility
    )


def test_close_is_settled_one_horizon_later_with_its_own_context() -> None:
    shadows = ShadowOutcomes(SETTINGS, SYMBOLS, COST)
    for close in range(1, HORIZON + 1):
        assert observe(shadows, close) is None
    assert observe(shadows, HORIZON + 1, price=103.0) == Outcome(
        ts_ns=(HORIZON + 1) * CLOSE_NS,
        regime="regime1",
        signals={"funding": 0.001},
        direction=1,
        gross_return=103.0 / 100.0 - 1.0,
        cost=0.001,
        volatility=0.002,
        shadow=True,
    )


def test_b18_every_close_matures() -> None:
    shadows = ShadowOutcomes(SETTINGS, SYMBOLS, COST)
    settled = [observe(shadows, close) for close in range(500)]
    assert [outcome is not None for outcome in settled] == [False] * HORIZON + [True] * (
        500 - HORIZON
    )
    assert shadows.missed == 0


def test_b5_outcome_keeps_entry_signals_when_the_caller_changes_its_mapping() -> None:
    shadows = ShadowOutcomes(SETTINGS, SYMBOLS, COST)
    signals = {"funding": 0.7}
    shadows.observe(0, SYMBOLS[0], 100.0, signals, "entry", 0.002)
    signals["funding"] = -0.7
    outcome = shadows.observe(HORIZON * CLOSE_NS, SYMBOLS[0], 101.0, signals, "exit", 0.002)
    assert outcome is not None
    assert outcome.signals == {"funding": 0.7}
    assert outcome.regime == "entry"


def test_instruments_do_not_settle_each_other() -> None:
    shadows = ShadowOutcomes(SETTINGS, SYMBOLS, COST)
    observe(shadows, 0)
    due_ns = HORIZON * CLOSE_NS
    assert shadows.observe(due_ns, SYMBOLS[1], 5.0, {}, "r", 0.002) is None
    assert observe(shadows, HORIZON) is not None


def test_close_whose_settling_price_is_missing_is_dropped_and_counted() -> None:
    shadows = ShadowOutcomes(SETTINGS, SYMBOLS, COST)
    for close in range(4):
        observe(shadows, close)
    outcome = observe(shadows, HORIZON + 2)  # the settling closes of 0 and 1 never came
    assert outcome is not None
    assert outcome.regime == "regime2"
    assert shadows.missed == 2


@pytest.mark.parametrize("price", [nan, 0.0, -1.0, inf])
def test_unusable_price_neither_enters_nor_settles(price: float) -> None:
    shadows = ShadowOutcomes(SETTINGS, SYMBOLS, COST)
    observe(shadows, 0)
    assert observe(shadows, HORIZON, price=price) is None
    assert observe(shadows, 2 * HORIZON) is None
    assert shadows.missed == 1


@pytest.mark.parametrize("volatility", [nan, 0.0, inf])
def test_close_of_unknown_volatility_is_not_remembered(volatility: float) -> None:
    shadows = ShadowOutcomes(SETTINGS, SYMBOLS, COST)
    observe(shadows, 0, volatility=volatility)
    assert observe(shadows, HORIZON) is None
    assert shadows.missed == 0


def test_close_seen_twice_changes_nothing() -> None:
    shadows = ShadowOutcomes(SETTINGS, SYMBOLS, COST)
    observe(shadows, 0)
    assert observe(shadows, HORIZON) is not None
    before = shadows.state()
    assert observe(shadows, HORIZON, price=200.0) is None
    assert observe(shadows, 3) is None
    assert shadows.state() == before


def test_saved_closes_mature_after_a_restart_as_without_one() -> None:
    straight, restored = (
        ShadowOutcomes(SETTINGS, SYMBOLS, COST),
        ShadowOutcomes(SETTINGS, SYMBOLS, COST),
    )
    for close in range(60):
        price = 100.0 + (close * 7 % 13) / 3.0
        assert observe(restored, close, price) == observe(straight, close, price)
        saved = json.loads(json.dumps(restored.state()))
        restored = ShadowOutcomes(SETTINGS, SYMBOLS, COST)
        restored.restore(saved)
        assert restored.state() == straight.state()


def test_state_of_another_version_is_refused() -> None:
    with pytest.raises(OcwError, match="shadow state version: was 99"):
        ShadowOutcomes(SETTINGS, SYMBOLS, COST).restore({"version": 99})
