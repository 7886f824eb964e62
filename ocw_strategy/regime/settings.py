"""Settings of the regime room: the volatility bands, the hidden Markov fit and the macro quadrants.

The band edges are absolute annualised volatilities, so a name means the same market in every
refit and every run. Refused: bands out of order, a name used twice or reserved, a last band with
an upper edge, a history shorter than what a fit asks for, an unknown regime traded at full size.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from ocw_strategy.model import Strict

UNKNOWN = "unknown"
"""The name of a volatility regime or a macro quadrant that could not be determined."""


class VolatilityBand(Strict):
    """A named range of annualised volatility and what it does to exposure."""

    name: str = Field(pattern=r"^[a-z]+$")
    """One lower-case word, the first half of the regime key."""
    below: float | None = Field(default=None, gt=0)
    """Upper edge, annualised volatility as a fraction (0.30 is 30 % a year); none in the last."""
    exposure_scale: float = Field(ge=0, le=1)
    """Multiplier of position size while this name holds."""
    trail_scale: float = Field(default=1.0, gt=0)
    """Multiplier of the trailing width of positions entered while this name holds."""


class MacroSettings(Strict):
    """How the growth and inflation quadrant is read from its four series."""

    change_days: int = Field(default=90, ge=30, le=365)
    """Calendar days over which a change is measured, whatever the frequency of the series."""
    stale_days: int = Field(default=90, ge=60)
    """A series whose newest observation is older than this has no say."""
    yield_curve_dead_band: float = Field(default=0.05, ge=0)
    """Change of T10Y2Y, percentage points, that counts as none."""
    unemployment_dead_band: float = Field(default=0.10, ge=0)
    """Change of UNRATE, percentage points, that counts as none."""
    breakeven_dead_band: float = Field(default=0.10, ge=0)
    """Change of T10YIE, percentage points, that counts as none."""
    inflation_dead_band: float = Field(default=0.25, ge=0)
    """Change of the year-on-year rate of CPIAUCSL, percentage points, that counts as none."""
    goldilocks_scale: float = Field(default=1.2, ge=0, le=1.5)
    """Multiplier of position size: growth rising, inflation falling (measured, never assumed)."""
    reflation_scale: float = Field(default=1.0, ge=0, le=1.5)
    """Multiplier of position size: growth rising, inflation rising."""
    stagflation_scale: float = Field(default=0.6, ge=0, le=1.5)
    """Multiplier of position size: growth falling, inflation rising."""
    deflation_scale: float = Field(default=0.9, ge=0, le=1.5)
    """Multiplier of position size: growth falling, inflation falling."""
    stagflation_trail_scale: float = Field(default=0.75, gt=0)
    """Multiplier of the trailing width of positions entered in stagflation."""
    deflation_trail_scale: float = Field(default=0.9, gt=0)
    """Multiplier of the trailing width of positions entered in deflation."""


class RegimeSettings(Strict):
    """The volatility regime of the market and the macro quadrant beside it."""

    symbol: str = "BTCUSDT-PERP"
    """The one instrument whose hourly closes speak for the market."""
    period_hours: Literal[8, 12, 24] = 12
    """Hours in one observation; periods never overlap and start at midnight UTC."""
    minimum_hours_fraction: float = Field(default=0.75, gt=0.5, le=1)
    """A period with fewer of its hours than this is skipped and counted."""
    history_days: int = Field(default=365, ge=90, le=1500)
    """Days before a refit that it is fitted on."""
    minimum_days: int = Field(default=60, ge=60)
    """Observed days below which nothing is fitted and the regime is unknown."""
    refit: Literal["weekly", "monthly"] = "monthly"
    """The calendar boundary of refits: Monday or the first of the month, 00:00 UTC."""
    state_counts: tuple[int, ...] = Field(default=(2, 3, 4), min_length=1)
    """Numbers of hidden states that are tried; the lowest BIC wins."""
    restarts: int = Field(default=3, ge=1, le=50)
    """Starting points tried for each number of states."""
    seed: int = Field(default=7, ge=0)
    """Seed of the starting points."""
    keep_probability: float = Field(default=0.1, ge=0, le=0.5)
    """A name is kept until its filtered probability falls below this."""
    stale_hours: int = Field(default=72, ge=24)
    """Without a complete period for this long the regime is unknown."""
    bands: tuple[VolatilityBand, ...] = (
        VolatilityBand(name="calm", below=0.30, exposure_scale=1.0),
        VolatilityBand(name="normal", below=0.60, exposure_scale=1.0),
        VolatilityBand(name="turbulent", below=1.00, exposure_scale=0.7),
        VolatilityBand(name="extreme", exposure_scale=0.4),
    )
    """Fixed bands of annualised volatility, ascending; the last one has no upper edge."""
    unknown_exposure_scale: float = Field(default=0.5, ge=0, le=1)
    """Multiplier of position size while the volatility regime is unknown."""
    macro: MacroSettings = MacroSettings()
    """The macro quadrant."""

    def trail_scale(self, key: str) -> float:
        """Return the multiplier of the trailing width of a position entered in a regime.

        Where growth falls a profit is given less room. Where it rises, and for a half that is
        unknown or of another run's settings, the multiplier is 1.

        Parameters
        ----------
        key : str
            The regime key, such as ``calm_goldilocks``.
        """
        volatility, _, macro = key.partition("_")
        scales = {band.name: band.trail_scale for band in self.bands}
        quadrants = {
            "stagflation": self.macro.stagflation_trail_scale,
            "deflation": self.macro.deflation_trail_scale,
        }
        return scales.get(volatility, 1.0) * quadrants.get(macro, 1.0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        edges = [band.below for band in self.bands]
        inner = [edge for edge in edges[:-1] if edge is not None]
        names = [band.name for band in self.bands]
        if not edges or edges[-1] is not None or len(inner) != len(edges) - 1:
            raise ValueError("bands: every band but the last needs an upper edge `below`")
        if sorted(set(inner)) != inner:
            raise ValueError("bands: the upper edges must ascend")
        if len(set(names)) != len(names) or UNKNOWN in names:
            raise ValueError(f"bands: names must differ and none may be {UNKNOWN!r}")
        if any(not 2 <= count <= 6 for count in self.state_counts):
            raise ValueError("state_counts: each must be from 2 to 6")
        if self.minimum_days > self.history_days:
            raise ValueError("minimum_days: must not exceed history_days")
        if self.unknown_exposure_scale >= max(band.exposure_scale for band in self.bands):
            raise ValueError("unknown_exposure_scale: must be below the largest of the bands")
        return self
