"""The book and the way of a price through it: what an order trades at, and when one is reached.

The book is one tick wide on either side of the last price, and deep.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from tests.venue.listings import LISTINGS
from tests.venue.records import ZERO, AlgoOrder, Order


@dataclass(frozen=True, slots=True)
class Quote:
    """Last price and mark price of a perpetual."""

    symbol: str
    last: Decimal
    mark: Decimal

    def best(self, side: str) -> Decimal:
        """Return the price at which a market order of a side trades."""
        tick = LISTINGS[self.symbol].tick
        return self.last + tick if side == "BUY" else self.last - tick

    def crosses(self, side: str, price: Decimal) -> bool:
        """Return whether a limit order would trade at once."""
        best = self.best(side)
        return price >= best if side == "BUY" else price <= best

    def price_for(self, order: Order) -> Decimal:
        """Return what an order that takes trades at."""
        best = self.best(order.side)
        if order.type == "MARKET":
            return best
        return min(order.price, best) if order.side == "BUY" else max(order.price, best)

    def triggers(self, order: AlgoOrder) -> bool:
        """Return whether a conditional order's price has been reached."""
        price = self.mark if order.working_type == "MARK_PRICE" else self.last
        return price >= order.trigger if order.above else price <= order.trigger

    def reaches(self, order: Order) -> bool:
        """Return whether a resting limit order's price has been reached."""
        if order.type != "LIMIT":
            return False
        return self.last <= order.price if order.side == "BUY" else self.last >= order.price

    def towards(self, other: "Quote", progress: Decimal) -> "Quote":
        """Return the quote at a fraction of a straight way; the last price falls on its tick."""
        tick = LISTINGS[self.symbol].tick
        there = self.last + progress * (other.last - self.last)
        return Quote(
            self.symbol,
            (there / tick).quantize(Decimal(1), ROUND_HALF_EVEN) * tick,
            self.mark + progress * (other.mark - self.mark),
        )


def crossings(
    before: Quote, after: Quote, waiting: Iterable[AlgoOrder], resting: Iterable[Order]
) -> list[tuple[Decimal, Order | AlgoOrder]]:
    """Return which orders a move reaches, and each one's fraction of the way."""
    found: list[tuple[Decimal, Order | AlgoOrder]] = []
    for algo in waiting:
        if after.triggers(algo):
            marks = algo.working_type == "MARK_PRICE"
            start, end = (before.mark, after.mark) if marks else (before.last, after.last)
            found.append((_fraction(start, end, algo.trigger), algo))
    for order in resting:
        if after.reaches(order):
            found.append((_fraction(before.last, after.last, order.price), order))
    return found


def _fraction(start: Decimal, end: Decimal, level: Decimal) -> Decimal:
    return min(max((level - start) / (end - start), ZERO), Decimal(1)) if end != start else ZERO
