"""Whether the catalog holds what a run's window needs, said before anything runs."""

from pathlib import Path

import numpy as np

from ocw_strategy.catalog import verify_files
from ocw_strategy.catalog.reader import NoDataError, read_bars
from ocw_strategy.engine import venue_symbol
from ocw_strategy.errors import CatalogError
from ocw_strategy.settings import Settings
from ocw_strategy.units import DAY_NS, MINUTE_NS


def check_window(settings: Settings) -> dict[str, int]:
    """Return the bars missing between the window's start and its end, by symbol.

    Raises
    ------
    CatalogError
        If there is no catalog, a file in it is damaged, an instrument is unknown or has no bar in
        the window, or bars are missing and the settings refuse gaps.
    """
    catalog = Path(settings.data.catalog)
    verify_files(catalog)
    minutes = settings.data.bar_minutes
    step_ns = minutes * MINUTE_NS
    # the closes after the start, up to the one that ends the window
    expected = settings.run.end_ns // step_ns - settings.run.start_ns // step_ns
    missing = {}
    for symbol in settings.data.instruments:
        try:
            closes = read_bars(
                catalog, venue_symbol(symbol), minutes, settings.run.start_ns, settings.run.end_ns
            ).close_ns
        except NoDataError as error:
            raise CatalogError(
                f"{symbol} {minutes}-minute bars",
                f"none from {settings.run.start} to {settings.run.end}",
                "import or fetch them, or move the window: `ocw data info` shows what is there",
            ) from error
        missing[symbol] = expected - int(np.count_nonzero(closes > settings.run.start_ns))
    gaps = {symbol: count for symbol, count in missing.items() if count}
    if gaps and not settings.data.allow_gaps:
        raise CatalogError(
            "data.allow_gaps", gaps, "fill the missing bars, move the window or set it to true"
        )
    return missing


def covered(settings: Settings) -> tuple[int, int]:
    """Return the part of a run's window for which every instrument has bars, UNIX nanoseconds.

    It begins with the window or, where an instrument's bars begin later, at the next midnight.

    Raises
    ------
    CatalogError
        If an instrument has no bar in the window.
    """
    run, minutes = settings.run, settings.data.bar_minutes
    first_ns, last_ns = run.start_ns, run.end_ns
    for symbol in settings.data.instruments:
        closes = read_bars(
            Path(settings.data.catalog), venue_symbol(symbol), minutes, first_ns, last_ns
        ).close_ns
        opened_ns = int(closes[0]) - minutes * MINUTE_NS
        if opened_ns > first_ns:
            first_ns = -(-opened_ns // DAY_NS) * DAY_NS
        last_ns = min(last_ns, int(closes[-1]))
    return first_ns, last_ns
