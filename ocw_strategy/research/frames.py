"""Records as pandas frames: one row each, indexed by UTC time."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from typing import Any

import pandas as pd

from ocw_strategy.journal import Record


def utc(ns: object) -> pd.DatetimeIndex:
    """Return UNIX nanoseconds as a UTC index."""
    return pd.DatetimeIndex(pd.to_datetime(pd.Index(ns), unit="ns", utc=True), name="time")  # type: ignore[call-overload]


def of_records(
    kind: type[Record], rows: Sequence[Record], time: str = "ts_ns", leave: Iterable[str] = ()
) -> pd.DataFrame:
    """Return records as a frame; other times become UTC columns named without ``_ns``.

    Parameters
    ----------
    kind : type[Record]
        Their kind: an empty frame has its columns too.
    rows : sequence of Record
    time : str, default "ts_ns"
        The field that becomes the index.
    leave : iterable of str, optional
        Fields to leave out.
    """
    names = [field.name for field in fields(kind)]
    frame = pd.DataFrame([asdict(row) for row in rows], columns=names)
    frame.index = utc(frame.pop(time).astype("int64"))
    for name in [name for name in frame.columns if name.endswith("_ns") and name != "latency_ns"]:
        place = frame.columns.tolist().index(name)
        moments = pd.to_datetime(frame.pop(name).astype("int64"), unit="ns", utc=True)
        frame.insert(place, name.removesuffix("_ns"), moments)
    return frame.drop(columns=list(leave))


def numeric(frame: pd.DataFrame, *names: str) -> pd.DataFrame:
    """Return a frame whose decimal texts became numbers."""
    changed: dict[str, Any] = {name: pd.to_numeric(frame[name]) for name in names}
    return frame.assign(**changed)
