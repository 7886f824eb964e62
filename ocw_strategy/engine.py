"""The few names of the engine that actor, strategy and assemblies share."""

from collections.abc import Mapping, Sequence
from typing import Final

from nautilus_trader.model.data import BarType
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.objects import Currency
from nautilus_trader.model.position import Position
from nautilus_trader.portfolio.base import PortfolioFacade

from ocw_strategy.catalog.instruments import VENUE as VENUE_NAME
from ocw_strategy.catalog.instruments import bar_type as venue_bar_type
from ocw_strategy.units import SECOND_NS

VENUE: Final = Venue(VENUE_NAME)
_USDT: Final = Currency.from_str("USDT")
CLOSE_WAIT_NS: Final = 3 * SECOND_NS
"""How long after a close its stragglers are waited for."""


def venue_symbol(symbol: str) -> str:
    """Return the venue's name of a perpetual: ``BTCUSDT-PERP`` is ``BTCUSDT``."""
    return symbol.removesuffix("-PERP")


def instrument_id(symbol: str) -> InstrumentId:
    """Return the engine's id of a perpetual."""
    return InstrumentId(Symbol(symbol), VENUE)


def balance_usd(portfolio: PortfolioFacade) -> float:
    """Return the account's balance at the venue, 0 before there is an account."""
    account = portfolio.account(VENUE)
    return account.balance_total(_USDT).as_double() if account is not None else 0.0


def open_profit_usd(positions: Sequence[Position], prices: Mapping[str, float]) -> float:
    """Return the unrealised profit of positions at last prices, by the venue's average entry."""
    return sum(
        position.signed_qty * (prices[position.instrument_id.symbol.value] - position.avg_px_open)
        for position in positions
    )


def bar_type(symbol: str, minutes: int) -> BarType:
    """Return the type of a perpetual's closed bars."""
    return venue_bar_type(venue_symbol(symbol), minutes)
