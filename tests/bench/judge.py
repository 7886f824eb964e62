"""How often the judge lets a worthless strategy pass, and how often it finds a good one.

``python -m tests.bench.judge`` passes judgement on worlds whose truth is known. The judge is
`ocw_strategy.backtest.judge`, the one that stands in a walk-forward's report.

Source. The engine runs a grid of six variants (entry score by longest holding time) over a sample
market without any edge (synthetic, ``edge=0``) and leaves, for each variant and day, the return and
what fees and slippage took of it; and the return of holding all in equal weight.

Noise worlds. The source's days are put together anew by the stationary bootstrap, the same days for
all variants and the market, so that spells of volatility and the likeness of the variants stay.
Returns before costs are demeaned over the source, costs are kept: no variant has an edge, and each
loses its costs on average. Holding is demeaned too.

Planted worlds. The same, with a constant a day added so that the true Sharpe ratio after costs,
annualised on 365 days, is as stated: in every variant (a grid around one idea), or in one variant
only, the others without an edge (a needle). Holding stays without drift.

Walk. Every world has 901 days and is walked like the real data: 180 days to choose the variant with
the best Sharpe ratio, a day of purge, 90 days out of sample, eight times; what came out of sample
is stitched and judged with the grid and its six trials. Not simulated here: the pre-screen and the
fit of the gate. Bandit and gate learn inside the source's runs, at default settings.

Engine worlds. Against the doubt that bootstrapped returns are too kind, whole markets are made and
the engine runs the grid over each: without an edge, and with the sample market's own edge. They are
shorter (`--engine-days`, walked 90/1/60) and few. Fast worlds of that very length, at the Sharpe
ratio the engine's variants had on average, stand beside them: their pass rates must agree within
what so few can tell.
"""

import argparse
import json
import math
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.stats import beta, binom

from ocw_strategy.backtest.intervals import block_days, resampled_days, sharpes
from ocw_strategy.backtest.judge import judge
from ocw_strategy.backtest.outcome import RunOutcome, run_outcome, with_values
from ocw_strategy.backtest.significance import daily_sharpe
from ocw_strategy.backtest.statistics import Values, daily_returns
from ocw_strategy.catalog import write_sample
from ocw_strategy.hold import hold_values
from ocw_strategy.settings import Settings, settings_from
from ocw_strategy.units import DAY_NS, DAYS_PER_YEAR

GRID = [
    {"advisor.rules.entry_score": score, "risk.exits.max_hold_hours": hours}
    for score, hours in product((0.25, 0.35, 0.45), (24.0, 48.0))
]
FIRST_DAY = "2023-01-01"
WARM_UP_DAYS = 91
YEAR = math.sqrt(DAYS_PER_YEAR)
SHARPES = (1.0, 1.5, 2.2, 3.0)


@dataclass(frozen=True, slots=True)
class Walk:
    """How a world is walked, in days."""

    learn: int = 180
    purge: int = 1
    test: int = 90
    windows: int = 8

    @property
    def days(self) -> int:
        return self.learn + self.purge + self.test * self.windows

    def out_of_sample(self, world: Values) -> Values:
        """Return the stitched returns of the variant that led in each window, shape (n,)."""
        pieces = []
        for window in range(self.windows):
            start = window * self.test
            end = start + self.learn
            best = int(np.argmax(sharpes(world[:, start:end])))
            first = end + self.purge
            pieces.append(world[best, first : first + self.test])
        return np.concatenate(pieces)


@dataclass(frozen=True, slots=True)
class Source:
    """What the engine left: daily figures of every variant, and of holding."""

    returns: Values
    """Shape (variants, days), after costs."""
    costs: Values
    """The same shape: fees and slippage, fractions of equity, positive."""
    market: Values

    @property
    def block(self) -> int:
        """The mean run length: the longest that any variant or the market asks for."""
        return max(block_days(row) for row in (*self.returns, self.market))

    def world(
        self, days: int, rng: np.random.Generator, sharpe: float | None, *, needle: bool = False
    ) -> tuple[Values, Values]:
        """Return the daily returns of a made-up world: the variants', and of holding.

        Parameters
        ----------
        days : int
        rng : numpy.random.Generator
        sharpe : float or None
            True Sharpe ratio a year after costs; None plants nothing and keeps the costs.
        needle : bool
            Whether only one variant has it.
        """
        count = self.returns.shape[1]
        gross = self.returns + self.costs
        gross = gross - gross.mean(axis=1, keepdims=True)
        net = gross - self.costs
        if sharpe is not None:
            drift = sharpe / YEAR * net.std(axis=1) - net.mean(axis=1)
            if needle:
                drift[np.arange(len(net)) != int(rng.integers(len(net)))] = 0.0
            net = net + drift[:, None]
        # a world may be longer than the source: as many resampled records as it takes
        drawn = resampled_days(count, self.block, -(-days // count), rng).ravel()[:days]
        return net[:, drawn], (self.market - self.market.mean())[drawn]


def passes(world: Values, market: Values, walk: Walk, rng: np.random.Generator) -> dict[str, bool]:
    """Return every check of the judge, and ``passed``."""
    first = walk.learn + walk.purge
    verdict = judge(
        walk.out_of_sample(world),
        grid={str(number): row for number, row in enumerate(world)},
        markets={"holding": market[first : first + walk.test * walk.windows]},
        trials=len(world),
        trial_sharpes=[daily_sharpe(row) or 0.0 for row in world],
        rng=rng,
    )
    return {"passed": verdict.passed, **{check.name: check.passed for check in verdict.checks}}


# -- the source and the engine's worlds ------------------------------------------------------------


def settings_of(catalog: Path, days: int) -> Settings:
    start = date.fromisoformat(FIRST_DAY) + timedelta(WARM_UP_DAYS)
    window = {"start": str(start), "end": str(start + timedelta(days))}
    return settings_from({"run": window, "data": {"catalog": str(catalog)}})


def costs_of(outcome: RunOutcome, days: int) -> Values:
    """Return what fees and slippage took of each day's equity."""
    run = outcome.data
    found = np.zeros(days)
    for fill in run.fills:
        intent = run.intents[fill.client_order_id]
        reference = float(intent.trigger_price or intent.reference_price)
        signed = float(fill.quantity) * (1 if fill.side == "BUY" else -1)
        lost = float(fill.commission_usd) + signed * (float(fill.price) - reference)
        day = min(days - 1, (fill.ts_ns - run.settings.run.start_ns - 1) // DAY_NS)
        found[day] += lost / run.equity[np.searchsorted(run.ts_ns, fill.ts_ns) - 1]
    return found


def engine_source(task: tuple[int, int, float, int]) -> Source:
    """Run the grid over one sample market: seed, days, edge, how many variants."""
    seed, days, edge, variants = task
    with tempfile.TemporaryDirectory(prefix="ocw-judge-") as folder:
        catalog = Path(folder) / "catalog"
        write_sample(
            catalog, seed=seed, start=FIRST_DAY, days=days + WARM_UP_DAYS, base_minutes=15,
            edge=edge,
        )  # fmt: skip
        settings = settings_of(catalog, days)
        rows, costs = [], []
        for point in GRID[:: len(GRID) // variants]:
            outcome = run_outcome(with_values(settings, point))
            rows.append(daily_returns(outcome.ts_ns, outcome.equity).to_numpy()[:days])
            costs.append(costs_of(outcome, days))
        run = outcome.data
        held = hold_values(run.prices, float(run.equity[0]), settings.costs.taker_fee)
        market = daily_returns(run.ts_ns, held).to_numpy()[:days]
    return Source(np.array(rows), np.array(costs), market)


# -- many worlds -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Batch:
    """Worlds of one kind, numbered from `first`."""

    source: Source
    walk: Walk
    first: int
    count: int
    sharpe: float | None = None
    needle: bool = False


def judge_batch(batch: Batch) -> list[dict[str, bool]]:
    found = []
    kind = 0 if batch.sharpe is None else int(100 * batch.sharpe) + batch.needle
    for number in range(batch.first, batch.first + batch.count):
        rng = np.random.default_rng((kind, number))
        world, market = batch.source.world(batch.walk.days, rng, batch.sharpe, needle=batch.needle)
        found.append(passes(world, market, batch.walk, rng))
    return found


type Mapper = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


def judged(
    mapper: Mapper, source: Source, walk: Walk, worlds: int, sharpe: float | None, *,
    needle: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Return pass rates over worlds of one kind."""
    batches = [
        Batch(source, walk, first, min(25, worlds - first), sharpe, needle)
        for first in range(0, worlds, 25)
    ]
    rows = [row for batch in mapper(judge_batch, batches) for row in batch]
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        for name, ok in row.items():
            counts[name] += ok
    passed = counts.pop("passed")
    return {
        "sharpe": sharpe,
        "planted": "none" if sharpe is None else "one variant" if needle else "all variants",
        "worlds": worlds,
        "passed": passed,
        "rate": round(passed / worlds, 4),
        "upper_95": round(upper_bound(passed, worlds), 4),
        "by_check": {name: round(count / worlds, 3) for name, count in counts.items()},
    }


def upper_bound(passed: int, worlds: int) -> float:
    """Return the one-sided 95 % upper bound of a rate (Clopper and Pearson)."""
    return 1.0 if passed == worlds else float(beta.ppf(0.95, passed + 1, worlds - passed))


def engine_worlds(
    mapper: Mapper, walk: Walk, worlds: int, edge: float, fast_worlds: int
) -> dict[str, Any]:
    """Return what the judge says of whole markets, beside fast worlds made of the same."""
    tasks = [(1_000 + seed, walk.days, edge, 3) for seed in range(worlds)]
    sources = list(mapper(engine_source, tasks))
    passed = sum(
        passes(each.returns, each.market, walk, np.random.default_rng(number))["passed"]
        for number, each in enumerate(sources)
    )
    joined = Source(
        np.concatenate([each.returns for each in sources], axis=1),
        np.concatenate([each.costs for each in sources], axis=1),
        np.concatenate([each.market for each in sources]),
    )
    true = float(sharpes(joined.returns).mean())
    fast = judged(mapper, joined, walk, fast_worlds, true if edge else None)
    rate = (fast["passed"] + 0.5) / (fast_worlds + 1)
    tail = min(binom.cdf(passed, worlds, rate), binom.sf(passed - 1, worlds, rate))
    return {
        "edge": edge,
        "days": walk.days,
        "worlds": worlds,
        "passed": passed,
        "mean_sharpe": round(true, 2),
        "fast_rate": fast["rate"],
        "agreement_p": round(min(1.0, 2 * float(tail)), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--worlds", type=int, default=300, help="noise worlds")
    parser.add_argument("--planted", type=int, default=100, help="worlds of each planted kind")
    parser.add_argument("--source-days", type=int, default=365)
    parser.add_argument("--engine-worlds", type=int, default=3, help="of each kind; 0 for none")
    parser.add_argument("--engine-days", type=int, default=271)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1, help="of the source's market")
    arguments = parser.parse_args()
    began = time.perf_counter()
    walk = Walk()
    short = Walk(learn=90, test=60, windows=(arguments.engine_days - 91) // 60)
    with ProcessPoolExecutor(arguments.workers, get_context("forkserver")) as pool:
        source = engine_source((arguments.seed, arguments.source_days, 0.0, len(GRID)))
        noise = judged(pool.map, source, walk, arguments.worlds, None)
        planted = [
            judged(pool.map, source, walk, arguments.planted, sharpe, needle=needle)
            for needle in (False, True)
            for sharpe in SHARPES
        ]
        engine = [
            engine_worlds(pool.map, short, arguments.engine_worlds, edge, arguments.planted)
            for edge in (0.0, 1.0)
            if arguments.engine_worlds
        ]
    figures = {
        "bench": "judge",
        "world_days": walk.days,
        "out_of_sample_days": walk.test * walk.windows,
        "variants": len(GRID),
        "block_days": source.block,
        "source_days": arguments.source_days,
        "cost_sharpe": round(_cost_sharpe(source), 2),
        "noise": noise,
        "planted": planted,
        "engine": engine,
        "seconds": round(time.perf_counter() - began, 1),
    }
    show(figures)
    print(json.dumps(figures))


def _cost_sharpe(source: Source) -> float:
    """Return the mean Sharpe ratio of a noise world's variants: what costs alone make of it."""
    net = source.returns.std(axis=1)
    return float(np.mean(-source.costs.mean(axis=1) / net)) * YEAR


def show(figures: dict[str, Any]) -> None:
    """Print the tables."""
    console = Console(width=110)
    table = Table(
        title=f"The judge on worlds of {figures['world_days']} days", title_justify="left"
    )
    table.add_column("true Sharpe (365 days)")
    table.add_column("planted in")
    checks = list(figures["noise"]["by_check"])
    for name in ("worlds", "passed", "95 % upper", *checks):
        table.add_column(name, justify="right")
    for row in (figures["noise"], *figures["planted"]):
        table.add_row(
            "none, costs kept" if row["sharpe"] is None else f"{row['sharpe']:.1f}",
            row["planted"],
            str(row["worlds"]),
            f"{row['rate']:.1%}",
            f"{row['upper_95']:.1%}",
            *(f"{row['by_check'][name]:.0%}" for name in checks),
        )
    console.print(table)
    for row in figures["engine"]:
        console.print(
            f"engine, edge {row['edge']:g}: {row['passed']} of {row['worlds']} whole markets of "
            f"{row['days']} days pass (mean Sharpe {row['mean_sharpe']}); fast worlds alike: "
            f"{row['fast_rate']:.1%}; agreement p = {row['agreement_p']}"
        )


if __name__ == "__main__":
    main()
