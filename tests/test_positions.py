"""The position book: fills become lots, lots become trades that are told once, all journalled."""

import json
from collections.abc import Iterator
from decimal import Decimal

import pytest
from nautilus_trader.model.objects import Price

from ocw_strategy.journal import FillRow, Funding, Intent, Journal, Trade
from ocw_strategy.messages import DecisionPayload, TargetContext
from ocw_strategy.positions import EntryContext, Fill, PositionBook

BTC, ETH = "BTCUSDT-PERP", "ETHUSDT-PERP"
D = Decimal
TRAILS = {"calm": 1.0, "wild": 1.5}


def px(price: object) -> Price:
    return Price.from_str(str(price))


@pytest.fixture
def journal() -> Iterator[Journal]:
    opened = Journal.open(":memory:", run_id="positions", power_safe=False)
    yield opened
    opened.close()


@pytest.fixture
def book(journal: Journal) -> PositionBook:
    return PositionBook(journal, (BTC, ETH), TRAILS.__getitem__)


def intent(name: str, side: str, purpose: str, symbol: str = BTC) -> Intent:
    return Intent(
        client_order_id=name, decision_id=f"decision-{name}", leg=f"{symbol}/{purpose}/1",
        attempt=0, ts_ns=1, symbol=symbol, purpose=purpose, side=side, quantity="", context="",
        trigger_price="", reference_price="",
    )  # fmt: skip


def context(symbol: str = BTC, *, funding: float = 0.5, regime: str = "calm") -> EntryContext:
    target = TargetContext(
        symbol=symbol, exposure=1.0, confidence=1.0, posterior_scale=1.0,
        signals={"funding": funding}, volatility=0.002,
    )  # fmt: skip
    decision = DecisionPayload(
        decision_id="d", close_ns=1, source="rules", reason="", regime=regime, regime_scale=1.0,
        macro_scale=1.0, targets=(target,),
    )  # fmt: skip
    return EntryContext(decision, target)


def fill(name: str, ts_ns: int, quantity: str, price: str, fee: str = "0") -> Fill:
    return Fill(name, ts_ns, D(quantity), D(price), D(fee), "TAKER")


def enter(
    book: PositionBook, name: str, ts_ns: int, quantity: str, price: str, fee: str = "0",
    side: str = "BUY", symbol: str = BTC, **changes: object,
) -> None:  # fmt: skip
    made = context(symbol, **changes)  # type: ignore[arg-type]
    book.entry_filled(
        intent(name, side, "entry", symbol), made, fill(name, ts_ns, quantity, price, fee)
    )


def leave(
    book: PositionBook, name: str, ts_ns: int, quantity: str, price: str, fee: str = "0",
    side: str = "SELL", symbol: str = BTC,
) -> None:  # fmt: skip
    book.reduction_filled(
        intent(name, side, "exit", symbol), fill(name, ts_ns, quantity, price, fee), "trailing"
    )


def test_nothing_is_held_before_the_first_fill(book: PositionBook) -> None:
    assert (book.held, book.positions(), book.take_trades()) == ((), {}, [])
    assert (book.is_held(BTC), book.quantity(BTC), book.position(BTC)) == (False, 0, None)


def test_a_position_is_what_its_fills_add_up_to_at_the_last_price(book: PositionBook) -> None:
    book.see(BTC, px(100), px(101), px(99), 10)
    enter(book, "a", 10, "1", "100")
    enter(book, "b", 20, "3", "104")
    book.see(BTC, px(110), px(112), px(98), 30)
    view = book.position(BTC)
    assert view is not None
    assert (view.quantity, view.entry_price, view.price) == (4.0, 103.0, 110.0)
    assert (view.price_ns, view.opened_ns) == (30, 10)
    assert (view.best_price, view.worst_price) == (112.0, 98.0)
    assert (book.held, book.quantity(BTC), book.direction(BTC)) == ((BTC,), D(4), 1)
    assert book.decision_id(BTC) == "decision-a"


def test_the_trailing_width_is_that_of_the_oldest_lots_regime_at_entry(book: PositionBook) -> None:
    book.see(BTC, px(100), px(101), px(99), 5)
    enter(book, "a", 10, "1", "100", regime="wild")
    enter(book, "b", 20, "3", "104", regime="calm")
    assert [view.trail_scale for view in book.positions().values()] == [1.5]
    leave(book, "x", 30, "1", "110")
    assert [view.trail_scale for view in book.positions().values()] == [1.0]


def test_a_short_is_held_with_a_positive_quantity_and_its_direction(book: PositionBook) -> None:
    enter(book, "a", 10, "2", "100", side="SELL")
    book.see(BTC, px(90), px(101), px(89), 20)
    assert (book.quantity(BTC), book.direction(BTC)) == (D(2), -1)
    assert book.positions()[BTC].quantity == -2.0


def test_instruments_do_not_mix(book: PositionBook) -> None:
    for symbol, price in ((BTC, "100"), (ETH, "10")):
        enter(book, symbol, 10, "1", price, symbol=symbol)
        book.see(symbol, px(price), px(price), px(price), 20)
    leave(book, "x", 30, "1", "100")
    assert book.held == (ETH,)
    assert book.prices == {BTC: 100.0, ETH: 10.0}
    assert book.price(ETH) == D(10)


def test_each_part_of_a_reduction_is_told_with_its_own_entry(book: PositionBook) -> None:
    enter(book, "a", 10, "1", "100", "0.10", funding=0.5, regime="calm")
    enter(book, "b", 20, "3", "104", "0.30", funding=-0.5, regime="wild")
    leave(book, "x", 30, "2", "110", "0.20")
    first, second = (payload.trade for payload in book.take_trades())
    assert (first.decision_id, second.decision_id) == ("decision-a", "decision-b")
    assert (first.regime, second.regime) == ("calm", "wild")
    assert [json.loads(t.signals)["funding"] for t in (first, second)] == [0.5, -0.5]
    assert (first.quantity, second.quantity) == ("1", "1")
    assert (first.gross_usd, second.gross_usd) == (10.0, 6.0)
    assert (first.fees_usd, second.fees_usd) == (0.2, 0.2)  # 0.1 + 0.1 each
    assert {first.exit_reason, second.exit_reason} == {"trailing"}


def test_a_trade_is_told_once(book: PositionBook) -> None:
    enter(book, "a", 10, "2", "100")
    leave(book, "x", 20, "1", "110")
    assert len(book.take_trades()) == 1
    assert book.take_trades() == []
    leave(book, "y", 30, "1", "120")
    assert [payload.trade.exit_price for payload in book.take_trades()] == ["120"]


def test_trades_are_told_in_the_order_of_time_whatever_the_order_of_instruments(
    journal: Journal,
) -> None:
    def told(order: tuple[str, ...]) -> list[str]:
        book = PositionBook(journal, (BTC, ETH), TRAILS.__getitem__)
        for symbol in order:
            enter(book, f"{symbol}-{order[0]}", 10, "1", "100", symbol=symbol)
        for symbol in order:
            leave(book, f"x{symbol}-{order[0]}", 20, "1", "110", symbol=symbol)
        return [payload.trade.symbol for payload in book.take_trades()]

    assert told((BTC, ETH)) == told((ETH, BTC)) == [BTC, ETH]


def test_funding_is_split_over_the_lots_and_ends_in_their_trades(book: PositionBook) -> None:
    enter(book, "a", 10, "1", "100")
    enter(book, "b", 20, "3", "100")
    book.funding_paid(BTC, 25, D("-0.40"))
    leave(book, "x", 30, "4", "100")
    assert [p.trade.funding_usd for p in book.take_trades()] == [-0.1, -0.3]


def test_a_lot_opened_after_a_payment_has_no_part_in_it(book: PositionBook) -> None:
    enter(book, "a", 10, "1", "100")
    book.funding_paid(BTC, 15, D("-0.40"))
    enter(book, "b", 20, "1", "100")
    leave(book, "x", 30, "2", "100")
    assert [p.trade.funding_usd for p in book.take_trades()] == [-0.4, 0.0]


def test_fills_payments_and_trades_are_journalled(book: PositionBook, journal: Journal) -> None:
    enter(book, "a", 10, "2", "100", "0.1", side="SELL")
    book.funding_paid(BTC, 15, D("0.25"))
    leave(book, "x", 20, "2", "90", "0.2", side="BUY")
    journal.flush()
    entry, exit_ = journal.rows(FillRow)
    assert (entry.purpose, entry.side, entry.quantity, entry.price) == ("entry", "SELL", "2", "100")
    assert (exit_.purpose, exit_.side, exit_.commission_usd) == ("exit", "BUY", "0.2")
    assert journal.rows(Funding) == [Funding(15, BTC, "-2", 0.25)]
    (told,) = book.take_trades()
    assert journal.rows(Trade) == [told.trade]
    assert told.trade.net_usd == pytest.approx(20 - 0.3 + 0.25)


def test_the_lots_can_be_kept_as_json(book: PositionBook) -> None:
    enter(book, "a", 10, "2", "100", "0.1")
    kept = json.loads(json.dumps(book.state()))
    assert [(row["quantity"], row["entry_price"]) for row in kept[BTC]] == [("2", "100")]
