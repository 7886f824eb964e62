"""Everything in a walk-forward's report as one long table, for Parquet and for notebooks.

A row is one figure: the section of the report, what it speaks of, the window (from 1; none for the
whole), a time where it has one, the figure's name, and its value as a number or as text.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ocw_strategy.backtest.statistics import Times, Values
from ocw_strategy.backtest.walkforward import charts
from ocw_strategy.backtest.walkforward.assess import Assessment
from ocw_strategy.backtest.walkforward.nulls import Nulls
from ocw_strategy.backtest.walkforward.result import WalkForwardResult

SCHEMA = pa.schema(
    [
        ("section", pa.string()),
        ("name", pa.string()),
        ("window", pa.int64()),
        ("ts_ns", pa.int64()),
        ("figure", pa.string()),
        ("value", pa.float64()),
        ("text", pa.string()),
    ]
)


def report_table(
    result: WalkForwardResult, assessment: Assessment, nulls: Nulls | None
) -> pa.Table:
    """Return every figure of the report, a row each."""
    parts = [
        _plain(_assessed(assessment)),
        _plain(_windows(result)),
        _curve("equity", "OCW, out of sample", result.ts_ns, result.equity),
    ]
    band = charts.equity_band(result)
    if band is not None:
        parts += [
            _curve("band", name, band[0], row)
            for name, row in (("low", band[1]), ("high", band[2]))
        ]
    if nulls is not None:
        parts.append(_plain(_null_figures(nulls)))
        parts += [
            _curve("nulls", name, record.ts_ns, record.equity)
            for name, record in nulls.records.items()
        ]
    return pa.concat_tables(parts)


def write_report_table(path: Path, table: pa.Table) -> None:
    """Write the table, all of it or nothing.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    pq.write_table(table, partial)
    partial.replace(path)


def _row(section: str, name: str, figure: str, value: object, window: int | None = None) -> Any:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return {
        "section": section, "name": name, "window": window, "ts_ns": None, "figure": figure,
        "value": float(value) if number and isinstance(value, (int, float)) else None,
        "text": None if number or value is None else str(value),
    }  # fmt: skip


def _plain(rows: Iterator[Mapping[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist([dict(row) for row in rows], schema=SCHEMA)


def _curve(section: str, name: str, ts_ns: Times, values: Values) -> pa.Table:
    count = len(ts_ns)
    nothing = np.full(count, None)
    columns = {
        "section": [section] * count, "name": [name] * count, "window": nothing,
        "ts_ns": ts_ns, "figure": ["equity"] * count, "value": values, "text": nothing,
    }  # fmt: skip
    return pa.table(columns, schema=SCHEMA)


def _flat(section: str, name: str, figures: Mapping[str, Any], window: int | None) -> Iterator[Any]:
    for key, value in figures.items():
        if isinstance(value, Mapping):
            yield from _flat(section, name, {f"{key}.{k}": v for k, v in value.items()}, window)
        elif not isinstance(value, (list, tuple)):
            yield _row(section, name, key, value, window)


def _assessed(assessment: Assessment) -> Iterator[Any]:
    plain = assessment.model_dump(mode="json")
    yield from _flat("assessment", "whole", plain, None)
    for check in assessment.verdict.checks:
        yield _row("checks", check.name, "passed", str(check.passed))
        yield _row("checks", check.name, "sentence", check.sentence)
    for each in assessment.stability:
        for text, count in each.chosen:
            yield _row("stability", each.parameter, text, count)
        yield _row("stability", each.parameter, "changes", each.changes)


def _windows(result: WalkForwardResult) -> Iterator[Any]:
    for found in result.windows:
        number = found.window.index + 1
        yield from _flat("windows", "window", found.window.model_dump(), number)
        out = found.out.model_dump(mode="json", exclude={"hourly", "daily", "settings"})
        yield from _flat("windows", "out of sample", out, number)
        yield from _flat("calibration", "fitted", found.choice.calibrated, number)
        yield from _flat("choice", "chosen", found.choice.winner.parameters, number)
        for index, trial in enumerate(found.choice.trials):
            figures = trial.model_dump(mode="json", exclude={"daily"})
            yield from _flat("tried", f"point {index + 1}", figures, number)
        for index, screened in enumerate(found.choice.screened):
            figures = screened.model_dump(mode="json")
            yield from _flat("screened", f"point {index + 1}", figures, number)


def _null_figures(nulls: Nulls) -> Iterator[Any]:
    table = nulls.table
    for row in (table.own, *table.nulls, *table.random_gates):
        yield from _flat("nulls", row.name, row.model_dump(mode="json"), None)
    yield _row("nulls", "random gates", "beaten", table.random_gates_beaten)
    for index, window in enumerate(nulls.windows):
        yield from _flat("gate", "gate", window.gate.model_dump(mode="json"), index + 1)
        for belief in window.beliefs:
            name = f"{belief.regime} {belief.signal}"
            yield _row("bandit", name, "mean", belief.mean, index + 1)
            yield _row("bandit", name, "outcomes", belief.outcomes, index + 1)
