"""Client order ids derived from what they are for, so that a retry is recognised as one.

The same (strategy, decision, leg, attempt) always gives the same id. Binance allows 36 characters
and keeps an id unique only among open orders: the id recognises an order, the journal locks it.

A leg is a symbol and what of the decision is carried out: ``entry``, ``reduce``, ``exit/<rule>``
or ``stop/<n>``, the n-th stop of a decision and symbol. `LegBook` numbers stops and attempts from
journalled facts alone, so that a restart names orders as the process before it would have.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Self

from ocw_strategy.journal import ENDED, FillRow, Intent, OrderEvent

PREFIX = "OCW"


def client_order_id(strategy: str, decision_id: str, leg: str, attempt: int) -> str:
    """Return the id of an attempt to send one leg of a decision.

    Parameters
    ----------
    leg : str
        Symbol and purpose, such as ``BTCUSDT-PERP/entry``.
    attempt : int
        Rises only after a terminal state that the venue confirmed.

    >>> client_order_id("OCW-000", "1f", "BTCUSDT-PERP/entry", 0)
    'OCW-6c0890955dd37999d06d4d9f'
    """
    text = "\x1f".join((strategy, decision_id, leg, str(attempt)))
    return f"{PREFIX}-{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def unended(
    intents: Iterable[Intent], events: Iterable[OrderEvent], fills: Iterable[FillRow]
) -> list[Intent]:
    """Return the intents, in their order, of whose orders a journal knows no end."""
    ended = {event.client_order_id for event in events if event.status in ENDED}
    filled: defaultdict[str, Decimal] = defaultdict(Decimal)
    for fill in fills:
        filled[fill.client_order_id] += Decimal(fill.quantity)
    return [
        intent
        for intent in intents
        if intent.client_order_id not in ended
        and filled[intent.client_order_id] < Decimal(intent.quantity)
    ]


class LegBook:
    """The legs and attempts that were journalled, and those that follow."""

    def __init__(self) -> None:
        self._stops: Counter[tuple[str, str]] = Counter()
        self._last: dict[tuple[str, str], int] = {}
        self._open: set[tuple[str, str]] = set()  # legs whose last attempt has not ended

    @classmethod
    def rebuilt(
        cls, intents: Iterable[Intent], events: Iterable[OrderEvent], fills: Iterable[FillRow]
    ) -> Self:
        """Return the book of a journal: its intents in their order, and what became of them."""
        book, intents = cls(), list(intents)
        out = {intent.client_order_id for intent in unended(intents, events, fills)}
        for intent in intents:
            book.sent(intent)
            if intent.client_order_id not in out:
                book.ended(intent)
        return book

    def next_leg(self, decision_id: str, symbol: str, what: str) -> tuple[str, int]:
        """Return the leg and the attempt of the next order for a purpose.

        While the last attempt at a leg has not ended its own number is given again: that order is
        still the one, and the journal refuses another intent under its id. Every stop is a leg
        of its own, because a new one rests before the old one goes.

        Parameters
        ----------
        what : str
            ``entry``, ``reduce``, ``exit/<rule>`` or ``stop``.
        """
        if what == "stop":
            return f"{symbol}/stop/{self._stops[decision_id, symbol] + 1}", 0
        leg = f"{symbol}/{what}"
        last = self._last.get((decision_id, leg))
        if last is None:
            return leg, 0
        return leg, last if (decision_id, leg) in self._open else last + 1

    def sent(self, intent: Intent) -> None:
        """Take in an intent that was journalled."""
        key = (intent.decision_id, intent.leg)
        if intent.purpose == "stop":
            self._stops[intent.decision_id, intent.symbol] += 1
        self._last[key] = intent.attempt
        self._open.add(key)

    def ended(self, intent: Intent) -> None:
        """Take in a terminal state of an order; of an earlier attempt it says nothing new."""
        key = (intent.decision_id, intent.leg)
        if self._last[key] == intent.attempt:
            self._open.discard(key)
