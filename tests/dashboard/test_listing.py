"""Trades and events come the newest first, page by page."""

from ocw_strategy.dashboard.listing import event_views, trade_views
from ocw_strategy.journal import MEMORY, Event, Journal
from tests.backtest.runs import closed


def test_trades_are_as_they_were_journalled() -> None:
    with Journal.open(MEMORY, run_id="listing") as journal:
        journal.append(closed("first", 5.0))
        journal.append(closed("second", -3.0, direction=-1))
        second, first = trade_views(journal)
    assert (first.side, first.net_usd, first.net_return) == ("long", 5.0, 0.005)
    assert (second.side, second.net_usd, second.exit_reason) == ("short", -3.0, "stop")


def test_pages_of_events_join_without_a_gap() -> None:
    with Journal.open(MEMORY, run_id="listing") as journal:
        for number in range(5):
            journal.append(Event(number, "advisor", "", str(number)))
        newest = event_views(journal, None, 3)
        older = event_views(journal, newest[-1].row_id, 3)
    assert [row.detail for row in newest + older] == ["4", "3", "2", "1", "0"]
