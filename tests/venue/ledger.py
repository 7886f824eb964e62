"""The account's money: wallet, one-way positions, executions, income, margin.

Pure: what time it is comes in with every entry. Nothing is liquidated; a test that lets an account
run below its margin sees new orders refused.
"""

from dataclasses import dataclass
from decimal import Decimal

from tests.venue.listings import LISTINGS
from tests.venue.records import ZERO, Position, Trade
from tests.venue.refusals import Refusal

MAINTENANCE = Decimal("0.025")
_UNIT = Decimal("0.00000001")


def rounded(amount: Decimal) -> Decimal:
    """Return an amount with the eight decimals that the venue books."""
    return amount.quantize(_UNIT)


@dataclass(frozen=True, slots=True)
class Income:
    """A booking of the wallet, as ``GET /fapi/v1/income`` tells it."""

    symbol: str
    kind: str
    amount: Decimal
    time_ms: int
    id: int
    trade_id: str


class Ledger:
    """Books executions and funding; says what margin is left."""

    def __init__(self, wallet: Decimal) -> None:
        self.wallet = wallet
        self.positions = {symbol: Position(symbol=symbol) for symbol in LISTINGS}
        self.marks: dict[str, Decimal] = {}
        self.trades: list[Trade] = []
        self.incomes: list[Income] = []

    def book(self, trade: Trade) -> None:
        """Book an execution whose position has been applied."""
        self.trades.append(trade)
        self.wallet += trade.realized - trade.commission
        self._income(trade.symbol, "COMMISSION", -trade.commission, trade.time_ms, str(trade.id))
        if trade.realized:
            self._income(trade.symbol, "REALIZED_PNL", trade.realized, trade.time_ms, str(trade.id))

    def fund(self, symbol: str, rate: Decimal, at_ms: int) -> Decimal:
        """Pay a funding rate on the position at its mark; return what the wallet gained."""
        paid = rounded(-self.positions[symbol].amount * self.marks.get(symbol, ZERO) * rate)
        if paid:
            self.wallet += paid
            self._income(symbol, "FUNDING_FEE", paid, at_ms, "")
        return paid

    def _income(self, symbol: str, kind: str, amount: Decimal, at_ms: int, trade: str) -> None:
        self.incomes.append(
            Income(symbol, kind, amount, at_ms, 9_000_000 + len(self.incomes), trade)
        )

    @property
    def unrealized(self) -> Decimal:
        """Open profit of all positions at their marks."""
        return sum((p.unrealized(self.mark(p.symbol)) for p in self.positions.values()), ZERO)

    @property
    def initial_margin(self) -> Decimal:
        """Margin that the open positions bind."""
        return sum((self._initial(p, p.amount) for p in self.positions.values()), ZERO)

    @property
    def maintenance_margin(self) -> Decimal:
        """Margin below which Binance would liquidate."""
        notionals = (abs(p.amount) * self.mark(p.symbol) for p in self.positions.values())
        return sum(notionals, ZERO) * MAINTENANCE

    @property
    def available(self) -> Decimal:
        """What new positions may bind."""
        return max(self.wallet + self.unrealized - self.initial_margin, ZERO)

    def mark(self, symbol: str) -> Decimal:
        """Return the last mark price, or the entry before there is one."""
        return self.marks.get(symbol, self.positions[symbol].entry)

    def require_margin(self, symbol: str, signed: Decimal, price: Decimal) -> None:
        """Refuse a trade for whose added exposure the margin is not there."""
        position = self.positions[symbol]
        after = abs(position.amount + signed)
        added = max(after - abs(position.amount), ZERO)
        if position.amount * signed < 0 and after and abs(signed) > abs(position.amount):
            added = after  # turned over: what it closes sets its own margin free
            needed = added * price / position.leverage
            free = self.available + self._initial(position, position.amount)
        else:
            needed, free = added * price / position.leverage, self.available
        if needed > free:
            raise Refusal(-2019)

    def _initial(self, position: Position, amount: Decimal) -> Decimal:
        return abs(amount) * self.mark(position.symbol) / position.leverage
