"""What the gate says at a decision close."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate said at one decision close."""

    now_ns: int
    wake: bool
    counted_as: str
    """The reason kind of a wake, or why not: ``quiet``, ``cooldown``, ``declined:timer`` ..."""
    reasons: tuple[str, ...]
    """Everything that spoke, such as ``shock:ETHUSDT-PERP:+5.1``."""
    value: float
    """Sampled value of the best proposal, a fraction of notional; NaN without one."""
    price: float
    """What it had to beat, in the same unit."""
