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
from dataclasses import dataclass
from typing import Any

import numpy as np

from ocw_strategy.regime.hidden_markov import Floats, HiddenMarkovFit, fit_hidden_markov
from ocw_strategy.regime.periods import (
    Period,
    PeriodBuilder,
    last_boundary_ns,
    next_boundary_ns,
    seasonal_log_volatility,
    time_of_week,
    unbroken_lengths,
)
from ocw_strategy.regime.settings import UNKNOWN, RegimeSettings
from ocw_strategy.units import DAY_NS, HOUR_NS


@dataclass(frozen=True, slots=True)
class VolatilityState:
    """The volatility regime as known at one moment.

    Attributes
    ----------
    name : str
        Name of a band of the settings, or ``unknown``.
    probability : float
        Filtered probability of that band; 0 when unknown.
    annualised_volatility : float
        Root of the filtered mean of the states' squared volatilities; 0 when unknown.
    exposure_scale : float
        Multiplier of position size.
    expires_ns : int
        From here on, without another complete period, the regime is unknown.
    """

    name: str
    probability: float
    annualised_volatility: float
    exposure_scale: float
    expires_ns: int


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


def unknown_state(settings: RegimeSettings) -> VolatilityState:
    """Return the state in which nothing is known."""
    return VolatilityState(UNKNOWN, 0.0, 0.0, settings.unknown_exposure_scale, 0)


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
        self._fit: HiddenMarkovFit | None = None
        self._season: list[float] = []
        self._band_of_state: list[int] = []
        self._probabilities: Floats | None = None
        self._band = -1
        self._filtered_index = -1

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
        elif period is not None and self._fit is not None:
            self._filter(self._fit, period)
            self.current = self._state(self._fit)
        return True

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
        if self._last_ns:
            self._refit(last_boundary_ns(self._last_ns, self._settings.refit))

    def _refit(self, boundary_ns: int) -> None:
        settings = self._settings
        self._next_refit_ns = next_boundary_ns(boundary_ns, settings.refit)
        first_ns = boundary_ns - settings.history_days * DAY_NS
        self._periods = [each for each in self._periods if each.index * self._period_ns >= first_ns]
        past = [each for each in self._periods if (each.index + 1) * self._period_ns <= boundary_ns]
        self._fit, refused = None, ""
        if len(past) * self._period_ns < settings.minimum_days * DAY_NS:
            refused = f"{len(past)} periods are fewer than {settings.minimum_days} days"
        else:
            self._season = seasonal_log_volatility(past, settings.period_hours)
            self._fit = fit_hidden_markov(
                np.array([self._observation(period) for period in past]),
                unbroken_lengths(past),
                state_counts=settings.state_counts,
                restarts=settings.restarts,
                seed=settings.seed,
            )
            if self._fit is None:
                refused = "no candidate converged to a sound model"
        self.fits.append(_report(boundary_ns, len(past), self._fit, refused))
        self.current = unknown_state(settings)
        if self._fit is not None:
            edges = [band.below for band in settings.bands if band.below is not None]
            self._band_of_state = np.searchsorted(edges, self._fit.volatilities, "right").tolist()
            self._probabilities, self._band = None, -1
            for period in self._periods:
                self._filter(self._fit, period)
            self.current = self._state(self._fit)

    def _filter(self, fit: HiddenMarkovFit, period: Period) -> None:
        elapsed = period.index - self._filtered_index
        self._probabilities = fit.step(self._probabilities, self._observation(period), elapsed)
        self._filtered_index = period.index
        by_band = self._by_band()
        # a name is kept while it stays plausible: two bands of equal odds would flicker
        if self._band < 0 or by_band[self._band] < self._settings.keep_probability:
            self._band = by_band.index(max(by_band))

    def _observation(self, period: Period) -> tuple[float, float]:
        season = self._season[time_of_week(period.index, self._settings.period_hours)]
        return period.log_return / math.exp(season), math.log(period.volatility) - season

    def _by_band(self) -> list[float]:
        assert self._probabilities is not None
        by_band = [0.0] * len(self._settings.bands)
        for band, probability in zip(
            self._band_of_state, self._probabilities.tolist(), strict=True
        ):
            by_band[band] += probability
        return by_band

    def _state(self, fit: HiddenMarkovFit) -> VolatilityState:
        assert self._probabilities is not None
        band = self._settings.bands[self._band]
        end_ns = (self._filtered_index + 1) * self._period_ns
        return VolatilityState(
            name=band.name,
            probability=min(self._by_band()[self._band], 1.0),
            annualised_volatility=math.sqrt(float(self._probabilities @ fit.volatilities**2)),
            exposure_scale=band.exposure_scale,
            expires_ns=end_ns + self._settings.stale_hours * HOUR_NS,
        )


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
