"""The catalog as numpy columns, for the regime's history, the bench and research.

Windows are of the time a row became known (``ts_init``; a bar's close), both ends inclusive, so
what is read up to a moment is what was known at it. A window without a row is a `NoDataError`, a
damaged file a `CatalogError` that names it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
from nautilus_trader.model.data import Bar, FundingRateUpdate, MarkPriceUpdate

from ocw_strategy.catalog.frames import BAR_MINUTES, STATISTICS, FloatArray, IntArray
from ocw_strategy.catalog.instruments import bar_type, instrument_id
from ocw_strategy.catalog.store import part_files, read_alone, require
from ocw_strategy.catalog.tables import from_fixed
from ocw_strategy.catalog.types import OcwDerivatives, OcwFundingRate, OcwTakerFlow
from ocw_strategy.errors import CatalogError
from ocw_strategy.units import HOUR_NS

_WITHIN_AN_HOUR: Final = tuple(sorted((n for n in BAR_MINUTES if n <= 60), reverse=True))


class NoDataError(CatalogError):
    """The catalog is there, but holds nothing of what was asked for in the window."""


@dataclass(frozen=True, slots=True, eq=False)
class BarColumns:
    """Bars as columns of equal length, ascending; ``taker_buy_volume`` is NaN where unknown."""

    close_ns: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    taker_buy_volume: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class DerivativeColumns:
    """Derivative statistics as columns of equal length, ascending; NaN where not published."""

    ts_event_ns: IntArray
    ts_init_ns: IntArray
    open_interest: FloatArray
    open_interest_value: FloatArray
    toptrader_account_ls_ratio: FloatArray
    toptrader_position_ls_ratio: FloatArray
    global_account_ls_ratio: FloatArray
    taker_buy_sell_ratio: FloatArray


def read_bars(
    catalog_dir: Path,
    symbol: str,
    minutes: int,
    start_ns: int | None = None,
    end_ns: int | None = None,
) -> BarColumns:
    """Return the bars of a venue symbol that closed within a window.

    Raises
    ------
    CatalogError
        If there is no catalog, no such bar or a damaged file.
    """
    table = _read(catalog_dir, Bar, str(bar_type(symbol, minutes)), start_ns, end_ns)
    close_ns = _integers(table, "ts_init")
    return BarColumns(
        close_ns=close_ns,
        **{name: _fixed(table, name) for name in ("open", "high", "low", "close", "volume")},
        taker_buy_volume=_taker_volume(catalog_dir, symbol, minutes, close_ns),
    )


def hourly_closes(
    catalog_dir: Path, symbol: str, start_ns: int | None = None, end_ns: int | None = None
) -> tuple[IntArray, FloatArray]:
    """Return the times and prices of the hourly closes of a venue symbol within a window.

    An hour comes from the hourly bars or, where they have none, from the coarsest bar that closes
    on it. Hours without any are left out.

    Raises
    ------
    CatalogError
        If there is no catalog, no close or a damaged file.
    """
    closes: dict[int, float] = {}
    for minutes in _WITHIN_AN_HOUR:
        identifier = str(bar_type(symbol, minutes))
        columns = ["close", "ts_init"]
        table = _rows(catalog_dir, Bar, identifier, start_ns, end_ns, columns)
        if table is None:
            continue
        close_ns, price = _integers(table, "ts_init"), _fixed(table, "close")
        hourly = close_ns % HOUR_NS == 0
        found = zip(close_ns[hourly].tolist(), price[hourly].tolist(), strict=True)
        closes = dict(found) | closes
    if not closes:
        raise _nothing("bars", symbol, start_ns, end_ns)
    hours = sorted(closes)
    return np.array(hours, np.int64), np.array([closes[hour] for hour in hours])


def read_derivatives(
    catalog_dir: Path, symbol: str, start_ns: int | None = None, end_ns: int | None = None
) -> DerivativeColumns:
    """Return the derivative statistics of a venue symbol that became known within a window.

    Raises
    ------
    CatalogError
        If there is no catalog, no such statistic or a damaged file.
    """
    identifier = instrument_id(symbol).value
    table = _read(catalog_dir, OcwDerivatives, identifier, start_ns, end_ns)
    return DerivativeColumns(
        ts_event_ns=_integers(table, "ts_event"),
        ts_init_ns=_integers(table, "ts_init"),
        **{name: table.column(name).to_numpy() for name in STATISTICS},
    )


def read_funding(
    catalog_dir: Path, symbol: str, start_ns: int | None = None, end_ns: int | None = None
) -> tuple[IntArray, FloatArray]:
    """Return the times of the settlements of a venue symbol within a window, and their rates.

    These are for settling: at its time a rate is paid, to the actor it is known only later.

    Raises
    ------
    CatalogError
        If there is no catalog, no settlement or a damaged file.
    """
    identifier = instrument_id(symbol).value
    table = _read(catalog_dir, FundingRateUpdate, identifier, start_ns, end_ns)
    rates = [float(msgspec.json.decode(text)) for text in table.column("rate").to_pylist()]
    return _integers(table, "ts_init"), np.array(rates)


def read_known_funding(
    catalog_dir: Path, symbol: str, start_ns: int | None = None, end_ns: int | None = None
) -> tuple[IntArray, IntArray, FloatArray]:
    """Return the settlements that became known in a window: their times, when known, and rates.

    These are for deciding; `read_funding` has the same rates for settling.

    Raises
    ------
    CatalogError
        If there is no catalog, no settlement or a damaged file.
    """
    identifier = instrument_id(symbol).value
    table = _read(catalog_dir, OcwFundingRate, identifier, start_ns, end_ns)
    rates = table.column("rate").to_numpy()
    return _integers(table, "ts_event"), _integers(table, "ts_init"), rates


def read_marks(
    catalog_dir: Path, symbol: str, start_ns: int | None = None, end_ns: int | None = None
) -> tuple[IntArray, FloatArray]:
    """Return the times of the mark prices of a venue symbol within a window, and the prices.

    Raises
    ------
    CatalogError
        If there is no catalog, no mark price or a damaged file.
    """
    identifier = instrument_id(symbol).value
    table = _read(catalog_dir, MarkPriceUpdate, identifier, start_ns, end_ns)
    return _integers(table, "ts_init"), _fixed(table, "value")


def bar_minutes(catalog_dir: Path, symbol: str) -> tuple[int, ...]:
    """Return the bar lengths that the catalog holds of a venue symbol, ascending, in minutes.

    Raises
    ------
    CatalogError
        If there is no catalog.
    """
    require(catalog_dir)
    return tuple(
        minutes
        for minutes in BAR_MINUTES
        if part_files(catalog_dir, Bar, str(bar_type(symbol, minutes)))
    )


def _taker_volume(catalog_dir: Path, symbol: str, minutes: int, close_ns: IntArray) -> FloatArray:
    volume = np.full(len(close_ns), np.nan)
    identifier, first, last = instrument_id(symbol).value, int(close_ns[0]), int(close_ns[-1])
    table = _rows(catalog_dir, OcwTakerFlow, identifier, first - 1, last)
    if table is not None:
        ours = table.column("minutes").to_numpy() == minutes
        places = np.searchsorted(close_ns, _integers(table, "ts_event")[ours])
        volume[places] = table.column("buy_volume").to_numpy()[ours]
    return volume


def _read(
    catalog_dir: Path, data_class: Any, identifier: str, start_ns: int | None, end_ns: int | None
) -> pa.Table:
    table = _rows(catalog_dir, data_class, identifier, start_ns, end_ns)
    if table is None:
        raise _nothing(data_class.__name__, identifier, start_ns, end_ns)
    return table


def _rows(
    catalog_dir: Path,
    data_class: Any,
    identifier: str,
    start_ns: int | None,
    end_ns: int | None,
    columns: list[str] | None = None,
) -> pa.Table | None:
    files = part_files(catalog_dir, data_class, identifier, start_ns, end_ns)
    if not files:
        return None
    table = pa.concat_tables([read_alone(path, columns) for path in files])
    known_ns = _integers(table, "ts_init")
    first = 0 if start_ns is None else int(np.searchsorted(known_ns, start_ns, "left"))
    last = len(known_ns) if end_ns is None else int(np.searchsorted(known_ns, end_ns, "right"))
    return table.slice(first, last - first) if first < last else None


def _nothing(what: str, of: str, start_ns: int | None, end_ns: int | None) -> NoDataError:
    first, last = (
        "..." if ns is None else str(np.datetime64(ns, "ns").astype("datetime64[s]"))
        for ns in (start_ns, end_ns)
    )
    return NoDataError(
        f"{what} of {of}", f"none in {first} to {last}", "see `ocw data info` for what there is"
    )


def _integers(table: pa.Table, name: str) -> IntArray:
    integers: IntArray = table.column(name).to_numpy().astype(np.int64)
    return integers


def _fixed(table: pa.Table, name: str) -> FloatArray:
    key = b"size_precision" if name == "volume" else b"price_precision"
    return from_fixed(table.column(name), int(table.schema.metadata[key]))
