"""Lots: first in, first out, and parts that add up to the whole to the last digit."""

import json
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocw_strategy.risk import ClosedLot, Lot, LotBook, trade_row

BTC, ETH = "BTCUSDT-PERP", "ETHUSDT-PERP"
D = Decimal
CENT = D("1e-9")


def lot(name: str = "a", *, quantity: str = "2", entry: str = "100", **changes: object) -> Lot:
    values: dict[str, object] = {
        "lot_id": name,
        "symbol": BTC,
        "direction": 1,
        "quantity": D(quantity),
        "opened_quantity": D(quantity),
        "entry_price": D(entry),
        "opened_ns": 1_000,
        "decision_id": f"decision-{name}",
        "regime": "calm_goldilocks",
        "signals": {"funding": 0.5},
        "volatility": 0.002,
        "entry_fee_usd": D("0.10"),
    }
    return Lot(**{**values, **changes})  # type: ignore[arg-type]


def book_of(*lots: Lot) -> LotBook:
    book = LotBook()
    for found in lots:
        book.open(found)
    return book


def test_the_oldest_lot_is_closed_first() -> None:
    book = book_of(lot("a", quantity="2"), lot("b", quantity="3"))
    closed = book.close(BTC, D("2.5"), D(110), D(0), 2_000)
    assert [(part.lot.lot_id, part.quantity) for part in closed] == [("a", D(2)), ("b", D("0.5"))]
    assert [left.lot_id for left in book.open_lots(BTC)] == ["b"]
    assert book.quantity(BTC) == D("2.5")


def test_the_parts_of_a_lot_are_numbered_in_order() -> None:
    book = book_of(lot("a", quantity="3"))
    parts = [book.close(BTC, D(1), D(110), D(0), 2_000)[0].part for _ in range(3)]
    assert parts == [0, 1, 2]


def test_each_part_carries_its_share_of_every_cost_and_payment() -> None:
    book = book_of(lot(quantity="4", entry="100", entry_fee_usd=D("0.40")))
    book.add_funding(BTC, D("-0.20"))
    (part,) = book.close(BTC, D(1), D(110), D("0.05"), 2_000)
    assert part.gross_usd == D(10)
    assert part.fees_usd == D("0.15")  # a quarter of the entry's, all of the exit's
    assert part.funding_usd == D("-0.05")
    assert part.net_usd == D("9.80")
    assert part.entry_notional_usd == D(100)


def test_a_short_gains_when_the_price_falls() -> None:
    book = book_of(lot(quantity="2", entry="100", direction=-1))
    assert book.quantity(BTC) == D(-2)
    (part,) = book.close(BTC, D(2), D(90), D(0), 2_000)
    assert part.gross_usd == D(20)


def test_funding_is_split_by_quantity() -> None:
    book = book_of(lot("a", quantity="1"), lot("b", quantity="3"))
    book.add_funding(BTC, D("-2"))
    assert [found.funding_usd for found in book.open_lots(BTC)] == [D("-0.5"), D("-1.5")]


def test_funding_of_an_instrument_without_lots_changes_nothing() -> None:
    book = book_of(lot())
    book.add_funding(ETH, D(-2))
    assert book.open_lots(BTC) == (lot(),)


def test_closing_more_than_is_open_is_refused_and_changes_nothing() -> None:
    book = book_of(lot(quantity="2"))
    with pytest.raises(ValueError, match="more than is open"):
        book.close(BTC, D("2.001"), D(100), D(0), 2_000)
    assert book.open_lots(BTC) == (lot(quantity="2"),)


def test_closing_what_was_never_opened_is_refused() -> None:
    with pytest.raises(ValueError, match="more than is open"):
        LotBook().close(BTC, D(1), D(100), D(0), 2_000)


def test_opening_the_other_direction_is_refused_while_a_lot_is_open() -> None:
    book = book_of(lot("a", direction=1))
    with pytest.raises(ValueError, match="other direction"):
        book.open(lot("b", direction=-1))
    book.close(BTC, D(2), D(100), D(0), 2_000)
    book.open(lot("b", direction=-1))
    assert book.quantity(BTC) == D(-2)


def test_extremes_are_the_best_and_the_worst_price_since_entry() -> None:
    book = book_of(lot("a", entry="100"), lot("s", entry="100", direction=-1, symbol=ETH))
    for symbol in (BTC, ETH):
        book.see(symbol, D(104), D(99))
        book.see(symbol, D(103), D(97))
    (long,), (short,) = book.open_lots(BTC), book.open_lots(ETH)
    assert (long.best_price, long.worst_price) == (D(104), D(97))
    assert (short.best_price, short.worst_price) == (D(97), D(104))


def test_a_lot_does_not_see_the_bars_before_its_entry() -> None:
    book = book_of(lot("a", entry="100"))
    book.see(BTC, D(120), D(80))
    book.open(lot("b", entry="100"))
    assert book.open_lots(BTC)[1].best_price == D(100)


def test_the_position_is_the_sum_of_its_lots() -> None:
    book = book_of(lot("a", quantity="1", entry="100"), lot("b", quantity="3", entry="120"))
    book.see(BTC, D(130), D(90))
    view = book.position(BTC, 125.0, 9_000, 0.75)
    assert view is not None
    assert view.trail_scale == 0.75
    assert (view.quantity, view.entry_price, view.price) == (4.0, 115.0, 125.0)
    assert (view.opened_ns, view.best_price, view.worst_price) == (1_000, 130.0, 90.0)
    assert book.position(ETH, 1.0, 0) is None


def test_a_trade_says_what_a_part_earned() -> None:
    book = book_of(lot("a", quantity="4", entry="100", entry_fee_usd=D("0.40")))
    book.see(BTC, D(112), D(98))
    book.add_funding(BTC, D("-0.20"))
    (part,) = book.close(BTC, D(1), D(110), D("0.05"), 2_000)
    row = trade_row(part, "trailing")
    assert (row.trade_id, row.lot_id, row.decision_id) == ("a/0", "a", "decision-a")
    assert (row.direction, row.quantity, row.entry_price, row.exit_price) == (1, "1", "100", "110")
    assert (row.opened_ns, row.closed_ns, row.exit_reason) == (1_000, 2_000, "trailing")
    assert (row.gross_usd, row.fees_usd, row.funding_usd, row.net_usd) == (10.0, 0.15, -0.05, 9.8)
    assert row.net_return == pytest.approx(0.098)
    assert (row.max_favourable, row.max_adverse) == (0.12, -0.02)
    assert json.loads(row.signals) == {"funding": 0.5}


def test_a_shorts_trade_is_the_mirror_image() -> None:
    book = book_of(lot("a", quantity="2", entry="100", direction=-1, entry_fee_usd=D(0)))
    book.see(BTC, D(105), D(90))
    (part,) = book.close(BTC, D(2), D(95), D(0), 2_000)
    row = trade_row(part, "decision")
    assert (row.direction, row.gross_usd, row.net_return) == (-1, 10.0, 0.05)
    assert (row.max_favourable, row.max_adverse) == (0.1, -0.05)


# -- whatever comes ---------------------------------------------------------------------------

steps = st.decimals("0.001", "50", places=3)
prices = st.decimals("0.01", "90000", places=2)
money = st.decimals("-100", "100", places=8)


@st.composite
def histories(draw: st.DrawFn) -> tuple[int, list[tuple[D, D, D]], list[D], list[tuple[D, D, D]]]:
    """Direction; lots (quantity, price, fee); payments; closes (quantity, price, fee) to flat."""
    fees = st.decimals("-1", "10", places=8)
    opened = draw(st.lists(st.tuples(steps, prices, fees), min_size=1, max_size=5))
    total = sum(quantity for quantity, _, _ in opened)
    cuts = draw(st.lists(st.integers(0, int(total * 1000)), max_size=4))
    edges = sorted({0, *cuts, int(total * 1000)})
    sizes = [D(b - a) / 1000 for a, b in pairwise(edges)]
    closes = [(size, draw(prices), draw(fees)) for size in sizes]
    return draw(st.sampled_from((1, -1))), opened, draw(st.lists(money, max_size=3)), closes


def play(
    direction: int, opened: list[tuple[D, D, D]], payments: list[D], closes: list[tuple[D, D, D]]
) -> list[ClosedLot]:
    book = book_of(
        *(
            lot(
                f"{index}",
                quantity=str(quantity),
                entry=str(price),
                direction=direction,
                entry_fee_usd=fee,
            )
            for index, (quantity, price, fee) in enumerate(opened)
        )
    )
    for amount in payments:
        book.add_funding(BTC, amount)
    parts = [
        part for quantity, price, fee in closes for part in book.close(BTC, quantity, price, fee, 2)
    ]
    assert book.open_lots(BTC) == ()
    assert book.quantity(BTC) == 0
    return parts


@given(histories())
def test_the_parts_add_up_to_the_whole(
    history: tuple[int, list[tuple[D, D, D]], list[D], list[tuple[D, D, D]]],
) -> None:
    direction, opened, payments, closes = history
    parts = play(*history)
    assert sum(part.quantity for part in parts) == sum(quantity for quantity, _, _ in opened)
    flow = sum(q * p for q, p, _ in closes) - sum(q * p for q, p, _ in opened)
    assert sum(part.gross_usd for part in parts) == flow * direction
    fees = sum(fee for _, _, fee in opened) + sum(fee for _, _, fee in closes)
    assert abs(sum(part.fees_usd for part in parts) - fees) < CENT
    assert abs(sum(part.funding_usd for part in parts) - sum(payments)) < CENT


@given(histories())
def test_lots_close_in_the_order_they_were_opened(
    history: tuple[int, list[tuple[D, D, D]], list[D], list[tuple[D, D, D]]],
) -> None:
    parts = play(*history)
    order = [(int(part.lot.lot_id), part.part) for part in parts]
    assert order == sorted(order)
    assert len(set(order)) == len(order)
    for index, (quantity, _, _) in enumerate(history[1]):
        own = [part.quantity for part in parts if part.lot.lot_id == str(index)]
        assert sum(own) == quantity


@given(histories())
def test_a_short_earns_what_a_long_loses(
    history: tuple[int, list[tuple[D, D, D]], list[D], list[tuple[D, D, D]]],
) -> None:
    direction, *rest = history
    there = play(direction, *rest)
    mirrored = play(-direction, *rest)
    assert [part.gross_usd for part in there] == [-part.gross_usd for part in mirrored]


@given(histories(), st.integers(0, 4))
def test_a_restored_book_goes_on_exactly(
    history: tuple[int, list[tuple[D, D, D]], list[D], list[tuple[D, D, D]]], after: int
) -> None:
    direction, opened, payments, closes = history
    book = book_of(
        *(
            lot(
                f"{index}",
                quantity=str(quantity),
                entry=str(price),
                direction=direction,
                entry_fee_usd=fee,
            )
            for index, (quantity, price, fee) in enumerate(opened)
        )
    )
    for amount in payments:
        book.add_funding(BTC, amount)
    book.see(BTC, D(100_000), D("0.001"))
    for quantity, price, fee in closes[:after]:
        book.close(BTC, quantity, price, fee, 2)
    other = LotBook()
    other.restore(json.loads(json.dumps(book.state())))
    assert other.open_lots(BTC) == book.open_lots(BTC)
    for quantity, price, fee in closes[after:]:
        assert other.close(BTC, quantity, price, fee, 3) == book.close(BTC, quantity, price, fee, 3)


@given(st.lists(st.tuples(prices, prices), max_size=8), st.sampled_from((1, -1)))
def test_extremes_hold_every_price_seen(bars: list[tuple[D, D]], direction: int) -> None:
    seen = lot(entry="100", direction=direction)
    for one, other in bars:
        seen.see(max(one, other), min(one, other))
    every = [D(100), *(price for bar in bars for price in bar)]
    highest, lowest = max(every), min(every)
    best, worst = (highest, lowest) if direction > 0 else (lowest, highest)
    assert (seen.best_price, seen.worst_price) == (best, worst)


def test_no_part_loses_a_digit_where_a_share_has_no_end() -> None:
    # thirds of thirds: each share is rounded at the 28th digit, the last part takes what is left
    book = book_of(lot(quantity="3", entry="100", entry_fee_usd=D("0.10")))
    book.add_funding(BTC, D("-0.01"))
    parts = [book.close(BTC, D(1), D(100), D(0), 2)[0] for _ in range(3)]
    assert sum(Fraction(part.fees_usd) for part in parts) == Fraction(1, 10)
    assert sum(Fraction(part.funding_usd) for part in parts) == Fraction(-1, 100)
