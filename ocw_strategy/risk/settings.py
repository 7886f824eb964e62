"""The knobs of the risk room: limits, exits, halts and the position review."""

from typing import Self

from pydantic import Field, model_validator

from ocw_strategy.errors import SettingsError
from ocw_strategy.model import Strict


class ExitSettings(Strict):
    """When a position is left. Gains are fractions of the entry price, losses negative."""

    stop_fraction: float = Field(default=0.05, gt=0, lt=1)
    """Loss at which the stop that rests at the venue closes the position."""
    trailing_activation_fraction: float = Field(default=0.04, gt=0, le=1)
    """Best gain at which the trailing stop begins to follow."""
    trailing_width_fraction: float = Field(default=0.03, gt=0, lt=1)
    """Distance of the trailing stop behind the best price, a fraction of the entry price."""
    trailing_step_fraction: float = Field(default=0.0025, gt=0, lt=1)
    """Least improvement for which the resting stop is replaced."""
    protection_peak_fraction: float = Field(default=0.02, gt=0, le=1)
    """Best gain, net of costs, after which a profit is no longer given back."""
    protection_floor_fraction: float = Field(default=0.005, ge=0)
    """Gain, net of costs, at which a position that once showed the peak is closed."""
    max_hold_hours: float = Field(default=48.0, gt=0)
    """Longest time a position is held."""
    max_price_age_seconds: float = Field(default=120.0, gt=0)
    """Oldest price the price rules trust; with an older one only time and the resting stop act."""


class HaltSettings(Strict):
    """When entries stop. Positions keep their protection; reductions always pass."""

    max_daily_loss_fraction: float = Field(default=0.05, gt=0, le=1)
    """Loss since the start of the UTC day that stops entries until the next one."""
    max_drawdown_fraction: float = Field(default=0.20, gt=0, le=1)
    """Fall from the highest equity that stops entries until a person resumes them."""
    cooldown_minutes: float = Field(default=60.0, ge=0)
    """Time after an exit in which its instrument takes no new entry."""


class ReviewSettings(Strict):
    """When the review of a position asks for a decision, or reduces without one."""

    opposed_composite: float = Field(default=0.3, gt=0, le=1)
    """Composite against the position, in its own direction, that counts as a concern."""
    loss_fraction: float = Field(default=0.02, gt=0, lt=1)
    """Net loss that counts as a concern."""
    unprofitable_hours: float = Field(default=12.0, gt=0)
    """Time held without a net gain that counts as a concern."""
    reduce_fraction: float = Field(default=0.5, gt=0, le=1)
    """Part of the position closed when a loss and another concern coincide."""


class RiskSettings(Strict):
    """Limits of the whole portfolio. Fractions are of equity unless they say otherwise."""

    max_position_fraction: float = Field(default=0.25, gt=0)
    """Largest notional of one instrument: what an exposure of 1 means."""
    max_gross_fraction: float = Field(default=0.60, gt=0)
    """Largest sum of absolute notionals: the effective leverage."""
    venue_leverage: float = Field(default=5.0, ge=1, le=125)
    """Leverage set at the venue: an entry ties up its notional divided by this as margin."""
    max_orders_per_hour: int = Field(default=20, gt=0)
    """Orders after which entries wait; reductions count but are never held back."""
    rebalance_band_fraction: float = Field(default=0.10, ge=0, lt=1)
    """Smallest change worth an order, a fraction of the largest allowed position."""
    exits: ExitSettings = ExitSettings()
    halt: HaltSettings = HaltSettings()
    review: ReviewSettings = ReviewSettings()

    @model_validator(mode="after")
    def _every_limit_can_bind(self) -> Self:
        checks = (
            (
                "max_position_fraction",
                self.max_position_fraction <= self.max_gross_fraction,
                f"set it at or below max_gross_fraction ({self.max_gross_fraction:g})",
            ),
            (
                "max_gross_fraction",
                self.max_gross_fraction <= self.venue_leverage,
                f"set it at or below venue_leverage ({self.venue_leverage:g})",
            ),
            (
                "max_gross_fraction",
                self.max_gross_fraction * self.exits.stop_fraction < 1,
                "lower it: the account would be liquidated before the stops are reached",
            ),
            (
                "review.loss_fraction",
                self.review.loss_fraction < self.exits.stop_fraction,
                f"set it below exits.stop_fraction ({self.exits.stop_fraction:g})",
            ),
            (
                "review.unprofitable_hours",
                self.review.unprofitable_hours < self.exits.max_hold_hours,
                f"set it below exits.max_hold_hours ({self.exits.max_hold_hours:g})",
            ),
        )
        for name, holds, remedy in checks:
            if not holds:
                value = self
                for part in name.split("."):
                    value = getattr(value, part)
                raise SettingsError(f"risk.{name}", value, remedy)
        return self
