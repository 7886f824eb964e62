"""What an order must satisfy before the venue takes it, as Binance words it."""

from decimal import Decimal, InvalidOperation
from typing import Any

from tests.venue.listings import LISTINGS, Listing
from tests.venue.refusals import Refusal

Parameters = dict[str, str]


def text(params: Parameters, name: str) -> str:
    """Return a parameter that must be there."""
    value = params.get(name, "")
    if not value:
        raise Refusal(-1102, name)
    return value


def decimal(params: Parameters, name: str, default: Decimal | None = None) -> Decimal:
    """Return a number; without a default it must be there."""
    if default is not None and not params.get(name):
        return default
    try:
        return Decimal(text(params, name))
    except InvalidOperation:
        raise Refusal(-1102, name) from None


def integer(params: Parameters, name: str, default: int | None = None) -> int:
    """Return a whole number; without a default it must be there."""
    return int(decimal(params, name, None if default is None else Decimal(default)))


def flag(params: Parameters, name: str) -> bool:
    """Return a truth value, false where it is not sent."""
    return params.get(name, "false").lower() == "true"


def listing(params: Parameters) -> Listing:
    """Return the perpetual that is asked about."""
    found = LISTINGS.get(text(params, "symbol"))
    if found is None:
        raise Refusal(-1121)
    return found


def side(params: Parameters) -> str:
    """Return BUY or SELL, in an account of one-way positions."""
    found = text(params, "side")
    if found not in {"BUY", "SELL"}:
        raise Refusal(-1117)
    if params.get("positionSide", "BOTH") != "BOTH":
        raise Refusal(-4061)
    return found


def quantity(listed: Listing, value: Decimal, *, market: bool) -> None:
    """Refuse a quantity off the lot or out of bounds."""
    if value <= 0:
        raise Refusal(-4003)
    if value > (listed.largest_market if market else listed.largest):
        raise Refusal(-4005)
    _digits(value, listed.quantity_digits)
    if value % listed.lot:
        raise Refusal(-4023)


def price(listed: Listing, value: Decimal) -> None:
    """Refuse a price off the tick."""
    _digits(value, listed.price_digits)
    if value <= 0 or value % listed.tick:
        raise Refusal(-4014)


def band(listed: Listing, value: Decimal, mark: Decimal, side: str) -> None:
    """Refuse a limit price too far on the wrong side of the mark."""
    low, high = (factor * mark for factor in listed.band)
    if side == "BUY" and value > high:
        raise Refusal(-4016, f"{high:.{listed.price_digits}f}")
    if side == "SELL" and value < low:
        raise Refusal(-4024, f"{low:.{listed.price_digits}f}")


def client_id(value: str) -> str:
    """Refuse a client order id that is too long."""
    if len(value) > 36:
        raise Refusal(-4015)
    return value


def _digits(value: Decimal, digits: int) -> None:
    exponent: Any = value.as_tuple().exponent
    if -int(exponent) > digits:
        raise Refusal(-1111)
