"""Paper: the market is Binance's, the account is simulated inside the node by Nautilus's sandbox.

It needs quotes, starts flat and forgets: what an earlier life left open in the journal is written
off and told as ``abandoned``, without a trade, so that it teaches nothing; a loss or a drawdown is
measured from the start on. It is a dry run of everything but execution, and kinder than a venue:

- an order fills at once at the best quote, what exceeds its size a tick beyond it;
- stops trigger on quotes, since the sandbox knows no mark price;
- no funding is paid, nothing is liquidated, and no order is ever lost on its way.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from nautilus_trader.adapters.sandbox.config import SandboxExecutionClientConfig

from ocw_strategy.engine import VENUE, instrument_id, venue_symbol
from ocw_strategy.journal import Journal
from ocw_strategy.live.account import AccountHttp, AccountTruth, Margin
from ocw_strategy.live.adoption import explain, find_gaps
from ocw_strategy.live.reconcile import STATE
from ocw_strategy.live.strategy import LiveStrategy
from ocw_strategy.risk import HaltGuard
from ocw_strategy.settings import Settings

ABANDONED = "abandoned"
"""The kind of the event that tells of a position that an earlier life left."""


def sandbox_config(settings: Settings) -> SandboxExecutionClientConfig:
    """Return the configuration of the simulated account."""
    return SandboxExecutionClientConfig(
        venue=VENUE.value,
        starting_balances=[f"{settings.account.starting_balance_usd} USDT"],
        account_type="MARGIN",
        oms_type="NETTING",
        default_leverage=Decimal(str(settings.risk.venue_leverage)),
        bar_execution=False,
        trade_execution=False,
        use_position_ids=False,
    )


class PaperAccount(AccountHttp):
    """The simulated account, read from the node's own cache; marks are the market's.

    Parameters
    ----------
    base_url : str
        Address of the market's REST interface.
    """

    def __init__(self, base_url: str) -> None:
        super().__init__(base_url, "", "")
        self.cache: Any = None
        """The node's, once there is one; flat before."""

    async def read(self, symbols: Sequence[str], since_ns: int) -> AccountTruth:
        """Return the account; its fills are told by the engine alone.

        Raises
        ------
        AccountError
            If a mark price cannot be read.
        """
        positions = dict.fromkeys(symbols, Decimal(0))
        entries = dict.fromkeys(symbols, Decimal(0))
        open_orders = dict.fromkeys(symbols, 0)
        open_ids: set[str] = set()
        marks = await self.marks(symbols)
        if self.cache is not None:  # after the marks: nothing may happen between here and the end
            for position in self.cache.positions_open():
                symbol = venue_symbol(position.instrument_id.symbol.value)
                positions[symbol] += position.signed_decimal_qty()
                entries[symbol] = Decimal(str(position.avg_px_open))
            for order in self.cache.orders_open():
                open_orders[venue_symbol(order.instrument_id.symbol.value)] += 1
                open_ids.add(order.client_order_id.value)
        return AccountTruth(
            positions=positions,
            entries=entries,
            marks=marks,
            fills=(),
            open_orders=open_orders,
            payments=(),
            open_ids=frozenset(open_ids),
            known_ids=frozenset(open_ids),
        )

    async def unlike(self, symbols: Sequence[str], wanted: Margin) -> list[str]:
        """Return nothing: the simulated account is made as it is wanted."""
        return []


class PaperStrategy(LiveStrategy):
    """The live strategy, with the quotes that move the simulated account."""

    def on_start(self) -> None:
        """Subscribe to quotes, then start as always."""
        for symbol in self._symbols:
            self.subscribe_quote_ticks(instrument_id(symbol))
        super().on_start()


def abandon(journal: Journal, settings: Settings, truth: AccountTruth, now_ns: int) -> None:
    """Write off what an earlier life left open, and forget its equity and the halts it led to.

    Parameters
    ----------
    truth : AccountTruth
        The account, which starts flat and with its first balance.
    now_ns : int
        The market's time.
    """
    for gap in find_gaps(journal, settings, truth):
        explain(journal, gap, now_ns, ABANDONED)
    state = journal.load_state(STATE)
    if state is not None:
        journal.save_state(STATE, state | {"halt": HaltGuard(settings.risk.halt).state()})
