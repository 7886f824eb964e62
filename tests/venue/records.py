"""What the venue keeps of an account: orders, conditional (algo) orders, trades and positions."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

ZERO: Final = Decimal(0)
OPEN: Final = ("NEW", "PARTIALLY_FILLED")
"""States of an order that rests or works."""


@dataclass(slots=True, kw_only=True)
class Order:
    """An order of the matching engine; ``cost`` is the quote volume executed so far."""

    id: int
    client_id: str
    symbol: str
    side: str
    type: str
    time_in_force: str
    quantity: Decimal
    price: Decimal
    reduce_only: bool
    time_ms: int
    update_ms: int
    status: str = "NEW"
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    algo_id: int = 0
    """The conditional order it came from, 0 if none."""
    algo_type: str = ""
    trigger: Decimal = ZERO
    working_type: str = "CONTRACT_PRICE"
    good_till_ms: int = 0

    @property
    def open(self) -> bool:
        """Whether it can still trade."""
        return self.status in OPEN

    @property
    def left(self) -> Decimal:
        """What has not traded."""
        return self.quantity - self.filled

    @property
    def sign(self) -> int:
        """1 for a buy, -1 for a sell."""
        return 1 if self.side == "BUY" else -1

    @property
    def average(self) -> Decimal:
        """Mean price of what has traded, 0 if nothing has."""
        return self.cost / self.filled if self.filled else ZERO


@dataclass(slots=True, kw_only=True)
class AlgoOrder:
    """A conditional order, waiting for its trigger outside the matching engine."""

    id: int
    client_id: str
    symbol: str
    side: str
    type: str
    time_in_force: str
    quantity: Decimal
    trigger: Decimal
    price: Decimal
    working_type: str
    reduce_only: bool
    close_position: bool
    time_ms: int
    update_ms: int
    above: bool
    """Whether the price triggers it from below."""
    status: str = "NEW"
    trigger_ms: int = 0
    order: Order | None = None
    refused: str = ""
    """Why the matching engine rejected it after its trigger."""

    @property
    def waiting(self) -> bool:
        """Whether it waits for its trigger."""
        return self.status == "NEW"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One execution; commission and realised profit in USDT."""

    id: int
    order_id: int
    symbol: str
    side: str
    price: Decimal
    quantity: Decimal
    commission: Decimal
    realized: Decimal
    maker: bool
    time_ms: int


@dataclass(slots=True, kw_only=True)
class Position:
    """A one-way position and the settings of its symbol."""

    symbol: str
    amount: Decimal = ZERO
    entry: Decimal = ZERO
    realized: Decimal = ZERO
    leverage: int = 20
    margin_type: str = "cross"
    update_ms: int = 0

    def unrealized(self, mark: Decimal) -> Decimal:
        """Return the open profit at a mark price."""
        return self.amount * (mark - self.entry)

    def apply(self, signed: Decimal, price: Decimal) -> Decimal:
        """Trade a signed quantity at a price and return the profit that it realised."""
        before = self.amount
        closed = ZERO
        if before * signed < 0:
            closed = min(abs(before), abs(signed)) * (1 if before > 0 else -1)
        profit = closed * (price - self.entry)
        self.amount = before + signed
        if self.amount == 0:
            self.entry = ZERO
        elif before * signed >= 0:
            self.entry = (before * self.entry + signed * price) / self.amount
        elif self.amount * before < 0:  # turned over
            self.entry = price
        self.realized += profit
        return profit
