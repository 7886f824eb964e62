"""The review of a position between decisions: rules only, no call.

Four concerns, each a plain statement about the position's own side. A loss that comes with another
concern reduces the position once; any concern asks for a decision. What is not known (a price, a
regime, a composite) raises no concern. The review never adds and never closes: leaving is the
business of the exit rules and of decisions.
"""

from dataclasses import dataclass
from typing import Literal

from ocw_strategy.risk.portfolio import Costs, PositionView
from ocw_strategy.risk.settings import ReviewSettings
from ocw_strategy.units import HOUR_NS

_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ReviewAction:
    """What the review says of one position."""

    kind: Literal["keep", "reduce", "ask"]
    fraction: float
    """Part of the position to close; zero unless `kind` is ``reduce``."""
    concerns: tuple[str, ...]
    """Among ``regime_changed``, ``composite_opposed``, ``losing`` and ``unprofitable``."""


def review(
    position: PositionView,
    now_ns: int,
    *,
    regime_before: str,
    regime_now: str,
    composite: float,
    already_reduced: bool,
    settings: ReviewSettings,
    costs: Costs,
) -> ReviewAction:
    """Return what to do with a position until the next decision.

    Parameters
    ----------
    position : PositionView
    now_ns : int
    regime_before : str
        Regime key when a decision last spoke of the position, at first that of its entry: a
        change then asks until it is answered, and not for ever.
    regime_now : str
    composite : float
        Composite of the derivative signals now, positive when it expects the price to rise.
    already_reduced : bool
        Whether a review has reduced the position since that decision.
    settings : ReviewSettings
    costs : Costs
        A gain counts after a round trip's costs.
    """
    net_gain = position.net_gain(costs)
    known = not any(key.startswith(_UNKNOWN) for key in (regime_before, regime_now))
    held_ns = now_ns - position.opened_ns
    checks = {
        "regime_changed": known and regime_before != regime_now,
        "composite_opposed": position.direction * composite <= -settings.opposed_composite,
        "losing": net_gain <= -settings.loss_fraction,
        "unprofitable": net_gain <= 0 and held_ns >= settings.unprofitable_hours * HOUR_NS,
    }
    concerns = tuple(name for name, holds in checks.items() if holds)
    if not concerns:
        return ReviewAction("keep", 0.0, concerns)
    if checks["losing"] and len(concerns) > 1 and not already_reduced:
        return ReviewAction("reduce", settings.reduce_fraction, concerns)
    return ReviewAction("ask", 0.0, concerns)
