"""What can be tuned in the bandit. Every default is stated in ``configs/backtest.toml`` too."""

from typing import Self

from pydantic import Field, FiniteFloat, model_validator

from ocw_strategy.model import Strict
from ocw_strategy.units import SIGNALS


class BanditSettings(Strict):
    """Windows, shrinkage and the reach of the posteriors over weights and size."""

    base_weights: dict[str, FiniteFloat] = Field(
        default={
            "funding": 0.35,
            "cumulative_volume_delta": 0.30,
            "long_short": 0.25,
            "open_interest": 0.10,
        }
    )
    """The composite's weights before anything is learnt; each positive, normalised when used."""
    window: int = Field(default=50, gt=0)
    """Closed trades kept per regime and signal; the posterior is recomputed from these alone."""
    minimum_signal: float = Field(default=0.05, gt=0, lt=1)
    """A signal weaker than this at entry said nothing: it gets neither credit nor blame."""
    pool_strength: float = Field(default=10.0, ge=0)
    """How many outcomes' worth of evidence a regime borrows from all the others at most."""
    odds_exponent: float = Field(default=4.0, ge=0)
    """How sharply the weights follow the posteriors; 0 keeps the base weights."""
    scale_slope: float = Field(default=5.0, ge=0)
    """Change of size per unit of posterior mean above 0.5 (net break-even): 0.6 gives 1.5."""
    scale_minimum: float = Field(default=0.5, ge=0, le=1)
    """The posteriors never shrink a position below this multiple."""
    scale_maximum: float = Field(default=1.5, ge=1)
    """The posteriors never enlarge a position above this multiple; the limits still apply."""
    horizon_hours: int = Field(default=4, gt=0, le=24)
    """After this long a decision close yields its shadow outcome; also the unit of a reward."""
    shadow_weight: float = Field(default=0.2, ge=0, le=1)
    """What one independent shadow outcome counts beside a closed trade; 0 turns them off."""
    shadow_window: int = Field(default=500, gt=0)
    """Independent shadow outcomes (one per horizon) kept per regime and signal."""

    @model_validator(mode="after")
    def _check_base_weights(self) -> Self:
        if set(self.base_weights) != set(SIGNALS) or min(self.base_weights.values()) <= 0:
            raise ValueError(
                f"base_weights: was {self.base_weights}; "
                f"give a positive weight to each of {', '.join(SIGNALS)}"
            )
        return self
