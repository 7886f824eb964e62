"""Does the filtered regime recover the true one of the sample market, and what does a refit cost?

``python -m tests.bench.regime --seeds 20``: for each seed a sample market of `--days` days, the
online model with its default settings over BTC's hourly closes, and the adjusted Rand index between
its names and the true regimes of the hours that closed, from the first fit on. A name is compared
with the hour that has just ended, so the lag of the filter counts against it. ``refit_s`` is the
processor time of one refit on a full window (median). With ``--data`` the names are also counted
on real hours. The last line is JSON.
"""

import argparse
import json
import statistics
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table
from sklearn.metrics import adjusted_rand_score

from ocw_strategy.catalog.sample import sample_market
from ocw_strategy.regime import UNKNOWN, RegimeSettings, VolatilityRegimeModel, record_regimes
from ocw_strategy.units import HOUR_NS, MILLISECOND_NS

START_NS = 1_672_531_200_000_000_000  # 2023-01-01


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20, help="sample markets")
    parser.add_argument("--days", type=int, default=540, help="length of each")
    parser.add_argument("--data", type=Path, help="folder of real frames, to describe its names")
    options = parser.parse_args()
    settings = RegimeSettings()
    table = Table(
        "seed", "adjusted Rand index", "unknown", "states by refit", title="sample market"
    )
    scores, refits = [], []
    for seed in range(options.seeds):
        market = sample_market(seed, START_NS, options.days, 15)
        close_ns, close = hours(market.frames["bars_1h", "BTCUSDT"])
        record = record_regimes(close_ns, close, settings)
        first_fit_ns = next(fit.boundary_ns for fit in record.fits if fit.states)
        judged = [i for i, now_ns in enumerate(close_ns) if now_ns >= first_fit_ns]
        names = [record.at(close_ns[i]).volatility for i in judged]
        truth = market.regimes["index"].to_numpy()[judged]
        scores.append(float(adjusted_rand_score(truth, names)))
        refits.append(refit_seconds(settings, close_ns, close))
        states = " ".join(str(fit.states) for fit in record.fits if fit.states)
        unknown = names.count(UNKNOWN) / len(names)
        table.add_row(str(seed), f"{scores[-1]:.3f}", f"{unknown:.1%}", states)
    Console().print(table)
    if options.data:
        describe(settings, *hours(pq.read_table(options.data / "bars_1h" / "BTCUSDT.parquet")))
    figures = {
        "bench": "regime",
        "seeds": options.seeds,
        "days": options.days,
        "ari_median": round(statistics.median(scores), 3),
        "ari": [round(score, 3) for score in scores],
        "refit_s": round(statistics.median(refits), 3),
    }
    print(json.dumps(figures))


def hours(bars: pa.Table) -> tuple[list[int], list[float]]:
    """END of each hourly bar, UNIX nanoseconds, and its close."""
    close_ns = bars["ts"].to_numpy().astype(np.int64) * MILLISECOND_NS + HOUR_NS
    return close_ns.tolist(), bars["close"].to_pylist()


def describe(settings: RegimeSettings, close_ns: list[int], close: list[float]) -> None:
    """Print how real time is shared among the names and how volatile the day after each was."""
    record = record_regimes(close_ns, close, settings)
    first_fit_ns = next(fit.boundary_ns for fit in record.fits if fit.states)
    known = [i for i, now_ns in enumerate(close_ns[:-24]) if now_ns >= first_fit_ns]
    names = [record.at(close_ns[i]).volatility for i in known]
    squares = np.concatenate(([0.0], np.cumsum(np.diff(np.log(close)) ** 2)))
    table = Table("name", "share", "volatility of the next 24 h", title="real BTC")
    for name in [band.name for band in settings.bands] + [UNKNOWN]:
        at_name = np.array([i for i, own in zip(known, names, strict=True) if own == name])
        if len(at_name):
            variance = np.mean(squares[at_name + 24] - squares[at_name]) * 365
            table.add_row(name, f"{len(at_name) / len(known):.1%}", f"{np.sqrt(variance):.2f}")
    Console().print(table)
    years = len(known) / (365 * 24)
    switches = sum(before != after for before, after in pairwise(names))
    print(
        f"{years:.2f} years: {switches / years:.0f} switches a year, mean stay "
        f"{years * 365 / (switches + 1):.1f} days, "
        f"states by refit {[fit.states for fit in record.fits if fit.states]}"
    )


def refit_seconds(settings: RegimeSettings, close_ns: list[int], close: list[float]) -> float:
    """Processor time of the last refit: a model restored from its state fits once."""
    model, other = VolatilityRegimeModel(settings), VolatilityRegimeModel(settings)
    other.warm(zip(close_ns, close, strict=True))
    state = other.state()
    started = time.process_time()
    model.restore(state)
    return time.process_time() - started


if __name__ == "__main__":
    main()
