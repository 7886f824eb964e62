"""Does the gate earn its keep? Its wakes on real 15-minute bars, against what followed.

``python -m tests.bench.gate --data DIR --fit FROM:TO --test FROM:TO`` drives the very
`Watch` (feature book, regime, gate with all four layers, sampler and purse) that `OCWActor` runs,
with the settings of ``configs/backtest.toml``. The advisor's part is played by requests for the
next check drawn from 900-3,600 s after each wake, which the gate clamps. Windows are
[FROM, TO) in closes, UTC; before the test window the gate learns from `warmup_days` of history,
as a run does. The fit window serves only to recompute the fitted numbers and to say whether the
config's are those.

x of a close is the mean over the instruments of the absolute log return over the next 4 hours.
``lift`` is mean x at wakes over mean x of all closes, ``lift_within_month`` the same with each
month's mean x as its own yardstick. An episode begins at the first close of a run in the top 1 %
of x, at least 16 closes after the first close of the run before; ``recall`` counts those with a
wake at that close or in the next two. ``shock_recall`` is the share of closes at which some
instrument's absolute 15-minute return over its exponentially weighted volatility (half-life 96)
of the close before is in that instrument's top 0.5 %, that wake at that close. Intervals are 95 %
by resampling months; the random gate wakes as often, at closes drawn at random. The figures are
those of the config's seed; lift and recall of four more seeds of sampler and requests stand beside
them, the config's first.
"""

import argparse
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from ocw_strategy.gate import Gate, GateSettings, Verdict, Watch
from ocw_strategy.gate.calibration import fit_levels, fit_weights
from ocw_strategy.market.features import FeatureBook, FeatureSettings, SymbolFeatures
from ocw_strategy.regime import Regime, RegimeSettings, first_hour_ns, record_regimes
from ocw_strategy.settings import load_settings, parse_time_ns
from ocw_strategy.units import DAY_NS, HOUR_NS, MILLISECOND_NS, MINUTE_NS

type Floats = npt.NDArray[np.float64]
type Bools = npt.NDArray[np.bool_]

SYMBOLS = ("BTCUSDT-PERP", "ETHUSDT-PERP", "SOLUSDT-PERP")
BAR_MINUTES = 15
BAR_NS = BAR_MINUTES * MINUTE_NS
HORIZON = 16
RANDOM_SEEDS = 20
OTHER_SEEDS = 4
RESAMPLES = 2_000


@dataclass(frozen=True)
class Bars:
    """Closed bars of one instrument as columns; times are closes."""

    close_ns: npt.NDArray[np.int64]
    columns: npt.NDArray[np.float64]
    """Open, high, low, close, volume; shape (n, 5)."""


def read_bars(data: Path, symbol: str, interval: str) -> Bars:
    """Read the bars of an instrument from ``DIR/bars_<interval>`` or from DIR itself."""
    minutes = {"15m": 15, "1h": 60}[interval]
    name = f"{symbol.removesuffix('-PERP')}.parquet"
    folder = data / f"bars_{interval}"
    table = pq.read_table((folder if folder.is_dir() else data) / name)
    opened_ns = table.column("ts").to_numpy() * MILLISECOND_NS
    names = ("open", "high", "low", "close", "volume")
    columns = np.column_stack([table.column(name).to_numpy() for name in names])
    return Bars(opened_ns + minutes * MINUTE_NS, columns)


def within(bars: Bars, start_ns: int, end_ns: int) -> Bars:
    """Return the bars whose close is in [start, end)."""
    first, last = np.searchsorted(bars.close_ns, [start_ns, end_ns])
    return Bars(bars.close_ns[first:last], bars.columns[first:last])


def regimes(
    data: Path, bars: Mapping[str, Bars], settings: RegimeSettings, start_ns: int, end_ns: int
) -> Callable[[int], Regime]:
    """Return the regime known at each moment, from hourly closes as the actor reads them."""
    from_bars = bars[settings.symbol]
    hourly = from_bars.close_ns % HOUR_NS == 0
    closes = dict(
        zip(from_bars.close_ns[hourly].tolist(), from_bars.columns[hourly, 3].tolist(), strict=True)
    )
    if (data / "bars_1h").is_dir():
        hours = read_bars(data, settings.symbol, "1h")
        closes |= dict(zip(hours.close_ns.tolist(), hours.columns[:, 3].tolist(), strict=True))
    first_ns = first_hour_ns(settings, start_ns)
    times = sorted(t for t in closes if first_ns <= t < end_ns)
    return record_regimes(times, [closes[t] for t in times], settings).at


def stream(
    bars: Mapping[str, Bars], add_bar: Callable[..., bool], at_close: Callable[[int], None]
) -> None:
    """Feed bars close by close, every instrument's before the close is looked at."""
    moments = np.unique(np.concatenate([b.close_ns for b in bars.values()]))
    rows = {
        symbol: dict(zip(b.close_ns.tolist(), b.columns.tolist(), strict=True))
        for symbol, b in bars.items()
    }
    for now_ns in moments.tolist():
        for symbol, found in rows.items():
            row = found.get(now_ns)
            if row is not None:
                add_bar(symbol, now_ns, *row, math.nan)
        at_close(now_ns)


def watch_run(
    gate_settings: GateSettings,
    feature_settings: FeatureSettings,
    bars: Mapping[str, Bars],
    regime_at: Callable[[int], Regime],
    *,
    start_ns: int,
    round_trip_cost: float,
    seed: int,
) -> list[Verdict]:
    """Run the watch over the bars and return its verdicts from `start_ns` on."""
    book = FeatureBook(feature_settings, tuple(bars), BAR_MINUTES)
    gate = Gate(
        gate_settings,
        tuple(bars),
        np.random.default_rng((seed, 1)),
        round_trip_cost=round_trip_cost,
    )
    watch = Watch(book, gate, regime_at)
    requests = np.random.default_rng((seed, 900, 3600))
    verdicts: list[Verdict] = []

    def at_close(now_ns: int) -> None:
        if now_ns < start_ns:
            watch.observe(now_ns)
            return
        verdict = watch.decide(now_ns, metric=lambda symbol, name: math.nan)
        verdicts.append(verdict)
        if verdict.wake:
            gate.request(now_ns, int(requests.integers(900, 3601)), None)

    stream(bars, watch.add_bar, at_close)
    return verdicts


def features_of(
    settings: FeatureSettings, bars: Mapping[str, Bars], start_ns: int
) -> list[Mapping[str, SymbolFeatures]]:
    """Return the features of every close from `start_ns` on."""
    book = FeatureBook(settings, tuple(bars), BAR_MINUTES)
    found: list[Mapping[str, SymbolFeatures]] = []

    def at_close(now_ns: int) -> None:
        if now_ns >= start_ns:
            found.append(book.close(now_ns))

    stream(bars, book.add_bar, at_close)
    return found


@dataclass(frozen=True)
class Truth:
    """What followed each close of the test window, and what was sudden; arrays of shape (n,)."""

    close_ns: npt.NDArray[np.int64]
    x: Floats
    """NaN where the next 4 hours are not in the data."""
    episodes: npt.NDArray[np.intp]
    shock: Bools
    month: npt.NDArray[np.intp]
    """Months since 1970."""


def truth(bars: Mapping[str, Bars], start_ns: int, end_ns: int) -> Truth:
    """Judge the closes in [start, end) by the bars of all instruments, before and after."""
    common = np.array(sorted(set.intersection(*(set(b.close_ns.tolist()) for b in bars.values()))))
    logs = np.column_stack(
        [np.log(b.columns[np.isin(b.close_ns, common), 3]) for b in bars.values()]
    )
    ahead = np.full_like(logs, np.nan)
    ahead[:-HORIZON] = logs[HORIZON:] - logs[:-HORIZON]
    later = np.full(len(common), -1)
    later[:-HORIZON] = common[HORIZON:]
    ahead[later - common != HORIZON * BAR_NS] = np.nan
    x = np.abs(ahead).mean(axis=1)
    returns = np.diff(logs, axis=0, prepend=np.nan)
    scaled = np.abs(returns) / _ewm_volatility_before(returns)
    tested = (common >= start_ns) & (common < end_ns)
    close_ns, x, scaled = common[tested], x[tested], scaled[tested]
    months = close_ns.astype("datetime64[ns]").astype("datetime64[M]").astype(np.intp)
    shock = (scaled >= np.nanquantile(scaled, 0.995, axis=0)).any(axis=1)
    return Truth(close_ns, x, _episodes(x), shock, months)


def _ewm_volatility_before(returns: Floats) -> Floats:
    decay = 0.5 ** (1 / 96)
    total, weight = np.zeros(returns.shape[1]), 0.0
    found = np.full_like(returns, np.nan)
    for i, row in enumerate(returns):
        if weight:
            found[i] = np.sqrt(total / weight)
        if not np.isnan(row).any():
            total, weight = total * decay + row * row, weight * decay + 1.0
    return found


def _episodes(x: Floats) -> npt.NDArray[np.intp]:
    top = x >= np.nanquantile(x, 0.99)
    firsts = np.flatnonzero(top & ~np.append(False, top[:-1]))
    apart = np.diff(firsts, prepend=firsts[0] - HORIZON) >= HORIZON
    return firsts[apart]


def lift(x: Floats, woke: Bools) -> float:
    known = ~np.isnan(x)
    return float(x[known & woke].mean() / x[known].mean())


def recall(episodes: npt.NDArray[np.intp], woke: Bools) -> float:
    return float(_caught(episodes, woke).mean())


def _caught(episodes: npt.NDArray[np.intp], woke: Bools) -> Bools:
    padded = np.append(woke, [False, False])
    return padded[episodes] | padded[episodes + 1] | padded[episodes + 2]


def figures(true: Truth, woke: Bools) -> dict[str, Any]:
    """Return every figure of a gate that woke at these closes."""
    x, known = true.x, ~np.isnan(true.x)
    _, month = np.unique(true.month, return_inverse=True)
    _, day = np.unique(true.close_ns // DAY_NS, return_inverse=True)
    per_month = DAY_NS / BAR_NS * np.bincount(month, woke) / np.bincount(month)
    mean_x = np.bincount(month[known], x[known]) / np.bincount(month[known])
    woken = known & woke
    caught = _caught(true.episodes, woke)
    rng = np.random.default_rng(0)
    sums = np.column_stack(
        [
            np.bincount(month[woken], x[woken], minlength=len(mean_x)),
            np.bincount(month[woken], minlength=len(mean_x)),
            np.bincount(month[known], x[known]),
            np.bincount(month[known]),
            np.bincount(month[true.episodes], caught, minlength=len(mean_x)),
            np.bincount(month[true.episodes], minlength=len(mean_x)),
        ]
    )
    drawn = sums[rng.integers(len(sums), size=(RESAMPLES, len(sums)))].sum(axis=1)
    drawn = drawn[drawn[:, 1] > 0]
    lifts = drawn[:, 0] / drawn[:, 1] / (drawn[:, 2] / drawn[:, 3])
    recalls = drawn[drawn[:, 5] > 0, 4] / drawn[drawn[:, 5] > 0, 5]
    return {
        "wakes_per_day": float(woke.mean() * DAY_NS / BAR_NS),
        "max_day": int(np.bincount(day, woke).max()),
        "max_month": float(per_month.max()),
        "min_month": float(per_month.min()),
        "skip_rate": float(1 - woke.mean()),
        "lift": lift(x, woke),
        "lift_ci": [round(float(q), 3) for q in np.quantile(lifts, [0.025, 0.975])],
        "lift_within_month": float(x[woken].sum() / mean_x[month[woken]].sum()),
        "recall": recall(true.episodes, woke),
        "recall_ci": [round(float(q), 3) for q in np.quantile(recalls, [0.025, 0.975])],
        "shock_recall": float(woke[true.shock].mean()),
        "episodes": len(true.episodes),
    }


def random_figures(true: Truth, wakes: int) -> dict[str, float]:
    """Return mean lift and recall of gates that wake as often, at random."""
    lifts, recalls = [], []
    for seed in range(RANDOM_SEEDS):
        woke = np.zeros(len(true.x), bool)
        woke[np.random.default_rng(seed).choice(len(woke), wakes, replace=False)] = True
        lifts.append(lift(true.x, woke))
        recalls.append(recall(true.episodes, woke))
    return {"random_lift": float(np.mean(lifts)), "random_recall": float(np.mean(recalls))}


def fitted(bars: Mapping[str, Bars], window: tuple[int, int]) -> dict[str, float]:
    """Return the numbers that `calibrate` fits on a window, by field name."""
    start_ns, end_ns = window
    past = {symbol: within(found, 0, end_ns) for symbol, found in bars.items()}
    settings = fit_weights(features_of(FeatureSettings(), past, start_ns), FeatureSettings())
    levels = fit_levels(features_of(settings, past, start_ns))
    return {
        "hour_weight": settings.hour_weight,
        "day_weight": settings.day_weight,
        "week_weight": settings.week_weight,
        **levels,
    }


def show(console: Console, found: Mapping[str, object], by_reason: Mapping[str, int]) -> None:
    table = Table(title=f"Gate, {found['test']}", title_justify="left", min_width=60)
    table.add_column("figure")
    table.add_column("gate", justify="right")
    table.add_column("random", justify="right")
    rows = (
        ("wakes a day", "wakes_per_day", ""),
        ("most in a day", "max_day", ""),
        ("most a day in a month", "max_month", ""),
        ("least a day in a month", "min_month", ""),
        ("closes skipped", "skip_rate", ""),
        ("lift", "lift", "random_lift"),
        ("  95 % by months", "lift_ci", ""),
        ("  with other seeds", "lift_of_seeds", ""),
        ("  within months", "lift_within_month", ""),
        ("recall of episodes", "recall", "random_recall"),
        ("  95 % by months", "recall_ci", ""),
        ("  with other seeds", "recall_of_seeds", ""),
        ("recall of shocks", "shock_recall", ""),
    )
    for label, key, beside in rows:
        table.add_row(label, _text(found[key]), _text(found[beside]) if beside else "")
    console.print(table)
    console.print(", ".join(f"{name} {count}" for name, count in by_reason.items()))


def _text(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def parse_window(text: str) -> tuple[int, int]:
    start, end = text.split(":")
    return parse_time_ns(start), parse_time_ns(end)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gate")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds bars_15m")
    parser.add_argument("--fit", default="2023-01-01:2024-01-01", help="FROM:TO of the fit")
    parser.add_argument("--test", default="2024-01-01:2025-07-01", help="FROM:TO of the test")
    parser.add_argument("--config", type=Path, default=Path("configs/backtest.toml"))
    arguments = parser.parse_args()
    began = time.perf_counter()
    console = Console()
    settings = load_settings(arguments.config)
    start_ns, end_ns = parse_window(arguments.test)
    bars = {symbol: read_bars(arguments.data, symbol, "15m") for symbol in SYMBOLS}

    numbers = fitted(bars, parse_window(arguments.fit))
    configured = {**settings.features.model_dump(), **settings.gate.model_dump()}
    differing = [name for name, value in numbers.items() if configured[name] != value]
    console.print(f"fitted on {arguments.fit}: {numbers}")
    if differing:
        console.print(f"the config has other numbers for {', '.join(differing)}")

    warm_ns = start_ns - settings.run.warmup_days * DAY_NS
    used = {symbol: within(found, warm_ns, end_ns) for symbol, found in bars.items()}
    regime_at = regimes(arguments.data, bars, settings.regime, warm_ns, end_ns)
    true = truth(bars, start_ns, end_ns)

    def run(seed: int) -> tuple[list[Verdict], Bools]:
        verdicts = watch_run(
            settings.gate,
            settings.features,
            used,
            regime_at,
            start_ns=start_ns,
            round_trip_cost=settings.costs.order.round_trip,
            seed=seed,
        )
        return verdicts, np.isin(true.close_ns, [v.now_ns for v in verdicts if v.wake])

    verdicts, woke = run(settings.run.seed)
    others = [run(settings.run.seed + other)[1] for other in range(1, OTHER_SEEDS + 1)]
    counts = Counter(("wake:" if v.wake else "skip:") + v.counted_as for v in verdicts)
    found = {
        "bench": "gate",
        **figures(true, woke),
        **random_figures(true, int(woke.sum())),
        "lift_of_seeds": [round(lift(true.x, w), 3) for w in (woke, *others)],
        "recall_of_seeds": [round(recall(true.episodes, w), 3) for w in (woke, *others)],
        "by_reason": dict(counts.most_common()),
        "fit": arguments.fit,
        "fit_is_config": not differing,
        "test": arguments.test,
        "seconds": time.perf_counter() - began,
    }
    show(console, found, found["by_reason"])
    rounded = {k: round(v, 4) if isinstance(v, float) else v for k, v in found.items()}
    print(json.dumps(rounded))


if __name__ == "__main__":
    main()
