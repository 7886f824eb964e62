"""Frames of market data as they come from files, checked before anything is written.

A frame is a table of one kind and one symbol. Kinds are ``bars_5m`` and its like (ts, open,
high, low, close, volume and, where known, taker_buy_volume), ``mark_1h`` (ts, open, high, low,
close), ``funding`` (ts, rate) and ``metrics_5m`` (ts and six statistics). ``ts`` is UTC
milliseconds: a bar's OPEN, a settlement, the moment a statistic speaks of. Other columns are
ignored.

Nothing is repaired: a fault is a `CatalogError` that names the source, the row (data rows counted
from 1) and the fault. Two leniencies, both counted: an exact repetition of the row before is
dropped, and a statistic of zero or null becomes NaN, since the venue prints 0 for what it did not
measure.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ocw_strategy.errors import CatalogError
from ocw_strategy.units import MILLISECOND_NS, MINUTE_NS

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

PRICES: Final = ("open", "high", "low", "close")
"""Columns of prices in bars and marks."""
STATISTICS: Final = (
    "open_interest",
    "open_interest_value",
    "toptrader_account_ls_ratio",
    "toptrader_position_ls_ratio",
    "global_account_ls_ratio",
    "taker_buy_sell_ratio",
)
"""Columns of a metrics frame, in their order."""
_COLUMNS: Final = {
    "bars": (*PRICES, "volume"),
    "mark": PRICES,
    "funding": ("rate",),
    "metrics": STATISTICS,
}
_LENGTHS: Final = {"1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "2h": 120, "4h": 240}
BAR_MINUTES: Final = tuple(_LENGTHS.values())
"""Lengths of bars and marks that are known, ascending."""

_EARLIEST_MS: Final = 1_230_768_000_000  # 2009: before it there is no market to speak of
_LATEST_MS: Final = 4_102_444_800_000  # 2100
_MAXIMUM_FUNDING_RATE: Final = 0.1  # the venue caps a settlement at 3 %


@dataclass(frozen=True, slots=True)
class Kind:
    """What a frame holds: its family, and the time between rows (0 for funding)."""

    name: str
    family: str
    interval_ns: int

    @property
    def minutes(self) -> int:
        """The interval in minutes."""
        return self.interval_ns // MINUTE_NS


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A frame that passed every check, as columns of equal length, ascending in time.

    ``duplicates`` counts dropped repetitions, ``unpublished`` the statistics that became NaN.
    """

    kind: Kind
    ts_ns: IntArray
    columns: dict[str, FloatArray]
    duplicates: int
    unpublished: int

    def pieces(self, rows: int) -> Iterator["Frame"]:
        """Yield the frame in pieces of at most that many rows."""
        for first in range(0, len(self.ts_ns), rows):
            piece = slice(first, first + rows)
            columns = {name: values[piece] for name, values in self.columns.items()}
            yield replace(self, ts_ns=self.ts_ns[piece], columns=columns)


def parse_kind(name: str) -> Kind:
    """Return the kind a name stands for.

    Raises
    ------
    CatalogError
        If the name is none of the kinds.
    """
    if name in {"funding", "metrics_5m"}:
        family = name.partition("_")[0]
        return Kind(name, family, 5 * MINUTE_NS if family == "metrics" else 0)
    family, _, length = name.partition("_")
    if family in {"bars", "mark"} and length in _LENGTHS:
        return Kind(name, family, _LENGTHS[length] * MINUTE_NS)
    raise CatalogError(
        "kind of data",
        name,
        f"use funding, metrics_5m, or bars_ or mark_ with one of {', '.join(_LENGTHS)}",
    )


def check_frame(kind: str, table: pa.Table, *, source: str) -> Frame:
    """Check a table against its kind.

    Parameters
    ----------
    kind : str
        A kind's name, such as ``bars_5m``.
    table : pa.Table
        The rows as they were read.
    source : str
        What a fault is to name, usually the file.

    Raises
    ------
    CatalogError
        At the first fault, with its row.
    """
    parsed = parse_kind(kind)
    wanted = [*_COLUMNS[parsed.family]]
    missing = [name for name in ("ts", *wanted) if name not in table.column_names]
    if missing:
        raise CatalogError(
            f"{source}: columns", ", ".join(table.column_names), f"add {', '.join(missing)}"
        )
    if parsed.family == "bars" and "taker_buy_volume" in table.column_names:
        wanted.append("taker_buy_volume")
    if table.num_rows == 0:
        raise CatalogError(f"{source}: rows", 0, "remove the file or fill it")

    ts_ms = _timestamps(table.column("ts"), parsed, source)
    columns = {name: _floats(table.column(name), name, source) for name in wanted}
    unpublished = 0
    if parsed.family == "metrics":
        for name, values in columns.items():
            zero = values == 0
            unpublished += int(np.count_nonzero(zero | np.isnan(values)))
            columns[name] = np.where(zero, np.nan, values)

    keep = _distinct(ts_ms, columns, source)
    _CHECKS[parsed.family](columns, source)
    return Frame(
        kind=parsed,
        ts_ns=ts_ms[keep] * MILLISECOND_NS,
        columns={name: values[keep] for name, values in columns.items()},
        duplicates=int(np.count_nonzero(~keep)),
        unpublished=unpublished,
    )


def _refuse(bad: BoolArray, source: str, column: str, values: Any, remedy: str) -> None:
    if bad.any():
        row = int(np.argmax(bad))
        raise CatalogError(f"{source}: row {row + 1}: {column}", values[row].item(), remedy)


def _timestamps(column: pa.ChunkedArray, kind: Kind, source: str) -> IntArray:
    ts_ms: IntArray
    if pa.types.is_integer(column.type) and not column.null_count:
        ts_ms = column.cast(pa.int64(), safe=False).to_numpy()
    else:
        values = _floats(column, "ts", source)
        _refuse(values % 1 != 0, source, "ts", values, "write UTC milliseconds as a whole number")
        ts_ms = values.astype(np.int64)
    unit = next(
        (
            unit
            for unit, per_ms in (("seconds", 1e-3), ("microseconds", 1e3), ("nanoseconds", 1e6))
            if _EARLIEST_MS * per_ms <= ts_ms[0] < _LATEST_MS * per_ms
        ),
        None,
    )
    remedy = f"convert {unit} to UTC milliseconds" if unit else "store UTC milliseconds since 1970"
    _refuse((ts_ms < _EARLIEST_MS) | (ts_ms >= _LATEST_MS), source, "ts", ts_ms, remedy)
    # a settlement falls on a minute, though the venue's own stamps run some milliseconds late
    grid_ns = kind.interval_ns or MINUTE_NS
    off_grid = ts_ms % (grid_ns // MILLISECOND_NS) != 0
    _refuse(off_grid, source, "ts", ts_ms, f"align it to the UTC grid of {kind.name}")
    return ts_ms


def _floats(column: pa.ChunkedArray, name: str, source: str) -> FloatArray:
    if pa.types.is_float32(column.type):
        column = column.cast(pa.string())  # the shortest decimal: 2.107, not 2.1070001125335693
    try:
        values: FloatArray = column.cast(pa.float64(), safe=False).fill_null(np.nan).to_numpy()
    except pa.ArrowNotImplementedError:
        raise CatalogError(f"{source}: type of {name}", str(column.type), "write numbers") from None
    except pa.ArrowInvalid:
        texts = column.to_pylist()
        row = next(row for row, text in enumerate(texts) if not _is_number(text))
        raise CatalogError(
            f"{source}: row {row + 1}: {name}", texts[row], "write a number"
        ) from None
    _refuse(np.isinf(values), source, name, values, "write a finite number")
    return values


def _is_number(text: str | None) -> bool:
    try:
        float(text or "nan")
    except ValueError:
        return False
    return True


def _distinct(ts_ms: IntArray, columns: dict[str, FloatArray], source: str) -> BoolArray:
    step = np.diff(ts_ms)
    _refuse(np.concatenate(([False], step < 0)), source, "ts", ts_ms, "sort the rows by ts")
    again = np.concatenate(([False], step == 0))
    for name, values in columns.items():
        before = np.concatenate((values[:1], values[:-1]))
        differs = again & (values != before) & ~(np.isnan(values) & np.isnan(before))
        _refuse(
            differs, source, name, values, "keep one row for this ts, the one before says otherwise"
        )
    return ~again


def _check_prices(columns: dict[str, FloatArray], source: str) -> None:
    for name in PRICES:
        values = columns[name]
        _refuse(~(values > 0), source, name, values, "a price must be a number above zero")
    high, low = columns["high"], columns["low"]
    for name in ("open", "close", "low"):
        _refuse(columns[name] > high, source, "high", high, f"it lies below the row's {name}")
    for name in ("open", "close"):
        _refuse(columns[name] < low, source, "low", low, f"it lies above the row's {name}")


def _check_bars(columns: dict[str, FloatArray], source: str) -> None:
    _check_prices(columns, source)
    volume = columns["volume"]
    _refuse(~(volume >= 0), source, "volume", volume, "a volume must be a number from zero up")
    taker = columns.get("taker_buy_volume")
    if taker is not None:
        wrong = (taker < 0) | (taker > volume * (1 + 1e-9))
        _refuse(wrong, source, "taker_buy_volume", taker, "it must lie between zero and the volume")


def _check_funding(columns: dict[str, FloatArray], source: str) -> None:
    rate = columns["rate"]
    wrong = ~(np.abs(rate) <= _MAXIMUM_FUNDING_RATE)
    _refuse(wrong, source, "rate", rate, "write the settled rate as a fraction, such as 0.0001")


def _check_metrics(columns: dict[str, FloatArray], source: str) -> None:
    for name, values in columns.items():
        _refuse(values < 0, source, name, values, "a statistic cannot be negative")


_CHECKS: Final[dict[str, Callable[[dict[str, FloatArray], str], None]]] = {
    "bars": _check_bars,
    "mark": _check_prices,
    "funding": _check_funding,
    "metrics": _check_metrics,
}
