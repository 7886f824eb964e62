"""Market data of the catalog as frames, by the time it was known."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ocw_strategy.catalog import is_synthetic, read_bars, read_derivatives, write_sample
from ocw_strategy.catalog.frames import FloatArray, IntArray
from ocw_strategy.catalog.reader import NoDataError, read_known_funding
from ocw_strategy.engine import venue_symbol
from ocw_strategy.research.frames import utc
from ocw_strategy.settings import Settings, settings_from, time_option

CATALOG = "catalog"
_FIRST_DAY = "2024-01-01"
_WARM_UP_DAYS = 30


def load_bars(
    symbol: str,
    *,
    catalog: str | Path = CATALOG,
    minutes: int = 15,
    start: str | None = None,
    end: str | None = None,
) -> pd.DataFrame:
    """Return an instrument's bars, indexed by their close.

    Parameters
    ----------
    symbol : str
        Such as ``BTCUSDT-PERP``.
    catalog : path, default "catalog"
    minutes : int, default 15
        Length of a bar.
    start, end : str, optional
        ISO dates or times, UTC; both inclusive.

    Returns
    -------
    DataFrame
        ``open, high, low, close, volume, taker_buy_volume``; the last is NaN where unknown.

    Raises
    ------
    CatalogError
        If there is no catalog, no such bar in the window or a damaged file.
    SettingsError
        If `start` or `end` is no time.
    """
    bars = read_bars(Path(catalog), venue_symbol(symbol), minutes, *_window(start, end))
    names = ("open", "high", "low", "close", "volume", "taker_buy_volume")
    return pd.DataFrame({name: getattr(bars, name) for name in names}, index=utc(bars.close_ns))


def load_metrics(
    symbol: str,
    *,
    catalog: str | Path = CATALOG,
    start: str | None = None,
    end: str | None = None,
) -> pd.DataFrame:
    """Return an instrument's derivative statistics, indexed by when they became known.

    Parameters
    ----------
    symbol : str
        Such as ``BTCUSDT-PERP``.
    catalog : path, default "catalog"
    start, end : str, optional
        ISO dates or times, UTC; both inclusive.

    Returns
    -------
    DataFrame
        ``measured`` (the time they speak of, earlier than the index), open interest, ratios, and
        ``funding_rate``, the last settled one known then (NaN where there is none). Using
        ``measured`` as the index looks ahead: nobody knew it then.

    Raises
    ------
    CatalogError
        If there is no catalog, no such row in the window or a damaged file.
    SettingsError
        If `start` or `end` is no time.
    """
    window = _window(start, end)
    found = read_derivatives(Path(catalog), venue_symbol(symbol), *window)
    names = (
        "open_interest", "open_interest_value", "toptrader_account_ls_ratio",
        "toptrader_position_ls_ratio", "global_account_ls_ratio", "taker_buy_sell_ratio",
    )  # fmt: skip
    frame = pd.DataFrame({name: getattr(found, name) for name in names})
    frame.insert(0, "measured", utc(found.ts_event_ns))
    frame["funding_rate"] = _funding(Path(catalog), symbol, found.ts_init_ns, window[1])
    frame.index = utc(found.ts_init_ns)
    return frame


def sample_settings(
    folder: str | Path, *, days: int = 90, seed: int = 1, edge: float = 1.0, **run: Any
) -> Settings:
    """Make the sample market (synthetic) where it is not there yet; return settings to run on it.

    Parameters
    ----------
    folder : path
        Gets a catalog, and the folder of runs with its ledger of tries.
    days : int, default 90
        Length of the market from 2024-01-01 on.
    seed : int, default 1
        Of everything random in the market.
    edge : float, default 1
        Strength of the planted edges; 0 makes noise.
    **run
        Values of the section ``run``. By default a decision window from the 31st day to the end,
        with 30 days of warm-up.

    Raises
    ------
    SettingsError
        If a value is refused.
    """
    catalog = Path(folder) / f"sample-{days}-{seed}-{edge:g}"
    if not is_synthetic(catalog):
        write_sample(catalog, seed=seed, start=_FIRST_DAY, days=days, base_minutes=15, edge=edge)
    first = date.fromisoformat(_FIRST_DAY)
    window = {
        "start": str(first + timedelta(_WARM_UP_DAYS)),
        "end": str(first + timedelta(days)),
        "warmup_days": _WARM_UP_DAYS,
        "runs_dir": str(Path(folder) / "runs"),
        **run,
    }
    return settings_from({"run": window, "data": {"catalog": str(catalog)}})


def _funding(catalog: Path, symbol: str, known_ns: IntArray, end_ns: int | None) -> FloatArray:
    try:
        _, since_ns, rates = read_known_funding(catalog, venue_symbol(symbol), None, end_ns)
    except NoDataError:
        return np.full(len(known_ns), np.nan)
    found = np.searchsorted(since_ns, known_ns, side="right") - 1
    return np.where(found >= 0, rates[found], np.nan)


def _window(start: str | None, end: str | None) -> tuple[int | None, int | None]:
    return (
        None if start is None else time_option("start", start),
        None if end is None else time_option("end", end),
    )
