"""The fill model: stated slippage in basis points, and a generator of its own.

The stock model seeds and draws from Python's global ``random``: two runs in one process disturb
each other. This one restores the global state and keeps a private generator. Market orders pay
``market_slippage_bps`` beyond the last price. A stop fills at its trigger, or at the bar's open
where the bar opened beyond the trigger, and pays ``stop_slippage_bps`` on top; it never fills at
the bar's extreme, which the order could not have known, nor at its trigger across a gap.
"""

import random
from decimal import Decimal

from nautilus_trader.backtest.models import FillModel
from nautilus_trader.common.config import NautilusConfig
from nautilus_trader.model.book import OrderBook
from nautilus_trader.model.data import Bar, BookOrder
from nautilus_trader.model.enums import BookType, OrderSide, OrderType
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.model.orders import Order

_UNLIMITED = 1_000_000
_BASIS_POINT = Decimal("0.0001")


class OcwFillModelConfig(NautilusConfig, frozen=True):
    """Configure the fill model; costs in basis points of the fill price."""

    market_slippage_bps: float = 0.0
    stop_slippage_bps: float = 0.0
    prob_fill_on_limit: float = 1.0
    random_seed: int = 0


class OcwFillModel(FillModel):
    """Fill market and stop orders at a stated slippage."""

    def __init__(self, config: OcwFillModelConfig) -> None:
        state = random.getstate()
        super().__init__(prob_fill_on_limit=config.prob_fill_on_limit, prob_slippage=0.0)
        random.setstate(state)
        self._random = random.Random(config.random_seed)
        self._prob_fill = config.prob_fill_on_limit
        self._market = Decimal(str(config.market_slippage_bps)) * _BASIS_POINT
        self._stop = Decimal(str(config.stop_slippage_bps)) * _BASIS_POINT
        self._bars: dict[InstrumentId, Bar] = {}

    def see_bar(self, bar: Bar) -> None:
        """Remember the bar about to be matched: its open tells a gap from a move through."""
        self._bars[bar.bar_type.instrument_id] = bar

    def is_limit_filled(self) -> bool:
        """Draw whether a limit order at the touch fills, from the private generator."""
        return self._prob_fill >= 1.0 or self._random.random() < self._prob_fill

    def get_orderbook_for_fill_simulation(
        self, instrument: Instrument, order: Order, best_bid: Price, best_ask: Price
    ) -> OrderBook | None:
        """Return the book the order meets, or None for the engine's own limit fills."""
        buy = order.side == OrderSide.BUY
        if order.order_type == OrderType.MARKET:
            fair, slippage = (best_ask if buy else best_bid).as_decimal(), self._market
        elif order.order_type == OrderType.STOP_MARKET:
            fair, slippage = self._stop_price(instrument.id, order, buy), self._stop
        else:
            return None
        price = instrument.make_price(fair * (1 + slippage if buy else 1 - slippage))
        book = OrderBook(instrument_id=instrument.id, book_type=BookType.L2_MBP)
        size = Quantity(_UNLIMITED, instrument.size_precision)
        book.add(BookOrder(OrderSide.SELL if buy else OrderSide.BUY, price, size, 1), 0, 0)
        return book

    def _stop_price(self, instrument_id: InstrumentId, order: Order, buy: bool) -> Decimal:
        trigger = order.trigger_price.as_decimal()
        bar = self._bars.get(instrument_id)
        if bar is None:
            return trigger
        opened = bar.open.as_decimal()
        return max(trigger, opened) if buy else min(trigger, opened)
