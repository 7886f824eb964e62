"""Gates that wake by a plan instead of by worth: what the gate is measured against.

Everything but the judgement is the gate's own (reasons, hindsight, purse, counts), so a run with
one of these differs from OCW in when it calls and in nothing else. Money and ceilings do not stop
them. A close at which no instrument has usable features is skipped by these too.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from ocw_strategy.gate.gate import Gate
from ocw_strategy.gate.reasons import Reason
from ocw_strategy.gate.settings import GateSettings
from ocw_strategy.gate.value import Arm, volatility_band
from ocw_strategy.gate.verdict import Verdict
from ocw_strategy.market.features import DECISION_NS, SymbolFeatures

PLANNED: Final = "planned"
"""What the wakes of these gates are counted as."""


class OpenGate(Gate):
    """Wakes at every decision close."""

    def _planned(self) -> bool:
        return True

    def _remember(
        self, fresh: Sequence[SymbolFeatures], reasons: Sequence[Reason], regime_key: str
    ) -> tuple[float, dict[str, Arm]]:
        expected, arms = super()._remember(fresh, reasons, regime_key)
        return expected, {**arms, PLANNED: (PLANNED, volatility_band(fresh), regime_key)}

    def _judge(
        self, reasons: Sequence[Reason], arms: Mapping[str, Arm], expected: float
    ) -> Verdict:
        if not self._planned():
            return self._skip("unplanned", reasons)
        spoken = [*reasons, Reason(PLANNED, PLANNED)]
        return self._wake(PLANNED, arms[PLANNED], spoken, 0.0, 0.0)


class RandomGate(OpenGate):
    """Wakes at so many closes of a window, drawn with equal chances.

    Selection sampling (Knuth, The Art of Computer Programming 2, 3.4.2): a close is taken with the
    probability of calls left over closes left, so no close has to be known beforehand. A close
    that cannot be judged is made up for by later ones; only those missing at the very end are not.

    Parameters
    ----------
    settings, symbols, rng, round_trip_cost
        As of `Gate`.
    plan : numpy.random.Generator
        Source of the draws, one a close.
    calls : int
        How many calls to make.
    end_ns : int
        End of the window: its last close.
    """

    def __init__(
        self,
        settings: GateSettings,
        symbols: Sequence[str],
        rng: np.random.Generator,
        *,
        round_trip_cost: float,
        plan: np.random.Generator,
        calls: int,
        end_ns: int,
    ) -> None:
        super().__init__(settings, symbols, rng, round_trip_cost=round_trip_cost)
        self._plan = plan
        self._calls_left = calls
        self._last_slot = end_ns // DECISION_NS

    def _planned(self) -> bool:
        slot = self._now_ns // DECISION_NS
        closes_left = self._last_slot - slot + 1
        taken = self._plan.random() * closes_left < self._calls_left
        self._calls_left -= taken
        return bool(taken)
