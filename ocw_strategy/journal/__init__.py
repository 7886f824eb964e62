"""The one durable store of a run."""

from ocw_strategy.journal.backup import JournalCopy, backup_journal, restore_journal
from ocw_strategy.journal.check import check_journal
from ocw_strategy.journal.export import export_journal
from ocw_strategy.journal.journal import MEMORY, Journal
from ocw_strategy.journal.ledger import LedgerEntry, read_ledger
from ocw_strategy.journal.lock import WriterLock, lock_holder
from ocw_strategy.journal.reader import JournalReader
from ocw_strategy.journal.records import (
    ENDED,
    RECORDS,
    Answered,
    Clamp,
    DecisionRow,
    Equity,
    Evaluation,
    Event,
    FillRow,
    Funding,
    Intent,
    OrderEvent,
    Posterior,
    PriceRow,
    Record,
    ReflectionRow,
    RegimeRow,
    Settlement,
    SkippedDay,
    Spend,
    Trade,
)
from ocw_strategy.journal.retention import skip_counts
from ocw_strategy.journal.schema import SCHEMA_VERSION
from ocw_strategy.journal.sql import canonical_json

__all__ = [
    "ENDED",
    "MEMORY",
    "RECORDS",
    "SCHEMA_VERSION",
    "Answered",
    "Clamp",
    "DecisionRow",
    "Equity",
    "Evaluation",
    "Event",
    "FillRow",
    "Funding",
    "Intent",
    "Journal",
    "JournalCopy",
    "JournalReader",
    "LedgerEntry",
    "OrderEvent",
    "Posterior",
    "PriceRow",
    "Record",
    "ReflectionRow",
    "RegimeRow",
    "Settlement",
    "SkippedDay",
    "Spend",
    "Trade",
    "WriterLock",
    "backup_journal",
    "canonical_json",
    "check_journal",
    "export_journal",
    "lock_holder",
    "read_ledger",
    "restore_journal",
    "skip_counts",
]
