"""The table of nulls: what a result is held against, and what that says of each part, in words.

A null is OCW with one thing left out or scrambled, or no trading at all. Records are compared over
the same days, resampled together: a part that the record cannot tell from its absence is said to
be not shown to help, and never counted as help.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from ocw_strategy.backtest.intervals import (
    Difference,
    Interval,
    bootstrap_intervals,
    paired_difference,
)
from ocw_strategy.backtest.statistics import (
    Figure,
    Times,
    Values,
    daily_returns,
    drawdowns,
    performance,
)
from ocw_strategy.model import Strict

type Standing = Literal["beaten", "not told apart", "better"]

SHUFFLED_DAYS: Final = 5
"""Length of the blocks in which signals are shuffled."""
RANDOM_GATE: Final = "random gate"

PARTS: Final[Mapping[str, tuple[Mapping[str, object], str]]] = {
    "no gate": ({"experiment.gate": "open"}, "the advisor is asked at every decision close"),
    "bandit frozen": ({"experiment.bandit": "prior"}, "the posteriors never leave their prior"),
    "regime off": ({"experiment.regime": "neutral"}, "one regime that changes no size"),
    "signals shuffled": (
        {"experiment.shuffle_signals_days": SHUFFLED_DAYS},
        f"the four signals, in blocks of {SHUFFLED_DAYS} days, come in another order",
    ),
}
"""OCW with one part out: the settings that take it out, and what that means."""


@dataclass(frozen=True, slots=True)
class Record:
    """An equity curve and what it took; None where nothing of the kind is done."""

    ts_ns: Times
    equity: Values
    trades: int | None = None
    calls: int | None = None
    fees_usd: float | None = None

    @property
    def returns(self) -> Values:
        """Daily returns."""
        return daily_returns(self.ts_ns, self.equity).to_numpy()


class NullRow(Strict):
    """One line of the table; fractions, US dollars, ratios a year."""

    name: str
    meaning: str
    total_return: float
    sharpe: Figure
    sharpe_interval: Interval | None
    max_drawdown: float
    trades: int | None
    fees_usd: Figure
    calls: int | None
    difference: Difference | None
    """OCW less the null, paired by days; None for OCW itself and for an equal record."""
    standing: Standing | None
    """How the null stands: ``beaten`` where the whole interval of the difference in Sharpe ratio
    speaks for OCW, ``better`` where it speaks against; None for OCW itself."""


class NullTable(Strict):
    """OCW and every null over the same days."""

    days: int
    own: NullRow
    nulls: tuple[NullRow, ...]
    random_gates: tuple[NullRow, ...]
    """Every seed of the random gate; the one in the middle stands among the nulls too."""
    random_gates_beaten: Figure
    """Share of the random gates whose Sharpe ratio OCW's is above."""

    def sentences(self) -> list[str]:
        """Say of each null whether it is beaten."""
        found = [_sentence(row) for row in self.nulls]
        if self.random_gates_beaten is not None:
            count = len(self.random_gates)
            above = round(self.random_gates_beaten * count)
            found.append(
                f"Of {count} random gates with as many calls, OCW's Sharpe ratio is above {above}."
            )
        return found


def null_overrides(calls: int, seeds: int) -> dict[str, dict[str, object]]:
    """Return the settings that make each null of OCW, by name.

    Parameters
    ----------
    calls : int
        How often OCW itself called; without a call there is no random gate to compare with.
    seeds : int
        How many random gates.
    """
    found = {name: dict(values) for name, (values, _) in PARTS.items()}
    if calls:
        for seed in range(seeds):
            found[f"{RANDOM_GATE} {seed + 1}"] = {
                "experiment.gate": "random",
                "experiment.random_calls": calls,
                "experiment.seed": seed,
            }
    return found


def null_table(
    own: Record, markets: Mapping[str, Record], nulls: Mapping[str, Record], *, seed: int
) -> NullTable:
    """Return the table of nulls.

    Parameters
    ----------
    own : Record
        OCW's own.
    markets : mapping of str to Record
        Holding, by name.
    nulls : mapping of str to Record
        Runs with something left out, named as `null_overrides` does.
    seed : int
        Seed of the resampling.

    Raises
    ------
    StatisticsError
        If the records are not over the same days.
    """
    returns = own.returns

    def row(name: str, meaning: str, record: Record) -> NullRow:
        # every row is resampled by the same days
        return _row(name, meaning, record, returns, np.random.default_rng((seed, 6)))

    random = sorted(name for name in nulls if name.startswith(RANDOM_GATE))
    gates = [row(name, "wakes at closes drawn at random", nulls[name]) for name in random]
    rows = [row(name, "bought once and held", record) for name, record in markets.items()]
    rows += [row(name, PARTS[name][1], nulls[name]) for name in PARTS if name in nulls]
    if gates:
        middle = sorted(gates, key=_ratio)[(len(gates) - 1) // 2]
        meaning = f"as many calls at random closes; the middle one of {len(gates)}"
        rows.append(middle.model_copy(update={"name": RANDOM_GATE, "meaning": meaning}))
    itself = row("OCW", "as configured", own)
    return NullTable(
        days=len(returns),
        own=itself.model_copy(update={"difference": None, "standing": None}),
        nulls=tuple(rows),
        random_gates=tuple(gates),
        random_gates_beaten=_beaten(_ratio(itself), [_ratio(gate) for gate in gates]),
    )


def _ratio(row: NullRow) -> float:
    return 0.0 if row.sharpe is None else row.sharpe


def _beaten(own: float, others: Sequence[float]) -> Figure:
    return float(np.mean([own > other for other in others])) if others else None


def _row(name: str, meaning: str, record: Record, own: Values, rng: np.random.Generator) -> NullRow:
    returns = record.returns
    difference = paired_difference(own, returns, rng=rng)
    intervals = bootstrap_intervals(returns, rng=rng)
    return NullRow(
        name=name,
        meaning=meaning,
        total_return=float(record.equity[-1] / record.equity[0] - 1),
        sharpe=performance(record.ts_ns, record.equity).sharpe,
        sharpe_interval=None if intervals is None else intervals.sharpe,
        max_drawdown=float(drawdowns(record.equity).min()),
        trades=record.trades,
        fees_usd=record.fees_usd,
        calls=record.calls,
        difference=difference,
        standing=_standing(difference),
    )


def _standing(difference: Difference | None) -> Standing:
    if difference is None:
        return "not told apart"
    if difference.sharpe.low > 0:
        return "beaten"
    return "better" if difference.sharpe.high < 0 else "not told apart"


def _sentence(row: NullRow) -> str:
    if row.difference is None:
        return f"OCW does not beat {row.name}: the records are too short or the same."
    gap = row.difference.sharpe
    said = f"the Sharpe ratio differs by {gap.estimate:+.2f} [{gap.low:+.2f}, {gap.high:+.2f}]"
    if row.standing == "beaten":
        return f"OCW beats {row.name}: {said}."
    if row.standing == "better":
        return f"OCW does not beat {row.name}, it is worse: {said}."
    return f"OCW is not shown to beat {row.name}: {said}."
