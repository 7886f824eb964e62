"""From the rows of a journal to alerts: a fold that reads on from a cursor.

`read_feed` looks at what was appended since, and returns each alert with the cursor that stands
after it: whoever has delivered it keeps that cursor. The first look at a journal begins at its end,
so that years of history are not told; so does a look at another journal of the same name, and at
one that has become shorter (a restored copy). It reads and never writes.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Final

from ocw_strategy.advisor.outcomes import BREAKER_OPEN, SETTLED
from ocw_strategy.alerts.alert import Alert
from ocw_strategy.alerts.budget import budget_alerts, ledger_alert
from ocw_strategy.alerts.cursor import Cursor, Told
from ocw_strategy.alerts.settings import AlertSettings
from ocw_strategy.alerts.summary import daily_summary, summary_day
from ocw_strategy.alerts.wording import (
    breaker_alert,
    decision_alert,
    entry_alert,
    event_alert,
    exit_alert,
)
from ocw_strategy.errors import JournalError
from ocw_strategy.journal import (
    DecisionRow,
    Equity,
    Event,
    FillRow,
    Intent,
    JournalReader,
    Record,
    Settlement,
    Spend,
    Trade,
)
from ocw_strategy.units import MINUTE_NS

ROWS_AT_ONCE: Final = 500
"""The most rows of a table that one look takes in."""

_TIMED: Final[tuple[type[Record], ...]] = (FillRow, Trade, Event, DecisionRow, Equity)
_FOLLOWED: Final[tuple[type[Record], ...]] = (*_TIMED, Spend, Settlement)


@dataclass(frozen=True, slots=True)
class Step:
    """An alert, and the cursor once it is delivered."""

    alert: Alert
    after: Cursor


@dataclass(frozen=True, slots=True)
class _Row:
    ts_ns: int
    row_id: int
    record: Any

    @property
    def group(self) -> tuple[object, ...]:
        """Rows that are told as one: what one order filled, what one exit closed."""
        match self.record:
            case FillRow() as fill:
                return ("fill", fill.client_order_id)
            case Trade() as trade:
                return ("trade", trade.symbol, trade.closed_ns, trade.exit_reason)
        return (type(self.record).TABLE, self.row_id)


def read_feed(
    journal: JournalReader, cursor: Cursor, settings: AlertSettings, *, newborn: bool = False
) -> tuple[list[Step], Cursor]:
    """Return what is to be told since a cursor, and the cursor past all that was looked at.

    Parameters
    ----------
    journal : JournalReader
    cursor : Cursor
        As the last look left it.
    settings : AlertSettings
    newborn : bool, default False
        Whether the journal was made while it was waited for: then its beginning is told too.

    Raises
    ------
    JournalError
        If it cannot be read, or is not whole yet.
    """
    if newborn and not cursor.journal:
        cursor = cursor.model_copy(update={"journal": _identity(journal)})
    if _is_elsewhere(journal, cursor):
        return [], _at_the_end(journal, cursor, settings.summary_hour)
    steps: list[Step] = []
    for alert, after in _alerts(journal, cursor, settings):
        cursor = after.model_copy(update={"topics": cursor.topics})
        if alert is None or not is_wanted(alert, settings):
            continue
        told, cursor = _once_in_a_while(alert, cursor, settings)
        if told is not None:
            steps.append(Step(told, cursor))
    return steps, cursor


def _is_elsewhere(journal: JournalReader, cursor: Cursor) -> bool:
    return cursor.journal != _identity(journal) or any(
        journal.last_row_id(record) < cursor.rows.get(record.TABLE, 0) for record in _FOLLOWED
    )


def _at_the_end(journal: JournalReader, cursor: Cursor, hour: int) -> Cursor:
    rows = {record.TABLE: journal.last_row_id(record) for record in _FOLLOWED}
    last = journal.rows(Equity, order="ts_ns DESC", limit=1)
    day = summary_day(last[0].ts_ns, hour) if last else None
    return cursor.model_copy(
        update={"journal": _identity(journal), "rows": rows, "day": day, "breaker_open": False}
    )


def _identity(journal: JournalReader) -> str:
    meta = journal.meta()
    if not {"run_id", "created_wall_ns"} <= meta.keys():
        raise JournalError("journal", journal.path, "is being made; it is read once it is")
    return f"{meta['run_id']}/{meta['created_wall_ns']}"


def _alerts(
    journal: JournalReader, cursor: Cursor, settings: AlertSettings
) -> Iterator[tuple[Alert | None, Cursor]]:
    # each table in its own order, between them by time
    for _, group in groupby(heapq.merge(*_new_rows(journal, cursor), key=_time), _group):
        rows = list(group)
        records, last = [row.record for row in rows], rows[-1]
        table = type(last.record).TABLE
        cursor = cursor.at(table, last.row_id)
        alert: Alert | None = None
        match last.record:
            case FillRow() as fill if fill.purpose == "entry":
                alert = entry_alert(records, _decision_id(journal, fill))
            case Trade():
                alert = exit_alert(records)
            case Event() as event:
                alert = event_alert(event)
            case DecisionRow() as decision:
                alert, cursor = _of_decision(decision, cursor)
            case Equity() as equity:
                alert, cursor = _of_equity(journal, equity, cursor, settings)
        yield alert, cursor
    moved = {r.TABLE: journal.last_row_id(r) for r in (Spend, Settlement)}
    if any(row_id > cursor.rows.get(table, 0) for table, row_id in moved.items()):
        try:
            told = budget_alerts(journal, cursor.budget)
        except JournalError as error:  # no reason to keep silent about all else
            told = [(ledger_alert(error, journal), cursor.budget)]
        for alert, marks in told:
            # before the rows are passed: what is not delivered is looked at again
            cursor = cursor.model_copy(update={"budget": marks})
            yield alert, cursor
        yield None, cursor.model_copy(update={"rows": {**cursor.rows, **moved}})


def _new_rows(journal: JournalReader, cursor: Cursor) -> Iterator[list[_Row]]:
    for record in _TIMED:
        found: Sequence[tuple[int, Any]] = journal.rows_after(
            record, cursor.rows.get(record.TABLE, 0), limit=ROWS_AT_ONCE
        )
        yield [
            _Row(row.closed_ns if isinstance(row, Trade) else row.ts_ns, row_id, row)
            for row_id, row in found
        ]


def _time(row: _Row) -> int:
    return row.ts_ns


def _group(row: _Row) -> tuple[object, ...]:
    return row.group


def _decision_id(journal: JournalReader, fill: FillRow) -> str:
    found = journal.rows(Intent, "client_order_id = ?", (fill.client_order_id,))
    return found[0].decision_id if found else ""


def _of_decision(decision: DecisionRow, cursor: Cursor) -> tuple[Alert | None, Cursor]:
    if decision.outcome == BREAKER_OPEN and not cursor.breaker_open:
        opened = cursor.model_copy(update={"breaker_open": True})
        return breaker_alert(decision, opened=True), opened
    if decision.outcome in SETTLED and cursor.breaker_open:
        closed = cursor.model_copy(update={"breaker_open": False})
        return breaker_alert(decision, opened=False), closed
    return decision_alert(decision), cursor


def _of_equity(
    journal: JournalReader, equity: Equity, cursor: Cursor, settings: AlertSettings
) -> tuple[Alert | None, Cursor]:
    day = summary_day(equity.ts_ns, settings.summary_hour)
    before, cursor = cursor.day, cursor.model_copy(update={"day": day})
    if before is None or day <= before:
        return None, cursor
    try:
        return daily_summary(journal, before, settings.summary_hour), cursor
    except JournalError as error:
        return ledger_alert(error, journal), cursor


def is_wanted(alert: Alert, settings: AlertSettings) -> bool:
    """Return whether the settings let an alert through."""
    return alert.severity.rank >= settings.least.rank and alert.kind not in settings.muted


def _once_in_a_while(
    alert: Alert, cursor: Cursor, settings: AlertSettings
) -> tuple[Alert | None, Cursor]:
    if not alert.topic:
        return alert, cursor
    last = cursor.topics.get(alert.topic)
    window_ns = settings.repeat_minutes * MINUTE_NS
    if last is not None and abs(alert.ts_ns - last.ts_ns) < window_ns:
        again = last.model_copy(update={"more": last.more + 1})
        return None, cursor.with_topic(alert.topic, again)
    if last is not None and last.more:
        alert = replace(alert, title=f"{alert.title} (and {last.more} times since it was told)")
    return alert, cursor.with_topic(alert.topic, Told(ts_ns=alert.ts_ns))
