"""Rows of statistics as the venue publishes them, turned into what the catalog would hold.

The objects are made by the importer's own checks and tables, so that a row that comes live and the
same row imported later are equal field by field: ``ts_event`` is the end of the five minutes
described (or the settlement), ``ts_init`` is ``ts_event`` plus the catalog's publication delay. A
row is *due* at its ``ts_init`` and is not told before, however early it was published: live knows
nothing sooner than a backtest. What arrives later says so: its ``ts_init`` is the time of arrival.

A row that lacks columns at its due time is waited for a little, then told with NaN, and told again
when the rest is there; of two rows with one ``ts_event`` the book of the actor believes the later.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa

from ocw_strategy.catalog import OcwDerivatives, OcwFundingRate, OcwTakerFlow, check_frame
from ocw_strategy.catalog.frames import STATISTICS
from ocw_strategy.catalog.tables import parts
from ocw_strategy.errors import CatalogError
from ocw_strategy.units import DAY_NS, MILLISECOND_NS, MINUTE_NS

PERIOD_NS: Final = 5 * MINUTE_NS
_FORGOTTEN_AFTER_NS: Final = DAY_NS
_KINDS: Final[dict[Any, str]] = {OcwDerivatives: "metrics_5m", OcwFundingRate: "funding"}


def interval(minutes: int) -> str:
    """Return what the venue and the importer call bars of so many minutes, such as ``15m``."""
    return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"


def objects(
    data_class: Any, symbol: str, rows: Mapping[int, Mapping[str, float]], delay_ns: int
) -> list[Any]:
    """Return rows by their ``ts`` in milliseconds as the catalog's objects, in order of time.

    Raises
    ------
    CatalogError
        If a row would be refused by the importer.
    """
    return _imported(_KINDS[data_class], data_class, symbol, rows, delay_ns)


def flows(
    symbol: str, minutes: int, rows: Mapping[int, Mapping[str, float]], delay_ns: int
) -> list[OcwTakerFlow]:
    """Return the takers' part of bars, rows by their OPEN, as the catalog's objects.

    Raises
    ------
    CatalogError
        If a bar would be refused by the importer.
    """
    return _imported(f"bars_{interval(minutes)}", OcwTakerFlow, symbol, rows, delay_ns)


def _imported(
    kind: str,
    data_class: Any,
    symbol: str,
    rows: Mapping[int, Mapping[str, float]],
    delay_ns: int,
) -> list[Any]:
    if not rows:
        return []
    times = sorted(rows)
    names = rows[times[0]].keys()
    table = pa.table({"ts": times, **{name: [rows[ts][name] for ts in times] for name in names}})
    frame = check_frame(kind, table, source=f"{symbol}: {kind} of the venue")
    for part in parts(frame, symbol, delay_ns=delay_ns, source=symbol):
        if part.data_class is data_class:
            found: list[Any] = data_class.from_arrow(part.table)
            return found
    return []


@dataclass(slots=True)
class RowBook:
    """Rows of one perpetual on their way to being told.

    Parameters
    ----------
    data_class : type
        `OcwDerivatives` or `OcwFundingRate`.
    symbol : str
        The venue's symbol.
    since_ns : int
        Rows due before this are history, for whoever asks for it, and are not told.
    delay_ns : int
        The catalog's publication delay.
    patience_ns : int
        How long past its due time an incomplete row is waited for.
    as_archived : bool
        Whether a late row is stamped as if it had been in time, for a market that is replayed.
    """

    data_class: Any
    symbol: str
    since_ns: int
    delay_ns: int
    patience_ns: int = MINUTE_NS
    as_archived: bool = False
    refused: list[str] = field(default_factory=list)
    """Faults of rows that the importer would refuse, newest last; the rows are dropped."""
    _rows: dict[int, dict[str, float]] = field(default_factory=dict)
    _arrived_ns: dict[int, int] = field(default_factory=dict)
    _told: dict[int, int] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """What a complete row has."""
        return STATISTICS if self.data_class is OcwDerivatives else ("rate",)

    @property
    def newest_ms(self) -> int:
        """``ts`` of the newest row that was ever told or waits, 0 before there is one."""
        return max((*self._rows, *self._told), default=0)

    def add(self, column: str, values: Mapping[int, float], now_ns: int) -> None:
        """Take in what an endpoint says of a column, by ``ts``."""
        for ts_ms, value in values.items():
            if self._due_ns(ts_ms) < self.since_ns:
                continue
            if self._told.get(ts_ms, 0) < len(self.columns):
                row = self._rows.setdefault(ts_ms, {})
                if column not in row:
                    self._arrived_ns[ts_ms] = now_ns
                row[column] = value

    def lacks(self, ts_ms: int) -> bool:
        """Return whether a row is not there with all of its columns."""
        if self._due_ns(ts_ms) < self.since_ns or self._told.get(ts_ms, 0) == len(self.columns):
            return False
        return len(self._rows.get(ts_ms, ())) < len(self.columns)

    def next_due_ns(self) -> int | None:
        """Return when the next waiting row may be told, None if none waits."""
        untold = [ts_ms for ts_ms in self._rows if ts_ms not in self._told]
        return min((self._due_ns(ts_ms) for ts_ms in untold), default=None)

    def take(self, now_ns: int) -> list[Any]:
        """Return the rows to be told now, in order of time."""
        told: dict[int, dict[str, float]] = {}
        for ts_ms in sorted(self._rows):
            known, due_ns = self._rows[ts_ms], self._due_ns(ts_ms)
            whole = len(known) == len(self.columns)
            news = len(known) > self._told.get(ts_ms, 0)
            if not news or now_ns < due_ns:
                continue
            if not whole and now_ns < due_ns + self.patience_ns:
                continue
            self._told[ts_ms] = len(known)
            told[ts_ms] = {name: known.get(name, float("nan")) for name in self.columns}
            if whole:
                del self._rows[ts_ms]
        found = self._objects(told)
        if not self.as_archived:
            for item in found:
                if not self._was_in_time(item.ts_event // MILLISECOND_NS):
                    item.__dict__["_ts_init"] = now_ns
        self._forget(now_ns)
        return found

    def _objects(self, rows: Mapping[int, Mapping[str, float]]) -> list[Any]:
        # all at once, since a table of one row costs as much as one of a day
        try:
            return objects(self.data_class, self.symbol, rows, self.delay_ns)
        except CatalogError as fault:
            if len(rows) == 1:
                self.refused.append(str(fault))
                return []
            return [found for ts_ms, row in rows.items() for found in self._objects({ts_ms: row})]

    def _was_in_time(self, ts_ms: int) -> bool:
        whole = self._told[ts_ms] == len(self.columns)
        return whole and self._arrived_ns[ts_ms] <= self._due_ns(ts_ms)

    def _due_ns(self, ts_ms: int) -> int:
        return ts_ms * MILLISECOND_NS + self.delay_ns

    def _forget(self, now_ns: int) -> None:
        old = [
            ts_ms
            for ts_ms in (*self._rows, *self._told)
            if self._due_ns(ts_ms) < now_ns - _FORGOTTEN_AFTER_NS
        ]
        for ts_ms in old:
            if ts_ms != self.newest_ms:
                for book in (self._rows, self._arrived_ns, self._told):
                    book.pop(ts_ms, None)
