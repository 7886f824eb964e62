"""The online volatility regime: hourly closes in, the name of a fixed volatility band out.

At each calendar boundary the model is fitted anew on the periods that ended in the days before it,
and the forward filter is run again over them; between boundaries each complete period moves the
filter one step. So the regime at any time is a function of a finite past: a warm start with the
hours from `first_hour_ns` on equals a run that arrives there.

Too little history, a refused fit, or no complete period for `stale_hours` is the name ``unknown``
with its own reduced exposure scale, never a calm one. Hours that are late, doubled, no whole hour,
not positive or not finite are rejected and counted.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ocw_strategy.regime.bands import BandFilter, VolatilityState, fit_bands, unknown_state
from ocw_strategy.regime.hidden_markov import HiddenMarkovFit
from ocw_strategy.regime.periods import (
    Period,
    PeriodBuilder,
    last_boundary_ns,
    next_boundary_ns,
)
from ocw_strategy.regime.settings import RegimeSettings
from ocw_strategy.units import DAY_NS, HOUR_NS

_NEVER_NS = 2**63


@dataclass(frozen=True, slots=True)
class FitReport:
    """What came of one refit.

    Attributes
    ----------
    boundary_ns : int
        The calendar boundary: nothing at or after it was seen.
    periods : int
        Periods in the fit window.
    states : int
        Hidden states chosen; 0 when refused.
    volatilities : tuple of float
        Annualised volatility of each, ascending.
    log_likelihood, bic : float
        Of the chosen model; 0 when refused.
    refused : str
        Why there is no model; empty when there is one.
    """

    boundary_ns: int
    periods: int
    states: int
    volatilities: tuple[float, ...]
    log_likelihood: float
    bic: float
    refused: str


def first_hour_ns(settings: RegimeSettings, now_ns: int) -> int:
    """Return the earliest hourly close that the regime at `now_ns` can depend on."""
    return last_boundary_ns(now_ns, settings.refit) - settings.history_days * DAY_NS


class VolatilityRegimeModel:
    """Follow the volatility regime of one instrument, hour by hour.

    Parameters
    ----------
    settings : RegimeSettings
        Bands, periods and the fit.

    Attributes
    ----------
    current : VolatilityState
        The regime after the last hour added; `at` also knows when it has grown stale.
    fits : list of FitReport
        Refits since this model was made or restored, newest last.
    rejected : int
        Hours that were refused.
    """

    def __init__(self, settings: RegimeSettings) -> None:
        self.current = unknown_state(settings)
        self.fits: list[FitReport] = []
        self.rejected = 0
        self._settings = settings
        self._period_ns = settings.period_hours * HOUR_NS
        self._builder = PeriodBuilder(settings.period_hours, settings.minimum_hours_fraction)
        self._periods: list[Period] = []
        self._last_ns = 0
        self._next_refit_ns = 0
        self._filter: BandFilter | None = None

    @property
    def skipped_periods(self) -> int:
        """Periods that had too few hours or did not move."""
        return self._builder.skipped

    def add_hour(self, close_ns: int, close: float) -> bool:
        """Add one closed hour.

        Parameters
        ----------
        close_ns : int
            END of the hour, UNIX nanoseconds; ascending.
        close : float
            Closing price.

        Returns
        -------
        bool
            False when the hour was rejected.
        """
        if close_ns <= self._last_ns or close_ns % HOUR_NS or not 0 < close < math.inf:
            self.rejected += 1
            return False
        self._last_ns = close_ns
        period = self._builder.push(close_ns, close)
        if period is not None:
            self._periods.append(period)
        if close_ns >= self._next_refit_ns:
            self._refit(last_boundary_ns(close_ns, self._settings.refit))
        elif period is not None and self._filter is not None:
            self.current = self._filter.step(period)
        return True

    def warm(self, hours: Iterable[tuple[int, float]]) -> None:
        """Add many past hours with a single refit at the end; what follows is as if added singly.

        Parameters
        ----------
        hours : iterable of (int, float)
            Arguments of `add_hour`, from `first_hour_ns` on.
        """
        self._filter, self._next_refit_ns = None, _NEVER_NS
        for close_ns, close in hours:
            self.add_hour(close_ns, close)
        self._resume()

    def at(self, now_ns: int) -> VolatilityState:
        """Return the regime at `now_ns`, not before the last hour added; unknown when stale."""
        return self.current if now_ns < self.current.expires_ns else unknown_state(self._settings)

    def state(self) -> dict[str, Any]:
        """Return everything that later answers depend on, as JSON values."""
        return {
            "builder": self._builder.state(),
            "periods": [[each.index, each.log_return, each.volatility] for each in self._periods],
            "last_ns": self._last_ns,
            "rejected": self.rejected,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a `state`: the model of the last boundary is fitted again, to the bit."""
        self._builder.restore(state["builder"])
        self._periods = [Period(*values) for values in state["periods"]]
        self._last_ns = state["last_ns"]
        self.rejected = state["rejected"]
        self.fits = []
        self._resume()

    def _resume(self) -> None:
        self.current, self._filter, self._next_refit_ns = unknown_state(self._settings), None, 0
        if self._last_ns:
            self._refit(last_boundary_ns(self._last_ns, self._settings.refit))

    def _refit(self, boundary_ns: int) -> None:
        settings = self._settings
        self._next_refit_ns = next_boundary_ns(boundary_ns, settings.refit)
        first_ns = boundary_ns - settings.history_days * DAY_NS
        self._periods = [each for each in self._periods if each.index * self._period_ns >= first_ns]
        past = [each for each in self._periods if (each.index + 1) * self._period_ns <= boundary_ns]
        self.current, self._filter, refused = unknown_state(settings), None, ""
        if len(past) * self._period_ns < settings.minimum_days * DAY_NS:
            refused = f"{len(past)} periods are fewer than {settings.minimum_days} days"
        else:
            self._filter = fit_bands(past, settings)
            if self._filter is None:
                refused = "no candidate converged to a sound model"
            else:
                for period in self._periods:
                    self.current = self._filter.step(period)
        fit = None if self._filter is None else self._filter.fit
        self.fits.append(_report(boundary_ns, len(past), fit, refused))


def _report(boundary_ns: int, periods: int, fit: HiddenMarkovFit | None, refused: str) -> FitReport:
    return FitReport(
        boundary_ns=boundary_ns,
        periods=periods,
        states=0 if fit is None else len(fit.start),
        volatilities=() if fit is None else tuple(sorted(fit.volatilities.tolist())),
        log_likelihood=0.0 if fit is None else fit.log_likelihood,
        bic=0.0 if fit is None else fit.bic,
        refused=refused,
    )
