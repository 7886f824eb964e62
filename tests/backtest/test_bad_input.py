"""Bad input: a clear sentence or a stated behaviour, and nothing lost.

Stated here: a failed, interrupted or blown run leaves nothing among the runs; a killed one leaves
a hidden ``.partial`` folder, which no command shows and no later run touches.
"""

import json
import math
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocw_strategy.backtest import list_runs, run_backtest
from ocw_strategy.backtest.trials import LEDGER_FILE
from ocw_strategy.backtest.window import check_window
from ocw_strategy.catalog import read_bars
from ocw_strategy.desk import DecisionDesk
from ocw_strategy.errors import AccountBlownError, CatalogError, JournalError, SettingsError
from ocw_strategy.journal import (
    SCHEMA_VERSION,
    DecisionRow,
    Evaluation,
    Event,
    FillRow,
    Funding,
    Intent,
    Journal,
    Trade,
)
from ocw_strategy.market import MarketSnapshot
from ocw_strategy.regime import ASSUMED_MACRO, VolatilityRegimeModel, join_regime
from ocw_strategy.settings import Settings
from ocw_strategy.units import DAY_NS, SECOND_NS, SIGNALS
from tests.backtest.eager import (
    BTC,
    END,
    ETH,
    GAP_NS,
    SOL,
    START,
    Frames,
    ToldRun,
    eager,
    short_frames,
    without_day,
)
from tests.backtest.market import MINUTES_15, gap_every_midnight, make_settings, write_catalog

ROOT = Path(__file__).parents[2]
LONG = {BTC: 1.0, SOL: 1.0}


def long(_: MarketSnapshot) -> dict[str, float]:
    return LONG


@pytest.fixture(scope="module")
def frames() -> Frames:
    return short_frames()


@pytest.fixture(scope="module")
def short(frames: Frames, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a catalog of 40 days."""
    return write_catalog(tmp_path_factory.mktemp("short") / "catalog", frames)


@pytest.fixture
def copied(short: Path, tmp_path: Path) -> Path:
    """Return a copy of the catalog that a test may damage."""
    return shutil.copytree(short, tmp_path / "copied")


def told(settings: Settings, name: str) -> Iterator[ToldRun]:
    made = ToldRun(settings, name, long)
    yield made
    made.close()


@pytest.fixture(scope="module")
def sol_gap(frames: Frames, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ToldRun]:
    """Return a run that holds BTC and SOL when SOL's bars are missing for a day."""
    folder = tmp_path_factory.mktemp("sol") / "catalog"
    yield from told(eager(write_catalog(folder, without_day(frames, "SOLUSDT"))), "sol-gap")


@pytest.fixture(scope="module")
def full_gap(frames: Frames, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ToldRun]:
    """Return a run that holds BTC and SOL when all bars are missing for a day."""
    folder = tmp_path_factory.mktemp("all") / "catalog"
    gapped = without_day(frames, "BTCUSDT", "ETHUSDT", "SOLUSDT")
    yield from told(eager(write_catalog(folder, gapped)), "full-gap")


def config(folder: Path, catalog: Path, more: str = "") -> Path:
    path = folder / "c.toml"
    path.write_text(
        f'[run]\nstart = "{START}"\nend = "{END}"\nruns_dir = "{folder / "runs"}"\n'
        f'[data]\ncatalog = "{catalog}"\nderivatives = false\n{more}'
    )
    return path


def command(path: Path) -> list[str]:
    return [sys.executable, "-m", "ocw_strategy.cli", "backtest", str(path)]


def said(path: Path, size_limit: int | None = None) -> tuple[int, str]:
    """Return the exit code and the last line of a run from the command line."""

    def limit() -> None:
        if size_limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size_limit, size_limit))

    done = subprocess.run(
        command(path), capture_output=True, text=True, check=False, cwd=ROOT, preexec_fn=limit
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr.strip().splitlines()[-1]


# -- settings, catalog, window ---------------------------------------------------------------------


def test_an_unknown_key_is_one_sentence_and_nothing_is_run(tmp_path: Path, short: Path) -> None:
    code, line = said(config(tmp_path, short, "alow_gaps = true\n"))
    assert code == 2
    assert line.startswith("ocw: data.alow_gaps: was True; unknown key, remove it; did you mean")
    assert not (tmp_path / "runs").exists()


def test_a_missing_catalog_says_how_to_build_one(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"build it: `ocw data sample`"):
        run_backtest(eager(tmp_path / "none"), created_wall_ns=1)
    assert not (tmp_path / "none").exists()


def test_a_catalog_without_one_instrument_names_it(copied: Path) -> None:
    for folder in copied.glob("data/*/SOLUSDT-PERP*"):
        shutil.rmtree(folder)
    with pytest.raises(CatalogError, match=r"SOLUSDT-PERP 15-minute bars: was 'none from"):
        check_window(eager(copied))


def test_an_instrument_nobody_knows_is_refused_by_name(short: Path) -> None:
    with pytest.raises(CatalogError, match="DOGEUSDT-PERP 15-minute bars"):
        check_window(eager(short, data={"instruments": [BTC, "DOGEUSDT-PERP"]}))


def test_an_empty_window_is_refused(short: Path) -> None:
    with pytest.raises(SettingsError, match="the window is empty"):
        eager(short, run={"start": END, "end": END})


def test_a_window_outside_the_data_is_refused(short: Path) -> None:
    with pytest.raises(CatalogError, match="none from 2025-02-01 to 2025-03-01"):
        check_window(eager(short, run={"start": "2025-02-01", "end": "2025-03-01"}))


def test_a_window_that_outlasts_the_data_counts_what_is_missing(short: Path) -> None:
    assert check_window(eager(short)) == {BTC: 0, ETH: 0, SOL: 0}
    longer = eager(short, run={"end": "2024-02-14"})  # the data ends with 9 February
    assert check_window(longer) == dict.fromkeys((BTC, ETH, SOL), 4 * 96)
    with pytest.raises(CatalogError, match=r"allow_gaps: was \{'BTCUSDT-PERP': 384"):
        check_window(eager(short, run={"end": "2024-02-14"}, data={"allow_gaps": False}))


def test_a_truncated_file_is_named_before_anything_runs(tmp_path: Path, copied: Path) -> None:
    damaged = sorted(copied.glob("data/custom_ocw_derivatives/SOLUSDT-PERP*/*.parquet"))[0]
    damaged.write_bytes(damaged.read_bytes()[:-100])
    code, line = said(config(tmp_path, copied))
    assert code == 2
    assert str(damaged) in line
    assert "delete this file and import its month again" in line
    assert not list(tmp_path.glob("runs/*"))


# -- gaps ------------------------------------------------------------------------------------------


def test_a_gap_is_counted_and_refused_where_settings_refuse_it(
    tmp_path: Path, frames: Frames
) -> None:
    catalog = write_catalog(tmp_path / "catalog", without_day(frames, "SOLUSDT"))
    assert check_window(eager(catalog)) == {BTC: 0, ETH: 0, SOL: 96}
    with pytest.raises(CatalogError, match=r"allow_gaps: was \{'SOLUSDT-PERP': 96\}; fill"):
        check_window(eager(catalog, data={"allow_gaps": False}))


def in_gap(ts_ns: int) -> bool:
    return GAP_NS + MINUTES_15 < ts_ns <= GAP_NS + DAY_NS


def test_the_others_are_decided_during_one_instruments_gap(sol_gap: ToldRun) -> None:
    closes = [row.ts_ns for row in sol_gap.rows(Evaluation)]
    assert len(closes) == 3 * 96 + 1
    decisions = [row for row in sol_gap.rows(DecisionRow) if in_gap(row.ts_ns)]
    assert decisions
    for row in decisions:
        stale = {s: i["stale"] for s, i in json.loads(row.snapshot)["instruments"].items()}
        assert stale == {BTC: False, ETH: False, SOL: True}


def test_an_overdue_close_is_decided_three_seconds_later(sol_gap: ToldRun) -> None:
    waited = {
        row.ts_ns: row.wall_ns - row.ts_ns  # in a backtest the wall is the simulated clock
        for row in sol_gap.rows(DecisionRow)
    }
    assert {late for ts, late in waited.items() if in_gap(ts)} == {3 * SECOND_NS}
    assert {late for ts, late in waited.items() if ts <= GAP_NS} == {0}


def test_an_order_waits_for_no_missing_bar(tmp_path: Path, frames: Frames) -> None:
    catalog = write_catalog(tmp_path / "catalog", without_day(frames, "SOLUSDT"))
    decided_ns = GAP_NS + 8 * MINUTES_15

    def in_the_gap(snapshot: MarketSnapshot) -> dict[str, float]:
        return {BTC: 1.0} if snapshot.now_ns == decided_ns else {}

    made = ToldRun(eager(catalog), "prompt", in_the_gap)
    fill = made.rows(FillRow)[0]
    close_ns = decided_ns + MINUTES_15
    assert made.rows(Intent)[0].ts_ns == close_ns
    assert fill.ts_ns == close_ns + 3 * SECOND_NS  # not a bar later, at a price unknown until then
    bars = read_bars(catalog, "BTCUSDT", 15, close_ns, close_ns)
    assert float(fill.price) == pytest.approx(bars.close[0] * 1.0001, rel=1e-5)
    made.close()


def test_a_stale_instrument_is_blind_protected_and_not_traded(sol_gap: ToldRun) -> None:
    blind = [row for row in sol_gap.rows(Event) if row.kind == "exits_blind"]
    assert {row.symbol for row in blind} == {SOL}
    assert len(blind) >= 95
    assert not [r for r in sol_gap.rows(FillRow) if r.symbol == SOL and in_gap(r.ts_ns)]


def test_a_stale_instrument_is_traded_again_after_its_gap(sol_gap: ToldRun) -> None:
    after = [row for row in sol_gap.rows(FillRow) if row.ts_ns > GAP_NS + DAY_NS]
    assert [row for row in after if row.symbol == SOL and row.purpose == "entry"]
    latest = json.loads(sol_gap.rows(DecisionRow)[-1].snapshot)["instruments"][SOL]
    assert not latest["stale"]


def test_no_entry_leaves_at_a_price_of_an_earlier_close(tmp_path: Path, frames: Frames) -> None:
    catalog = write_catalog(tmp_path / "catalog", without_day(frames, "SOLUSDT"))

    def only_at_the_edge(snapshot: MarketSnapshot) -> dict[str, float]:
        return {SOL: 1.0} if snapshot.now_ns == GAP_NS else {}

    made = ToldRun(eager(catalog), "edge", only_at_the_edge)
    kinds = [row.kind for row in made.rows(Event) if row.symbol == SOL]
    assert kinds == ["dropped:stale_price"]
    assert not made.rows(FillRow)
    made.close()


def test_a_gap_of_all_has_no_closes_and_the_run_goes_on(full_gap: ToldRun) -> None:
    closes = [row.ts_ns for row in full_gap.rows(Evaluation)]
    assert len(closes) == 2 * 96 + 1
    assert not [ts for ts in closes if GAP_NS < ts <= GAP_NS + DAY_NS]
    fills = [row.ts_ns for row in full_gap.rows(FillRow)]
    assert not [ts for ts in fills if in_gap(ts)]
    assert max(fills) > GAP_NS + DAY_NS


def test_a_stop_protects_across_a_gap(tmp_path: Path, frames: Frames) -> None:
    # SOL's price is a fifth lower after its gap: the stop fills at the open, far below its trigger.
    key = ("bars_15m", "SOLUSDT")
    table = without_day(frames, "SOLUSDT")[key]
    ts = table.column("ts").to_numpy()
    for name in ("open", "high", "low", "close"):
        values = table.column(name).to_numpy().copy()
        values[ts >= (GAP_NS + DAY_NS) // 1_000_000] *= 0.8
        table = table.set_column(table.schema.get_field_index(name), name, [values.round(2)])
    catalog = write_catalog(tmp_path / "catalog", {**frames, key: table})
    made = ToldRun(eager(catalog), "crash", long)
    stops = {row.client_order_id: row for row in made.rows(Intent) if row.purpose == "stop"}
    filled = [r for r in made.rows(FillRow) if r.purpose == "stop" and r.symbol == SOL]
    assert filled[0].ts_ns == GAP_NS + DAY_NS + MINUTES_15
    assert float(filled[0].price) < 0.9 * float(stops[filled[0].client_order_id].trigger_price)
    made.close()


# -- impossible bars, absent statistics ------------------------------------------------------------


@pytest.mark.parametrize(
    "bar",
    [(math.nan,) * 4, (0.0,) * 4, (100.0, 101.0, 0.0, 100.0), (100.0, 99.0, 98.0, 100.0),
     (100.0, math.inf, 99.0, 100.0)],
    ids=["nan", "zero", "zero-low", "high-below-open", "infinite"],
)  # fmt: skip
def test_an_impossible_bar_is_dropped_recorded_and_the_run_goes_on(
    tmp_path: Path, bar: tuple[float, float, float, float]
) -> None:
    settings = eager(tmp_path)
    model = VolatilityRegimeModel(settings.regime)
    with Journal.open(":memory:", run_id="ring") as journal:
        desk = DecisionDesk(settings, journal, lambda ns: join_regime(model.at(ns), ASSUMED_MACRO))
        for index in range(1, 4):
            close_ns = GAP_NS + index * MINUTES_15
            for symbol in desk.symbols:
                prices = bar if (index, symbol) == (2, BTC) else (100.0, 101.0, 99.0, 100.0)
                desk.add_bar(symbol, close_ns, *prices, 10.0, math.nan)
            desk.close(close_ns)
            assert desk.watch.features[BTC].stale == (index == 2)
            assert not desk.watch.features[ETH].stale
        assert desk.price(BTC) == 100.0
        rejected = journal.rows(Event)
    assert [(r.kind, r.symbol, r.ts_ns) for r in rejected] == [
        ("bar_rejected", BTC, GAP_NS + 2 * MINUTES_15)
    ]


def test_an_instrument_without_statistics_has_signals_of_zero_named_missing(
    tmp_path: Path, frames: Frames
) -> None:
    kept = {
        (kind, symbol): table
        for (kind, symbol), table in frames.items()
        if symbol != "SOLUSDT" or kind.startswith(("bars", "mark"))
    }
    # bars carry taker volume, which is a statistic of its own
    key = ("bars_15m", "SOLUSDT")
    kept[key] = kept[key].drop_columns(
        [name for name in ("taker_buy_volume",) if name in kept[key].column_names]
    )
    settings = eager(write_catalog(tmp_path / "catalog", kept), data={"derivatives": True})
    made = ToldRun(settings, "bare", long)
    rows = made.rows(DecisionRow)
    assert rows
    for row in rows:
        bare = json.loads(row.snapshot)["instruments"][SOL]
        assert bare["signals"] == dict.fromkeys(SIGNALS, 0.0)
        assert set(bare["missing_signals"]) == set(SIGNALS)
    assert {row.symbol for row in made.rows(Funding)} == {BTC}
    assert [row for row in made.rows(FillRow) if row.symbol == SOL]
    made.close()


def test_a_run_without_funding_and_statistics_settles_and_reads_none(short: Path) -> None:
    made = ToldRun(eager(short, data={"derivatives": False, "funding": False}), "bare", long)
    assert made.rows(Trade)
    assert not made.rows(Funding)
    bare = json.loads(made.rows(DecisionRow)[-1].snapshot)["instruments"][BTC]
    assert bare["signals"] == dict.fromkeys(SIGNALS, 0.0)
    made.close()


# -- the runs folder -------------------------------------------------------------------------------


@pytest.fixture
def runs(tmp_path: Path, short: Path) -> Path:
    """Return a folder of runs that holds one finished run."""
    settings = eager(short, run={"runs_dir": str(tmp_path / "runs"), "end": "2024-02-07"})
    run_backtest(settings, created_wall_ns=1)
    return tmp_path / "runs"


def folders(runs: Path) -> list[Path]:
    return [path for path in runs.iterdir() if path.is_dir()]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_finished_run_is_one_closed_journal(runs: Path) -> None:
    (folder,) = folders(runs)
    assert {path.name for path in folder.iterdir()} == {
        "config.json", "journal.db", "journal.db.lock",
    }  # fmt: skip
    with Journal.open(folder / "journal.db", run_id=folder.name) as journal:
        assert journal.count(Evaluation) == 97  # none has it open any more


@pytest.mark.parametrize("size", [100_000, 2_000_000], ids=["in the journal", "in the report"])
def test_a_full_disk_is_one_sentence_and_earlier_runs_stand(
    runs: Path, short: Path, size: int
) -> None:
    before = contents(runs)
    code, line = said(config(runs.parent, short), size_limit=size)
    assert code == 2
    assert line.startswith("ocw: ")
    assert "space" in line
    assert contents(runs) == before
    assert len(folders(runs)) == 1


def test_a_runs_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path, short: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    settings = eager(short, run={"runs_dir": str(tmp_path / "file" / "runs")})
    with pytest.raises(JournalError, match=r"run\.runs_dir: was .*; make it writable"):
        run_backtest(settings, created_wall_ns=1)
    assert (tmp_path / "file").read_text() == "in the way"


def test_two_runs_of_one_second_keep_both(tmp_path: Path, short: Path) -> None:
    settings = eager(short, run={"runs_dir": str(tmp_path / "runs"), "end": "2024-02-07"})
    while_at_work = []

    def another(_: Path) -> None:
        while_at_work.append(run_backtest(settings, created_wall_ns=1))

    first = run_backtest(settings, created_wall_ns=1, finish=another)
    made = [first, *while_at_work, run_backtest(settings, created_wall_ns=1)]
    assert len({run.run_id for run in made}) == 3
    assert {run.digest for run in made} == {first.digest}
    assert all((run.folder / "journal.db").is_file() for run in made)
    assert not list((tmp_path / "runs").glob(".*"))


SLOW = (
    "[gate]\nshock_z = 0.001\nbudget_usd_per_day = 1000.0\nreserved_calls = 0\n"
    "calls_per_day_ceiling = 96\ncalls_per_month_day_ceiling = 96\n"
)
"""A call at nearly every close: the run lasts until the signal comes."""


def started(path: Path) -> subprocess.Popen[str]:
    """Return a run from the command line once it has its journal."""
    process = subprocess.Popen(
        command(path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    while not list(path.parent.glob("runs/.*.partial/journal.db-wal")):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    return process


def test_a_killed_run_leaves_only_a_hidden_folder(runs: Path, short: Path) -> None:
    before = contents(runs)
    path = config(runs.parent, short, SLOW)
    process = started(path)
    process.kill()
    process.communicate()
    (partial,) = runs.glob(".*.partial")
    assert [row.run_id for row in list_runs(runs).rows] == [
        folder.name for folder in folders(runs) if folder != partial
    ]
    left = contents(partial)
    assert said(path)[0] == 0
    assert contents(partial) == left
    after = contents(runs)
    assert after.pop(LEDGER_FILE) > before.pop(LEDGER_FILE)  # the new run is counted in it
    assert {name: data for name, data in after.items() if name in before} == before
    assert len(list_runs(runs).rows) == 2


def test_an_interrupted_run_says_nothing_and_leaves_nothing(runs: Path, short: Path) -> None:
    before = contents(runs)
    process = started(config(runs.parent, short, SLOW))
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert contents(runs) == before
    assert not list(runs.glob(".*"))


def test_a_journal_of_a_newer_schema_is_refused_and_untouched(runs: Path) -> None:
    (folder,) = folders(runs)
    path = folder / "journal.db"
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    held = path.read_bytes()
    with pytest.raises(JournalError, match=f"versions 1 to {SCHEMA_VERSION}; update OCW"):
        Journal.read_only(path)
    with pytest.raises(JournalError, match=f"versions 1 to {SCHEMA_VERSION}; update OCW"):
        Journal.open(path, run_id=folder.name)
    assert path.read_bytes() == held
    assert [row.run_id for row in list_runs(runs).rows] == [folder.name]


def test_a_blown_account_is_one_sentence_and_its_run_is_removed(
    tmp_path: Path, frames: Frames
) -> None:
    wild = {
        key: gap_every_midnight(table, 3.0) if key[0].startswith("bars") else table
        for key, table in frames.items()
    }
    catalog = write_catalog(tmp_path / "catalog", wild)
    reckless = make_settings(
        catalog,
        run={"start": START, "end": END, "runs_dir": str(tmp_path / "runs")},
        risk={"max_position_fraction": 5.0, "max_gross_fraction": 5.0},
        gate=eager(catalog).gate.model_dump(mode="json"),
    )
    with pytest.raises(AccountBlownError, match=r"account equity: was .*; the venue liquidates at"):
        run_backtest(reckless, created_wall_ns=1)
    assert not list((tmp_path / "runs").iterdir())
