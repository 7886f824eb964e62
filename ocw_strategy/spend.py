"""What calls have cost: a journal's ledger by day, model and outcome, and what is left of a budget.

A call that was never settled counts as its worst case. The limits are those the journal's run was
configured with; where it names none, what is left is unknown.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from ocw_strategy.errors import JournalError
from ocw_strategy.journal import Journal, JournalReader, LedgerEntry, read_ledger
from ocw_strategy.model import Strict

UNSETTLED: Final = "unsettled"
"""The outcome of a call that its process did not live to settle, or that is under way."""

TOKENS: Final = (
    "input_tokens",
    "output_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
)


class SpendLine(Strict):
    """The calls of one day, model and outcome."""

    day: str
    """UTC."""
    model: str
    outcome: str
    calls: int
    tokens: dict[str, int]
    """By kind, of the calls whose usage is known."""
    reserved_usd: str
    """Worst cases set aside before the calls."""
    settled_usd: str
    """What the settled ones came to."""
    unsettled_usd: str
    """Worst cases that count in full."""


class BudgetLine(Strict):
    """A day or a month against its limit."""

    period: str
    """``2025-01-31`` or ``2025-01``, UTC."""
    spent_usd: str
    left_usd: str | None
    """None where no limit is known; negative where calls cost more than their worst case."""


class SpendReport(Strict):
    """A journal's ledger."""

    journal: str
    run_id: str
    lines: tuple[SpendLine, ...]
    total: SpendLine
    days: tuple[BudgetLine, ...]
    months: tuple[BudgetLine, ...]


def report_spend(path: Path) -> SpendReport:
    """Return the ledger of a journal; of a run that bought through a recording, the recording's.

    Raises
    ------
    JournalError
        If the journal, or the recording it names, cannot be read or trusted.
    """
    with Journal.read_only(path) as journal:
        return spend_of(journal)


def spend_of(journal: JournalReader) -> SpendReport:
    """Return the ledger of a journal that is open; see `report_spend`."""
    entries = read_ledger(journal)
    claude = _claude_settings(journal)
    recording = Path(claude.get("recording", ""))
    if entries or not recording.is_file() or recording.resolve() == Path(journal.path).resolve():
        return _report(journal, entries, claude)
    with Journal.read_only(recording) as bought:
        return _report(bought, read_ledger(bought), claude)


def _claude_settings(journal: JournalReader) -> Mapping[str, Any]:
    found: Mapping[str, Any] = journal.meta().get("config", {}).get("advisor", {}).get("claude", {})
    return found


def _report(
    journal: JournalReader, entries: Sequence[LedgerEntry], claude: Mapping[str, Any]
) -> SpendReport:
    groups: defaultdict[tuple[str, str, str], list[LedgerEntry]] = defaultdict(list)
    for entry in entries:
        outcome = entry.settlement.outcome if entry.settlement else UNSETTLED
        groups[entry.spend.day, entry.spend.model, outcome].append(entry)
    return SpendReport(
        journal=journal.path,
        run_id=journal.meta()["run_id"],
        lines=tuple(_line(*name, groups[name]) for name in sorted(groups)),
        total=_line("", "", "", entries),
        days=_budget_lines(entries, 10, _limit(claude, "budget_usd_per_day")),
        months=_budget_lines(entries, 7, _limit(claude, "budget_usd_per_month")),
    )


def _line(day: str, model: str, outcome: str, entries: Sequence[LedgerEntry]) -> SpendLine:
    usages = [_usage(entry) for entry in entries]
    settled = [entry for entry in entries if entry.settlement]
    unsettled = [entry for entry in entries if not entry.settlement]
    return SpendLine(
        day=day,
        model=model,
        outcome=outcome,
        calls=len(entries),
        tokens={kind: sum(usage.get(kind, 0) for usage in usages) for kind in TOKENS},
        reserved_usd=_text(sum((e.reserved_usd for e in entries), Decimal())),
        settled_usd=_text(sum((e.counted_usd for e in settled), Decimal())),
        unsettled_usd=_text(sum((e.counted_usd for e in unsettled), Decimal())),
    )


def _usage(entry: LedgerEntry) -> dict[str, int]:
    text = entry.settlement.usage if entry.settlement else ""
    try:
        return {kind: int(count) for kind, count in json.loads(text).items()} if text else {}
    except (AttributeError, TypeError, ValueError) as error:
        raise JournalError(
            f"usage of call {entry.spend.reservation_id}", text, "is damaged; restore a copy"
        ) from error


def _budget_lines(
    entries: Sequence[LedgerEntry], length: int, limit: Decimal | None
) -> tuple[BudgetLine, ...]:
    spent: defaultdict[str, Decimal] = defaultdict(Decimal)
    for entry in entries:
        spent[entry.spend.day[:length]] += entry.counted_usd
    return tuple(
        BudgetLine(
            period=period,
            spent_usd=_text(amount),
            left_usd=None if limit is None else _text(limit - amount),
        )
        for period, amount in sorted(spent.items())
    )


def _limit(claude: Mapping[str, Any], name: str) -> Decimal | None:
    try:
        return Decimal(str(claude[name]))
    except (KeyError, InvalidOperation):
        return None


def _text(usd: Decimal) -> str:
    return format(usd, "f")
