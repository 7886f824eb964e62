"""What the journal keeps: one frozen dataclass per table, its fields the table's columns.

Times are UNIX nanoseconds of the decision clock unless a field is called ``wall_ns``. Quantities,
prices and money that reached (or came from) the venue are decimal strings, exact to the digit;
model values are floats. Fields listed in ``UNDIGESTED`` are measurements of this machine (wall
time, latency): they are stored but are no part of the digest. Nor are the tables whose
``DIGESTED`` is false: money that is only spent when an answer is bought. A recording and its replay
have one digest, since a decision carries what it cost when it was bought.
"""

from dataclasses import dataclass
from typing import ClassVar, Final


@dataclass(frozen=True, slots=True)
class Record:
    """The base of all records."""

    TABLE: ClassVar[str] = ""
    KEY: ClassVar[tuple[str, ...]] = ()
    """Columns that identify a row; empty for an append-only table without one."""
    INDEX: ClassVar[tuple[str, ...]] = ()
    """Columns that are looked up or counted by without reading whole rows; empty for none."""
    UNDIGESTED: ClassVar[frozenset[str]] = frozenset()
    DIGESTED: ClassVar[bool] = True
    """Whether the table is part of what happened in a run."""


@dataclass(frozen=True, slots=True)
class Evaluation(Record):
    """One gate evaluation at a decision close, woken or skipped."""

    TABLE = "evaluations"

    ts_ns: int
    wake: int
    """1 for a wake, 0 for a skip."""
    reason: str
    """What the verdict was counted under, such as ``timer`` or ``cooldown``."""
    detail: str
    """Every reason that spoke, joined by ``;``."""
    value: float
    """Sampled value of a call, a fraction of notional."""
    price: float
    """Price of a call in the same unit."""
    regime: str


@dataclass(frozen=True, slots=True)
class DecisionRow(Record):
    """One decision asked for, whatever came of it."""

    TABLE = "decisions"
    KEY = ("decision_id",)
    INDEX = ("ts_ns", "outcome", "latency_ns")
    UNDIGESTED = frozenset({"latency_ns", "wall_ns"})

    decision_id: str
    ts_ns: int
    reasons: str
    advisor: str
    outcome: str
    """``decided``, or why it became a hold."""
    regime: str
    snapshot_hash: str
    snapshot: str
    """Canonical JSON."""
    decision: str
    """Canonical JSON of what was decided, after checks."""
    raw: str
    """The advisor's answer as it came; empty for rules."""
    request_key: str
    """SHA-256 of the request that was, or would have been, sent; empty for rules."""
    model: str
    """The model that answered; empty for rules."""
    detail: str
    """What was wrong, in words; empty for a decision."""
    usage: str
    """Canonical JSON of the tokens that were paid for; empty where none were."""
    cost_usd: str
    latency_ns: int
    wall_ns: int


@dataclass(frozen=True, slots=True)
class Clamp(Record):
    """A limit that changed what a decision asked for."""

    TABLE = "clamps"

    decision_id: str
    ts_ns: int
    symbol: str
    limit_name: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Intent(Record):
    """An order about to leave: durable before it is submitted."""

    TABLE = "intents"
    KEY = ("client_order_id",)

    client_order_id: str
    decision_id: str
    leg: str
    attempt: int
    ts_ns: int
    symbol: str
    purpose: str
    """``entry``, ``reduce``, ``stop`` or ``exit``."""
    side: str
    quantity: str
    trigger_price: str
    """Empty for a market order."""
    reference_price: str
    """Last price when the decision took effect: the optimistic fill."""
    context: str
    """Canonical JSON: signals, regime, confidence and scales at entry."""


ENDED: Final = frozenset({"canceled", "expired", "refused"})
"""The statuses of an `OrderEvent` that end an order; so does being filled in full."""


@dataclass(frozen=True, slots=True)
class OrderEvent(Record):
    """What the venue or the engine said about an order."""

    TABLE = "order_events"

    client_order_id: str
    ts_ns: int
    status: str
    venue_order_id: str
    detail: str


@dataclass(frozen=True, slots=True)
class FillRow(Record):
    """One execution."""

    TABLE = "fills"
    KEY = ("trade_id", "symbol")

    trade_id: str
    symbol: str
    client_order_id: str
    ts_ns: int
    purpose: str
    side: str
    quantity: str
    price: str
    commission_usd: str
    liquidity: str


@dataclass(frozen=True, slots=True)
class Trade(Record):
    """A lot, or the part of one, that was closed: what the bandit learns from."""

    TABLE = "trades"
    KEY = ("trade_id",)

    trade_id: str
    lot_id: str
    symbol: str
    direction: int
    """1 long, -1 short."""
    quantity: str
    entry_price: str
    exit_price: str
    opened_ns: int
    closed_ns: int
    gross_usd: float
    fees_usd: float
    funding_usd: float
    net_usd: float
    net_return: float
    """Net profit over entry notional, a fraction."""
    regime: str
    """The regime at entry."""
    signals: str
    """Canonical JSON of the signal values at entry."""
    decision_id: str
    """The decision that opened the lot."""
    exit_reason: str
    max_favourable: float
    max_adverse: float


@dataclass(frozen=True, slots=True)
class Funding(Record):
    """A funding payment booked on a position; negative when paid."""

    TABLE = "funding"

    ts_ns: int
    symbol: str
    quantity: str
    amount_usd: float


@dataclass(frozen=True, slots=True)
class Posterior(Record):
    """A signal's Beta posterior in a regime, written whenever it changes by a trade."""

    TABLE = "posteriors"

    ts_ns: int
    regime: str
    signal: str
    alpha: float
    beta: float
    outcomes: int


@dataclass(frozen=True, slots=True)
class Equity(Record):
    """Mark-to-market equity of the account, in US dollars."""

    TABLE = "equity"
    KEY = ("ts_ns",)

    ts_ns: int
    equity: float
    balance: float


@dataclass(frozen=True, slots=True)
class PriceRow(Record):
    """The price of an instrument at an equity sample, for the hold benchmarks and the charts."""

    TABLE = "prices"
    KEY = ("ts_ns", "symbol")

    ts_ns: int
    symbol: str
    price: float


@dataclass(frozen=True, slots=True)
class RegimeRow(Record):
    """The regime from this moment on; written when it changes."""

    TABLE = "regimes"
    KEY = ("ts_ns",)

    ts_ns: int
    regime: str
    volatility: str
    macro: str
    probability: float
    annualised_volatility: float


@dataclass(frozen=True, slots=True)
class Event(Record):
    """Anything else a person would ask about: halts, stale data, dropped rebalances, refusals."""

    TABLE = "events"

    ts_ns: int
    kind: str
    symbol: str
    detail: str


@dataclass(frozen=True, slots=True)
class Spend(Record):
    """Money set aside for one call before it is made: its worst case, durable."""

    TABLE = "spend"
    KEY = ("reservation_id",)
    DIGESTED = False

    reservation_id: str
    ts_ns: int
    """When it was set aside, on the clock by which the budget counts days."""
    day: str
    """ISO date of that moment, UTC: the ledger it counts in, whenever it is settled."""
    model: str
    request_key: str
    reserved_usd: str
    prices: str
    """Canonical JSON of the prices it was made with, US dollars per million tokens."""


@dataclass(frozen=True, slots=True)
class Settlement(Record):
    """What a call came to. Without one, the reservation counts in full for ever."""

    TABLE = "settlements"
    KEY = ("reservation_id",)
    UNDIGESTED = frozenset({"wall_ns"})
    DIGESTED = False

    reservation_id: str
    cost_usd: str
    outcome: str
    usage: str
    """Canonical JSON of the tokens used; empty where that is not known."""
    wall_ns: int


@dataclass(frozen=True, slots=True)
class Answered(Record):
    """What a model answered to a request: what a recording replays."""

    TABLE = "answers"
    KEY = ("request_key",)
    UNDIGESTED = frozenset({"latency_ns", "wall_ns", "seal"})
    DIGESTED = False

    request_key: str
    """SHA-256 of the request's canonical JSON."""
    close_ns: int
    """The close it was first asked at."""
    model: str
    outcome: str
    text: str
    """The answer as it came."""
    detail: str
    """What was wrong, in words."""
    request_id: str
    """The provider's name for the call."""
    usage: str
    """Canonical JSON of the tokens used; empty where nothing is known to have been bought."""
    cost_usd: str
    latency_ns: int
    wall_ns: int
    body: str
    """Canonical JSON of the request."""
    seal: str
    """SHA-256 of all the other columns: a damaged row is never replayed."""


@dataclass(frozen=True, slots=True)
class ReflectionRow(Record):
    """What a closed trade taught; its words are found again by `JournalReader.search`."""

    TABLE = "reflections"
    KEY = ("trade_id",)
    SEARCHED: ClassVar[tuple[str, ...]] = ("symbol", "regime", "signals", "text")
    """Columns whose words are indexed."""

    trade_id: str
    decision_id: str
    """The decision that opened the trade."""
    ts_ns: int
    """When the trade was closed."""
    symbol: str
    direction: int
    """1 long, -1 short."""
    regime: str
    """The regime at entry."""
    signals: str
    """Words on the signals at entry, such as ``funding_right open_interest_wrong``."""
    net_return: float
    """Net profit over entry notional, a fraction."""
    text: str
    source: str
    """``rules``, or the model that wrote it."""
    cost_usd: str
    """What its words cost; 0 for rules."""


@dataclass(frozen=True, slots=True)
class SkippedDay(Record):
    """What is left of a day's skipped evaluations once their rows are folded away."""

    TABLE = "skipped_days"
    KEY = ("day", "reason", "regime")

    day: str
    """ISO date, UTC."""
    reason: str
    regime: str
    skips: int


RECORDS: tuple[type[Record], ...] = (
    Evaluation, DecisionRow, Clamp, Intent, OrderEvent, FillRow, Trade, Funding, Posterior, Equity,
    PriceRow, RegimeRow, Event, Spend, Settlement, Answered, ReflectionRow, SkippedDay,
)  # fmt: skip
