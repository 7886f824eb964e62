"""What is true at the venue, for tests: copies, so that nothing changes under the reader."""

from collections.abc import Callable
from copy import copy
from decimal import Decimal
from typing import Any

from tests.venue.exchange import Exchange
from tests.venue.ledger import Income
from tests.venue.records import AlgoOrder, Order, Trade


class Truth:
    """Questions to the exchange, asked on its own thread."""

    def __init__(self, exchange: Exchange, run: Callable[[Callable[[], Any]], Any]) -> None:
        self._exchange, self._run = exchange, run

    @property
    def wallet(self) -> Decimal:
        """USDT, without open profit."""
        return self._exchange.ledger.wallet

    def position(self, symbol: str) -> Decimal:
        """Return the signed quantity that is held."""
        return self._exchange.ledger.positions[symbol].amount

    def entry(self, symbol: str) -> Decimal:
        """Return the mean price of what is held."""
        return self._exchange.ledger.positions[symbol].entry

    def leverage(self, symbol: str) -> int:
        """Return a symbol's leverage."""
        return self._exchange.ledger.positions[symbol].leverage

    def margin_type(self, symbol: str) -> str:
        """Return ``cross`` or ``isolated``."""
        return self._exchange.ledger.positions[symbol].margin_type

    def last(self, symbol: str) -> Decimal:
        """Return the last price."""
        return self._exchange.quotes[symbol].last

    def mark(self, symbol: str) -> Decimal:
        """Return the mark price."""
        return self._exchange.quotes[symbol].mark

    def orders(self) -> list[Order]:
        """Return every order ever accepted, oldest first."""
        return self._run(lambda: [copy(order) for order in self._exchange.orders.values()])

    def algo_orders(self) -> list[AlgoOrder]:
        """Return every conditional order ever accepted, oldest first."""
        return self._run(lambda: [copy(order) for order in self._exchange.algo_orders.values()])

    def open_orders(self, symbol: str = "") -> list[Order]:
        """Return the orders that rest or work."""
        return [o for o in self.orders() if o.open and symbol in {"", o.symbol}]

    def stops(self, symbol: str = "") -> list[AlgoOrder]:
        """Return the conditional orders that wait for their trigger."""
        return [o for o in self.algo_orders() if o.waiting and symbol in {"", o.symbol}]

    def trades(self, symbol: str = "") -> list[Trade]:
        """Return the executions, oldest first."""
        return self._run(
            lambda: [t for t in self._exchange.ledger.trades if symbol in {"", t.symbol}]
        )

    def incomes(self, kind: str = "") -> list[Income]:
        """Return the bookings of the wallet, oldest first."""
        return self._run(
            lambda: [entry for entry in self._exchange.ledger.incomes if kind in {"", entry.kind}]
        )

    def accepted(self, client_id: str) -> int:
        """Return how many orders were accepted under a client id, conditional ones included."""
        own = [o for o in self.orders() if o.client_id == client_id and not o.algo_id]
        return len(own) + sum(o.client_id == client_id for o in self.algo_orders())

    def executed(self, client_id: str) -> Decimal:
        """Return what was executed under a client id in all."""
        return sum((o.filled for o in self.orders() if o.client_id == client_id), Decimal(0))

    def summary(self) -> dict[str, Any]:
        """Return wallet, positions and waiting orders in few words."""
        positions = {
            position.symbol: str(position.amount)
            for position in self._exchange.ledger.positions.values()
            if position.amount
        }
        return {
            "wallet": str(self.wallet),
            "positions": positions,
            "open_orders": [order.client_id for order in self._exchange.open_orders()],
            "stops": [order.client_id for order in self._exchange.open_algo_orders()],
            "prices": {symbol: str(q.last) for symbol, q in self._exchange.quotes.items()},
        }
