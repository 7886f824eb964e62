"""From the states of one fitted model to the name of a fixed volatility band.

Each hidden state belongs to the band its volatility lies in; the probability of a band is the sum
over its states. Volatilities are levels of the whole week: what a time of week usually adds or
takes is divided out of each period before the model sees it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ocw_strategy.regime.hidden_markov import Floats, HiddenMarkovFit, fit_hidden_markov
from ocw_strategy.regime.periods import (
    Period,
    seasonal_log_volatility,
    time_of_week,
    unbroken_lengths,
)
from ocw_strategy.regime.settings import UNKNOWN, RegimeSettings
from ocw_strategy.units import HOUR_NS


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


def unknown_state(settings: RegimeSettings) -> VolatilityState:
    """Return the state in which nothing is known."""
    return VolatilityState(UNKNOWN, 0.0, 0.0, settings.unknown_exposure_scale, 0)


class BandFilter:
    """One fitted model and where its forward filter stands.

    Parameters
    ----------
    fit : HiddenMarkovFit
        The model.
    season : sequence of float
        What `seasonal_log_volatility` gave over the fit window.
    settings : RegimeSettings
        Bands, and when a name is given up.
    """

    def __init__(
        self, fit: HiddenMarkovFit, season: Sequence[float], settings: RegimeSettings
    ) -> None:
        edges = [band.below for band in settings.bands if band.below is not None]
        self.fit = fit
        self._season = season
        self._settings = settings
        self._squared_volatilities = fit.volatilities**2
        self._band_of_state = np.searchsorted(edges, fit.volatilities, "right")
        self._probabilities: Floats | None = None
        self._index = -1
        self._band = -1

    def step(self, period: Period) -> VolatilityState:
        """Move on by one observed period and return the regime after it."""
        settings = self._settings
        observation = _observation(period, self._season, settings.period_hours)
        now = self.fit.step(self._probabilities, observation, period.index - self._index)
        self._probabilities, self._index = now, period.index
        by_band = np.bincount(self._band_of_state, weights=now, minlength=len(settings.bands))
        # a name is kept while it stays plausible: two bands of equal odds would flicker
        if self._band < 0 or by_band[self._band] < settings.keep_probability:
            self._band = int(by_band.argmax())
        hours = (period.index + 1) * settings.period_hours + settings.stale_hours
        return VolatilityState(
            name=settings.bands[self._band].name,
            probability=min(float(by_band[self._band]), 1.0),
            annualised_volatility=math.sqrt(float(now @ self._squared_volatilities)),
            exposure_scale=settings.bands[self._band].exposure_scale,
            expires_ns=hours * HOUR_NS,
        )


def fit_bands(past: Sequence[Period], settings: RegimeSettings) -> BandFilter | None:
    """Fit a model on past periods; None when every candidate was discarded.

    Parameters
    ----------
    past : sequence of Period
        Ascending, at least one. Everything in it is seen: it must end where the fit is made.
    settings : RegimeSettings
        Settings of the fit.
    """
    season = seasonal_log_volatility(past, settings.period_hours)
    fit = fit_hidden_markov(
        np.array([_observation(period, season, settings.period_hours) for period in past]),
        unbroken_lengths(past),
        state_counts=settings.state_counts,
        restarts=settings.restarts,
        seed=settings.seed,
    )
    return None if fit is None else BandFilter(fit, season, settings)


def _observation(period: Period, season: Sequence[float], hours: int) -> tuple[float, float]:
    usual = season[time_of_week(period.index, hours)]
    return period.log_return / math.exp(usual), math.log(period.volatility) - usual
