"""Whether an answer still speaks of the market that was asked about.

A decision takes effect some time after the close it was made on. In between its price may have
moved, a stop may have filled, or the answer may simply be late. Then it is a hold: what is held
stays under its protection and nothing is opened. The same is looked at in a backtest, where the
answer comes after a modelled latency.

Not looked at are the position review's own reductions: they can only reduce, and the strategy
checks that the position is still there. Nor do orders of ours that were on their way when the
advisor was asked, a review's or an earlier decision's, overtake its answer: targets are exposures,
not orders. A stop or another exit that filled does.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass

from ocw_strategy.settings import ExecutionSettings
from ocw_strategy.units import SECOND_NS

TOO_OLD = "answer_too_old"
PRICE_MOVED = "price_moved"
POSITION_CHANGED = "position_changed"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the market and the account stood at one moment."""

    now_ns: int
    prices: Mapping[str, float]
    """Last price of every instrument."""
    quantities: Mapping[str, float]
    """What is held, signed; an instrument without a position is left out."""


def overtaken(
    asked: Standing, now: Standing, settings: ExecutionSettings, ours: Set[str] = frozenset()
) -> str | None:
    """Return why an answer has been overtaken, or None while it stands.

    Parameters
    ----------
    asked : Standing
        When the advisor was asked: the close that was decided on.
    now : Standing
        When the answer is to take effect.
    settings : ExecutionSettings
        How old it may be, and how far a price may have moved.
    ours : set of str
        Instruments that orders of a decision or a review may have moved since.
    """
    if now.now_ns - asked.now_ns > settings.max_answer_age_seconds * SECOND_NS:
        return TOO_OLD
    symbols = (asked.quantities.keys() | now.quantities.keys()) - ours
    if any(asked.quantities.get(s, 0.0) != now.quantities.get(s, 0.0) for s in symbols):
        return POSITION_CHANGED
    moves = (abs(now.prices[symbol] / price - 1.0) for symbol, price in asked.prices.items())
    # written so that a price that is no number counts as moved
    if not all(move <= settings.max_price_move_fraction for move in moves):
        return PRICE_MOVED
    return None
