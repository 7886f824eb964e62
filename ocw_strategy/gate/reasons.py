"""What may propose a call at a decision close, and what each proposal is called.

A reason's kind is what it is counted and learnt under; its text, such as
``shock:ETHUSDT-PERP:+5.1``, is what the advisor and the journal read. A reason that speaks of one
instrument names it, since that instrument's cooldown may mute it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ocw_strategy.gate.settings import GateSettings
from ocw_strategy.market.features import SymbolFeatures

SHOCK: Final = "shock"
DAILY: Final = "daily"
TIMER: Final = "timer"
CONDITION: Final = "condition"


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that speaks for a call."""

    kind: str
    text: str
    symbol: str = ""
    """The instrument it speaks of; empty when it speaks of none."""


def outliers(features: Sequence[SymbolFeatures], settings: GateSettings) -> list[Reason]:
    """Return what stands out at this close, per instrument: the third layer of the gate."""
    found = []
    for f in features:
        size = abs(f.return_z)
        if size >= settings.shock_z:
            found.append(_outlier(SHOCK, f.symbol, f.return_z))
        elif size >= settings.return_z:
            found.append(_outlier("return", f.symbol, f.return_z))
        if f.volume_z >= settings.volume_z:
            found.append(_outlier("volume", f.symbol, f.volume_z))
        if f.expected_move_z >= settings.move_z:
            found.append(_outlier("move", f.symbol, f.expected_move_z))
    return found


def _outlier(kind: str, symbol: str, z: float) -> Reason:
    return Reason(kind, f"{kind}:{symbol}:{z:+.1f}", symbol)
