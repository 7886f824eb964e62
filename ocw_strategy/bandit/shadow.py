"""Shadow outcomes: every decision close looked back on after the horizon, traded or not.

Each instrument's closes wait in a ring of one horizon. A close is settled exactly one horizon
later by the price at that close; one whose settling close is missing (a gap, a stale instrument)
is dropped and counted, never settled at some other time. A close without a usable price or
volatility is not remembered. Signals and regime are copied when remembered.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Final

from ocw_strategy.bandit.outcome import Outcome
from ocw_strategy.bandit.settings import BanditSettings
from ocw_strategy.errors import OcwError
from ocw_strategy.units import HOUR_NS

STATE_VERSION: Final = 1

type _Pending = tuple[int, float, Mapping[str, float], str, float]
"""Time, price, signals, regime and volatility of a close."""


class ShadowOutcomes:
    """Remember decision closes and settle them after the horizon.

    Parameters
    ----------
    settings : BanditSettings
        The horizon.
    symbols : Sequence[str]
        The instruments observed.
    round_trip_cost : float
        What a round trip would have cost, a fraction of notional: fees and slippage.
    """

    def __init__(
        self, settings: BanditSettings, symbols: Sequence[str], round_trip_cost: float
    ) -> None:
        self._horizon_ns = settings.horizon_hours * HOUR_NS
        self._cost = round_trip_cost
        self._pending: dict[str, deque[_Pending]] = {symbol: deque() for symbol in symbols}
        self.missed = 0
        """Closes that could not be settled at their time."""

    def observe(
        self,
        now_ns: int,
        symbol: str,
        price: float,
        signals: Mapping[str, float],
        regime: str,
        volatility: float,
    ) -> Outcome | None:
        """Remember this close of an instrument and settle the one a horizon ago.

        Parameters
        ----------
        now_ns : int
            The decision close. A close seen before (after a restart) changes nothing.
        symbol : str
            The instrument; do not call for a stale one.
        price : float
            Its price at this close.
        signals : Mapping[str, float]
            Signal values known at this close; copied.
        regime : str
            The regime key at this close.
        volatility : float
            Standard deviation of its log returns per 15-minute close, known at this close.

        Returns
        -------
        Outcome or None
            A shadow outcome for `SignalBandit.record`, or None when nothing came due.
        """
        pending = self._pending[symbol]
        if pending and now_ns <= pending[-1][0]:
            return None
        if not (isfinite(price) and price > 0.0):
            return None
        settled = None
        due_ns = now_ns - self._horizon_ns
        while pending and pending[0][0] <= due_ns:
            entry_ns, entry_price, entry_signals, entry_regime, entry_volatility = pending.popleft()
            if entry_ns == due_ns:
                settled = Outcome(
                    ts_ns=now_ns,
                    regime=entry_regime,
                    signals=entry_signals,
                    direction=1,
                    gross_return=price / entry_price - 1.0,
                    cost=self._cost,
                    volatility=entry_volatility,
                    shadow=True,
                )
            else:
                self.missed += 1
        if isfinite(volatility) and volatility > 0.0:
            pending.append((now_ns, price, dict(signals), regime, volatility))
        return settled

    def state(self) -> dict[str, Any]:
        """Return the waiting closes, as JSON values."""
        return {
            "version": STATE_VERSION,
            "missed": self.missed,
            "pending": {
                symbol: [[ts, price, dict(signals), *rest] for ts, price, signals, *rest in rows]
                for symbol, rows in self._pending.items()
            },
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state exactly as it was saved; instruments no longer observed are left out.

        Raises
        ------
        OcwError
            If the state is of another version.
        """
        if state.get("version") != STATE_VERSION:
            raise OcwError(
                "shadow state version", state.get("version"), f"only {STATE_VERSION} is readable"
            )
        self.missed = state["missed"]
        for symbol, rows in self._pending.items():
            saved = state["pending"].get(symbol, [])
            rows.clear()
            rows.extend(
                (ts, price, signals, regime, vol) for ts, price, signals, regime, vol in saved
            )
