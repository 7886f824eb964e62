"""The gate's knobs. Refused: bounds of the timer out of order, a reserve that leaves no call."""

from typing import Self

from pydantic import Field, model_validator

from ocw_strategy.model import Strict


class GateSettings(Strict):
    """Knobs of the gate; those marked fitted come from `ocw_strategy.gate.calibration`."""

    budget_usd_per_day: float = Field(default=0.163, gt=0)
    """What calls may cost on average, in US dollars a day."""
    cost_per_call_usd: float = Field(default=0.0165, gt=0)
    """What a call is expected to cost until its bill is known, in US dollars."""
    savings_days: float = Field(default=30.0, gt=0)
    """Days of budget that quiet times may save up for busy ones."""
    calls_per_day_ceiling: int = Field(default=24, ge=1)
    """No UTC day has more calls than this, whatever happens."""
    calls_per_month_day_ceiling: int = Field(default=15, ge=1)
    """No month has more calls than this times its days."""
    reserved_calls: int = Field(default=2, ge=0)
    """Calls of each ceiling that only shocks and the daily call of a position may use."""
    price_elasticity: float = Field(default=0.2, gt=0)
    """How the price answers to the purse: halving the savings raises it by 2 to this power."""

    min_check_hours: float = Field(default=1.0, gt=0)
    """The soonest the advisor may ask to be called again, in hours."""
    max_check_hours: float = Field(default=12.0, gt=0)
    """The latest, in hours."""
    default_check_hours: float = Field(default=4.0, gt=0)
    """When the timer is due where the advisor did not say, in hours."""
    cooldown_minutes: int = Field(default=45, ge=0)
    """For so long after it spoke for a call an instrument is mute, shocks apart."""
    recovery_minutes: int = Field(default=45, ge=1)
    """Over so long after a call the worth of another one grows back, with the square of time."""
    max_conditions: int = Field(default=8, ge=0)
    """Wake conditions that may be armed at a time."""

    shock_z: float = Field(default=4.18, gt=0)
    """Fitted: a 15-minute return of so many deviations is a shock."""
    return_z: float = Field(default=2.31, gt=0)
    """Fitted: a 15-minute return of so many deviations is an outlier."""
    volume_z: float = Field(default=2.32, gt=0)
    """Fitted: log volume so many deviations over its hour of day is an outlier."""
    move_z: float = Field(default=0.74, gt=0)
    """Fitted: a move to expect so many deviations over its last four weeks is an outlier."""

    hindsight_closes: int = Field(default=9000, ge=100)
    """Closes that an arm's expected opportunity remembers, about."""
    edge_deviation: float = Field(default=0.0003, gt=0)
    """How unsure it is, before any call is settled, that calls earn nothing over holding."""
    edge_noise: float = Field(default=0.005, gt=0)
    """Deviation of what one call earns over holding, a fraction of notional."""
    stake_usd: float = Field(default=10_000.0, gt=0)
    """Notional that a call decides about: what turns its cost into a fraction."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.min_check_hours <= self.default_check_hours <= self.max_check_hours:
            raise ValueError("default_check_hours: must be from min_check_hours to max_check_hours")
        if self.reserved_calls >= min(self.calls_per_day_ceiling, self.calls_per_month_day_ceiling):
            raise ValueError("reserved_calls: must be below both ceilings")
        return self
