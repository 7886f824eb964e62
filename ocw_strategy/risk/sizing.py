"""From a wish to a share of the allowed position.

A target is a share of the largest allowed position, multiplied by its confidence and by what
posteriors, regime and macro state think of it. A number that is not finite or out of its range is
refused: no default stands in for it, the position is held instead.
"""

import math
from dataclasses import dataclass
from typing import Final

from ocw_strategy.errors import OcwError

MAX_SCALE: Final = 10.0
"""A scale above this is a fault, not an opinion."""

_RANGES: Final = {
    "exposure": (-1.0, 1.0),
    "confidence": (0.0, 1.0),
    "posterior_scale": (0.0, MAX_SCALE),
    "regime_scale": (0.0, MAX_SCALE),
    "macro_scale": (0.0, MAX_SCALE),
}


class InvalidTargetError(OcwError):
    """A target that no size follows from."""


@dataclass(frozen=True, slots=True)
class TargetExposure:
    """What a decision wants of one instrument, with the scales frozen at its snapshot."""

    symbol: str
    exposure: float
    """Share of the largest allowed position, -1 to 1."""
    confidence: float
    """0 to 1."""
    posterior_scale: float = 1.0
    regime_scale: float = 1.0
    macro_scale: float = 1.0


def wanted_fraction(target: TargetExposure) -> float:
    """Return the signed share of the largest allowed position, beyond 1 where the scales say so.

    Raises
    ------
    InvalidTargetError
        If a number is not finite or out of its range.
    """
    fraction = 1.0
    for name, (low, high) in _RANGES.items():
        value = getattr(target, name)
        if not (math.isfinite(value) and low <= value <= high):
            raise InvalidTargetError(
                f"{target.symbol} {name}", value, f"give a number from {low:g} to {high:g}"
            )
        fraction *= value
    return fraction
