"""What the limits and the exits look at: positions as filled, never as submitted.

A view is built anew from the venue's (or the engine's) positions each time something is decided.
Orders that were sent but not filled appear only as ``PortfolioView.working``: they use up room,
but are no position. Everything is a float in US dollars; `round_down` is the one exact step on
the way to a venue quantity.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

from ocw_strategy.errors import OcwError, SettingsError

TRAIL_SCALES: Final = (0.5, 2.0)
"""Least and largest multiplier of the trailing width; the exit rules are reachable for all."""


class PositionError(OcwError):
    """A position that cannot be reasoned about."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What trading costs, as fractions of notional: the one source for every formula here."""

    fee_fraction: float
    """The taker fee of one order."""
    slippage_fraction: float
    """Expected slippage of one order."""

    @property
    def one_way(self) -> float:
        """Expected cost of one order."""
        return self.fee_fraction + self.slippage_fraction

    @property
    def round_trip(self) -> float:
        """Expected cost of an entry and its exit."""
        return 2 * self.one_way


@dataclass(frozen=True, slots=True)
class Listing:
    """What the venue demands of an order in one instrument."""

    step: Decimal
    """Quantities are multiples of this."""
    minimum_notional: float
    """Smallest notional of an order that is not reduce-only, in US dollars."""


@dataclass(frozen=True, slots=True)
class PositionView:
    """One open position.

    Raises
    ------
    PositionError
        If the quantity is zero or not finite, a price other than ``price`` is not positive, or
        the trail scale is out of its range.
    """

    symbol: str
    quantity: float
    """Filled quantity, negative when short."""
    entry_price: float
    """Average fill price."""
    price: float
    """Last price of the execution venue; NaN when unknown."""
    price_ns: int
    """When that price was true."""
    opened_ns: int
    best_price: float
    """Most favourable price since entry: the highest for a long, the lowest for a short."""
    worst_price: float
    """Least favourable price since entry."""
    trail_scale: float = 1.0
    """Multiplier of the trailing width, by the regime at entry."""

    def __post_init__(self) -> None:
        if not math.isfinite(self.quantity) or self.quantity == 0:
            raise PositionError(f"{self.symbol} quantity", self.quantity, "give what is held")
        if not (
            0.0 < self.entry_price < math.inf
            and 0.0 < self.best_price < math.inf
            and 0.0 < self.worst_price < math.inf
        ):
            self._refuse_price()
        if not TRAIL_SCALES[0] <= self.trail_scale <= TRAIL_SCALES[1]:
            remedy = "give a number from {:g} to {:g}".format(*TRAIL_SCALES)
            raise PositionError(f"{self.symbol} trail_scale", self.trail_scale, remedy)

    def _refuse_price(self) -> None:
        for name in ("entry_price", "best_price", "worst_price"):
            value = getattr(self, name)
            if not is_positive(value):
                raise PositionError(f"{self.symbol} {name}", value, "give a positive number")

    @property
    def direction(self) -> int:
        """1 long, -1 short."""
        return 1 if self.quantity > 0 else -1

    @property
    def gain(self) -> float:
        """Gain at the last price before costs, a fraction of the entry price."""
        return self._gain_at(self.price)

    @property
    def peak_gain(self) -> float:
        """Largest gain since entry, at least zero."""
        return max(0.0, self._gain_at(self.best_price))

    def net_gain(self, costs: Costs) -> float:
        """Return the gain after a round trip's costs: the same measure for every kind of exit."""
        return self.gain - costs.round_trip

    def price_at(self, gain: float) -> float:
        """Return the price at which the position shows `gain`."""
        return self.entry_price * (1 + self.direction * gain)

    def marked(self, price: float, price_ns: int) -> "PositionView":
        """Return the position at a newer price, best and worst price extended."""
        if not is_positive(price):
            return self
        better, worse = (max, min) if self.direction > 0 else (min, max)
        best, worst = better(self.best_price, price), worse(self.worst_price, price)
        if (self.price, self.price_ns, self.best_price, self.worst_price) == (
            price, price_ns, best, worst,
        ):  # fmt: skip
            return self  # nearly always: a bar's range holds its close
        return replace(self, price=price, price_ns=price_ns, best_price=best, worst_price=worst)

    def _gain_at(self, price: float) -> float:
        move = price - self.entry_price if self.quantity > 0 else self.entry_price - price
        return move / self.entry_price


@dataclass(frozen=True, slots=True)
class PortfolioView:
    """The account at the moment of a decision."""

    now_ns: int
    equity: float
    """Mark-to-market equity, US dollars; NaN when unknown."""
    free_margin: float
    """Margin not tied up, US dollars."""
    positions: Mapping[str, PositionView]
    prices: Mapping[str, float]
    """Price of each instrument at the execution venue; absent or NaN when unknown."""
    orders_last_hour: int = 0
    entries_blocked: str | None = None
    """Why no instrument may be entered (a halt), or None."""
    blocked: Mapping[str, str] = field(default_factory=dict)
    """Why single instruments may not be entered: cooldown, stale data, drift."""
    working: Mapping[str, float] = field(default_factory=dict)
    """Signed notional of entry orders sent and not yet filled."""

    def price(self, symbol: str) -> float | None:
        """Return the instrument's price, or None when it is unknown."""
        price = self.prices.get(symbol, math.nan)
        return price if is_positive(price) else None

    def notional(self, symbol: str) -> float:
        """Return the signed notional held, at the entry price where no price is known."""
        position = self.positions.get(symbol)
        if position is None:
            return 0.0
        return position.quantity * (self.price(symbol) or position.entry_price)


def maintenance_margin(positions: Iterable[PositionView], rates: Mapping[str, float]) -> float:
    """Return the equity below which the venue liquidates.

    Parameters
    ----------
    positions : Iterable[PositionView]
        Valued at their last price, or at entry where it is unknown.
    rates : Mapping[str, float]
        Maintenance margin rate of each instrument, a fraction of notional.

    Returns
    -------
    float
        US dollars; the caller raises `AccountBlownError` when equity is at or below it.

    Raises
    ------
    SettingsError
        If an instrument has no rate.
    """
    total = 0.0
    for position in positions:
        if position.symbol not in rates:
            raise SettingsError(
                "maintenance margin rate", position.symbol, "give a rate for every instrument"
            )
        price = position.price if is_positive(position.price) else position.entry_price
        total += abs(position.quantity) * price * rates[position.symbol]
    return total


def round_down(quantity: float, step: Decimal) -> Decimal:
    """Return the largest multiple of `step` not above `quantity`, exactly.

    The float is read as its shortest decimal, so that 0.3 is three steps of 0.1 and not two.
    """
    return Decimal(repr(float(quantity))) // step * step


def is_positive(value: float) -> bool:
    """Return whether `value` is finite and above zero."""
    return math.isfinite(value) and value > 0
