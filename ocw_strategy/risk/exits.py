"""When a position is left: small named rules, the first that speaks wins.

The three price rules are levels of gain, as fractions of the entry price, at or below which the
position is closed: the stop stands still, the trailing stop follows the best price, and profit
protection appears once a profit has been seen. Longs and shorts share every line, because a gain
is signed by the side. The rules stop and trailing also rest at the venue as one order
(`ExitRules.resting_stop`), which works with OCW dead.

A price that is unknown or too old is not believed: then only the time stop and the resting stop
act, and `ExitRules.blind` says why. Settings under which a rule could never be the first to speak
as a price moves without jumps are refused when `ExitRules` is made.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Final, Protocol

from ocw_strategy.errors import SettingsError
from ocw_strategy.risk.portfolio import (
    TRAIL_SCALES,
    Costs,
    PositionView,
    is_positive,
)
from ocw_strategy.risk.settings import ExitSettings
from ocw_strategy.units import HOUR_NS, SECOND_NS

_NEVER: Final = -math.inf


@dataclass(frozen=True, slots=True)
class ExitSignal:
    """The rule that wants a position closed, and the figures it saw."""

    rule: str
    detail: str


@dataclass(frozen=True, slots=True)
class StopLevel:
    """Where the resting stop belongs, and the rule that put it there."""

    price: float
    rule: str


class PriceRule(Protocol):
    """A rule that closes a position at or below a level of gain."""

    name: ClassVar[str]

    def level(self, position: PositionView) -> float:
        """Return the gain at or below which the position is closed, minus infinity for never."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Leave when the loss since entry reaches a fixed fraction."""

    name: ClassVar[str] = "stop"
    fraction: float

    def level(self, position: PositionView) -> float:
        """Return the loss, as a negative gain."""
        return -self.fraction


@dataclass(frozen=True, slots=True)
class Trailing:
    """Once the best gain reached the activation, leave when the price falls back by the width."""

    name: ClassVar[str] = "trailing"
    activation: float
    width: float

    def level(self, position: PositionView) -> float:
        """Return the best gain less the width, once it is active."""
        if position.peak_gain < self.activation:
            return _NEVER
        return position.peak_gain - self.width * position.trail_scale


@dataclass(frozen=True, slots=True)
class ProfitProtection:
    """Once a gain was worth keeping, leave before it is given back. Both net of costs."""

    name: ClassVar[str] = "profit_protection"
    peak: float
    floor: float

    def level(self, position: PositionView) -> float:
        """Return the floor, once the peak has been seen."""
        return self.floor if position.peak_gain >= self.peak else _NEVER


@dataclass(frozen=True, slots=True)
class TimeStop:
    """Leave when the position has been held for the longest allowed time."""

    name: ClassVar[str] = "time_stop"
    max_hold_ns: int

    def due(self, position: PositionView, now_ns: int) -> bool:
        """Return whether the time is up."""
        return now_ns - position.opened_ns >= self.max_hold_ns


class ExitRules:
    """The exit rules of one account, asked in the order stop, trailing, protection, time.

    Parameters
    ----------
    settings : ExitSettings
    costs : Costs
        A round trip's costs are added to the levels of profit protection, which are net.

    Raises
    ------
    SettingsError
        If a rule could never be the first to speak.
    """

    def __init__(self, settings: ExitSettings, costs: Costs) -> None:
        self._settings = settings
        self._stop = Stop(settings.stop_fraction)
        self._trailing = Trailing(
            settings.trailing_activation_fraction, settings.trailing_width_fraction
        )
        self._protection = ProfitProtection(
            settings.protection_peak_fraction + costs.round_trip,
            settings.protection_floor_fraction + costs.round_trip,
        )
        self._time_stop = TimeStop(round(settings.max_hold_hours * HOUR_NS))
        self._price_rules: tuple[PriceRule, ...] = (self._stop, self._trailing, self._protection)
        self._max_price_age_ns = round(settings.max_price_age_seconds * SECOND_NS)
        self._refuse_unreachable()

    def evaluate(self, position: PositionView, now_ns: int) -> ExitSignal | None:
        """Return the first rule that wants `position` closed, or None.

        Parameters
        ----------
        position : PositionView
            With its best price up to date, see `PositionView.marked`.
        now_ns : int
            The moment of the check; prices older than the allowed age are not believed.
        """
        if self.blind(position, now_ns) is None:
            for rule in self._price_rules:
                level = rule.level(position)
                if position.gain <= level:
                    detail = (
                        f"gain {position.gain:.4%} at or below {level:.4%}, "
                        f"best {position.peak_gain:.4%}"
                    )
                    return ExitSignal(rule.name, detail)
        if self._time_stop.due(position, now_ns):
            detail = f"held {(now_ns - position.opened_ns) / HOUR_NS:.1f} h"
            return ExitSignal(self._time_stop.name, detail)
        return None

    def blind(self, position: PositionView, now_ns: int) -> str | None:
        """Return why the price rules cannot speak, or None when they can."""
        if not is_positive(position.price):
            return "price unknown"
        age_ns = now_ns - position.price_ns
        if age_ns > self._max_price_age_ns:
            return f"price is {age_ns / SECOND_NS:.0f} s old"
        return None

    def resting_stop(self, position: PositionView, current: StopLevel | None = None) -> StopLevel:
        """Return the level of the stop order that rests at the venue.

        Parameters
        ----------
        position : PositionView
        current : StopLevel | None
            What rests there now, None for a position without a stop.

        Returns
        -------
        StopLevel
            `current` itself unless the new level is tighter by at least the step: it never
            loosens, whatever happens to the entry price or the trail scale.
        """
        resting: tuple[PriceRule, ...] = (self._stop, self._trailing)
        rule = max(resting, key=lambda rule: rule.level(position))
        wanted = StopLevel(position.price_at(rule.level(position)), rule.name)
        if current is None:
            return wanted
        tightened = position.direction * (wanted.price - current.price)
        least = self._settings.trailing_step_fraction * position.entry_price
        return wanted if tightened >= least else current

    def _refuse_unreachable(self) -> None:
        # Along a path without jumps the highest level speaks first. The stop is alone until a gain
        # is seen, and the trailing stop outgrows both others; only protection can be hidden.
        trailing, protection = self._trailing, self._protection
        if protection.floor >= protection.peak:
            raise SettingsError(
                "risk.exits.protection_floor_fraction",
                self._settings.protection_floor_fraction,
                "set it below protection_peak_fraction, else protection speaks at its own peak",
            )
        narrowest = trailing.width * TRAIL_SCALES[0]
        if (
            protection.peak >= trailing.activation
            and protection.floor <= protection.peak - narrowest
        ):
            raise SettingsError(
                "risk.exits.protection_peak_fraction",
                self._settings.protection_peak_fraction,
                f"with costs it is {protection.peak:.4f}: lower it below "
                f"trailing_activation_fraction ({trailing.activation:g}), "
                "else the trailing stop always speaks before profit protection",
            )
