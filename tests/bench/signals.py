"""Whether the bandit ranks the signals that inform above the useless ones, on the sample market.

``python -m tests.bench.signals --seeds 20`` makes a sample market for each seed (synthetic, with
planted truth) and feeds the very `DecisionDesk` that the actor runs, at default settings, with what
the actor is told and when: 15-minute bars at their close, funding and metrics with their
publication delay, regimes filtered from BTC's hourly closes. It only learns: every posterior comes
from shadow outcomes. The true regimes are never looked at; which signal informs in which regime
(`PLANTED_EDGES`) is used for judging alone.

A regime is ranked right when the posterior mean of every signal that informs in it is above that
of every useless one, a seed when all three regimes are. Chance is one in six (calm, normal: two of
each) or in four (turbulent: one of four), and is measured too: the null has no edge, and half the
days (chance is the same at any length); pairs of one seed go together, so its share of pairs has a
standard error of 0.05 over 20 seeds. Beside that, looser: the share of the eleven pairs; stricter:
right at every look, each 30 days from day 150 on, and ``drawn_right``, how often a Thompson draw
of each (by the normal approximation) would rank a pair right. ``own`` leaves out what a regime
borrows from the others.

240 days, because the regime is unknown until the first of a month after 60 observed days, and what
is learnt till then is only pooled. The rest leaves a regime some 360 independent outcomes, 228 at
the least. On twenty seeds not used here (1000 to 1019) the mean gap of a pair was then 2.7 to 5.6
times its spread over seeds, so that one seed in a hundred should fail; at 180 days it was 2.0 to
5.5 times, and one in thirteen.
"""

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from heapq import merge
from multiprocessing import get_context
from operator import itemgetter
from statistics import NormalDist, fmean
from typing import Any

from rich.console import Console
from rich.table import Table

from ocw_strategy.bandit import BetaPosterior, SignalBandit
from ocw_strategy.catalog import PUBLICATION_DELAY_NS
from ocw_strategy.catalog.sample import (
    PLANTED_EDGES,
    REGIMES,
    VOLATILITY_BY_REGIME,
    SampleMarket,
    sample_market,
)
from ocw_strategy.desk import DecisionDesk
from ocw_strategy.engine import venue_symbol
from ocw_strategy.journal import Journal
from ocw_strategy.market.features import DECISION_MINUTES, DECISION_NS
from ocw_strategy.regime import (
    ASSUMED_MACRO,
    RegimeSettings,
    record_regimes,
    regime_key,
)
from ocw_strategy.settings import parse_time_ns, settings_from
from ocw_strategy.units import DAY_NS, HOUR_NS, MILLISECOND_NS, SIGNALS

START_NS = parse_time_ns("2024-01-01")
DAYS = 240
FIRST_LOOK, LOOK_EVERY = 150, 30  # days
# a run that starts after the data: until then a desk learns and never wakes
SETTINGS = settings_from({"run": {"start": "2099-01-01", "end": "2099-01-02"}})
PAIRS = {
    regime: [
        (informing, useless)
        for informing in SIGNALS
        for useless in SIGNALS
        if PLANTED_EDGES[informing][regime] > 0 and PLANTED_EDGES[useless][regime] == 0
    ]
    for regime in REGIMES
}

type Event = tuple[int, Callable[..., object], tuple[Any, ...]]
"""When it happens, UNIX ns, and the call that tells of it."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """What the posteriors of each true regime say about its `PAIRS`."""

    gaps: dict[str, list[float]]
    """Posterior mean of the informing signal less that of the useless one."""
    drawn: dict[str, list[float]]
    """Probability that a draw for the informing signal is the higher one."""
    outcomes: dict[str, int]
    """Independent shadow outcomes of the signal that has the fewest."""

    def right(self, regime: str) -> bool:
        return min(self.gaps[regime]) > 0

    def all_right(self) -> bool:
        return all(self.right(regime) for regime in REGIMES)


@dataclass(frozen=True, slots=True)
class Learnt:
    """The rankings of one seed."""

    by_day: dict[int, Ranking]
    own: Ranking
    """At the end, from each regime's own outcomes alone."""

    @property
    def last(self) -> Ranking:
        return self.by_day[max(self.by_day)]


def key_of(true_regime: str, settings: RegimeSettings) -> str:
    """Return the key under which the desk files a true regime when it recognises it."""
    volatility = VOLATILITY_BY_REGIME[true_regime]
    band = next(b for b in settings.bands if b.below is None or volatility < b.below)
    return regime_key(band.name, ASSUMED_MACRO.quadrant)


def rank(bandit: SignalBandit) -> Ranking:
    gaps, drawn, outcomes = {}, {}, {}
    for regime, pairs in PAIRS.items():
        report = bandit.report(key_of(regime, SETTINGS.regime))
        gaps[regime] = [report[one].mean - report[other].mean for one, other in pairs]
        drawn[regime] = [drawn_higher(report[one], report[other]) for one, other in pairs]
        outcomes[regime] = min(posterior.shadow_outcomes for posterior in report.values())
    return Ranking(gaps, drawn, outcomes)


def drawn_higher(one: BetaPosterior, other: BetaPosterior) -> float:
    """Return the probability that a draw from `one` exceeds one from `other`."""
    variance = sum(p.mean * (1 - p.mean) / (p.alpha + p.beta + 1) for p in (one, other))
    return NormalDist().cdf((one.mean - other.mean) / math.sqrt(variance))


def rows(market: SampleMarket, kind: str, symbol: str) -> Iterator[tuple[Any, ...]]:
    """Yield a frame's rows, the time in UNIX ns."""
    table = market.frames[kind, venue_symbol(symbol)]
    for ts, *values in zip(*(column.to_pylist() for column in table.columns), strict=True):
        yield ts * MILLISECOND_NS, *values


def told(market: SampleMarket, desk: DecisionDesk) -> Iterator[Event]:
    """Yield everything the desk is told, in the order it becomes known, each close last."""

    def published(kind: str, symbol: str, add: Callable[..., object]) -> Iterator[Event]:
        for ts, *values in rows(market, kind, symbol):
            known_ns = ts + PUBLICATION_DELAY_NS
            yield known_ns, add, (symbol, ts, known_ns, *values)

    def closed(symbol: str) -> Iterator[Event]:
        for ts, *values in rows(market, f"bars_{DECISION_MINUTES}m", symbol):
            close_ns = ts + DECISION_NS
            yield close_ns, desk.add_bar, (symbol, close_ns, *values, math.nan)

    streams = []
    for symbol in desk.symbols:
        streams += [
            published("funding", symbol, desk.derivatives.add_funding),
            published("metrics_5m", symbol, desk.derivatives.add_metrics),
            closed(symbol),
        ]
    closes = ((close_ns, desk.close, (close_ns,)) for close_ns, *_ in closed(desk.symbols[0]))
    return merge(*streams, closes, key=itemgetter(0))  # of equal times in this order


def learn(market: SampleMarket, looks: Sequence[int]) -> Learnt:
    """Feed a market to a desk and look at its posteriors after some numbers of days."""
    hours = list(rows(market, "bars_1h", SETTINGS.regime.symbol))
    regimes = record_regimes(
        [ts + HOUR_NS for ts, *_ in hours],
        [close for _, _, _, _, close, _ in hours],
        SETTINGS.regime,
    )
    by_day: dict[int, Ranking] = {}
    with closing(Journal.open(":memory:", run_id="signals", power_safe=False)) as journal:
        desk = DecisionDesk(SETTINGS, journal, regimes.at)
        due = [(START_NS + days * DAY_NS, days) for days in sorted(looks, reverse=True)]
        for moment_ns, tell, about in told(market, desk):
            while due and due[-1][0] < moment_ns:
                by_day[due.pop()[1]] = rank(desk.bandit)
            tell(*about)
    for _, days in due:
        by_day[days] = rank(desk.bandit)
    own = SignalBandit(SETTINGS.bandit.model_copy(update={"pool_strength": 0.0}))
    own.restore(desk.bandit.state())
    return Learnt(by_day, rank(own))


def study(seed: int, days: int, edge: float) -> Learnt:
    market = sample_market(seed, START_NS, days, DECISION_MINUTES, edge=edge)
    return learn(market, sorted({*range(FIRST_LOOK, days, LOOK_EVERY), days}))


def figures(found: Sequence[Learnt]) -> dict[str, Any]:
    """Return what the seeds say together."""
    last = [learnt.last for learnt in found]
    return {
        "ranked_right": sum(ranking.all_right() for ranking in last),
        "by_regime": {r: sum(ranking.right(r) for ranking in last) for r in REGIMES},
        "pairs_right": share_right(last),
        "by_day": {
            str(day): sum(learnt.by_day[day].all_right() for learnt in found)
            for day in found[0].by_day
        },
        "throughout": sum(
            all(ranking.all_right() for ranking in learnt.by_day.values()) for learnt in found
        ),
        "drawn_right": round(
            fmean(p for ranking in last for shares in ranking.drawn.values() for p in shares), 3
        ),
        "own_ranked_right": sum(learnt.own.all_right() for learnt in found),
        "own_pairs_right": share_right([learnt.own for learnt in found]),
        "least_outcomes": min(min(ranking.outcomes.values()) for ranking in last),
    }


def share_right(rankings: Sequence[Ranking]) -> float:
    gaps = [gap for ranking in rankings for regime in REGIMES for gap in ranking.gaps[regime]]
    return round(fmean(gap > 0 for gap in gaps), 3)


def table_of(edged: Sequence[Learnt], null: Sequence[Learnt]) -> Table:
    table = Table(
        title=f"Sample market (synthetic), {len(edged)} seeds, {max(edged[0].by_day)} days"
    )
    for heading in ("regime", "informs", "useless"):
        table.add_column(heading)
    for heading in ("mean gap", "smallest", "right", "gap without edge", "right"):
        table.add_column(heading, justify="right")
    for regime, pairs in PAIRS.items():
        for at, (informing, useless) in enumerate(pairs):
            gaps = [learnt.last.gaps[regime][at] for learnt in edged]
            gaps_null = [learnt.last.gaps[regime][at] for learnt in null]
            table.add_row(
                regime, informing, useless,
                f"{fmean(gaps):+.3f}", f"{min(gaps):+.3f}",
                f"{sum(gap > 0 for gap in gaps)} of {len(gaps)}",
                f"{fmean(gaps_null):+.3f}",
                f"{sum(gap > 0 for gap in gaps_null)} of {len(gaps_null)}",
            )  # fmt: skip
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description="Informative signals above useless ones?")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--days", type=int, default=DAYS)
    arguments = parser.parse_args()
    seeds, days = arguments.seeds, arguments.days
    began = time.perf_counter()
    tasks = [(seed, days, 1.0) for seed in range(seeds)]
    tasks += [(seed, days // 2, 0.0) for seed in range(seeds)]
    with ProcessPoolExecutor(2, mp_context=get_context("forkserver")) as pool:
        found = list(pool.map(study, *zip(*tasks, strict=True)))
    edged, null = found[:seeds], found[seeds:]
    Console(width=128).print(table_of(edged, null))
    figures_null = figures(null)
    line = {"bench": "signals", "seeds": seeds, "days": days, **figures(edged)}
    for name in ("ranked_right", "by_regime", "pairs_right", "drawn_right"):
        line[f"null_{name}"] = figures_null[name]
    line["seconds"] = round(time.perf_counter() - began, 1)
    print(json.dumps(line))


if __name__ == "__main__":
    main()
