"""Orders as they are asked for, checked against everything the venue demands of them.

Each function returns a record without an id, or refuses with the code that Binance gives.
"""

from decimal import Decimal
from typing import Final

from tests.venue import checks
from tests.venue.book import Quote
from tests.venue.checks import Parameters
from tests.venue.ledger import Ledger
from tests.venue.listings import Listing
from tests.venue.records import ZERO, AlgoOrder, Order
from tests.venue.refusals import Refusal

STOPS: Final = ("STOP", "STOP_MARKET")
TAKES: Final = ("TAKE_PROFIT", "TAKE_PROFIT_MARKET")
CONDITIONAL: Final = (*STOPS, *TAKES, "TRAILING_STOP_MARKET")
_TIMES: Final = ("GTC", "IOC", "FOK", "GTX", "GTD")


def order(params: Parameters, quote: Quote, ledger: Ledger, now_ms: int) -> Order:
    """Return the order that ``POST /fapi/v1/order`` asks for."""
    listed, side = checks.listing(params), checks.side(params)
    kind = checks.text(params, "type")
    if kind in CONDITIONAL:
        raise Refusal(-4120)
    if kind not in {"LIMIT", "MARKET"}:
        raise Refusal(-1116)
    limit = kind == "LIMIT"
    quantity = checks.decimal(params, "quantity")
    checks.quantity(listed, quantity, market=not limit)
    time_in_force = checks.text(params, "timeInForce") if limit else "GTC"
    if time_in_force not in _TIMES:
        raise Refusal(-1115)
    price = checks.decimal(params, "price") if limit else ZERO
    if limit:
        checks.price(listed, price)
        checks.band(listed, price, quote.mark, side)
    reduce_only = checks.flag(params, "reduceOnly")
    sign = 1 if side == "BUY" else -1
    if reduce_only:
        room = max(-ledger.positions[listed.symbol].amount * sign, ZERO)
        if room == 0:
            raise Refusal(-2022)
        quantity = min(quantity, room)
    else:
        _notional(listed, quantity * (price or quote.last))
        ledger.require_margin(listed.symbol, quantity * sign, price or quote.best(side))
    if time_in_force == "GTX" and quote.crosses(side, price):
        raise Refusal(-5022)
    return Order(
        id=0,
        client_id=checks.client_id(params.get("newClientOrderId", "")),
        symbol=listed.symbol,
        side=side,
        type=kind,
        time_in_force=time_in_force,
        quantity=quantity,
        price=price,
        reduce_only=reduce_only,
        time_ms=now_ms,
        update_ms=now_ms,
        good_till_ms=checks.integer(params, "goodTillDate", 0),
    )


def algo_order(params: Parameters, quote: Quote, now_ms: int) -> AlgoOrder:
    """Return the conditional order that ``POST /fapi/v1/algoOrder`` asks for."""
    listed, side = checks.listing(params), checks.side(params)
    if checks.text(params, "algoType") != "CONDITIONAL":
        raise Refusal(-1102, "algoType")
    kind = checks.text(params, "type")
    if kind not in {*STOPS, *TAKES}:
        raise Refusal(-1116)  # a trailing stop is Binance's, and not played here
    close_position = checks.flag(params, "closePosition")
    reduce_only = checks.flag(params, "reduceOnly")
    quantity = checks.decimal(params, "quantity", ZERO if close_position else None)
    if close_position and (quantity or reduce_only):
        raise Refusal(-1106, "quantity" if quantity else "reduceOnly")
    market = kind.endswith("MARKET")
    if not close_position:
        checks.quantity(listed, quantity, market=market)
    trigger = checks.decimal(params, "triggerPrice")
    checks.price(listed, trigger)
    price = ZERO if market else checks.decimal(params, "price")
    if not market:
        checks.price(listed, price)
    working = params.get("workingType", "CONTRACT_PRICE")
    if working not in {"MARK_PRICE", "CONTRACT_PRICE"}:
        raise Refusal(-1102, "workingType")
    if not reduce_only and not close_position:
        _notional(listed, quantity * (price or trigger))
    found = AlgoOrder(
        id=0,
        client_id=checks.client_id(params.get("clientAlgoId", "")),
        symbol=listed.symbol,
        side=side,
        type=kind,
        time_in_force=params.get("timeInForce", "GTC"),
        quantity=quantity,
        trigger=trigger,
        price=price,
        working_type=working,
        reduce_only=reduce_only,
        close_position=close_position,
        time_ms=now_ms,
        update_ms=now_ms,
        above=(side == "BUY") == (kind in STOPS),
    )
    if quote.triggers(found):
        raise Refusal(-2021)
    return found


def amendment(
    params: Parameters, found: Order, quote: Quote, listed: Listing
) -> tuple[Decimal, Decimal]:
    """Return the quantity and price that ``PUT /fapi/v1/order`` asks for."""
    if not found.open or found.type != "LIMIT":
        raise Refusal(-2013)
    quantity, price = checks.decimal(params, "quantity"), checks.decimal(params, "price")
    checks.quantity(listed, quantity, market=False)
    checks.price(listed, price)
    checks.band(listed, price, quote.mark, found.side)
    if (quantity, price) == (found.quantity, found.price):
        raise Refusal(-5027)
    if found.time_in_force == "GTX" and quote.crosses(found.side, price):
        raise Refusal(-5022)
    return max(quantity, found.filled), price


def _notional(listed: Listing, value: Decimal) -> None:
    if value < listed.minimum_notional:
        raise Refusal(-4164, listed.minimum_notional)
