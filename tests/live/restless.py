"""An advisor that never rests: new targets at each close, by the close alone.

For tests of what carries decisions out: every decision opens, turns, reduces or closes something,
and the same close always brings the same targets, whatever was done before.
"""

import hashlib
from typing import Final

from ocw_strategy.advisor import Advice
from ocw_strategy.advisor.decision import Decision, SignalConfidence, Target, check_decision
from ocw_strategy.market import MarketSnapshot

EXPOSURES: Final = (-1.0, -0.4, 0.0, 0.4, 1.0)
_SOON_S: Final = 900


class Restless:
    """Decides by a hash of the close and the instrument."""

    name = "restless"

    async def decide(self, snapshot: MarketSnapshot) -> Advice:
        """Return targets for every instrument."""
        targets = tuple(
            Target(symbol=symbol, exposure=exposure_at(snapshot.now_ns, symbol), confidence=1.0)
            for symbol in snapshot.instruments
        )
        surely = SignalConfidence(
            funding=1.0, cumulative_volume_delta=1.0, long_short=1.0, open_interest=1.0
        )
        decision = Decision(
            targets=targets,
            signal_confidence=surely,
            reason="restless",
            next_check_seconds=_SOON_S,
            wake_conditions=(),
            memory_note="",
        )
        return check_decision(decision, snapshot.instruments)


def exposure_at(close_ns: int, symbol: str) -> float:
    """Return the exposure that is wanted at a close."""
    digest = hashlib.sha256(f"{close_ns}/{symbol}".encode()).digest()
    return EXPOSURES[digest[0] % len(EXPOSURES)]
