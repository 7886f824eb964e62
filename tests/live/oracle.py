"""What must be true of a node whatever was done to it, judged from the venue's side.

`Coverage` looks twenty times a second at what is held and what protects it. `wrongs` compares
journal, node and venue when both should have come to rest. What the learner must have learnt is
what a learner without any disturbance makes of the venue's own executions.
"""

import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from ocw_strategy.bandit import SignalBandit
from ocw_strategy.journal import Event, FillRow, Intent, JournalReader, Posterior, Trade
from ocw_strategy.live.actor import STATE as LEARNER
from ocw_strategy.live.heartbeat import Heartbeat
from ocw_strategy.live.learnt import LearntTrades
from ocw_strategy.live.restart import entry_contexts, told_trade
from ocw_strategy.risk import Lot, LotBook, client_order_id
from ocw_strategy.settings import Settings
from tests.venue import Venue

STRATEGY = "LiveStrategy-001"
PREFIX = "OCW-"
_LOOK_S = 0.05
_MARKS_S = 2.0


class Coverage:
    """Measures how long a position lacks a stop of its size while a node could have sent one.

    Parameters
    ----------
    venue : Venue
    node_lives : callable
        Whether a node's process runs. Time in which none does, or in which the venue answers
        nothing, does not count.
    """

    def __init__(self, venue: Venue, node_lives: Callable[[], bool]) -> None:
        self._venue, self._node_lives = venue, node_lives
        self._bare: dict[str, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="coverage", daemon=True)
        self.worst_s = 0.0
        """The longest so far, seconds of the node's time."""
        self.worst_of = ""

    def __enter__(self) -> "Coverage":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def reset(self) -> None:
        """Forget the worst so far."""
        self.worst_s, self.worst_of = 0.0, ""

    def _watch(self) -> None:
        before = told = time.monotonic()
        while not self._over.wait(_LOOK_S):
            now = time.monotonic()
            if now - told > _MARKS_S:  # the market is moved by the suite, and is never silent
                self._venue.market.tell_marks()
                told = now
            counts = self._node_lives() and not self._venue.faults.dark
            bare = set(self._venue.run(lambda: list(uncovered(self._venue))))
            for symbol in bare:
                spent = self._bare.get(symbol, 0.0) + (now - before if counts else 0.0)
                self._bare[symbol] = spent
                if spent > self.worst_s:
                    self.worst_s, self.worst_of = spent, symbol
            for symbol in self._bare.keys() - bare:
                del self._bare[symbol]
            before = now


def uncovered(venue: Venue) -> Iterator[str]:
    """Yield what is held without reduce-only stops of its whole size; on the venue's loop."""
    exchange = venue._exchange
    for symbol, position in exchange.ledger.positions.items():
        if not position.amount:
            continue
        side = "SELL" if position.amount > 0 else "BUY"
        stops = [
            order.quantity
            for order in exchange.open_algo_orders(symbol)
            if order.reduce_only and order.side == side
        ]
        if sum(stops) < abs(position.amount):
            yield symbol


def lasting_wrongs(venue: Venue, journal: JournalReader) -> list[str]:
    """Return what can never become right again: orders beyond what was intended."""
    intents = {intent.client_order_id: intent for intent in journal.rows(Intent)}
    wrong = []
    accepted: Counter[str] = Counter()
    executed: defaultdict[str, Decimal] = defaultdict(Decimal)
    for order in venue.state.orders():
        executed[order.client_id] += order.filled
        if not order.algo_id:
            accepted[order.client_id] += 1
    accepted.update(order.client_id for order in venue.state.algo_orders())
    legs: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for name, times in accepted.items():
        if not name.startswith(PREFIX):
            continue
        intent = intents.get(name)
        if intent is None:
            wrong.append(f"{name} is at the venue and not in the journal")
            continue
        if times > 1:
            wrong.append(f"{name} ({intent.leg}) was accepted {times} times")
        if name != client_order_id(STRATEGY, intent.decision_id, intent.leg, intent.attempt):
            wrong.append(f"{name} is not the id of {intent.leg} of {intent.decision_id}")
        legs[intent.decision_id, intent.leg] += executed[name]
    most: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for intent in intents.values():
        key = (intent.decision_id, intent.leg)
        most[key] = max(most[key], Decimal(intent.quantity))
    wrong += [
        f"{leg} of {decision} executed {quantity}, intended {most[decision, leg]}"
        for (decision, leg), quantity in legs.items()
        if quantity > most[decision, leg]
    ]
    return wrong


def passing_wrongs(venue: Venue, journal: JournalReader, beat: Heartbeat | None) -> list[str]:
    """Return what a node at rest must have put right: stops, books, its own view."""
    wrong = [f"{symbol} has no stop" for symbol in venue.run(lambda: list(uncovered(venue)))]
    held = {s: Decimal(a) for s, a in venue.state.summary()["positions"].items()}
    stops = venue.state.stops()
    for symbol in {order.symbol for order in stops} - held.keys():
        wrong.append(f"{symbol} is flat and has a stop")
    for symbol in held:
        if (count := sum(order.symbol == symbol for order in stops)) > 1:
            wrong.append(f"{symbol} has {count} stops")
    wrong += [f"{order.client_id} still works" for order in venue.state.open_orders()]
    if beat is None:
        return [*wrong, "no heartbeat"]
    book = {
        symbol.removesuffix("-PERP"): Decimal(known.quantity)
        for symbol, known in beat.instruments.items()
        if Decimal(known.quantity)
    }
    if book != held:
        wrong.append(f"the node holds {_plain(book)}, the venue {_plain(held)}")
    if beat.open_orders != len(stops):
        wrong.append(f"the cache has {beat.open_orders} open orders, the venue {len(stops)}")
    wrong += [f"entries are blocked: {reason}" for reason in beat.entries_blocked]
    wrong += journal_wrongs(venue, journal)
    return wrong


def _plain(book: dict[str, Decimal]) -> str:
    return ", ".join(f"{symbol} {quantity}" for symbol, quantity in sorted(book.items())) or "none"


def journal_wrongs(venue: Venue, journal: JournalReader) -> list[str]:
    """Return where fills and trades differ from the venue's executions, each booked once."""
    trades = venue.state.trades()  # before the orders: each of them has its order then
    names = {order.id: order.client_id for order in venue.state.orders()}
    executions = {
        str(trade.id): (names[trade.order_id], trade.quantity, trade.price)
        for trade in trades
        if names[trade.order_id].startswith(PREFIX)
    }
    booked = {
        row.trade_id: (row.client_order_id, Decimal(row.quantity), Decimal(row.price))
        for row in journal.rows(FillRow)
    }
    wrong = [f"execution {i} {executions[i]} is not booked" for i in executions.keys() - booked]
    wrong += [f"fill {i} {booked[i]} never was" for i in booked.keys() - executions]
    wrong += [
        f"fill {i} is booked as {booked[i]}, was {executions[i]}"
        for i in booked.keys() & executions.keys()
        if booked[i] != executions[i]
    ]
    if wrong:
        return wrong
    told = Counter(
        (row.lot_id, Decimal(row.quantity), Decimal(row.exit_price)) for row in journal.rows(Trade)
    )
    expected = undisturbed_trades(venue, journal)
    wrong += [f"trade {trade} is missing" for trade in expected - told]
    wrong += [f"trade {trade} is one too many" for trade in told - expected]
    return wrong


type Closed = tuple[str, Decimal, Decimal]
"""A lot, or a part of one, that was closed: its id, the quantity, the price."""


def undisturbed_trades(venue: Venue, journal: JournalReader) -> Counter[Closed]:
    """Return the lots that the venue's executions close, in the order they happened there."""
    intents = {intent.client_order_id: intent for intent in journal.rows(Intent)}
    contexts = entry_contexts(journal)
    trades = venue.state.trades()
    names = {order.id: order.client_id for order in venue.state.orders()}
    book, closed = LotBook(), Counter[Closed]()
    for trade in trades:
        name = names[trade.order_id]
        intent = intents.get(name)
        if intent is None:
            continue
        if intent.purpose == "entry":
            context = contexts[name]
            book.open(
                Lot(
                    lot_id=f"{name}/{trade.id}",
                    symbol=intent.symbol,
                    direction=1 if intent.side == "BUY" else -1,
                    quantity=trade.quantity,
                    opened_quantity=trade.quantity,
                    entry_price=trade.price,
                    opened_ns=0,
                    decision_id=intent.decision_id,
                    regime=context.decision.regime,
                    signals=context.target.signals,
                    volatility=context.target.volatility,
                    entry_fee_usd=trade.commission,
                )
            )
            continue
        for part in book.close(intent.symbol, trade.quantity, trade.price, trade.commission, 0):
            closed[part.lot.lot_id, part.quantity, part.exit_price] += 1
    return closed


def learner_wrongs(journal: JournalReader, settings: Settings) -> list[str]:
    """Return where the learner's state differs from one that was taught each trade once."""
    state = journal.load_state(LEARNER)
    trades = journal.rows(Trade)
    if state is None:
        return [f"{len(trades)} trades and no state of the learner"] if trades else []
    learnt = LearntTrades(journal)
    learnt.restore(state["learnt"])
    wrong = [f"{trade.trade_id} was not learnt" for trade in learnt.missed()]
    rows = Counter((row.ts_ns, row.regime, row.signal) for row in journal.rows(Posterior))
    told = Counter((trade.closed_ns, trade.regime) for trade in trades)
    wrong += [
        f"{name} of {regime} was learnt {n} times at {ts_ns}"
        for (ts_ns, regime, name), n in rows.items()
        if n > told[ts_ns, regime]
    ]
    bandit = SignalBandit(settings.bandit)
    for trade in trades:
        if learnt.has(trade.trade_id):
            bandit.record(told_trade(journal, trade).outcome())
    if _trades_of(bandit.state()) != _trades_of(state["desk"]["bandit"]):
        wrong.append("the bandit differs from one that was taught each trade once")
    return wrong


def _trades_of(state: dict[str, Any]) -> dict[str, Any]:
    # shadow outcomes need every close to have been seen: a node that is down does not
    found = json.loads(json.dumps(state["regimes"]))
    return {
        f"{regime}/{signal}": cell["trades"]
        for regime, cells in found.items()
        for signal, cell in cells.items()
        if cell["trades"]
    }


def faults(journal: JournalReader) -> list[str]:
    """Return the faults that the node has recorded of its own handlers."""
    return [
        f"{event.kind}: {event.detail}"
        for event in journal.rows(Event)
        if event.kind.startswith("fault:")
    ]
