"""How quickly the dashboard answers at the end of a simulated month, while a node goes on writing.

``python -m tests.bench.dashboard`` runs a month of the sample market (SYNTHETIC, 5-minute bars, the
rules advisor) into a journal, or takes one with ``--journal``; serves it with `ocw dashboard` in a
process of its own; and asks it over HTTP. A row is committed to the journal before every request,
so no answer is one that was kept. Beside it the time of the answer "nothing has changed" (304).
Times are of the client, milliseconds. Ends with one line of JSON.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path
from statistics import median, quantiles

from rich.console import Console
from rich.table import Table

from ocw_strategy.backtest import run_backtest
from ocw_strategy.catalog import write_sample
from ocw_strategy.journal import RECORDS, Equity, Journal
from ocw_strategy.journals import JOURNAL_FILE
from ocw_strategy.settings import load_settings
from ocw_strategy.units import MINUTE_NS

PATHS = (
    "/", "/api/overview", "/api/equity?days=30", "/api/equity?days=0", "/api/decisions?limit=20",
    "/api/decisions/last", "/api/trades", "/api/events", "/metrics",
)  # fmt: skip
CONFIG = Path(__file__).parents[2] / "configs" / "demo-backtest.toml"


SAMPLE_START, RUN_START = date(2024, 1, 1), date(2024, 4, 5)  # the regime needs the days between
MONTH_DAYS = 30


def traded(folder: Path, months: int = 1) -> Path:
    """Return the journal of months of trading on the sample market."""
    catalog = folder / "catalog"
    end = RUN_START + timedelta(days=months * MONTH_DAYS)
    write_sample(
        catalog,
        seed=1,
        start=SAMPLE_START.isoformat(),
        days=(end - SAMPLE_START).days + 5,
        base_minutes=5,
        edge=1.0,
    )
    settings = load_settings(
        CONFIG,
        {
            "data.catalog": str(catalog),
            "run.runs_dir": str(folder),
            "run.start": RUN_START.isoformat(),
            "run.end": end.isoformat(),
        },
    )
    return run_backtest(settings, created_wall_ns=time.time_ns()).folder / JOURNAL_FILE


def ask(url: str, headers: dict[str, str] | None = None) -> tuple[float, int, str]:
    """Return how long an answer took, milliseconds, its status and its tag."""
    began = time.perf_counter()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {})) as answer:
            answer.read()
            status, tag = answer.status, answer.headers.get("ETag", "")
    except urllib.error.HTTPError as error:
        status, tag = error.code, ""
    return (time.perf_counter() - began) * 1000, status, tag


def p95(times: Sequence[float]) -> float:
    return quantiles(times, n=20, method="inclusive")[-1]


def measured(url: str, count: int, commit: Callable[[], None]) -> dict[str, list[float]]:
    """Return the times of every path, and of answers that nothing has changed."""
    found: dict[str, list[float]] = {}
    for path in PATHS:
        times = found[path] = []
        for _ in range(count):
            commit()
            taken, status, tag = ask(url + path)
            if status != 200:
                raise SystemExit(f"{path} answered {status}")
            times.append(taken)
    _, _, tag = ask(f"{url}/api/overview")
    same = [ask(f"{url}/api/overview", {"If-None-Match": tag}) for _ in range(count)]
    if {status for _, status, _ in same} != {304}:
        raise SystemExit("what had not changed was sent again")
    found["/api/overview, unchanged"] = [taken for taken, _, _ in same]
    return found


def resident_mb(pid: int) -> float | None:
    """Return the memory of a process, where the system tells."""
    status = Path(f"/proc/{pid}/status")
    found = re.search(r"VmRSS:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found[1]) / 1024 if found else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--journal", type=Path, help="a finished journal in place of the month")
    parser.add_argument("--requests", type=int, default=60, help="requests of each path")
    options = parser.parse_args()
    console = Console(stderr=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with console.status("journal"):
            made = options.journal or traded(folder)
            path = Path(shutil.copy(made, folder / "node.db"))
        with Journal.read_only(path) as reader:
            run_id = reader.meta()["run_id"]
            rows = sum(reader.count(record) for record in RECORDS)
            last = reader.rows(Equity, order="ts_ns DESC", limit=1)[0]
        size = path.stat().st_size
        writer = Journal.open(path, run_id=run_id, power_safe=False)
        stack.callback(writer.close)
        clock = iter(range(last.ts_ns + MINUTE_NS, 2**62, MINUTE_NS))
        command = [sys.executable, "-m", "ocw_strategy.cli", "dashboard", str(path), "--port", "0"]
        quiet = {key: value for key, value in os.environ.items() if key != "OCW_DASHBOARD_TOKEN"}
        process = stack.enter_context(
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=quiet)
        )
        stack.callback(process.terminate)
        assert process.stdout is not None
        url = re.search(r"http://[^/]+", process.stdout.readline())
        assert url, "it did not say where it serves"
        with console.status("requests"):
            times = measured(
                url[0],
                options.requests,
                lambda: writer.append_durably(Equity(next(clock), last.equity, last.balance)),
            )
        memory = resident_mb(process.pid)
    table = Table("path", "median ms", "p95 ms", title=f"{rows:,} rows, {size / 1e6:.1f} MB")
    for name, each in times.items():
        table.add_row(name, f"{median(each):.1f}", f"{p95(each):.1f}")
    console.print(table)
    result = {
        "rows": rows,
        "journal_mb": round(size / 1e6, 1),
        "p95_ms": {name: round(p95(each), 1) for name, each in times.items()},
        "worst_p95_ms": round(max(map(p95, times.values())), 1),
        "resident_mb": None if memory is None else round(memory),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
