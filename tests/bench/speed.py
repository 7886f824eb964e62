"""What watching costs: a year of three instruments at 5 minutes, against a no-op strategy.

``python -m tests.bench.speed`` runs each variant in a process of its own, so that peak memory is
its own, over one sample market: ``noop`` subscribes to the same data in the same node and does
nothing, ``watch`` is OCW with the wake path off and regimes precomputed, ``full`` is a whole run
with its journal on disk. Times are processor time; ``year_s`` is wall time.

``ms_per_wake`` is what the wake itself takes: snapshot, indicators, rules, journal.
``ms_per_wake_in_all`` is all that ``full`` takes beyond ``watch``, by wake: also the orders and
every close at which a position is held. Ratios named ``year_over_quarter`` and
``one_minute_over_five`` (a quarter of each) say how the processor time of a whole run, its peak
memory and the overhead grow. Ends with one line of JSON.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from nautilus_trader.backtest.config import BacktestRunConfig
from nautilus_trader.common.config import ImportableActorConfig
from nautilus_trader.trading.config import ImportableStrategyConfig
from rich.console import Console
from rich.table import Table

from ocw_strategy.backtest.node import run_config, run_node
from ocw_strategy.catalog import hourly_closes, write_sample
from ocw_strategy.journal import DecisionRow, Evaluation, Journal
from ocw_strategy.regime import record_regimes
from ocw_strategy.settings import Settings, settings_from
from tests.bench.speed_parts import TimedActor

START = "2024-01-01"
WARM_DAYS = 57
VARIANTS = ("noop", "watch", "full")

type Figures = dict[str, Any]


class Case(NamedTuple):
    """A window of the sample market after its warm-up, and the minutes of a bar."""

    days: int
    minutes: int

    @property
    def bars(self) -> int:
        """Bars of all instruments, the warm-up's too."""
        return (WARM_DAYS + self.days) * 24 * 60 // self.minutes * 3


YEAR, QUARTER, QUARTER_1M = Case(365, 5), Case(91, 5), Case(91, 1)


def settings_for(catalog: Path, case: Case) -> Settings:
    start = date.fromisoformat(START) + timedelta(days=WARM_DAYS)
    return settings_from(
        {
            "run": {"start": str(start), "end": str(start + timedelta(days=case.days))},
            "data": {"catalog": str(catalog), "bar_minutes": case.minutes},
        }
    )


def engine_of(variant: str, settings: Settings) -> BacktestRunConfig:
    """Return the run's configuration with the variant's components in it."""
    config = run_config(settings, "bench", wake=variant == "full")
    actors = [
        ImportableActorConfig("tests.bench.speed_parts:TimedActor", each.config_path, each.config)
        for each in config.engine.actors
    ]
    engine = msgspec.structs.replace(config.engine, actors=actors)
    if variant == "noop":
        noop = ImportableStrategyConfig(
            strategy_path="tests.bench.speed_parts:Noop",
            config_path="tests.bench.speed_parts:NoopConfig",
            config={
                "instruments": list(settings.data.instruments),
                "minutes": settings.data.bar_minutes,
            },
        )
        engine = msgspec.structs.replace(engine, actors=[], strategies=[noop])
    return msgspec.structs.replace(config, engine=engine)


def measure(variant: str, catalog: Path, case: Case) -> Figures:
    """Run one variant in this process and return its figures."""
    settings = settings_for(catalog, case)
    regimes, refit_s = None, 0.0
    if variant == "watch":
        times, closes = hourly_closes(catalog, "BTCUSDT")
        began = time.process_time()
        regimes = record_regimes(times.tolist(), closes.tolist(), settings.regime)
        refit_s = (time.process_time() - began) / max(1, len(regimes.fits))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"
        journal = Journal.open(path, run_id="bench", power_safe=False)
        config = engine_of(variant, settings)
        wall, cpu = time.perf_counter(), time.process_time()
        run_node(config, regimes=regimes)
        figures = {
            "wall_s": time.perf_counter() - wall,
            "cpu_s": time.process_time() - cpu,
            "wake_s": TimedActor.wake_s,
            "refit_s": refit_s,
            "closes": journal.count(Evaluation),
            "wakes": journal.count(DecisionRow),
            "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        journal.close()
    return figures


def apart(variant: str, catalog: Path, case: Case) -> Figures:
    """Measure a variant in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.speed", "--child", variant, str(catalog)]
    command += ["--days", str(case.days), "--minutes", str(case.minutes)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    return found


def run_case(case: Case, console: Console) -> dict[str, Figures]:
    """Measure all variants over one sample market, and show them."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        catalog = Path(folder)
        with console.status(f"sample market at {case.minutes} minutes"):
            write_sample(
                catalog, seed=1, start=START, days=WARM_DAYS + case.days,
                base_minutes=case.minutes, edge=1.0,
            )  # fmt: skip
        for variant in VARIANTS:
            with console.status(variant):
                found[variant] = apart(variant, catalog, case)
    table = Table(title=f"{case.days} days at {case.minutes} minutes, three instruments (sample)")
    for name in ("variant", "processor s", "wall s", "peak MB"):
        table.add_column(name, justify="right")
    for variant, figures in found.items():
        numbers = (figures["cpu_s"], figures["wall_s"], figures["peak_rss_mb"])
        table.add_row(variant, *(f"{number:,.1f}" for number in numbers))
    console.print(table)
    return found


def summary(case: Case, found: dict[str, Figures]) -> dict[str, float]:
    """Return the figures of one case."""
    noop, watch, full = (found[variant] for variant in VARIANTS)
    wakes = max(1, full["wakes"])
    return {
        "overhead_ratio": watch["cpu_s"] / noop["cpu_s"],
        "ms_per_wake": 1e3 * full["wake_s"] / wakes,
        "ms_per_wake_in_all": 1e3 * (full["cpu_s"] - watch["cpu_s"]) / wakes,
        "refit_s": watch["refit_s"],
        "skipped_bar_us": 1e6 * (watch["cpu_s"] - noop["cpu_s"]) / case.bars,
        "year_s": full["wall_s"] * 365 / (WARM_DAYS + case.days),
        "bars_per_second": case.bars / full["wall_s"],
        "peak_rss_mb": full["peak_rss_mb"],
        "wakes": full["wakes"],
    }


def growth(before: dict[str, Figures], after: dict[str, Figures]) -> dict[str, float]:
    """Return by what processor time, peak memory and overhead of a whole run are multiplied."""

    def overhead(found: dict[str, Figures]) -> float:
        ratio: float = found["watch"]["cpu_s"] / found["noop"]["cpu_s"]
        return ratio

    return {
        "cpu": after["full"]["cpu_s"] / before["full"]["cpu_s"],
        "peak_rss": after["full"]["peak_rss_mb"] / before["full"]["peak_rss_mb"],
        "overhead_ratio": overhead(after) / overhead(before),
    }


def rounded(figures: dict[str, float]) -> dict[str, float]:
    """Return figures as they are shown."""
    return {name: round(value, 3) for name, value in figures.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--child", nargs=2, metavar=("VARIANT", "CATALOG"))
    parser.add_argument("--days", type=int, default=YEAR.days, help="of the longest window")
    parser.add_argument("--minutes", type=int, default=YEAR.minutes)
    parser.add_argument("--no-growth", action="store_true", help="measure the longest window only")
    options = parser.parse_args()
    case = Case(options.days, options.minutes)
    if options.child:
        variant, catalog = options.child
        print(json.dumps(measure(variant, Path(catalog), case)))
        return
    console = Console()
    found = run_case(case, console)
    result: dict[str, Any] = {"bench": "speed", **rounded(summary(case, found))}
    if not options.no_growth:
        quarter, finer = run_case(QUARTER, console), run_case(QUARTER_1M, console)
        result["year_over_quarter"] = rounded(growth(quarter, found))
        result["one_minute_over_five"] = rounded(growth(quarter, finer))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
