"""The matching engine of the venue: orders, conditional orders, triggers, fills, funding.

Pure and deterministic: time comes from the clock that is handed in, and every event of the user
stream goes, in Binance's order, to `emit`. The book is one tick wide on either side of the last
price; the market is deep. A limit order rests, and trades as maker when the last price reaches it.
A conditional order triggers where its price is crossed, not at the end of the move.

Kept as Binance keeps it: a client order id is unique among OPEN orders only; a closed order that
never traded is forgotten after three days, any order after ninety, a closed conditional order
after seven. A reduce-only conditional order outlives its position and is
then rejected at its trigger.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Final

from tests.venue import checks, intake, payloads
from tests.venue.book import Quote, crossings
from tests.venue.checks import Parameters
from tests.venue.ledger import Ledger, rounded
from tests.venue.listings import LISTINGS, MAKER_FEE, TAKER_FEE
from tests.venue.records import ZERO, AlgoOrder, Order, Trade
from tests.venue.refusals import Refusal

DAY_MS: Final = 86_400_000

Plan = Callable[[Order], list[tuple[Decimal, int]]]
"""How an order that can trade does: parts of its quantity, each after so many milliseconds."""


def at_once(order: Order) -> list[tuple[Decimal, int]]:
    """Fill what is left of an order at once."""
    return [(order.left, 0)]


class Exchange:
    """One account on one exchange.

    Parameters
    ----------
    now_ms : Callable
        The account's clock, UTC milliseconds.
    emit : Callable
        Takes each event of the user stream as it happens.
    wallet : Decimal
        USDT at the start.
    first_id : int
        Ids of orders and trades count up from here; they must not repeat in a client's lifetime.
    schedule : Callable, optional
        Takes the moment at which `run_due` is to be called for a delayed fill.
    """

    def __init__(
        self,
        now_ms: Callable[[], int],
        emit: Callable[[payloads.Message], None],
        *,
        wallet: Decimal = Decimal(10_000),
        first_id: int = 1,
        schedule: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._now_ms = now_ms
        self._emit = emit
        self._schedule = schedule
        self._next_id = first_id
        self.ledger = Ledger(wallet)
        self.quotes: dict[str, Quote] = {}
        self.orders: dict[int, Order] = {}
        self.algo_orders: dict[int, AlgoOrder] = {}
        self.plan: Plan = at_once
        self.refuse_trigger: Callable[[AlgoOrder], str] = lambda _: ""
        self.due: list[tuple[int, int, Decimal]] = []
        """Fills to come: moment, order id, quantity."""

    # -- orders ------------------------------------------------------------------------------------

    def new_order(self, params: Parameters) -> Order:
        """Take an order of ``POST /fapi/v1/order``; trade it if it can trade."""
        quote = self._quote(checks.listing(params).symbol)
        order = intake.order(params, quote, self.ledger, self._now_ms())
        self._identify(order, self.open_orders())
        self._place(order)
        return order

    def amend(self, params: Parameters) -> Order:
        """Change price and quantity of a resting limit order (``PUT /fapi/v1/order``)."""
        order = self.find_order(params)
        quote = self._quote(order.symbol)
        order.quantity, order.price = intake.amendment(params, order, quote, LISTINGS[order.symbol])
        self._tell(order, "AMENDMENT")
        if order.left == 0:
            self._close(order, "CANCELED")
        elif quote.crosses(order.side, order.price):
            self._work(order, maker=False)
        return order

    def cancel(self, params: Parameters) -> Order:
        """Cancel an open order (``DELETE /fapi/v1/order``)."""
        try:
            order = self.find_order(params, open_first=True)
        except Refusal:
            raise Refusal(-2011) from None
        if not order.open:
            raise Refusal(-2011)
        self._close(order, "CANCELED")
        return order

    def cancel_all(self, symbol: str) -> None:
        """Cancel every open order of a symbol."""
        for order in self.open_orders(symbol):
            self._close(order, "CANCELED")

    def find_order(self, params: Parameters, *, open_first: bool = False) -> Order:
        """Return an order by its id or client id; of several with one client id, the newest."""
        symbol = checks.listing(params).symbol
        identity, client_id = params.get("orderId", ""), params.get("origClientOrderId", "")
        if not identity and not client_id:
            raise Refusal(-1102, "orderId")
        found = [
            order
            for order in self.kept_orders(symbol)
            if (str(order.id) == identity if identity else order.client_id == client_id)
        ]
        if not found:
            raise Refusal(-2013)
        return max(found, key=lambda order: (open_first and order.open, order.id))

    def open_orders(self, symbol: str = "") -> list[Order]:
        """Return what rests or works, oldest first."""
        return [o for o in self.orders.values() if o.open and symbol in {"", o.symbol}]

    def kept_orders(self, symbol: str) -> list[Order]:
        """Return the orders of a symbol that Binance would still remember, oldest first."""
        now = self._now_ms()
        return [
            order
            for order in self.orders.values()
            if order.symbol == symbol
            and order.time_ms > now - 90 * DAY_MS
            and (order.open or order.filled > 0 or order.time_ms > now - 3 * DAY_MS)
        ]

    # -- conditional orders ------------------------------------------------------------------------

    def new_algo_order(self, params: Parameters) -> AlgoOrder:
        """Take a conditional order of ``POST /fapi/v1/algoOrder``."""
        listed = checks.listing(params)
        order = intake.algo_order(params, self._quote(listed.symbol), self._now_ms())
        waiting = self.open_algo_orders()
        self._identify(order, waiting)
        if sum(other.symbol == listed.symbol for other in waiting) >= listed.open_algo_orders:
            raise Refusal(-4045)
        self.algo_orders[order.id] = order
        self._tell_algo(order, "NEW")
        return order

    def cancel_algo(self, params: Parameters) -> AlgoOrder:
        """Cancel a conditional order that waits (``DELETE /fapi/v1/algoOrder``)."""
        try:
            order = self.find_algo(params, waiting_first=True)
        except Refusal:
            raise Refusal(-2011) from None
        if not order.waiting:
            raise Refusal(-2011)
        self._tell_algo(order, "CANCELED")
        return order

    def cancel_all_algo(self, symbol: str) -> None:
        """Cancel every waiting conditional order of a symbol."""
        for order in self.open_algo_orders(symbol):
            self._tell_algo(order, "CANCELED")

    def find_algo(self, params: Parameters, *, waiting_first: bool = False) -> AlgoOrder:
        """Return a conditional order by its id or client id; of several, the newest."""
        identity, client_id = params.get("algoId", ""), params.get("clientAlgoId", "")
        if not identity and not client_id:
            raise Refusal(-1102, "algoId")
        found = [
            order
            for order in self.kept_algo_orders()
            if (str(order.id) == identity if identity else order.client_id == client_id)
        ]
        if not found:
            raise Refusal(-2013)
        return max(found, key=lambda order: (waiting_first and order.waiting, order.id))

    def open_algo_orders(self, symbol: str = "") -> list[AlgoOrder]:
        """Return the conditional orders that wait, oldest first."""
        return [o for o in self.algo_orders.values() if o.waiting and symbol in {"", o.symbol}]

    def kept_algo_orders(self, symbol: str = "") -> list[AlgoOrder]:
        """Return the conditional orders that Binance would still remember, oldest first."""
        since = self._now_ms() - 7 * DAY_MS
        return [
            order
            for order in self.algo_orders.values()
            if symbol in {"", order.symbol} and (order.waiting or order.time_ms > since)
        ]

    # -- the market moves --------------------------------------------------------------------------

    def jump(self, symbol: str, last: Decimal, mark: Decimal) -> None:
        """Set the price without a way between; what it passed trades at the new price."""
        self._set(Quote(symbol, last, mark))
        self._touch(symbol, set())

    def move(self, symbol: str, last: Decimal, mark: Decimal) -> None:
        """Move the price in a straight line; trigger and trade on the way, in order."""
        if symbol not in self.quotes:
            self.jump(symbol, last, mark)
            return
        before, after = self.quotes[symbol], Quote(symbol, last, mark)
        done: set[int] = set()
        progress = ZERO
        while True:
            reached = crossings(before, after, self.open_algo_orders(symbol), self._resting(symbol))
            found = [(at, o) for at, o in reached if at >= progress and o.id not in done]
            if not found:
                break
            progress, order = min(found, key=lambda entry: (entry[0], entry[1].id))
            done.add(order.id)
            self._set(before.towards(after, progress))
            self._fire(order)
        self._set(after)
        self._touch(symbol, done)

    def settle_funding(self, symbol: str, rate: Decimal) -> None:
        """Pay a funding rate on the open position."""
        now = self._now_ms()
        paid = self.ledger.fund(symbol, rate, now)
        if paid:
            mark = self.ledger.mark(symbol)
            self._emit(
                payloads.account_update("FUNDING_FEE", self.ledger.wallet, None, mark, now, paid)
            )

    def run_due(self) -> None:
        """Do the delayed fills whose moment has come."""
        now = self._now_ms()
        ready = [entry for entry in self.due if entry[0] <= now]
        self.due = [entry for entry in self.due if entry[0] > now]
        for _, order_id, quantity in sorted(ready, key=lambda entry: entry[0]):
            order = self.orders[order_id]
            if order.open:
                price = self._quote(order.symbol).price_for(order)
                self._fill(order, min(quantity, order.left), price, maker=False)

    # -- settings ----------------------------------------------------------------------------------

    def set_leverage(self, symbol: str, leverage: int) -> None:
        """Change a symbol's leverage."""
        if not 1 <= leverage <= 125:
            raise Refusal(-4028, leverage)
        self.ledger.positions[symbol].leverage = leverage
        self._emit(payloads.config_update(symbol, leverage, self._now_ms()))

    def set_margin_type(self, symbol: str, margin_type: str) -> None:
        """Change a symbol's margin type, ``CROSSED`` or ``ISOLATED``."""
        wanted = {"CROSSED": "cross", "ISOLATED": "isolated"}.get(margin_type)
        if wanted is None:
            raise Refusal(-1102, "marginType")
        position = self.ledger.positions[symbol]
        if position.margin_type == wanted:
            raise Refusal(-4046)
        if position.amount:
            raise Refusal(-4048)
        position.margin_type = wanted

    # -- inside ------------------------------------------------------------------------------------

    def _take_id(self) -> int:
        self._next_id += 1
        return self._next_id

    def _identify(self, order: Order | AlgoOrder, others: Iterable[Order | AlgoOrder]) -> None:
        if order.client_id and any(other.client_id == order.client_id for other in others):
            raise Refusal(-4116)
        order.id = self._take_id()
        order.client_id = order.client_id or f"web_{order.id:x}"

    def _quote(self, symbol: str) -> Quote:
        if symbol not in self.quotes:
            raise Refusal(-1000)  # no market yet
        return self.quotes[symbol]

    def _set(self, quote: Quote) -> None:
        self.quotes[quote.symbol] = quote
        self.ledger.marks[quote.symbol] = quote.mark

    def _resting(self, symbol: str) -> list[Order]:
        return [order for order in self.open_orders(symbol) if not self._is_due(order)]

    def _place(self, order: Order) -> None:
        self.orders[order.id] = order
        self._tell(order, "NEW")
        quote = self._quote(order.symbol)
        if order.type == "MARKET" or quote.crosses(order.side, order.price):
            self._work(order, maker=False)
        if order.open and order.time_in_force in {"IOC", "FOK"} and not self._is_due(order):
            self._close(order, "EXPIRED")

    def _work(self, order: Order, *, maker: bool) -> None:
        price = order.price if maker else self._quote(order.symbol).price_for(order)
        for quantity, delay_ms in self.plan(order):
            if delay_ms > 0:
                self.due.append((self._now_ms() + delay_ms, order.id, quantity))
                self._schedule(self.due[-1][0])
            elif order.open and quantity > 0:
                self._fill(order, min(quantity, order.left), price, maker=maker)

    def _is_due(self, order: Order) -> bool:
        return any(order_id == order.id for _, order_id, _ in self.due)

    def _fill(self, order: Order, quantity: Decimal, price: Decimal, *, maker: bool) -> None:
        now, position = self._now_ms(), self.ledger.positions[order.symbol]
        if order.reduce_only:
            quantity = min(quantity, max(-position.amount * order.sign, ZERO))
            if quantity == 0:
                self._close(order, "EXPIRED")
                return
        profit = position.apply(quantity * order.sign, price)
        position.update_ms = order.update_ms = now
        trade = Trade(
            id=self._take_id(),
            order_id=order.id,
            symbol=order.symbol,
            side=order.side,
            price=price,
            quantity=quantity,
            commission=rounded(price * quantity * (MAKER_FEE if maker else TAKER_FEE)),
            realized=rounded(profit),
            maker=maker,
            time_ms=now,
        )
        self.ledger.book(trade)
        order.filled += quantity
        order.cost += quantity * price
        order.status = "FILLED" if order.left == 0 else "PARTIALLY_FILLED"
        mark = self.ledger.mark(order.symbol)
        self._emit(payloads.account_update("ORDER", self.ledger.wallet, position, mark, now))
        self._emit(payloads.order_update(order, "TRADE", trade, now))
        self._finish_algo(order)
        for resting in self.open_orders(order.symbol):
            if resting.reduce_only and resting is not order and not self._reduces(resting):
                self._close(resting, "EXPIRED")

    def _reduces(self, order: Order) -> bool:
        return self.ledger.positions[order.symbol].amount * order.sign < 0

    def _close(self, order: Order, status: str) -> None:
        order.status = status
        self._tell(order, status)
        self._finish_algo(order)

    def _finish_algo(self, order: Order) -> None:
        if order.algo_id and not order.open:
            self._tell_algo(self.algo_orders[order.algo_id], "FINISHED")

    def _tell(self, order: Order, execution: str) -> None:
        order.update_ms = self._now_ms()
        self._emit(payloads.order_update(order, execution, None, order.update_ms))

    def _tell_algo(self, order: AlgoOrder, status: str) -> None:
        order.status, order.update_ms = status, self._now_ms()
        self._emit(payloads.algo_update(order, status, order.update_ms))

    def _touch(self, symbol: str, done: set[int]) -> None:
        quote = self.quotes[symbol]
        for algo in self.open_algo_orders(symbol):
            if quote.triggers(algo):
                self._fire(algo)
        for order in self._resting(symbol):
            if order.id not in done and quote.reaches(order):
                self._fire(order)

    def _fire(self, order: Order | AlgoOrder) -> None:
        if isinstance(order, Order):
            self._work(order, maker=True)
            return
        order.trigger_ms = self._now_ms()
        self._tell_algo(order, "TRIGGERING")
        sign = 1 if order.side == "BUY" else -1
        room = max(-self.ledger.positions[order.symbol].amount * sign, ZERO)
        quantity = room if order.close_position else order.quantity
        bound = order.reduce_only or order.close_position
        if bound:
            quantity = min(quantity, room)
        order.refused = self.refuse_trigger(order)
        if not order.refused and quantity == 0:
            order.refused = "ReduceOnly Order is rejected."
        if not order.refused and not bound:
            try:
                price = order.price or self._quote(order.symbol).best(order.side)
                self.ledger.require_margin(order.symbol, quantity * sign, price)
            except Refusal as refusal:
                order.refused = refusal.message
        if order.refused:
            self._tell_algo(order, "REJECTED")
            return
        limit = not order.type.endswith("MARKET")
        placed = Order(
            id=self._take_id(),
            client_id=order.client_id,
            symbol=order.symbol,
            side=order.side,
            type="LIMIT" if limit else "MARKET",
            time_in_force=order.time_in_force,
            quantity=quantity,
            price=order.price,
            reduce_only=bound,
            time_ms=order.trigger_ms,
            update_ms=order.trigger_ms,
            algo_id=order.id,
            algo_type=order.type,
            trigger=order.trigger,
            working_type=order.working_type,
        )
        order.order = placed
        self._tell_algo(order, "TRIGGERED")
        self._place(placed)
