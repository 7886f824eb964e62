"""A node that starts at a moment knows what a backtest that arrives there has come to know.

The same sample market is played to both: a live node as a process against the venue, warm from its
history, and the backtest over a catalog of the same rows. Nothing is traded, so neither account has
a say. From the first decision close on, both journals must hold the same verdicts and the same
snapshots, to the byte.
"""

import json
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ocw_strategy.catalog.frames import STATISTICS
from ocw_strategy.journal import DecisionRow, Evaluation, Event, JournalReader
from ocw_strategy.live.settings import load_live
from ocw_strategy.settings import Settings, parse_time_ns, settings_from
from ocw_strategy.units import MINUTE_NS, SECOND_NS
from tests.backtest.market import Run, write_catalog
from tests.live.process import START, LiveProcess, until
from tests.venue import History, Venue, sampled

STEPS = 12
FAITHFUL_S = 1.5
SILENT = {"advisor.rules.entry_score": 1.0}


def frames(histories: dict[str, History]) -> dict[tuple[str, str], pa.Table]:
    """Return a market as the importer takes it."""
    found: dict[tuple[str, str], pa.Table] = {}
    for symbol, history in histories.items():
        names = ("open", "high", "low", "close")
        for kind, prices in (("bars_5m", history.prices), ("mark_5m", history.marks)):
            columns: dict[str, Any] = {"ts": history.open_ms}
            columns |= {name: prices[:, place] for place, name in enumerate(names)}
            if kind == "bars_5m":
                columns |= {"volume": history.volume, "taker_buy_volume": history.taker_buy_volume}
            found[kind, symbol] = pa.table(columns)
        statistics = history.statistics
        found["metrics_5m", symbol] = pa.table(
            {"ts": statistics.ts_ms, **{name: statistics.columns[name] for name in STATISTICS}}
        )
        found["funding", symbol] = pa.table(
            {"ts": history.funding_ms, "rate": history.funding_rate}
        )
    return found


def verdicts(journal: JournalReader) -> list[tuple[Any, ...]]:
    return [
        (row.ts_ns, row.wake, row.reason, row.detail, row.value, row.price, row.regime)
        for row in journal.rows(Evaluation)
    ]


def snapshots(journal: JournalReader) -> dict[int, dict[str, Any]]:
    return {row.ts_ns: json.loads(row.snapshot) for row in journal.rows(DecisionRow)}


def backtested(settings: Settings, catalog: Path, start_ns: int, end_ns: int) -> Run:
    plain = settings.model_dump(mode="json")
    plain["run"] |= {"start": stamp(start_ns), "end": stamp(end_ns)}
    plain["data"]["catalog"] = str(catalog)
    return Run(settings_from(plain), "warm-start")


def stamp(ns: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // 10**9))


@pytest.mark.slow
@pytest.mark.parametrize("gap", [False, True])
def test_a_warm_start_sees_what_a_backtest_arriving_there_sees(tmp_path: Path, gap: bool) -> None:
    histories = sampled(7, parse_time_ns(START), 12, 5)
    with Venue(histories, bars_shown=10 * 288 + 1) as venue:
        node = LiveProcess(tmp_path, venue, overrides=SILENT)
        start_ns = venue.market.now_ms * 1_000_000
        with node:
            for step in range(STEPS):
                if gap and step == 3:  # the bar of :25 does not come
                    venue.faults.refuse_sockets(1.0)
                    venue.faults.drop_sockets("market")
                if gap and step == 4:
                    until(lambda: len(venue.streams) == 6, "it is subscribed again")
                venue.market.advance()
                time.sleep(FAITHFUL_S)  # statistics are polled once a second
            _, settings = load_live(node.config, time.time_ns(), node.overrides)

            def decided() -> bool:
                with node.read() as journal:
                    found = journal.rows(Evaluation)
                    asked = sum(row.wake for row in found)
                    return len(found) == STEPS // 3 and journal.count(DecisionRow) == asked

            until(decided, "every decision close is evaluated")
        catalog = write_catalog(tmp_path / "catalog", frames(histories))
        end_ns = start_ns + STEPS * 5 * MINUTE_NS + SECOND_NS
        run = backtested(settings, catalog, start_ns, end_ns)
        try:
            with node.read() as journal:
                live_verdicts, live_snapshots = verdicts(journal), snapshots(journal)
                missed = [e for e in journal.rows(Event) if e.kind == "bars_missed"]
            assert live_snapshots == snapshots(run.journal)
            assert live_verdicts == verdicts(run.journal)
            assert bool(missed) is gap
            assert live_snapshots
        finally:
            run.close()
