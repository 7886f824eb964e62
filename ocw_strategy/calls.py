"""Calls: how many there were, what they cost, and what acting on each was worth.

A call's worth is told to the gate four hours later, against having held: the change of exposure it
asked for times the move since, less what trading it costs. One that took no effect changed nothing.
"""

from collections import deque
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from ocw_strategy.gate import Gate, GateError
from ocw_strategy.journal import Event, Journal
from ocw_strategy.market import GateReport
from ocw_strategy.settings import Settings
from ocw_strategy.units import DAY_NS, HOUR_NS

NO_CALL: Final = -1
"""The call of a bill that no call was reckoned with: it is paid in full."""

_HORIZON_NS: Final = 4 * HOUR_NS

type Changes = Mapping[str, tuple[float, float]]
"""By instrument: by how much a call changes its exposure, and at what price."""


class CallBook:
    """The calls whose worth is not known yet, and the moments of the latest.

    Parameters
    ----------
    settings : Settings
    gate : Gate
        Learns what calls earn and cost.
    journal : Journal
    """

    def __init__(self, settings: Settings, gate: Gate, journal: Journal) -> None:
        self._gate = gate
        self._journal = journal
        self._cost = settings.costs.order.one_way
        self._instruments = len(settings.data.instruments)
        self._ceiling = settings.gate.calls_per_day_ceiling
        self._times: deque[int] = deque(maxlen=self._ceiling)
        self._open: deque[tuple[int, Changes]] = deque()

    def begin(self, now_ns: int) -> GateReport:
        """Count a call, and return what has been used and what is left."""
        last_ns = self._times[-1] if self._times else None
        self._times.append(now_ns)
        today = sum(1 for called in self._times if called // DAY_NS == now_ns // DAY_NS)
        return GateReport(
            calls_today=today,
            calls_left_today=self._ceiling - today,
            hours_since_call=None if last_ns is None else (now_ns - last_ns) / HOUR_NS,
        )

    def answered(self, call_ns: int, changes: Changes) -> None:
        """Keep what a call changes, until it is known what that was worth."""
        self._open.append((call_ns, changes))

    def undo(self, call_ns: int) -> None:
        """Take notice that a call took no effect."""
        self._open = deque((ns, {} if ns == call_ns else made) for ns, made in self._open)

    def settle(self, now_ns: int, price: Callable[[str], float]) -> None:
        """Tell the gate what the call four hours ago was worth, at the prices now."""
        while self._open and self._open[0][0] + _HORIZON_NS <= now_ns:
            call_ns, changes = self._open.popleft()
            if call_ns + _HORIZON_NS != now_ns:
                continue  # the close that would have told is missing
            worth = [
                change * (price(symbol) / before - 1.0) - abs(change) * self._cost
                for symbol, (change, before) in changes.items()
            ]
            try:
                self._gate.settle_call(call_ns, sum(worth) / self._instruments)
            except GateError as error:
                self._journal.append(Event(now_ns, "call_unsettled", "", str(error)))

    def charge(self, now_ns: int, usd: Decimal, *, call_ns: int) -> None:
        """Pay the bill of a call, or of `NO_CALL`."""
        try:
            self._gate.charge(call_ns, float(usd))
        except GateError as error:  # what was expected of it stays spent
            self._journal.append(Event(now_ns, "bill_refused", "", str(error)))

    def state(self) -> dict[str, Any]:
        """Return everything `restore` needs, as JSON values."""
        return {
            "calls": [[ns, changes] for ns, changes in self._open],
            "call_times": list(self._times),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a state."""
        self._open = deque(
            (ns, {symbol: (change, price) for symbol, (change, price) in changes.items()})
            for ns, changes in state["calls"]
        )
        self._times.extend(state["call_times"])
