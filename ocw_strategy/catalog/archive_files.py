"""Which files of Binance's public archive hold the data of a request.

The archive (https://github.com/binance/binance-public-data) has a ZIP of one CSV per symbol, kind
and month or day. Whole past months come by the month and the current one by the day; metrics only
by the day and funding only by the month. The month just over falls back to its days, since its own
file appears only some days into the next.

Refused (`CatalogError`): symbols and kinds that the archive cannot have, and a window that is empty
up to yesterday.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from ocw_strategy.catalog.frames import Kind, parse_kind
from ocw_strategy.errors import CatalogError
from ocw_strategy.units import DAY_NS

_EPOCH: Final = date(1970, 1, 1)
_KLINE_INTERVALS: Final = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h")
_FOLDERS: Final = {
    "bars": "klines",
    "mark": "markPriceKlines",
    "funding": "fundingRate",
    "metrics": "metrics",
}


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One file of the archive.

    Attributes
    ----------
    kind : Kind
        What it holds.
    symbol : str
        The venue's symbol.
    begins : datetime.date
        Its day, or the first of its month.
    path : str
        Where it is below the archive's address.
    days : tuple of ArchiveFile
        The daily files that serve where this monthly one is not published yet.
    """

    kind: Kind
    symbol: str
    begins: date
    path: str
    days: tuple["ArchiveFile", ...] = ()


def files_for(
    symbols: Iterable[str], kinds: Iterable[str], start_ns: int, end_ns: int, now_ns: int
) -> list[ArchiveFile]:
    """Return the files that hold a window of data, in the order of symbol, kind and time.

    Parameters
    ----------
    symbols, kinds : Iterable[str]
        Such as ``BTCUSDT`` and ``bars_5m``, ``mark_1h``, ``funding``, ``metrics_5m``.
    start_ns, end_ns : int
        The window, its end excluded. Today and what comes after it is not published.
    now_ns : int
        The present, which says what month is the current one.

    Raises
    ------
    CatalogError
        If a symbol or kind is none of the archive's, or the window is empty up to yesterday.
    """
    today = _day(now_ns)
    last = min(_day(end_ns - 1), today - timedelta(days=1))
    first = _day(start_ns)
    if first > last:
        raise CatalogError(
            "window to fetch", f"{first} to {last}", "begin it before today and end it later"
        )
    days = [first + timedelta(days=each) for each in range((last - first).days + 1)]
    wanted = [_checked_kind(name) for name in dict.fromkeys(kinds)]
    this_month = today.replace(day=1)
    month_before = (this_month - timedelta(days=1)).replace(day=1)
    files: list[ArchiveFile] = []
    for symbol in dict.fromkeys(symbols):
        if not re.fullmatch(r"[A-Z0-9]{2,24}", symbol):
            raise CatalogError("symbol", symbol, "write it as the venue does, such as BTCUSDT")
        for kind in wanted:
            for month in sorted({day.replace(day=1) for day in days}):
                daily = tuple(
                    _file(kind, symbol, day, monthly=False)
                    for day in days
                    if day.replace(day=1) == month
                )
                if kind.family == "metrics" or (kind.family != "funding" and month == this_month):
                    files.extend(daily)
                elif kind.family != "funding" and month == month_before:
                    files.append(_file(kind, symbol, month, monthly=True, days=daily))
                else:
                    files.append(_file(kind, symbol, month, monthly=True))
    return files


def _checked_kind(name: str) -> Kind:
    kind = parse_kind(name)
    interval = name.rpartition("_")[2]
    if kind.family == "metrics" and interval != "5m":
        raise CatalogError("kind of data", name, "the archive has metrics_5m only")
    if kind.family in ("bars", "mark") and interval not in _KLINE_INTERVALS:
        raise CatalogError("kind of data", name, f"use one of {', '.join(_KLINE_INTERVALS)}")
    return kind


def _file(
    kind: Kind, symbol: str, begins: date, *, monthly: bool, days: tuple[ArchiveFile, ...] = ()
) -> ArchiveFile:
    folder = _FOLDERS[kind.family]
    period = "monthly" if monthly else "daily"
    stamp = begins.strftime("%Y-%m" if monthly else "%Y-%m-%d")
    if kind.family in ("bars", "mark"):
        interval = kind.name.rpartition("_")[2]
        name = f"{interval}/{symbol}-{interval}-{stamp}.zip"
    else:
        name = f"{symbol}-{folder}-{stamp}.zip"
    path = f"data/futures/um/{period}/{folder}/{symbol}/{name}"
    return ArchiveFile(kind, symbol, begins, path, days)


def _day(ts_ns: int) -> date:
    return _EPOCH + timedelta(days=ts_ns // DAY_NS)
