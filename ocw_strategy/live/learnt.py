"""Which of a journal's closed trades were learnt from, in a few bytes however many there are.

Trades are learnt in the order they are journalled, so it is enough to keep how many of the first
ones were, and the ids of those learnt ahead of an earlier one. A trade that the journal does not
have yet is one of those as well. Their count, not a row id: what a vacuum keeps of rows is their
order.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ocw_strategy.journal import JournalReader, Trade

_PAGE: Final = 1000


class LearntTrades:
    """Keep count of what was learnt.

    Parameters
    ----------
    journal : JournalReader
        Where trades are; none is ever taken out of it.
    """

    def __init__(self, journal: JournalReader) -> None:
        self._journal = journal
        self._first = self._row_id = 0
        self._ahead: set[str] = set()

    def has(self, trade_id: str) -> bool:
        """Return whether a trade was learnt from."""
        self._go_on()
        return trade_id in self._ahead or bool(
            self._journal.count(Trade, "trade_id = ? AND rowid <= ?", (trade_id, self._row_id))
        )

    def add(self, trade_id: str) -> None:
        """Take in that a trade was learnt from; asks the journal nothing, which would commit."""
        self._ahead.add(trade_id)

    def missed(self) -> list[Trade]:
        """Return the trades not learnt from, in the order they were journalled."""
        found = [trade for _, trade in self._after()]
        return [trade for trade in found if trade.trade_id not in self._ahead]

    def state(self) -> dict[str, Any]:
        """Return all that a restart must know, as JSON values."""
        return {"first": self._first, "ahead": sorted(self._ahead)}

    def restore(self, state: Mapping[str, Any] | Sequence[str]) -> None:
        """Continue from a `state`, or from the list of ids that was kept in its place before."""
        self._first = self._row_id = 0
        if isinstance(state, Mapping):
            self._ahead = set(state["ahead"])
            rows = self._after()[: state["first"]]
            self._first, self._row_id = len(rows), rows[-1][0] if rows else 0
        else:
            self._ahead = set(state)
        self._go_on()

    def _go_on(self) -> None:
        for row_id, trade in self._after():
            if trade.trade_id not in self._ahead:
                return
            self._ahead.discard(trade.trade_id)
            self._first, self._row_id = self._first + 1, row_id

    def _after(self) -> list[tuple[int, Trade]]:
        found: list[tuple[int, Trade]] = []
        row_id = self._row_id
        while page := self._journal.rows_after(Trade, row_id, limit=_PAGE):
            found += page
            row_id = page[-1][0]
        return found
