"""The knobs of the advisors."""

from typing import Literal, Self

from pydantic import Field, model_validator

from ocw_strategy.model import Strict


class RulesSettings(Strict):
    """When the rules see a trend, when a range, and when they act. Scores are in [-1, 1]."""

    range_efficiency: float = Field(default=0.15, ge=0, lt=1)
    """Efficiency ratio of the last 24 hours at and below which the market is a range."""
    trend_efficiency: float = Field(default=0.40, gt=0, le=1)
    """Efficiency ratio at and above which it is a trend; in between, a mixture of both."""
    trend_distance_atr: float = Field(default=3.0, gt=0)
    """Distance from the two-day mean that makes a strong trend, in hourly average true ranges."""
    composite_weight: float = Field(default=0.30, ge=0, le=1)
    """Share of the derivatives composite in the score; the rest is that of the price rules."""
    entry_score: float = Field(default=0.35, gt=0, le=1)
    """Score at which a position is opened."""
    exit_score: float = Field(default=0.10, ge=0, lt=1)
    """Score in a position's own direction below which its reason is gone and it is closed."""
    full_score: float = Field(default=0.70, gt=0, le=1)
    """Score at which the whole allowed position is asked for; in proportion below it."""
    next_check_seconds: int = Field(default=14_400, ge=60, le=86_400)
    """When to be asked again at the latest."""

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.range_efficiency >= self.trend_efficiency:
            raise ValueError("range_efficiency must be below trend_efficiency")
        if self.exit_score >= self.entry_score:
            raise ValueError("exit_score must be below entry_score")
        return self


class AdvisorSettings(Strict):
    """Who decides."""

    kind: Literal["rules"] = "rules"
    """``rules``: the rule-based advisor, deterministic and free."""
    rules: RulesSettings = RulesSettings()
