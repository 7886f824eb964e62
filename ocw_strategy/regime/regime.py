"""The regime of the market: a volatility name and a macro quadrant, joined into one key.

The key is what posteriors, outcomes and sampler arms are filed under, so it is built in one place
and from names that do not drift: fixed bands of volatility and four macro quadrants. An unknown
half is named ``unknown``; it is never replaced by a calm or a neutral name.
"""

from dataclasses import dataclass

from ocw_strategy.regime.bands import VolatilityState
from ocw_strategy.regime.macro import Macro


def regime_key(volatility: str, macro: str) -> str:
    """Return the name under which outcomes of this regime are kept.

    >>> regime_key("calm", "goldilocks")
    'calm_goldilocks'
    """
    return f"{volatility}_{macro}"


@dataclass(frozen=True, slots=True)
class Regime:
    """The regime as known at one moment.

    Attributes
    ----------
    volatility : str
        Name of a volatility band of the settings, or ``unknown``.
    macro : str
        ``goldilocks``, ``reflation``, ``stagflation``, ``deflation`` or ``unknown``.
    probability : float
        Filtered probability of the volatility name; 0 when unknown.
    annualised_volatility : float
        Volatility the filter expects now, a fraction per year; 0 when unknown.
    exposure_scale, macro_scale : float
        Multipliers of position size.
    macro_assumed : bool
        True when no macro data was configured and the quadrant is a neutral assumption.
    """

    volatility: str
    macro: str
    probability: float
    annualised_volatility: float
    exposure_scale: float
    macro_scale: float
    macro_assumed: bool

    @property
    def key(self) -> str:
        """The regime key, such as ``calm_goldilocks``."""
        return regime_key(self.volatility, self.macro)


def join_regime(volatility: VolatilityState, macro: Macro) -> Regime:
    """Join both halves of the regime."""
    return Regime(
        volatility=volatility.name,
        macro=macro.quadrant,
        probability=volatility.probability,
        annualised_volatility=volatility.annualised_volatility,
        exposure_scale=volatility.exposure_scale,
        macro_scale=macro.scale,
        macro_assumed=macro.assumed,
    )


NEUTRAL_REGIME = Regime(
    volatility="neutral",
    macro="neutral",
    probability=1.0,
    annualised_volatility=0.0,
    exposure_scale=1.0,
    macro_scale=1.0,
    macro_assumed=True,
)
"""The regime of a run without a regime layer: one name for all times, and no say in size."""
