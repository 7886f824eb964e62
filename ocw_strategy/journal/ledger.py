"""The ledger of calls in a journal: what was set aside for each, and what it came to."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from ocw_strategy.errors import JournalError
from ocw_strategy.journal.reader import JournalReader
from ocw_strategy.journal.records import Settlement, Spend


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One call in the ledger."""

    spend: Spend
    settlement: Settlement | None
    reserved_usd: Decimal
    counted_usd: Decimal
    """What it counts for: its cost, or the worst case where it was never settled."""


def read_ledger(journal: JournalReader) -> list[LedgerEntry]:
    """Return every call a journal knows of, in the order the money was set aside.

    Raises
    ------
    JournalError
        If an amount is no amount of money, or a settlement is of a call that was never made.
    """
    settlements = {row.reservation_id: row for row in journal.rows(Settlement)}
    entries = []
    for spend in journal.rows(Spend):
        settlement = settlements.pop(spend.reservation_id, None)
        _check_day(spend)
        reserved = _stored_money(spend.reservation_id, spend.reserved_usd)
        counted = (
            _stored_money(spend.reservation_id, settlement.cost_usd) if settlement else reserved
        )
        entries.append(LedgerEntry(spend, settlement, reserved, counted))
    if settlements:
        raise JournalError(
            "journal settlements", sorted(settlements)[0], "no such reservation; restore a copy"
        )
    return entries


def _stored_money(key: str, text: str) -> Decimal:
    try:
        usd = Decimal(text)
        if not usd.is_finite() or usd < 0:
            raise ValueError(text)
    except (InvalidOperation, ValueError) as error:
        raise JournalError(
            f"journal spend {key}", text, "is no amount of money; restore a copy of the journal"
        ) from error
    return usd


def _check_day(spend: Spend) -> None:
    try:
        date.fromisoformat(spend.day)
    except ValueError as error:
        raise JournalError(
            f"journal spend {spend.reservation_id}", spend.day, "is no day; restore a copy"
        ) from error
