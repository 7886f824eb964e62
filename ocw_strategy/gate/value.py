"""What a call is worth: the opportunity ahead, and what calls have earned beyond holding.

Both are learnt per arm (kind of wake reason, volatility band, regime) and both are fractions of
notional over the next four hours. `Hindsight` learns from every close, four hours later and called
or not, how large the market's move was against the one expected; it needs no call. `Edge` learns
from settled calls alone, and is sampled (Thompson 1933, On the likelihood that one unknown
probability exceeds another) from a normal posterior, so arms that may be better than they look are
tried.
"""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from ocw_strategy.market.features import DECISION_NS, HORIZON_NS, SymbolFeatures
from ocw_strategy.units import DAY_NS

Arm = tuple[str, str, str]
"""Kind of wake reason, volatility band, regime key."""

type _Pending = tuple[int, Mapping[str, float], float, Sequence[Arm]]

_POOLED_CLOSES: Final = 9_000  # closes at which an arm counts as much as the one it belongs to
_TYPICAL_CLOSES: Final = 730 * DAY_NS // DECISION_NS  # memory of what is typical
_START_CLOSES: Final = 96  # closes that the forecast, taken at its word, counts for at the start
_FALLING, _RISING = 0.8, 1.25
_ROOT: Final = ("", "", "")  # the arm of every close


def volatility_band(features: Sequence[SymbolFeatures]) -> str:
    """Return whether volatility is falling, steady or rising: the last day against the week."""
    ratio = sum([f.volatility_1d for f in features]) / sum([f.volatility_1w for f in features])
    return "falling" if ratio < _FALLING else "rising" if ratio > _RISING else "steady"


class Hindsight:
    """Expected opportunity per arm, learnt from every close once its four hours have passed.

    Parameters
    ----------
    memory_closes : int
        Closes that an arm remembers, about: newer ones weigh at least one in so many.
    round_trip_cost : float
        Fees and slippage of getting in and out, a fraction of notional.
    """

    def __init__(self, memory_closes: int, round_trip_cost: float) -> None:
        self._memory = memory_closes
        self._cost = round_trip_cost
        self._pending: deque[_Pending] = deque()
        self._means: dict[Arm, tuple[int, float]] = {_ROOT: (_START_CLOSES, 1.0)}
        self._typical = (0, 0.0)  # closes, and the mean of the moves expected at them

    def remember(
        self, now_ns: int, prices: Mapping[str, float], expected: float, arms: Sequence[Arm]
    ) -> None:
        """Keep this close and the arms that spoke at it until it is known what followed."""
        self._pending.append((now_ns, prices, expected, arms))
        self._typical = _forgetting_mean(self._typical, expected, _TYPICAL_CLOSES)

    def settle(self, now_ns: int, prices: Mapping[str, float]) -> None:
        """Learn from the close four hours ago; one whose outcome is missing is forgotten."""
        pending = self._pending
        while pending and pending[0][0] + HORIZON_NS <= now_ns:
            then_ns, then, expected, arms = pending.popleft()
            if then_ns + HORIZON_NS == now_ns and then.keys() <= prices.keys():
                moved = sum([abs(math.log(prices[s] / p)) for s, p in then.items()]) / len(then)
                self._learn(_ROOT, moved / expected)
                for arm in arms:
                    for level in _levels(arm):
                        self._learn(level, moved / expected)

    def opportunity(self, expected: float, arm: Arm | None = None) -> float:
        """Return the move to expect net of a round trip's cost.

        Parameters
        ----------
        expected : float
            The move to expect before hindsight, mean over instruments.
        arm : Arm, optional
            The arm that speaks; without one, of any close.
        """
        factor = self._means[_ROOT][1]
        if arm is not None:
            for level in _levels(arm):
                count, mean = self._means.get(level, (0, 0.0))
                factor = (count * mean + _POOLED_CLOSES * factor) / (count + _POOLED_CLOSES)
        return factor * expected - self._cost

    def typical(self) -> float:
        """Return the opportunity of a typical close of the last two years, or since the start."""
        return self.opportunity(self._typical[1])

    def _learn(self, level: Arm, ratio: float) -> None:
        before = self._means.get(level, (0, 0.0))
        self._means[level] = _forgetting_mean(before, ratio, self._memory)

    def state(self) -> dict[str, Any]:
        """Return everything `restore` needs, as JSON-able data."""
        return {
            "pending": [[t, p, e, [list(a) for a in arms]] for t, p, e, arms in self._pending],
            "means": [[list(arm), count, mean] for arm, (count, mean) in self._means.items()],
            "typical": list(self._typical),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a state."""
        self._pending = deque(
            (t, p, e, [to_arm(a) for a in arms]) for t, p, e, arms in state["pending"]
        )
        self._means = {to_arm(arm): (count, mean) for arm, count, mean in state["means"]}
        count, mean = state["typical"]
        self._typical = (count, mean)


class Edge:
    """Normal posterior per arm of what a call earns over having held.

    Parameters
    ----------
    deviation : float
        Standard deviation of the prior, whose mean is zero: calls earn nothing until they do.
    noise : float
        Standard deviation of what one call earns.
    rng : numpy.random.Generator
        Source of the draws.
    """

    def __init__(self, deviation: float, noise: float, rng: np.random.Generator) -> None:
        self._prior_precision = deviation**-2
        self._precision = noise**-2
        self._rng = rng
        self._settled: dict[Arm, tuple[int, float]] = {}

    def record(self, arm: Arm, net_versus_hold: float) -> None:
        """Learn what one call earned over having held, a fraction of notional."""
        count, total = self._settled.get(arm, (0, 0.0))
        self._settled[arm] = (count + 1, total + net_versus_hold)

    def posterior(self, arm: Arm) -> tuple[float, float]:
        """Return (mean, standard deviation) of the arm's edge."""
        count, total = self._settled.get(arm, (0, 0.0))
        precision = self._prior_precision + count * self._precision
        return self._precision * total / precision, precision**-0.5

    def sample(self, arm: Arm) -> float:
        """Draw an edge from the arm's posterior."""
        mean, deviation = self.posterior(arm)
        return mean + deviation * self._rng.standard_normal()

    def state(self) -> list[Any]:
        """Return everything `restore` needs, as JSON-able data."""
        return [[list(arm), count, total] for arm, (count, total) in self._settled.items()]

    def restore(self, state: Sequence[Any]) -> None:
        """Take over a state."""
        self._settled = {to_arm(arm): (count, total) for arm, count, total in state}


def to_arm(parts: Sequence[str]) -> Arm:
    """Return the arm that JSON made a list of."""
    kind, band, regime = parts
    return kind, band, regime


def _levels(arm: Arm) -> tuple[Arm, Arm, Arm]:
    """Return the arms an arm belongs to, itself last."""
    kind, band, _ = arm
    return (kind, "", ""), (kind, band, ""), arm


def _forgetting_mean(before: tuple[int, float], value: float, memory: int) -> tuple[int, float]:
    """Return (count, mean) with one more value, which weighs at least one in `memory`."""
    count = min(before[0] + 1, memory)
    return count, before[1] + (value - before[1]) / count
