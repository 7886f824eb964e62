"""Whether a journal can be trusted: its pages, and whether its rows know each other.

SQLite finds damaged pages, tables and indexes. Beyond that every row that speaks of another must
find it (an order its intent, a settlement its reservation) and money must be amounts. What is
wrong is said; nothing is mended: restore a copy instead.
"""

from dataclasses import dataclass
from typing import Final

from ocw_strategy.errors import JournalError
from ocw_strategy.journal.ledger import read_ledger
from ocw_strategy.journal.reader import JournalReader
from ocw_strategy.journal.records import (
    Clamp,
    DecisionRow,
    FillRow,
    Intent,
    OrderEvent,
    Record,
    ReflectionRow,
    Settlement,
    Spend,
    Trade,
)


@dataclass(frozen=True, slots=True)
class _Reference:
    """A kind of row that speaks of another by a column of both, where `when` holds."""

    of: type[Record]
    to: type[Record]
    column: str
    when: str = "TRUE"


# an order that no decision asked for names its cause in place of one, such as `review-...`
_OF_A_DECISION: Final = f"decision_id GLOB '{'[0-9a-f]' * 12}'"

_REFERENCES: Final = (
    _Reference(Clamp, DecisionRow, "decision_id", _OF_A_DECISION),
    _Reference(Intent, DecisionRow, "decision_id", _OF_A_DECISION),
    _Reference(Trade, DecisionRow, "decision_id", _OF_A_DECISION),
    _Reference(OrderEvent, Intent, "client_order_id"),
    _Reference(FillRow, Intent, "client_order_id"),
    _Reference(ReflectionRow, Trade, "trade_id"),
    _Reference(Settlement, Spend, "reservation_id"),
)


def check_journal(journal: JournalReader) -> list[str]:
    """Return what is wrong with a journal, in words; empty when all is well."""
    try:
        journal.check_pages()
    except JournalError as error:
        return [str(error)]  # what the rows say means nothing then
    with journal.snapshot():
        found = [wrong for each in _REFERENCES if (wrong := _broken(journal, each))]
        try:
            read_ledger(journal)
        except JournalError as error:
            found.append(str(error))
    return found


def _broken(journal: JournalReader, reference: _Reference) -> str | None:
    of, to, column = reference.of.TABLE, reference.to.TABLE, reference.column
    lost = (
        f"{reference.when} AND NOT EXISTS (SELECT 1 FROM {to} WHERE {to}.{column} = {of}.{column})"
    )
    count = journal.count(reference.of, lost)
    if not count:
        return None
    (first,) = journal.rows(reference.of, lost, limit=1)
    name = getattr(first, column)
    return f"{of}: {count} speak of {to} that are not there, the first of {column} {name!r}"
