"""The posterior of one signal in one regime, and the two windows it is recomputed from.

Nothing here ages in place: a window forgets by dropping its oldest entry, and what is left is
summed anew. Entries are weighed by the strength of the signal. With weights ``w`` the evidence
is Kish's effective sample size ``n = (sum w)^2 / sum w^2`` and the mean reward is weighed by
``w``: a signal of small amplitude is not thereby one of little evidence, and a window of faint
votes with one loud one is worth little more than one outcome.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from math import fsum
from typing import Any, Final, NamedTuple

PRIOR: Final = 2.0
"""Every posterior starts from Beta(2, 2)."""


@dataclass(frozen=True, slots=True)
class BetaPosterior:
    """A Beta distribution over the mean reward of a signal; mean 0.5 is break-even after cost."""

    alpha: float
    beta: float
    outcomes: int
    """Closed trades in the window of the regime."""
    shadow_outcomes: int
    """Independent shadow outcomes in the window of the regime."""

    @property
    def mean(self) -> float:
        """Expected reward."""
        return self.alpha / (self.alpha + self.beta)


class Evidence(NamedTuple):
    """Pseudo-counts to add to a Beta prior."""

    successes: float
    failures: float


NO_EVIDENCE: Final = Evidence(0.0, 0.0)


type _Trade = tuple[int, float, float, float]
"""Time of closing, weight, weight times strength, weight times reward."""


def _evidence(weight: float, squared: float, earned: float) -> Evidence:
    if weight <= 0.0:
        return NO_EVIDENCE
    count = weight * weight / squared
    mean = min(1.0, earned / weight)
    return Evidence(count * mean, count * (1.0 - mean))


class TradeWindow:
    """The latest trades of one signal in one regime, by closing time, however they arrived."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._trades: dict[str, _Trade] = {}
        self._evidence: Evidence | None = None

    def __len__(self) -> int:
        return len(self._trades)

    def add(self, ts_ns: int, trade_id: str, share: float, strength: float, reward: float) -> bool:
        """Add a trade; return False when it is known already or older than a full window."""
        if trade_id in self._trades:
            return False
        weight = share * strength
        self._trades[trade_id] = (ts_ns, weight, weight * strength, weight * reward)
        self._evidence = None
        if len(self._trades) > self._size:
            oldest = min(self._trades, key=lambda name: (self._trades[name][0], name))
            del self._trades[oldest]
            return oldest != trade_id
        return True

    def evidence(self) -> Evidence:
        """Sum the window exactly: the order of arrival leaves no trace."""
        if self._evidence is None:
            rows = self._trades.values()
            self._evidence = _evidence(
                fsum(row[1] for row in rows),
                fsum(row[2] for row in rows),
                fsum(row[3] for row in rows),
            )
        return self._evidence

    def state(self) -> list[list[Any]]:
        """Return the trades, oldest first."""
        ordered = sorted(self._trades, key=lambda name: (self._trades[name][0], name))
        return [[name, *self._trades[name]] for name in ordered]

    def restore(self, state: Sequence[Sequence[Any]]) -> None:
        """Take up a state; a smaller window keeps the latest."""
        self._trades = {
            trade_id: (ts_ns, weight, square, earned)
            for trade_id, ts_ns, weight, square, earned in state[-self._size :]
        }
        self._evidence = None


class ShadowWindow:
    """The latest shadow outcomes of one signal in one regime, one entry per horizon of time.

    Outcomes of overlapping horizons, and of instruments that move together, are no independent
    evidence. All that mature within one horizon are therefore averaged into one block, and the
    block counts as one outcome (method of batch means), or as the fraction of its closes at
    which the signal spoke in this regime. For a signal that lasts, this is the exact effective
    sample size of the overlapping average; for a quick one it is on the careful side.
    """

    def __init__(self, size: int, closes_per_block: int) -> None:
        self._closes_per_block = closes_per_block
        self._weights: deque[float] = deque(maxlen=size - 1)
        self._squares: deque[float] = deque(maxlen=size - 1)
        self._earned: deque[float] = deque(maxlen=size - 1)
        self._last_ns = -1
        self._finished: list[tuple[float, float]] | None = None  # sums of the blocks, see `_sums`
        self._begin(0)

    def _begin(self, block: int) -> None:
        self._block = block
        self._closes = 0
        self._votes = 0
        self._strength = 0.0
        self._reward = 0.0
        self._evidence: Evidence | None = None

    def __len__(self) -> int:
        return len(self._weights) + (self._votes > 0)

    def add(self, ts_ns: int, block: int, strength: float, reward: float) -> bool:
        """Add an outcome of a block of time; return False when it is older than the latest."""
        if ts_ns < self._last_ns:
            return False
        if block != self._block:
            if self._votes:
                for column, total in zip(self._columns(), self._totals(), strict=True):
                    column.append(total)
                self._finished = None
            self._begin(block)
        if ts_ns != self._last_ns:
            self._last_ns = ts_ns
            self._closes += 1
        self._votes += 1
        self._strength += strength
        self._reward += strength * reward
        self._evidence = None
        return True

    def _columns(self) -> tuple[deque[float], deque[float], deque[float]]:
        return self._weights, self._squares, self._earned

    def _totals(self) -> tuple[float, float, float]:
        if not self._votes:
            return 0.0, 0.0, 0.0
        strength = self._strength / self._votes
        weight = strength * min(1.0, self._closes / self._closes_per_block)
        return weight, weight * strength, weight * self._reward / self._strength

    def evidence(self) -> Evidence:
        """Sum the blocks exactly, the unfinished one included."""
        if self._evidence is None:
            self._evidence = _evidence(
                *(
                    fsum((*finished, total))
                    for finished, total in zip(self._sums(), self._totals(), strict=True)
                )
            )
        return self._evidence

    def _sums(self) -> list[tuple[float, float]]:
        # of each column of finished blocks, with what rounding took from it: exact as two floats
        if self._finished is None:
            sums = [(fsum(column), column) for column in self._columns()]
            self._finished = [(total, fsum(chain(column, (-total,)))) for total, column in sums]
        return self._finished

    def state(self) -> dict[str, Any]:
        """Return the finished blocks as columns, and the open one."""
        return {
            "blocks": [list(column) for column in self._columns()],
            "open": [
                self._block,
                self._last_ns,
                self._closes,
                self._votes,
                self._strength,
                self._reward,
            ],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state; a smaller window keeps the latest."""
        for column, saved in zip(self._columns(), state["blocks"], strict=True):
            column.clear()
            column.extend(saved)
        (
            self._block,
            self._last_ns,
            self._closes,
            self._votes,
            self._strength,
            self._reward,
        ) = state["open"]
        self._finished = None
        self._evidence = None
