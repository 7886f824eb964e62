"""The one durable store of a run."""

from ocw_strategy.journal.journal import MEMORY, Journal
from ocw_strategy.journal.ledger import LedgerEntry, read_ledger
from ocw_strategy.journal.lock import WriterLock
from ocw_strategy.journal.reader import JournalReader
from ocw_strategy.journal.records import (
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
    Spend,
    Trade,
)
from ocw_strategy.journal.schema import SCHEMA_VERSION
from ocw_strategy.journal.settings import JournalSettings
from ocw_strategy.journal.sql import canonical_json

__all__ = [
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
    "JournalReader",
    "JournalSettings",
    "LedgerEntry",
    "OrderEvent",
    "Posterior",
    "PriceRow",
    "Record",
    "ReflectionRow",
    "RegimeRow",
    "Settlement",
    "Spend",
    "Trade",
    "WriterLock",
    "canonical_json",
    "read_ledger",
]
