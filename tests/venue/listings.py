"""What the venue lists: the filters, limits and fees of its perpetuals, written by hand.

Ticks, lots and notionals are the catalog's own (`ocw_strategy.catalog.instruments`), so venue and
backtest cannot drift apart; what the catalog has no use for stands here.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from ocw_strategy.catalog.instruments import MAKER_FEE, SYMBOLS, TAKER_FEE, perpetual

__all__ = ["LISTINGS", "MAKER_FEE", "TAKER_FEE", "Listing", "exchange_info"]

ORDER_TYPES: Final = (
    "LIMIT",
    "MARKET",
    "STOP",
    "STOP_MARKET",
    "TAKE_PROFIT",
    "TAKE_PROFIT_MARKET",
    "TRAILING_STOP_MARKET",
)
TIMES_IN_FORCE: Final = ("GTC", "IOC", "FOK", "GTX", "GTD")
_DELIVERY_MS: Final = 4_133_404_800_000  # how Binance writes "never"


@dataclass(frozen=True, slots=True)
class Listing:
    """One perpetual: decimals of the contract, and limits on orders."""

    symbol: str
    base: str
    price_digits: int
    quantity_digits: int
    tick: Decimal
    lot: Decimal
    largest: Decimal
    largest_market: Decimal
    minimum_notional: Decimal
    lowest_price: str
    highest_price: str
    kind: str
    onboard_ms: int
    # a limit order must lie within these multiples of the mark price
    band: tuple[Decimal, Decimal] = (Decimal("0.95"), Decimal("1.05"))
    open_algo_orders: int = 10

    @property
    def price_step_digits(self) -> int:
        """Decimals of the tick."""
        return -int(self.tick.normalize().as_tuple().exponent)


def _listing(
    symbol: str, digits: int, largest_market: str, span: tuple[str, str], kind: str, onboard_ms: int
) -> Listing:
    known = perpetual(symbol)
    return Listing(
        symbol=symbol,
        base=known.base_currency.code,
        price_digits=digits,
        quantity_digits=known.size_precision,
        tick=known.price_increment.as_decimal(),
        lot=known.size_increment.as_decimal(),
        largest=known.max_quantity.as_decimal(),
        largest_market=Decimal(largest_market),
        minimum_notional=known.min_notional.as_decimal(),
        lowest_price=span[0],
        highest_price=span[1],
        kind=kind,
        onboard_ms=onboard_ms,
    )


LISTINGS: Final = {
    listing.symbol: listing
    for listing in (
        _listing("BTCUSDT", 2, "120", ("556.80", "4529764"), "PoW", 1_569_398_400_000),
        _listing("ETHUSDT", 2, "2000", ("39.86", "306177"), "Layer-1", 1_569_398_400_000),
        _listing("SOLUSDT", 4, "80000", ("0.4200", "6857"), "Layer-1", 1_569_398_400_000),
    )
}
assert set(LISTINGS) == set(SYMBOLS)


def exchange_info(now_ms: int, *, unknown_words: bool = False) -> dict[str, Any]:
    """Return the answer to ``GET /fapi/v1/exchangeInfo``.

    With `unknown_words`, as after a release of the venue: words no client has heard of among the
    limits, and in a symbol that nobody here trades.
    """
    symbols = [_symbol(listing) for listing in LISTINGS.values()]
    limits = [
        _limit("REQUEST_WEIGHT", "MINUTE", 1, 2400),
        _limit("ORDERS", "MINUTE", 1, 1200),
        _limit("ORDERS", "SECOND", 10, 300),
    ]
    if unknown_words:
        novelty = _symbol(LISTINGS["SOLUSDT"]) | {"symbol": "NEWUSDT", "pair": "NEWUSDT"}
        novelty |= {"status": "AUCTION", "orderTypes": ["LIMIT", "ICEBERG_PLUS"]}
        novelty["timeInForce"] = ["GTC", "RPI_2"]
        novelty["filters"] = [*novelty["filters"], {"filterType": "MOON_PHASE", "limit": 4}]
        symbols.append(novelty)
        symbols[0]["orderTypes"] = [*symbols[0]["orderTypes"], "ICEBERG_PLUS"]
        symbols[0]["timeInForce"] = [*symbols[0]["timeInForce"], "RPI_2"]
        symbols[0]["filters"] = [*symbols[0]["filters"], {"filterType": "MOON_PHASE", "limit": 4}]
        limits.append(_limit("CONNECTIONS", "FORTNIGHT", 1, 5))
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "futuresType": "U_MARGINED",
        "rateLimits": limits,
        "exchangeFilters": [],
        "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}],
        "symbols": symbols,
    }


def _limit(kind: str, interval: str, count: int, limit: int) -> dict[str, Any]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": count, "limit": limit}


def _symbol(listing: Listing) -> dict[str, Any]:
    tick = f"{listing.tick:.{listing.price_digits}f}"
    lot = str(listing.lot)
    low, high = listing.band
    return {
        "symbol": listing.symbol,
        "pair": listing.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": _DELIVERY_MS,
        "onboardDate": listing.onboard_ms,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": listing.base,
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "pricePrecision": listing.price_digits,
        "quantityPrecision": listing.quantity_digits,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [listing.kind],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10000,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": listing.lowest_price,
                "maxPrice": listing.highest_price,
                "tickSize": tick,
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": lot,
                "maxQty": str(listing.largest),
                "stepSize": lot,
            },
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": lot,
                "maxQty": str(listing.largest_market),
                "stepSize": lot,
            },
            {"filterType": "MAX_NUM_ORDERS", "limit": 200},
            {"filterType": "MIN_NOTIONAL", "notional": str(listing.minimum_notional)},
            {
                "filterType": "PERCENT_PRICE",
                "multiplierUp": f"{high:.4f}",
                "multiplierDown": f"{low:.4f}",
                "multiplierDecimal": "4",
            },
            {"filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE"},
        ],
        "orderTypes": list(ORDER_TYPES),
        "timeInForce": list(TIMES_IN_FORCE),
        "permissionSets": ["GRID", "COPY", "DCA", "PSB"],
    }
