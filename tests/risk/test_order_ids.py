"""Order ids: the same intent has the same id, any other has another, and the venue takes it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocw_strategy.risk import client_order_id

INTENT = ("OCW-000", "4f2a", "BTCUSDT-PERP/entry", 0)


def test_the_same_intent_has_the_same_id_in_any_process() -> None:
    # sha256sum of the parts joined by 0x1f
    assert client_order_id(*INTENT) == "OCW-b7280f9743827b1ec3797af8"


@pytest.mark.parametrize(
    "other",
    [
        ("OCW-001", "4f2a", "BTCUSDT-PERP/entry", 0),
        ("OCW-000", "4f2b", "BTCUSDT-PERP/entry", 0),
        ("OCW-000", "4f2a", "BTCUSDT-PERP/exit", 0),
        ("OCW-000", "4f2a", "ETHUSDT-PERP/entry", 0),
        ("OCW-000", "4f2a", "BTCUSDT-PERP/entry", 1),
    ],
    ids=["strategy", "decision", "purpose", "instrument", "attempt"],
)
def test_every_part_of_the_intent_makes_another_id(other: tuple[str, str, str, int]) -> None:
    assert client_order_id(*other) != client_order_id(*INTENT)


def test_parts_cannot_flow_into_each_other() -> None:
    assert client_order_id("a", "bc", "d", 0) != client_order_id("ab", "c", "d", 0)
    assert client_order_id("a", "b", "c1", 0) != client_order_id("a", "b", "c", 10)


@given(st.text(), st.text(), st.text(), st.integers(0, 10**9))
def test_any_id_is_one_that_binance_accepts(
    strategy: str, decision: str, leg: str, attempt: int
) -> None:
    name = client_order_id(strategy, decision, leg, attempt)
    assert re.fullmatch(r"OCW-[0-9a-f]{24}", name)
    assert len(name) <= 36
