"""What is held is what the fills add up to; its stop is the one that rests."""

from collections.abc import Sequence
from dataclasses import replace

from ocw_strategy.dashboard.positions import PositionView, open_positions
from ocw_strategy.journal import MEMORY, Intent, Journal, OrderEvent, PriceRow, Record
from ocw_strategy.live.heartbeat import Heartbeat, InstrumentBeat
from tests.backtest.runs import BTC, ETH, OPENED_NS, SOL, closed, filled
from tests.dashboard.beats import beat
from tests.journal.samples import sample


def held(records: Sequence[Record], heartbeat: Heartbeat | None = None) -> list[PositionView]:
    with Journal.open(MEMORY, run_id="positions") as journal:
        for record in records:
            journal.append(record)
        return list(open_positions(journal, heartbeat))


def stop(name: str, price: str, symbol: str = BTC) -> Intent:
    return sample(
        Intent, 0, client_order_id=name, symbol=symbol, purpose="stop", trigger_price=price
    )


def test_nothing_was_traded_so_nothing_is_held() -> None:
    assert held([]) == []


def test_two_entries_have_their_mean_price_and_what_is_closed_is_gone() -> None:
    part = replace(closed("t", 5.0), lot_id="first/T-first", quantity="1")
    (found,) = held(
        [
            *filled("first", 0, "BUY", "3", "100"),
            *filled("second", 2, "BUY", "2", "110"),
            *filled("reduce", 3, "SELL", "1", "120", purpose="reduce"),
            part,
            PriceRow(OPENED_NS, BTC, 90.0),
            PriceRow(OPENED_NS + 1, BTC, 115.0),
        ]
    )
    assert (found.symbol, found.quantity) == (BTC, "4")
    assert found.entry_price == (2 * 100 + 2 * 110) / 4
    assert found.price == 115.0
    assert found.unrealised_usd == 4 * (115.0 - 105.0)
    assert (found.opened_ns, found.decision_id) == (OPENED_NS, "d")


def test_a_position_that_is_closed_is_not_shown() -> None:
    closing = [*filled("in", 0, "SELL", "2", "100"), *filled("out", 1, "BUY", "2", "90")]
    assert held(closing) == []


def test_the_stop_is_the_newest_that_neither_ended_nor_filled() -> None:
    entry = filled("in", 0, "SELL", "2", "100")
    stops = [stop("one", "120"), stop("two", "115"), stop("other", "1", ETH)]
    gone = OrderEvent("two", 1, "canceled", "", "stop")
    price = PriceRow(OPENED_NS, BTC, 100.0)
    (newest,) = held([*entry, *stops, price])
    (left,) = held([*entry, *stops, price, gone])
    assert newest.stop_price == "115"
    assert newest.stop_fraction is not None
    assert round(newest.stop_fraction, 12) == 0.15
    assert left.stop_price == "120"


def test_a_position_without_a_stop_says_so() -> None:
    (found,) = held(filled("in", 0, "BUY", "2", "100"))
    assert found.stop_price == ""
    assert found.stop_fraction is None


def test_what_the_node_says_stands_beside_what_the_journal_explains() -> None:
    told = InstrumentBeat(last_bar_ns=0, mark_age_s=None, quantity="1.5", stop_price="90")
    none = told.model_copy(update={"quantity": "0"})
    journalled, adopted = held(
        filled("in", 0, "BUY", "2", "100"),
        beat(instruments={BTC: told, ETH: told, SOL: none}),
    )
    assert (journalled.quantity, journalled.node_quantity) == ("2", "1.5")
    assert (journalled.stop_price, journalled.node_stop_price) == ("", "90")
    assert (adopted.symbol, adopted.quantity, adopted.node_quantity) == (ETH, "0", "1.5")
    assert adopted.entry_price is None
