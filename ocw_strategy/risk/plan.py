"""What the limits answer with: legs to trade, and a record of everything they changed."""

from dataclasses import dataclass
from typing import Literal

Purpose = Literal["exit", "reduce", "entry"]


@dataclass(frozen=True, slots=True)
class Leg:
    """One order to send. An ``exit`` closes all that is held, whatever the notional says."""

    symbol: str
    target_notional: float
    """Signed notional held once this leg is filled, US dollars."""
    delta_notional: float
    """Signed change."""
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class ClampEvent:
    """A limit that moved a target from `before` to `after`, signed notionals in US dollars."""

    limit: str
    symbol: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Dropped:
    """A target, or what remained of one, that was not followed."""

    symbol: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What may be traded, in the order to send it, and all that was changed on the way.

    The clamps of an instrument are a chain: each `before` is the `after` of the one above it, the
    first `before` is the notional asked for, the last `after` what is held once the legs are
    filled (unless the instrument is among the dropped).
    """

    legs: tuple[Leg, ...]
    clamps: tuple[ClampEvent, ...]
    dropped: tuple[Dropped, ...]
