"""Equity as it stands, and its curve against holding, in few enough points for a small screen.

Everything is read from the journal's own samples; nothing is valued anew. A curve has at most
`POINTS` points: the last sample of each equal stretch of time, so that the newest one is exact.
"""

from typing import Any, Final

import numpy as np

from ocw_strategy.hold import Values, hold_values
from ocw_strategy.journal import Equity, JournalReader, PriceRow
from ocw_strategy.model import Strict
from ocw_strategy.settings import parse_time_ns
from ocw_strategy.units import DAY_NS

POINTS: Final = 360
"""The most points of a curve."""

_KNOWN: Final = "equity IS NOT NULL"


class EquityFigures(Strict):
    """The account at its newest sample; changes are fractions."""

    ts_ns: int
    equity_usd: float
    balance_usd: float
    day_change: float | None
    """Since the last sample of the UTC day before."""
    day_change_usd: float | None
    total_return: float
    drawdown: float
    """From the highest sample; 0 or negative."""


class EquityCurve(Strict):
    """Equity and what holding from the curve's first point on would have made, US dollars."""

    ts_ns: list[int]
    equity: list[float]
    hold: dict[str, list[float]]
    """By name: the first instrument, and all of them with equal weight."""


def first_sample_ns(journal: JournalReader, config: dict[str, Any], *, live: bool) -> int:
    """Return the time of the sample a run's result counts from: its warm-up is none."""
    start = config.get("run", {}).get("start")
    if not live and start:
        at_start = journal.rows(
            Equity, f"{_KNOWN} AND ts_ns <= ?", (parse_time_ns(start),), order="ts_ns DESC", limit=1
        )
        if at_start:
            return at_start[0].ts_ns
    first = journal.rows(Equity, _KNOWN, order="ts_ns", limit=1)
    return first[0].ts_ns if first else 0


def equity_figures(journal: JournalReader, first_ns: int) -> EquityFigures | None:
    """Return the account at its newest sample, or None before the first.

    Parameters
    ----------
    journal : JournalReader
    first_ns : int
        Time of the sample its result counts from.
    """
    newest = journal.rows(Equity, _KNOWN, order="ts_ns DESC", limit=1)
    if not newest:
        return None
    last = newest[0]
    first = journal.rows(Equity, f"{_KNOWN} AND ts_ns >= ?", (first_ns,), order="ts_ns", limit=1)[0]
    day_ns = (last.ts_ns - 1) // DAY_NS * DAY_NS  # a sample at midnight closes the day before it
    result = f"{_KNOWN} AND ts_ns >= ?"
    before = journal.rows(
        Equity, f"{result} AND ts_ns <= ?", (first_ns, day_ns), order="ts_ns DESC", limit=1
    )
    peak = journal.rows(Equity, result, (first_ns,), order="equity DESC", limit=1)[0]
    return EquityFigures(
        ts_ns=last.ts_ns,
        equity_usd=last.equity,
        balance_usd=last.balance,
        day_change=last.equity / before[0].equity - 1 if before else None,
        day_change_usd=last.equity - before[0].equity if before else None,
        total_return=last.equity / first.equity - 1,
        drawdown=last.equity / peak.equity - 1,
    )


def equity_curve(
    journal: JournalReader, config: dict[str, Any], first_ns: int, days: float
) -> EquityCurve:
    """Return the curve of the last days before the newest sample; 0 days is all there is.

    Holding pays the taker fee of the run's costs, in and out, as in its report.
    """
    newest = journal.rows(Equity, _KNOWN, order="ts_ns DESC", limit=1)
    if not newest:
        return EquityCurve(ts_ns=[], equity=[], hold={})
    from_ns = first_ns
    if days:
        from_ns = max(first_ns, newest[0].ts_ns - int(days * DAY_NS))
    # the first sample is a point of its own, before the stretches
    step_ns = max(1, -(-(newest[0].ts_ns - from_ns) // (POINTS - 1)))
    samples = journal.rows(
        Equity,
        f"ts_ns IN (SELECT max(ts_ns) FROM equity WHERE {_KNOWN} AND ts_ns >= ?"
        " GROUP BY (ts_ns - ? + ? - 1) / ?)",
        (from_ns, from_ns, step_ns, step_ns),
        order="ts_ns",
    )
    ts_ns = [sample.ts_ns for sample in samples]
    prices = _prices(journal, config, ts_ns)
    hold = {}
    if prices:
        fee = float(config.get("costs", {}).get("taker_fee", 0.0))
        start_usd, first = samples[0].equity, next(iter(prices))
        hold[first] = hold_values({first: prices[first]}, start_usd, fee).tolist()
        if len(prices) > 1:
            hold["all, equal weight"] = hold_values(prices, start_usd, fee).tolist()
    return EquityCurve(ts_ns=ts_ns, equity=[sample.equity for sample in samples], hold=hold)


def _prices(journal: JournalReader, config: dict[str, Any], ts_ns: list[int]) -> dict[str, Values]:
    # the last known price at each point, by instrument
    rows = journal.columns(
        PriceRow,
        f"ts_ns IN ({', '.join('?' * len(ts_ns))})",
        ts_ns,
    )
    place = {ns: index for index, ns in enumerate(ts_ns)}
    found: dict[str, Values] = {}
    for ns, symbol, price in zip(rows["ts_ns"], rows["symbol"], rows["price"], strict=True):
        found.setdefault(symbol, np.full(len(ts_ns), np.nan))[place[ns]] = price
    named = config.get("data", {}).get("instruments", sorted(found))
    filled = {}
    for symbol in (name for name in named if name in found):
        values = found[symbol]
        known = np.where(np.isfinite(values), np.arange(len(values)), 0)
        filled[symbol] = values[np.maximum.accumulate(known)]
    return filled
