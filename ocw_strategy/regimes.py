"""Which regime is known at a close: one that is given, or one fitted on the hours so far."""

from collections.abc import Iterable
from pathlib import Path

from ocw_strategy.catalog.reader import NoDataError, hourly_closes
from ocw_strategy.engine import venue_symbol
from ocw_strategy.regime import (
    ASSUMED_MACRO,
    MACRO_FILE,
    NEUTRAL_REGIME,
    MacroSeries,
    RecordedRegimes,
    Regime,
    VolatilityRegimeModel,
    first_hour_ns,
    join_regime,
    macro_at,
    read_macro_csv,
)
from ocw_strategy.settings import Settings
from ocw_strategy.units import HOUR_NS


class RegimeWatch:
    """The regime of a run, close by close.

    Parameters
    ----------
    settings : Settings
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.regime
        self._catalog = Path(settings.data.catalog)
        self._neutral = settings.experiment.regime == "neutral"
        self.recorded: RecordedRegimes | None = None
        """A precomputed track, used instead of fitting one when it is set."""
        self._model = VolatilityRegimeModel(settings.regime)
        self._macro_series = _macro_series(self._catalog)
        self._macro_hour = -1
        self._macro = ASSUMED_MACRO

    @property
    def fits(self) -> bool:
        """Whether it learns from hours: it does unless the regimes are given."""
        return self.recorded is None and not self._neutral

    def warm(self, hours: Iterable[tuple[int, float]]) -> None:
        """Take in the hours before the first bar: closes in UNIX ns, and prices."""
        self._model.warm(hours)

    def warm_from_catalog(self, now_ns: int) -> None:
        """Take in the hours that the catalog holds before a moment, where any are needed."""
        if not self.fits:
            return
        try:
            times, closes = hourly_closes(
                self._catalog,
                venue_symbol(self._settings.symbol),
                start_ns=first_hour_ns(self._settings, now_ns),
                end_ns=now_ns,
            )
        except NoDataError:
            return  # the regime is unknown until enough hours have come
        self.warm(zip(times.tolist(), closes.tolist(), strict=True))

    def add_hour(self, symbol: str, close_ns: int, close: float) -> None:
        """Take in an instrument's price at the end of an hour."""
        if symbol == self._settings.symbol and self.fits:
            self._model.add_hour(close_ns, close)

    def at(self, now_ns: int) -> Regime:
        """Return the regime known at a close."""
        if self._neutral:
            return NEUTRAL_REGIME
        if self.recorded is not None:
            return self.recorded.at(now_ns)
        hour = now_ns // HOUR_NS
        if hour != self._macro_hour:
            self._macro_hour = hour
            self._macro = macro_at(self._macro_series, now_ns, self._settings.macro)
        return join_regime(self._model.at(now_ns), self._macro)


def _macro_series(catalog: Path) -> MacroSeries | None:
    # Macro data is part of a run only where its series lie beside the market data.
    path = catalog / MACRO_FILE
    return read_macro_csv(path) if path.is_file() else None
