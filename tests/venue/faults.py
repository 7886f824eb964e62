"""What the venue can be told to do wrong.

A fault is armed for a number of times (or of seconds) and then over; `clear` ends all of them.
Faults of requests name an endpoint by the start of its path, faults of events by their name in the
stream. The same faults on the same calls give the same answers; `storm` draws from its seed alone.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final

from tests.venue.listings import LISTINGS
from tests.venue.records import AlgoOrder, Order
from tests.venue.refusals import Refusal

FOREVER: Final = 1_000_000_000


@dataclass(slots=True)
class RequestFault:
    """Something to happen to the next `times` requests that match."""

    path: str
    method: str = ""
    times: int = 1
    refusal: Refusal | None = None
    executed: bool = False
    """Whether the request is carried out before it is refused."""
    delay_s: float = 0.0
    cut: bool = False
    """Whether the connection is cut instead of answered."""
    hidden: str = ""
    """A symbol that is left out of the answer."""
    body: bytes | None = None
    """An answer that is no JSON."""


@dataclass(slots=True)
class EventFault:
    """Something to happen to the next `times` events of a kind: late, twice, never."""

    kind: str
    times: int = 1
    delay_s: float = 0.0
    copies: int = 1


@dataclass(slots=True)
class _Split:
    fractions: tuple[float, ...]
    gap_ms: int
    times: int


@dataclass(slots=True)
class Faults:
    """The faults that are armed. `now_ms` is the venue's wall clock."""

    now_ms: Callable[[], int]
    requests: list[RequestFault] = field(default_factory=list)
    events: list[EventFault] = field(default_factory=list)
    clock_skew_ms: int = 0
    """How far the venue's clock is ahead."""
    unknown_words: bool = False
    """Whether exchangeInfo speaks words of a later release."""
    _splits: list[_Split] = field(default_factory=list)
    _triggers: list[str] = field(default_factory=list)
    _outage_until_ms: int = 0
    _banned_until_ms: int = 0
    _sockets_refused_until_ms: int = 0
    _drop_sockets: Callable[[str], None] = lambda _: None
    _expire_key: Callable[[], None] = lambda: None

    def attach(self, drop_sockets: Callable[[str], None], expire_key: Callable[[], None]) -> None:
        """Say how sockets are dropped and the listen key expires."""
        self._drop_sockets, self._expire_key = drop_sockets, expire_key

    # -- requests ----------------------------------------------------------------------------------

    def answer(
        self,
        path: str,
        code: int,
        *,
        status: int | None = None,
        method: str = "",
        times: int = 1,
        executed: bool = False,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Refuse requests with an error code, before or after they are carried out."""
        refusal = Refusal(code, *([0] if code == -1003 else []), status=status, headers=headers)
        self.requests.append(RequestFault(path, method, times, refusal=refusal, executed=executed))

    def unknown_outcome(
        self, path: str = "/fapi/v1/order", *, executed: bool, times: int = 1, code: int = -1007
    ) -> None:
        """Answer 503 to new orders, which were carried out or were not."""
        self.answer(path, code, status=503, method="POST", times=times, executed=executed)

    def reject_stops(self, times: int = 1, code: int = -2021) -> None:
        """Refuse new conditional orders."""
        self.answer("/fapi/v1/algoOrder", code, method="POST", times=times)

    def rate_limit(self, path: str = "/", retry_after_s: int = 1, times: int = 1) -> None:
        """Answer 429 with Retry-After."""
        headers = {"Retry-After": str(retry_after_s)}
        self.answer(path, -1003, status=429, times=times, headers=headers)

    def ban(self, seconds: float) -> None:
        """Answer 418 to everything, as to an address that went on after 429."""
        self._banned_until_ms = self.now_ms() + int(seconds * 1000)

    def delay_answers(self, path: str, seconds: float, times: int = 1, method: str = "") -> None:
        """Carry requests out at once and answer late."""
        self.requests.append(RequestFault(path, method, times, executed=True, delay_s=seconds))

    def cut_answers(self, path: str, *, executed: bool, times: int = 1, method: str = "") -> None:
        """Cut the connection instead of answering."""
        self.requests.append(RequestFault(path, method, times, executed=executed, cut=True))

    def garble_answers(self, path: str, times: int = 1, body: bytes = b"<html>502</html>") -> None:
        """Answer 200 with something that is no JSON."""
        self.requests.append(RequestFault(path, "", times, executed=True, body=body))

    def hide_symbol(self, path: str, symbol: str, times: int = FOREVER) -> None:
        """Leave a symbol out of the lists of an endpoint."""
        self.requests.append(RequestFault(path, "GET", times, executed=True, hidden=symbol))

    def refuse_listen_key(self, times: int = 1, status: int = 503) -> None:
        """Refuse to create a listen key."""
        self.answer("/fapi/v1/listenKey", -1000, status=status, method="POST", times=times)

    # -- sockets and the venue itself --------------------------------------------------------------

    def expire_listen_key(self) -> None:
        """End the listen key, with the event that says so."""
        self._expire_key()

    def drop_sockets(self, which: str = "") -> None:
        """Cut open sockets: ``user``, ``market``, or all."""
        self._drop_sockets(which)

    def refuse_sockets(self, seconds: float) -> None:
        """Cut every socket that is opened within a time."""
        self._sockets_refused_until_ms = self.now_ms() + int(seconds * 1000)

    def outage(self, seconds: float) -> None:
        """Cut every socket and answer nothing for a time."""
        self._outage_until_ms = self.now_ms() + int(seconds * 1000)
        self._drop_sockets("")

    def end_outage(self) -> None:
        """Be back."""
        self._outage_until_ms = self._banned_until_ms = self._sockets_refused_until_ms = 0

    # -- fills and triggers ------------------------------------------------------------------------

    def split_fills(self, *fractions: float, gap_s: float = 0.0, times: int = 1) -> None:
        """Trade the next orders in parts, such as 0.4 and 0.6, a gap of time between them."""
        self._splits.append(_Split(fractions, int(gap_s * 1000), times))

    def delay_fills(self, seconds: float, times: int = 1) -> None:
        """Accept the next orders and trade them late."""
        self._splits.append(_Split((0.0, 1.0), int(seconds * 1000), times))

    def reject_triggers(self, times: int = 1, reason: str = "Margin is insufficient.") -> None:
        """Let the matching engine reject the next conditional orders that trigger."""
        self._triggers += [reason] * times

    # -- events ------------------------------------------------------------------------------------

    def delay_events(self, kind: str, seconds: float, times: int = 1) -> None:
        """Send events late, after what happened behind them."""
        self.events.append(EventFault(kind, times, delay_s=seconds))

    def duplicate_events(self, kind: str, times: int = 1) -> None:
        """Send events twice."""
        self.events.append(EventFault(kind, times, copies=2))

    def lose_events(self, kind: str, times: int = 1) -> None:
        """Never send events."""
        self.events.append(EventFault(kind, times, copies=0))

    def storm(self, seed: int, faults: int = 10) -> None:
        """Arm a number of faults at random."""
        dice = random.Random(seed)
        kinds = ("ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "ALGO_UPDATE")
        choices: list[Callable[[], Any]] = [
            lambda: self.unknown_outcome(executed=dice.random() < 0.5),
            lambda: self.unknown_outcome("/fapi/v1/algoOrder", executed=dice.random() < 0.5),
            lambda: self.answer(dice.choice(_QUERIES), -1000, status=503),
            lambda: self.rate_limit(dice.choice(_QUERIES)),
            lambda: self.cut_answers(dice.choice(_QUERIES), executed=True),
            lambda: self.split_fills(0.5, 0.5, gap_s=dice.choice((0.0, 0.2))),
            lambda: self.delay_fills(dice.uniform(0.05, 0.5)),
            lambda: self.delay_events(dice.choice(kinds), dice.uniform(0.05, 0.5)),
            lambda: self.duplicate_events(dice.choice(kinds)),
            self.reject_stops,
            self.refuse_listen_key,
        ]
        for _ in range(faults):
            dice.choice(choices)()

    def clear(self) -> None:
        """Disarm everything."""
        self.requests.clear()
        self.events.clear()
        self._splits.clear()
        self._triggers.clear()
        self.clock_skew_ms, self.unknown_words = 0, False
        self.end_outage()

    # -- asked by the venue ------------------------------------------------------------------------

    @property
    def dark(self) -> bool:
        """Whether the venue is out."""
        return self.now_ms() < self._outage_until_ms

    @property
    def sockets_refused(self) -> bool:
        """Whether a new socket is to be cut."""
        return self.dark or self.now_ms() < self._sockets_refused_until_ms

    def banned_for_s(self) -> int:
        """Return the seconds that a ban goes on, 0 without one."""
        left_ms = self._banned_until_ms - self.now_ms()
        return -(-left_ms // 1000) if left_ms > 0 else 0

    def of_request(self, method: str, path: str) -> RequestFault | None:
        """Take the first fault that is armed for a request."""
        for fault in self.requests:
            whole = fault.path == path or (fault.path.endswith("/") and path.startswith(fault.path))
            if whole and fault.method in {"", method} and fault.times > 0:
                fault.times -= 1
                return fault
        return None

    def of_event(self, kind: str) -> EventFault | None:
        """Take the first fault that is armed for an event."""
        for fault in self.events:
            if fault.kind == kind and fault.times > 0:
                fault.times -= 1
                return fault
        return None

    def plan(self, order: Order) -> list[tuple[Decimal, int]]:
        """Return how an order trades: at once, or as the next armed split says."""
        split = next((split for split in self._splits if split.times > 0), None)
        if split is None:
            return [(order.left, 0)]
        split.times -= 1
        lot, left = LISTINGS[order.symbol].lot, order.left
        parts = []
        for place, fraction in enumerate(split.fractions):
            last = place == len(split.fractions) - 1
            share = order.left * Decimal(str(fraction))
            part = left if last else (share / lot).to_integral_value(ROUND_DOWN) * lot
            left -= part
            if part:
                parts.append((part, place * split.gap_ms))
        return parts

    def trigger_refusal(self, _: AlgoOrder) -> str:
        """Return why a triggered order is rejected; nothing if it is not."""
        return self._triggers.pop(0) if self._triggers else ""


_QUERIES: Final = (
    "/fapi/v3/positionRisk",
    "/fapi/v1/openOrders",
    "/fapi/v1/openAlgoOrders",
    "/fapi/v1/userTrades",
    "/fapi/v1/allOrders",
    "/fapi/v1/allAlgoOrders",
)
