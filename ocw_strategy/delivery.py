"""Whether an answer still speaks of the market that was asked about.

A decision takes effect some time after the close it was made on. In between its price may have
moved, a stop may have filled, or the answer may simply be late. Then it is a hold: what is held
stays under its protection and nothing is opened. The same is looked at in a backtest, where the
answer comes after a modelled latency. The position review's own reductions are not looked at here:
they can only reduce, and the strategy checks that the position is still there.
"""

from collections.abc import Mapping
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


def overtaken(asked: Standing, now: Standing, settings: ExecutionSettings) -> str | None:
    """Return why an answer has been overtaken, or None while it stands.

    Parameters
    ----------
    asked : Standing
        When the advisor was asked: the close that was decided on.
    now : Standing
        When the answer is to take effect.
    settings : ExecutionSettings
        How old it may be, and how far a price may have moved.
    """
    if now.now_ns - asked.now_ns > settings.max_answer_age_seconds * SECOND_NS:
        return TOO_OLD
    if asked.quantities != now.quantities:
        return POSITION_CHANGED
    moves = (abs(now.prices[symbol] / price - 1.0) for symbol, price in asked.prices.items())
    # written so that a price that is no number counts as moved
    if not all(move <= settings.max_price_move_fraction for move in moves):
        return PRICE_MOVED
    return None
