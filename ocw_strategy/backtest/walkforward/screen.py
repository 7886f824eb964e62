"""The pre-screen: gate settings judged by when they would have called, without an engine.

The very `Gate` that a run asks is driven over features computed once. What only a run has is left
out: no position is held, no wake condition armed, no call settled, and the advisor asks for its
next check at the time the rules do. So a screen ranks gate settings among each other; it is no
figure of a run. Points that pass are judged again by the engine.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ocw_strategy.backtest.replay import Close
from ocw_strategy.backtest.statistics import Figure, Values
from ocw_strategy.gate import Gate
from ocw_strategy.market.features import HORIZON_NS
from ocw_strategy.regime import RecordedRegimes
from ocw_strategy.settings import Settings


def screen_calls(
    settings: Settings, closes: Mapping[int, Close], regimes: RecordedRegimes
) -> list[int]:
    """Return the closes at which a gate of these settings calls.

    Parameters
    ----------
    settings : Settings
        Of the in-sample run.
    closes : mapping of int to features by instrument
        Its window and warm-up, ascending; made with the settings' own feature weights.
    regimes : RecordedRegimes
        The regimes of the same span.
    """
    gate = Gate(
        settings.gate,
        tuple(sorted(settings.data.instruments)),
        np.random.default_rng((settings.run.seed, 1)),
        round_trip_cost=settings.costs.order.round_trip,
    )
    calls = []
    for now_ns, features in closes.items():
        regime_key = regimes.at(now_ns).key
        if now_ns < settings.run.start_ns:
            gate.observe(now_ns, features, regime_key=regime_key)
            continue
        if gate.evaluate(now_ns, features, regime_key=regime_key, metric=_unknown).wake:
            gate.request(now_ns, settings.advisor.rules.next_check_seconds, None)
            calls.append(now_ns)
    return calls


def _unknown(symbol: str, name: str) -> float:
    return float("nan")


class Moves:
    """How far the market moved after each close of a window, to judge calls by.

    Parameters
    ----------
    closes : mapping of int to features by instrument
    start_ns : int
        Where the window begins; closes before it are not judged.
    """

    def __init__(self, closes: Mapping[int, Close], start_ns: int) -> None:
        times = np.array([now_ns for now_ns in closes if now_ns >= start_ns], np.int64)
        logs = np.log(_prices(closes, times.tolist()))
        later = np.searchsorted(times, times + HORIZON_NS)
        inside = np.minimum(later, max(0, len(times) - 1))
        moved = np.abs(logs[inside] - logs).mean(axis=1)
        known = (later < len(times)) & (times[inside] == times + HORIZON_NS)
        self._times: NDArray[np.int64] = times
        self._moves: Values = np.where(known, moved, np.nan)

    def lift(self, calls: Sequence[int]) -> Figure:
        """Return the mean move of the next 4 hours at calls over that at all closes.

        None where no call's next 4 hours are inside the window.
        """
        known = np.isfinite(self._moves)
        called = known & np.isin(self._times, np.array(calls, np.int64))
        if not called.any():
            return None
        return float(self._moves[called].mean() / self._moves[known].mean())


def _prices(closes: Mapping[int, Close], times: Sequence[int]) -> Values:
    rows = [
        [np.nan if f.stale else f.price for _, f in sorted(closes[now_ns].items())]
        for now_ns in times
    ]
    return np.array(rows, np.float64).reshape(len(times), -1)


def finalists(lifts: Sequence[Figure], places: int) -> set[int]:
    """Return the places of the best points; of equal ones the first declared."""
    order = sorted(range(len(lifts)), key=lambda i: (-_value(lifts[i]), i))
    return set(order[:places])


def _value(lift: Figure) -> float:
    return -np.inf if lift is None else lift
