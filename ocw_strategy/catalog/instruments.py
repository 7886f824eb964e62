"""The perpetuals OCW knows, with the venue's own ticks, lots, minimum notionals and fees.

One table, no network. An unknown symbol is refused, never guessed.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import BarType
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Currency, Money, Price, Quantity

from ocw_strategy.errors import CatalogError

VENUE: Final = "BINANCE"
MAKER_FEE: Final = Decimal("0.0002")
TAKER_FEE: Final = Decimal("0.0005")
"""Binance USDT-margined futures, regular user, without the BNB rebate."""


@dataclass(frozen=True, slots=True)
class _Listing:
    base: str
    tick: str
    lot: str
    maximum_quantity: str
    minimum_notional: str


# Filters of GET /fapi/v1/exchangeInfo as of 2026-07 (PRICE_FILTER, LOT_SIZE, MIN_NOTIONAL).
_LISTINGS: Final = {
    "BTCUSDT": _Listing("BTC", "0.1", "0.001", "1000", "50"),
    "ETHUSDT": _Listing("ETH", "0.01", "0.001", "10000", "20"),
    "SOLUSDT": _Listing("SOL", "0.01", "0.01", "1000000", "5"),
}
# requiredMarginPercent and maintMarginPercent of the same answer, equal for the three.
_INITIAL_MARGIN: Final = Decimal("0.05")
_MAINTENANCE_MARGIN: Final = Decimal("0.025")

SYMBOLS: Final = tuple(_LISTINGS)
"""Venue symbols of the known perpetuals."""


def perpetual(
    symbol: str,
    *,
    maker_fee: Decimal = MAKER_FEE,
    taker_fee: Decimal = TAKER_FEE,
) -> CryptoPerpetual:
    """Build the perpetual that the venue lists under a symbol.

    Parameters
    ----------
    symbol : str
        The venue's symbol, such as ``BTCUSDT``.
    maker_fee, taker_fee : Decimal
        Fractions of notional.

    Raises
    ------
    CatalogError
        If the symbol is not in the table.
    """
    listing = _LISTINGS.get(symbol)
    if listing is None:
        raise CatalogError("symbol", symbol, f"use one of {', '.join(SYMBOLS)}")
    tick, lot = Price.from_str(listing.tick), Quantity.from_str(listing.lot)
    return CryptoPerpetual(
        instrument_id=instrument_id(symbol),
        raw_symbol=Symbol(symbol),
        base_currency=Currency.from_str(listing.base),
        quote_currency=USDT,
        settlement_currency=USDT,
        is_inverse=False,
        price_precision=tick.precision,
        size_precision=lot.precision,
        price_increment=tick,
        size_increment=lot,
        max_quantity=Quantity(Decimal(listing.maximum_quantity), lot.precision),
        min_quantity=lot,
        min_notional=Money(Decimal(listing.minimum_notional), USDT),
        margin_init=_INITIAL_MARGIN,
        margin_maint=_MAINTENANCE_MARGIN,
        maker_fee=maker_fee,
        taker_fee=taker_fee,
        ts_event=0,
        ts_init=0,
    )


def instrument_id(symbol: str) -> InstrumentId:
    """Return the Nautilus id of a venue symbol: ``BTCUSDT`` is ``BTCUSDT-PERP.BINANCE``."""
    return InstrumentId(Symbol(f"{symbol}-PERP"), Venue(VENUE))


def bar_type(symbol: str, minutes: int) -> BarType:
    """Return the type of a venue symbol's bars, whole hours written as hours.

    5 minutes of ``BTCUSDT`` are ``BTCUSDT-PERP.BINANCE-5-MINUTE-LAST-EXTERNAL``.
    """
    step = f"{minutes // 60}-HOUR" if minutes % 60 == 0 else f"{minutes}-MINUTE"
    return BarType.from_str(f"{instrument_id(symbol)}-{step}-LAST-EXTERNAL")
