"""What watching costs: a year of three instruments at 5 minutes, against a no-op strategy.

``python -m tests.bench.speed`` runs each variant in a process of its own, so that peak memory is
its own, over one sample market: ``noop`` subscribes to the same data in the same node and does
nothing, ``watch`` is OCW with the wake path off and regimes precomputed, ``full`` is a whole run.
Times are processor time; ``year_s`` is wall time. Ends with one line of JSON.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
from nautilus_trader.model.data import Bar, DataType
from nautilus_trader.trading.config import ImportableStrategyConfig, StrategyConfig
from nautilus_trader.trading.strategy import Strategy
from rich.console import Console
from rich.table import Table

from ocw_strategy.backtest.node import run_config, run_node
from ocw_strategy.catalog import (
    OcwDerivatives,
    OcwFundingRate,
    OcwTakerFlow,
    hourly_closes,
    write_sample,
)
from ocw_strategy.engine import bar_type
from ocw_strategy.journal import DecisionRow, Evaluation, Journal
from ocw_strategy.messages import OCW_CLIENT
from ocw_strategy.regime import record_regimes
from ocw_strategy.settings import Settings, settings_from

START = "2024-01-01"
WARM_DAYS = 57
VARIANTS = ("noop", "watch", "full")


class NoopConfig(StrategyConfig, frozen=True):
    instruments: tuple[str, ...]
    minutes: int


class Noop(Strategy):
    """Subscribes to what OCW subscribes to, and does nothing with it."""

    def __init__(self, config: NoopConfig) -> None:
        super().__init__(config)
        self.seen = 0

    def on_start(self) -> None:
        for cls in (OcwDerivatives, OcwTakerFlow, OcwFundingRate):
            self.subscribe_data(DataType(cls), client_id=OCW_CLIENT)
        for symbol in self.config.instruments:
            self.subscribe_bars(bar_type(symbol, self.config.minutes))

    def on_bar(self, bar: Bar) -> None:
        self.seen += 1

    def on_data(self, data: Any) -> None:
        self.seen += 1


def settings_for(catalog: Path, days: int) -> Settings:
    return settings_from(
        {
            "run": {
                "start": "2024-02-27",  # WARM_DAYS after START
                "end": time.strftime("%Y-%m-%d", time.gmtime(1_704_067_200 + days * 86_400)),
            },
            "data": {"catalog": str(catalog), "bar_minutes": 5},
        }
    )


def measure(variant: str, catalog: Path, days: int) -> dict[str, Any]:
    """Run one variant in this process and return its figures."""
    settings = settings_for(catalog, days)
    times, closes = hourly_closes(catalog, "BTCUSDT")
    began = time.process_time()
    regimes = record_regimes(times.tolist(), closes.tolist(), settings.regime)
    refit_s = (time.process_time() - began) / max(1, len(regimes.fits))
    journal = Journal.open(":memory:", run_id="bench", power_safe=False)
    config = run_config(settings, "bench", wake=variant == "full")
    if variant == "noop":
        noop = ImportableStrategyConfig(
            strategy_path="tests.bench.speed:Noop",
            config_path="tests.bench.speed:NoopConfig",
            config={"instruments": list(settings.data.instruments), "minutes": 5},
        )
        engine = msgspec.structs.replace(config.engine, actors=[], strategies=[noop])
        config = type(config)(
            engine=engine, venues=config.venues, data=config.data, chunk_size=config.chunk_size,
            raise_exception=True, dispose_on_completion=False,
        )  # fmt: skip
    wall, cpu = time.perf_counter(), time.process_time()
    run_node(config, regimes=regimes if variant == "watch" else None)
    figures = {
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "refit_s": refit_s,
        "closes": journal.count(Evaluation),
        "wakes": journal.count(DecisionRow),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    journal.close()
    return figures


def apart(variant: str, catalog: Path, days: int) -> dict[str, Any]:
    """Measure a variant in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.speed", "--child", variant, str(catalog)]
    done = subprocess.run(
        [*command, "--days", str(days)], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--child", nargs=2, metavar=("VARIANT", "CATALOG"))
    parser.add_argument("--days", type=int, default=365 + WARM_DAYS)
    options = parser.parse_args()
    if options.child:
        variant, catalog = options.child
        print(json.dumps(measure(variant, Path(catalog), options.days)))
        return
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        catalog = Path(folder)
        with console.status("sample market"):
            write_sample(catalog, seed=1, start=START, days=options.days, base_minutes=5, edge=1.0)
        found = {}
        for variant in VARIANTS:
            with console.status(variant):
                found[variant] = apart(variant, catalog, options.days)
    table = Table(title="A year at 5 minutes, three instruments (sample market)")
    for name in ("variant", "processor s", "wall s", "peak MB"):
        table.add_column(name, justify="right")
    for variant, figures in found.items():
        numbers = (figures["cpu_s"], figures["wall_s"], figures["peak_rss_mb"])
        table.add_row(variant, *(f"{number:,.1f}" for number in numbers))
    console.print(table)
    noop, watch, full = (found[variant] for variant in VARIANTS)
    bars = options.days * 288 * 3
    wakes = max(1, full["wakes"])
    result = {
        "bench": "speed",
        "overhead_ratio": watch["cpu_s"] / noop["cpu_s"],
        "ms_per_wake": 1e3 * (full["cpu_s"] - watch["cpu_s"]) / wakes,
        "refit_s": watch["refit_s"],
        "skipped_bar_us": 1e6 * (watch["cpu_s"] - noop["cpu_s"]) / bars,
        "year_s": full["wall_s"] * 365 / options.days,
        "bars_per_second": bars / full["wall_s"],
        "peak_rss_mb": full["peak_rss_mb"],
        "wakes": wakes,
    }
    print(json.dumps({k: round(v, 3) if isinstance(v, float) else v for k, v in result.items()}))


if __name__ == "__main__":
    main()
