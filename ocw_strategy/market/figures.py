"""How numbers enter a snapshot: rounded once, to significant digits, never as NaN or infinity."""

import math
from typing import Annotated, Any, Final

from pydantic import BeforeValidator

SIGNIFICANT_DIGITS: Final = 7
"""Enough for every price to its tick and every fraction to far below a basis point."""

_FORMAT: Final = f"%.{SIGNIFICANT_DIGITS}g"


def significant(value: Any) -> Any:
    """Return a float rounded to significant digits, None when it is not finite.

    Anything else comes back as it is, for the model to judge. Rounding twice changes nothing.

    Examples
    --------
    >>> significant(108123.45678), significant(-0.0), significant(float("nan"))
    (108123.5, 0.0, None)
    """
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return None
    return float(_FORMAT % value) or 0.0  # and never a negative zero


Figure = Annotated[float | None, BeforeValidator(significant)]
"""A number that may be unknown."""

KnownFigure = Annotated[float, BeforeValidator(significant)]
"""A number that must be known: NaN is refused."""
