"""What is said of one decision: a plain model, for the terminal, for JSON and for a page.

Times are UNIX nanoseconds, money and quantities are decimal strings as the journal keeps them, an
unknown number is None.
"""

from typing import Any

from ocw_strategy.model import Strict


class RequestText(Strict):
    """What the model was sent."""

    key: str
    """SHA-256 of the whole request."""
    model: str
    max_tokens: int | None
    system: str
    user: str


class ClampLine(Strict):
    """A limit that changed what was asked for."""

    symbol: str
    limit: str
    before: float | None
    after: float | None


class FillLine(Strict):
    """One execution."""

    ts_ns: int
    quantity: str
    price: str
    fee_usd: str
    liquidity: str


class EventLine(Strict):
    """What the venue or the engine said of an order."""

    ts_ns: int
    status: str
    detail: str


class OrderLine(Strict):
    """An order sent for the decision: its entries and reductions, and the stops and exits of them.

    A stop guards the whole position of an instrument, and stands under the decision that opened
    the oldest part of it.
    """

    client_order_id: str
    ts_ns: int
    symbol: str
    purpose: str
    side: str
    quantity: str
    trigger_price: str
    """Empty for a market order."""
    reference_price: str
    events: tuple[EventLine, ...]
    fills: tuple[FillLine, ...]


class TradeLine(Strict):
    """A lot the decision opened, or a part of one, that is closed."""

    symbol: str
    side: str
    quantity: str
    entry_price: str
    exit_price: str
    opened_ns: int
    closed_ns: int
    exit_reason: str
    gross_usd: float | None
    fees_usd: float | None
    funding_usd: float | None
    """Negative when paid."""
    net_usd: float | None
    """After fees and funding."""
    net_return: float | None
    reflection: str
    """What was learnt of it; empty where nothing was kept."""


class Explanation(Strict):
    """Everything a journal knows about one decision."""

    run_id: str
    decision_id: str
    ts_ns: int
    """The close it was made at."""
    wake_reasons: tuple[str, ...]
    call_value: float | None
    """Sampled value of asking, a fraction of notional; None where the gate said nothing."""
    call_price: float | None
    """Price of asking in the same unit."""
    advisor: str
    model: str
    """Empty where none was asked."""
    outcome: str
    detail: str
    """What was wrong, in words."""
    regime: str
    snapshot_hash: str
    snapshot: str
    """What the advisor was shown, as lines."""
    request: RequestText | None
    request_note: str
    """Why there is no request to show; empty where there is, or none was made."""
    answer: str
    """As it came."""
    decision: dict[str, Any] | None
    """After checks; None is a hold."""
    clamps: tuple[ClampLine, ...]
    orders: tuple[OrderLine, ...]
    trades: tuple[TradeLine, ...]
    open_quantities: dict[str, str]
    """Of the instruments it entered: what is not closed yet."""
    net_usd: float | None
    """Of its closed trades, after fees and funding."""
    cost_usd: str
    """Of the decision itself."""
    usage: dict[str, int] | None
    latency_ns: int
