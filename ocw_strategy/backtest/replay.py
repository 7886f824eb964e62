"""A window's data as the actor's rooms receive it, without an engine: fast, and only for watching.

Bars are handed over close by close, every instrument's before the close is looked at, from as far
back as a run's warm-up. What is built on it (calibration, the pre-screen of gate settings, signals
to scramble) sees at a close what the actor sees there, and nothing after the window's end.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from ocw_strategy.catalog import (
    BarColumns,
    NoDataError,
    hourly_closes,
    read_bars,
    read_derivatives,
    read_known_funding,
)
from ocw_strategy.engine import venue_symbol
from ocw_strategy.gate import is_decision_close
from ocw_strategy.market import (
    DerivativeBook,
    FeatureBook,
    FeatureSettings,
    SignalTrack,
    SymbolFeatures,
    signal_values,
)
from ocw_strategy.market.features import DECISION_NS
from ocw_strategy.regime import (
    MACRO_FILE,
    RecordedRegimes,
    first_hour_ns,
    read_macro_csv,
    record_regimes,
)
from ocw_strategy.settings import Settings
from ocw_strategy.units import SIGNALS

type Bars = Mapping[str, BarColumns]
type Close = Mapping[str, SymbolFeatures]


def window_bars(settings: Settings) -> dict[str, BarColumns]:
    """Return the base bars of a run's window and warm-up, by instrument in their fixed order.

    Raises
    ------
    CatalogError
        If the catalog has none of an instrument.
    """
    run = settings.run
    return {
        symbol: read_bars(
            Path(settings.data.catalog), venue_symbol(symbol), settings.data.bar_minutes,
            run.data_start_ns, run.end_ns,
        )
        for symbol in sorted(settings.data.instruments)
    }  # fmt: skip


def stream(bars: Bars, add_bar: Callable[..., object], at_close: Callable[[int], None]) -> None:
    """Feed bars in order of time and look at every decision close once its bars are in.

    Parameters
    ----------
    bars : mapping of str to BarColumns
    add_bar : callable
        Called as ``add_bar(symbol, close_ns, open, high, low, close, volume, taker_volume)``.
    at_close : callable
        Called with each decision close at which any instrument has a bar.
    """
    rows: dict[int, list[tuple[object, ...]]] = {}
    for symbol, found in bars.items():
        columns = (
            found.open, found.high, found.low, found.close, found.volume, found.taker_buy_volume,
        )  # fmt: skip
        lists = (column.tolist() for column in columns)
        for close_ns, *values in zip(found.close_ns.tolist(), *lists, strict=True):
            rows.setdefault(close_ns, []).append((symbol, close_ns, *values))
    for now_ns in sorted(rows):
        for row in rows[now_ns]:
            add_bar(*row)
        if is_decision_close(now_ns):
            at_close(now_ns)


def window_features(settings: FeatureSettings, bars: Bars, minutes: int) -> dict[int, Close]:
    """Return the features of every instrument at every decision close."""
    book = FeatureBook(settings, tuple(bars), minutes)
    found: dict[int, Close] = {}

    def at_close(now_ns: int) -> None:
        found[now_ns] = book.close(now_ns)

    stream(bars, book.add_bar, at_close)
    return found


def window_regimes(settings: Settings) -> RecordedRegimes:
    """Return the regimes that a run over the window goes by, fitted as the run fits them."""
    catalog, run = Path(settings.data.catalog), settings.run
    try:
        times, closes = hourly_closes(
            catalog,
            venue_symbol(settings.regime.symbol),
            first_hour_ns(settings.regime, run.data_start_ns),
            run.end_ns,
        )
    except NoDataError:
        times, closes = np.array([], np.int64), np.array([])
    macro = catalog / MACRO_FILE
    series = read_macro_csv(macro) if macro.is_file() else None
    return record_regimes(times.tolist(), closes.tolist(), settings.regime, series)


def window_signals(settings: Settings) -> SignalTrack:
    """Return the signals at every decision close of a run's window and warm-up."""
    bars = window_bars(settings)
    book = FeatureBook(settings.features, tuple(bars), settings.data.bar_minutes)
    statistics = _statistics(settings, tuple(bars))
    run = settings.run
    first_ns = -(-run.data_start_ns // DECISION_NS) * DECISION_NS
    slots = (run.end_ns - first_ns) // DECISION_NS + 1
    values = {symbol: np.full((slots, len(SIGNALS)), np.nan) for symbol in bars}

    def add_bar(symbol: str, close_ns: int, *row: float) -> None:
        *_, volume, taker_volume = row
        if book.add_bar(symbol, close_ns, *row):
            known = taker_volume if settings.data.derivatives else np.nan
            statistics.add_bar(symbol, close_ns, volume, known)

    def at_close(now_ns: int) -> None:
        slot = (now_ns - first_ns) // DECISION_NS
        for symbol, feature in book.close(now_ns).items():
            found = signal_values(
                statistics.at(symbol, now_ns),
                return_4h=feature.return_4h,
                volatility=feature.volatility,
                settings=settings.market.signals,
            )
            values[symbol][slot] = [
                np.nan if name in found.missing else found.values[name] for name in SIGNALS
            ]

    stream(bars, add_bar, at_close)
    return SignalTrack(first_ns, values)


def _statistics(settings: Settings, symbols: tuple[str, ...]) -> DerivativeBook:
    # a record counts only after it was published, so the whole window may be added beforehand
    book = DerivativeBook(settings.market.statistics, symbols)
    window = (settings.run.data_start_ns, settings.run.end_ns)
    catalog = Path(settings.data.catalog)
    for symbol in symbols:
        name = venue_symbol(symbol)
        if settings.data.derivatives:
            _add_metrics(book, catalog, symbol, name, window)
        if settings.data.funding:
            _add_funding(book, catalog, symbol, name, window)
    return book


def _add_metrics(
    book: DerivativeBook, catalog: Path, symbol: str, name: str, window: tuple[int, int]
) -> None:
    try:
        found = read_derivatives(catalog, name, *window)
    except NoDataError:
        return
    columns = (
        found.ts_event_ns, found.ts_init_ns, found.open_interest, found.open_interest_value,
        found.toptrader_account_ls_ratio, found.toptrader_position_ls_ratio,
        found.global_account_ls_ratio, found.taker_buy_sell_ratio,
    )  # fmt: skip
    for row in zip(*(column.tolist() for column in columns), strict=True):
        book.add_metrics(symbol, *row)


def _add_funding(
    book: DerivativeBook, catalog: Path, symbol: str, name: str, window: tuple[int, int]
) -> None:
    try:
        columns = read_known_funding(catalog, name, *window)
    except NoDataError:
        return
    for row in zip(*(column.tolist() for column in columns), strict=True):
        book.add_funding(symbol, *row)
