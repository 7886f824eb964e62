"""How the journal of a live node grows by the month, table by table, and what its upkeep takes.

``python -m tests.bench.journal`` trades ``--months`` of 30 days on the sample market (SYNTHETIC,
5-minute bars, the rules advisor) and writes what came of it into a journal as a live node would,
day by day. Each decision is put as if Claude had made it: the real request's key, the answer's
text, usage and cost, and its two rows in the ledger (300 output tokens assumed). The state of the
actor is saved at each decision close, the strategy's at each fill, at the size they have come to
at the end; once a day the skips older than ``--keep-days`` are folded. Prompts are not in a live
journal: a snapshot and the settings make them again.

Growth of the file is exact, its pages being counted; a node's own events (starts, watchdog, fills
found) are not simulated. Times are of this machine. Ends with one line of JSON.
"""

import argparse
import json
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ocw_strategy.advisor import Usage, load_models
from ocw_strategy.advisor.budget import Budget
from ocw_strategy.backtest.estimate import OUTPUT_TOKENS, requests_of
from ocw_strategy.carried import DESK_STATE, HALT_STATE
from ocw_strategy.journal import (
    RECORDS,
    DecisionRow,
    Evaluation,
    FillRow,
    Journal,
    JournalReader,
    Record,
    SkippedDay,
    Trade,
    backup_journal,
    canonical_json,
    check_journal,
)
from ocw_strategy.live.actor import STATE as ACTOR_STATE
from ocw_strategy.live.node import RUN_ID
from ocw_strategy.live.reconcile import STATE as STRATEGY_STATE
from ocw_strategy.live.settings import LiveSettings
from ocw_strategy.market import MarketSnapshot
from ocw_strategy.settings import Settings, load_settings, parse_time_ns
from ocw_strategy.units import DAY_NS
from tests.bench.dashboard import CONFIG, MONTH_DAYS, RUN_START, traded


@dataclass(frozen=True)
class Sizes:
    """What a journal's file holds at one moment."""

    file: int
    """Bytes of all pages."""
    wal: int
    """Bytes of the log beside it."""
    tables: Mapping[str, int]
    """Bytes by table, with its indexes; ``free`` is what may be written again."""
    rows: Mapping[str, int]


def moment(record: Record) -> int:
    """Return when a record is written."""
    return record.closed_ns if isinstance(record, Trade) else record.ts_ns  # type: ignore[attr-defined]


def by_day(source: JournalReader, start_ns: int, end_ns: int) -> Iterator[tuple[int, list[Record]]]:
    """Yield every day of a run and its records, in the order of their times.

    What a backtest journals of the time it warms up in, a live node does not.
    """
    rows = (row for kind in RECORDS if kind is not SkippedDay for row in source.rows(kind))
    dated = sorted((row for row in rows if start_ns <= moment(row) < end_ns), key=moment)
    for day, found in groupby(dated, key=lambda row: moment(row) // DAY_NS):
        yield day, list(found)


class Asked:
    """Put decisions of the rules as if Claude had made them, and book what that costs.

    Parameters
    ----------
    journal : Journal
        Where the ledger is.
    settings : Settings
    """

    def __init__(self, journal: Journal, settings: Settings) -> None:
        self._settings, claude = settings, settings.advisor.claude
        self._model = load_models(Path(claude.models)).get(claude.model)
        self._budget = Budget(
            journal, claude.budget_usd_per_day, claude.budget_usd_per_month, simulated_clock=True
        )

    def __call__(self, row: DecisionRow) -> DecisionRow:
        snapshot = MarketSnapshot.model_validate_json(row.snapshot)
        (request,) = requests_of([snapshot], self._settings, self._model)
        usage = Usage(input_tokens=request.input_tokens_upper, output_tokens=OUTPUT_TOKENS)
        cost = self._model.cost_usd(usage)
        worst = self._model.worst_case_usd(usage.input_tokens, request.body["max_tokens"])
        reservation = self._budget.reserve(
            row.ts_ns,
            worst,
            model=self._model.id,
            request_key=request.key,
            prices=self._model.prices,
        )
        if reservation is None:
            raise SystemExit("the budget does not reach: these are not a live node's rates")
        self._budget.settle(reservation, cost, usage, row.outcome, row.wall_ns)
        return replace(
            row,
            advisor="claude",
            raw=row.decision,
            request_key=request.key,
            model=self._model.id,
            usage=canonical_json(usage.model_dump()),
            cost_usd=format(cost, "f"),
        )


def lived(
    days: Iterable[tuple[int, Sequence[Record]]],
    journal: Journal,
    states: Mapping[type[Record], tuple[str, Mapping[str, Any]]],
    asked: Callable[[DecisionRow], DecisionRow],
    *,
    keep_days: float,
) -> Iterator[Sizes]:
    """Write a run as a live node does; yield what the file holds at each month's end.

    Parameters
    ----------
    days : iterable
        UNIX days and their records.
    journal : Journal
        Where to; a file.
    states : mapping
        What is saved, and under which name, with each record of a kind.
    asked : callable
        Who makes the decisions.
    keep_days : float
        How long skips are kept.
    """
    first = None
    for day, rows in days:
        first = day if first is None else first
        if day > first and (day - first) % MONTH_DAYS == 0:
            yield measured(journal)
        # as the keeper does when a day begins
        journal.fold_skips(max(0, day * DAY_NS - int(keep_days * DAY_NS)))
        for row in rows:
            journal.append(asked(row) if isinstance(row, DecisionRow) else row)
            if type(row) in states:
                journal.save_state(*states[type(row)])
    yield measured(journal)


def measured(journal: Journal) -> Sizes:
    """Return what a journal's file holds."""
    journal.flush()
    path = Path(journal.path)
    with closing(sqlite3.connect(path)) as file:
        (size,), (pages,), (free,) = (
            file.execute(f"PRAGMA {name}").fetchone()
            for name in ("page_size", "page_count", "freelist_count")
        )
        owners = dict(file.execute("SELECT name, tbl_name FROM sqlite_schema"))
        tables: Counter[str] = Counter()
        for name, used in file.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"):
            tables[owners.get(name, name).partition("_text")[0]] += used
    tables["free"] = free * size
    wal = path.with_name(f"{path.name}-wal")
    return Sizes(
        file=pages * size,
        wal=wal.stat().st_size if wal.exists() else 0,
        tables=tables,
        rows={kind.TABLE: journal.count(kind) for kind in RECORDS},
    )


def grown(found: Sequence[Sizes]) -> list[float]:
    """Return how much the file grew in each month, MB."""
    sizes = [0, *(each.file for each in found)]
    return [round((now - before) / 1e6, 2) for before, now in pairwise(sizes)]


def live_states(source: JournalReader) -> dict[type[Record], tuple[str, Mapping[str, Any]]]:
    """Return the states of a live node that has learnt what a run has."""
    actor: dict[str, Any] = {"desk": source.load_state(DESK_STATE), "learnt": {}, "reviews": {}}
    strategy: dict[str, Any] = {"halt": source.load_state(HALT_STATE), "marks": {}, "paid": []}
    return {Evaluation: (ACTOR_STATE, actor), FillRow: (STRATEGY_STATE, strategy)}


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    found = work()
    return round(time.perf_counter() - began, 2), found


def show(console: Console, found: Sequence[Sizes]) -> None:
    table = Table(title="Size at each month's end, MB", title_justify="left")
    table.add_column("table")
    for number in range(len(found)):
        table.add_column(f"month {number + 1}", justify="right")
    table.add_column("share", justify="right")
    table.add_column("rows", justify="right")
    last = found[-1]
    for name, used in sorted(last.tables.items(), key=lambda pair: -pair[1]):
        sizes = (f"{each.tables.get(name, 0) / 1e6:.2f}" for each in found)
        rows = f"{last.rows[name]:,}" if name in last.rows else ""
        table.add_row(name, *sizes, f"{used / last.file:.1%}", rows)
    table.add_section()
    total = f"{sum(last.rows.values()):,}"
    table.add_row("file", *(f"{each.file / 1e6:.2f}" for each in found), "100.0%", total)
    table.add_row("grown", *(f"{each:.2f}" for each in grown(found)))
    table.add_row("log beside it", *(f"{each.wal / 1e6:.2f}" for each in found))
    console.print(table)


def main() -> None:
    """Trade, live it again, measure, end with JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.journal")
    parser.add_argument("--months", type=int, default=3, help=f"of {MONTH_DAYS} days")
    parser.add_argument(
        "--keep-days",
        type=float,
        default=LiveSettings().keep_skips_days,
        help="how long skips are kept; a node's default where left out",
    )
    options = parser.parse_args()
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with console.status("trading"):
            run = traded(folder, options.months)
        path = folder / "node.db"
        with (
            Journal.read_only(run) as source,
            Journal.open(path, run_id=RUN_ID, power_safe=False) as journal,
        ):
            asked = Asked(journal, load_settings(CONFIG, {}))
            start_ns = parse_time_ns(RUN_START.isoformat())
            days = by_day(source, start_ns, start_ns + options.months * MONTH_DAYS * DAY_NS)
            states = live_states(source)
            with console.status("living"):
                found = list(lived(days, journal, states, asked, keep_days=options.keep_days))
            with Journal.read_only(path) as reader:
                check_s, wrong = timed(lambda: check_journal(reader))
            backup_s, copy = timed(lambda: backup_journal(path, folder / "copy.db"))
        if wrong:
            raise SystemExit("; ".join(wrong))
    show(console, found)
    console.print(f"checked in {check_s} s, copied and verified in {backup_s} s")
    last = found[-1]
    result = {
        "bench": "journal",
        "months": options.months,
        "keep_days": options.keep_days,
        "file_mb": [round(each.file / 1e6, 2) for each in found],
        "grown_mb": grown(found),
        "evaluations": [each.rows[Evaluation.TABLE] for each in found],
        "skipped_days": [each.rows[SkippedDay.TABLE] for each in found],
        "rows": sum(last.rows.values()),
        "share": {
            name: round(used / last.file, 3) for name, used in Counter(last.tables).most_common(6)
        },
        "wal_mb": round(max(each.wal for each in found) / 1e6, 2),
        "check_s": check_s,
        "backup_s": backup_s,
        "copy_mb": round(copy.size_bytes / 1e6, 2),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
