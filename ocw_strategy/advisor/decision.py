"""What an advisor may say, and how anything else becomes a hold.

A `Decision` states target exposures; it knows no order, no price and no quantity. `parse_decision`
takes whatever an advisor answered and is total: an answer that is malformed, names an unknown
instrument or the same one twice, or holds a number that is not finite or out of range is a hold,
with the kind of fault, what it was, and the answer as it came. Nothing is repaired: no default
stands in for a bad number. It never raises.

Texts that are too long are cut: they move no money. A wake condition of a metric that does not
exist is not judged here: the gate refuses it when it is set, and the targets stand.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field, ValidationError

from ocw_strategy.advisor.outcomes import (
    DECIDED,
    DUPLICATE_INSTRUMENT,
    MALFORMED,
    NOT_FINITE,
    OUT_OF_RANGE,
    UNKNOWN_INSTRUMENT,
)
from ocw_strategy.advisor.usage import Usage
from ocw_strategy.gate.conditions import WakeCondition
from ocw_strategy.market.snapshot import MAX_MEMORY_NOTE
from ocw_strategy.model import Strict

MAX_REASON: Final = 2000

_RANGE_FAULTS: Final = frozenset({"greater_than_equal", "less_than_equal"})


def _cut(length: int) -> Callable[[Any], Any]:
    return lambda text: text[:length] if isinstance(text, str) else text


Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Target(Strict):
    """The exposure wanted in one instrument."""

    symbol: str
    """An instrument of the snapshot."""
    exposure: Annotated[float, Field(ge=-1.0, le=1.0)]
    """Share of the largest allowed position: 1 fully long, -1 fully short, 0 none."""
    confidence: Share
    """How sure; it scales the size."""


class SignalConfidence(Strict):
    """How far each signal is trusted now: 0 not at all, 1 fully. It carries no direction."""

    funding: Share
    cumulative_volume_delta: Share
    long_short: Share
    open_interest: Share


class Decision(Strict):
    """One decision over all instruments; one without a target is left as it is."""

    targets: tuple[Target, ...]
    signal_confidence: SignalConfidence
    reason: Annotated[str, BeforeValidator(_cut(MAX_REASON)), Field(max_length=MAX_REASON)]
    """Why, in a sentence or a few."""
    next_check_seconds: Annotated[int, Field(ge=1, le=604_800)]
    """When to be asked again at the latest; a request, which the gate clamps and prices."""
    wake_conditions: tuple[WakeCondition, ...]
    """When to be asked sooner."""
    memory_note: Annotated[
        str, BeforeValidator(_cut(MAX_MEMORY_NOTE)), Field(max_length=MAX_MEMORY_NOTE)
    ]
    """Shown at the next decision."""

    @classmethod
    def hold(cls, reason: str, next_check_seconds: int) -> Self:
        """Return a decision to leave every instrument as it is."""
        return cls(
            targets=(),
            signal_confidence=SignalConfidence(
                funding=0.5, cumulative_volume_delta=0.5, long_short=0.5, open_interest=0.5
            ),
            reason=reason,
            next_check_seconds=next_check_seconds,
            wake_conditions=(),
            memory_note="",
        )

    def canonical_json(self) -> str:
        """Return the decision as ASCII JSON with sorted keys."""
        return json.dumps(
            self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), allow_nan=False
        )


@dataclass(frozen=True, slots=True)
class Advice:
    """What came of asking an advisor."""

    decision: Decision | None
    """None means hold: keep what is held under its protection, open nothing."""
    outcome: str
    """``decided``, or the kind of fault that made it a hold."""
    detail: str = ""
    """The fault in words, for a person."""
    raw: str = ""
    """The answer as it came; empty where there was none."""
    cost_usd: Decimal = Decimal(0)
    """What was paid, or the worst case where that is not known; of a replay, what was paid once."""
    latency_ns: int = 0
    request_key: str = ""
    """Identity of what a model was asked; empty where none was."""
    model: str = ""
    """The model that was asked; empty where none was."""
    usage: Usage | None = None
    """Tokens that were billed; None where none were, or how many is not known."""
    advisor: str = ""
    """Who decided in the advisor's stead, as the journal should name it; empty: the advisor."""
    notice: str = ""
    """Something a person should be told; said once, not each time."""


def parse_decision(raw: str | bytes | Mapping[str, Any], symbols: Collection[str]) -> Advice:
    """Return the decision in an answer, or a hold that says what was wrong with it.

    Parameters
    ----------
    raw : str, bytes or mapping
        The answer: JSON, or its parsed form.
    symbols : collection of str
        Instruments the advisor was shown.
    """
    try:
        text = _text(raw)
        decision = Decision.model_validate_json(text)
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "answer"
        return Advice(None, _fault(first["type"]), f"{place}: {first['msg']}", text)
    except (TypeError, ValueError, RecursionError) as fault:
        return Advice(None, MALFORMED, f"no JSON: {fault}", _shown(raw))
    return check_decision(decision, symbols, raw=text)


def check_decision(decision: Decision, symbols: Collection[str], *, raw: str = "") -> Advice:
    """Return advice to follow a well-formed decision, or a hold where it makes no sense."""
    seen: set[str] = set()
    for target in decision.targets:
        if target.symbol not in symbols:
            return Advice(None, UNKNOWN_INSTRUMENT, f"no instrument {target.symbol!r}", raw)
        if target.symbol in seen:
            return Advice(None, DUPLICATE_INSTRUMENT, f"two targets for {target.symbol}", raw)
        seen.add(target.symbol)
    return Advice(decision, DECIDED, "", raw)


def _text(raw: str | bytes | Mapping[str, Any]) -> str:
    if isinstance(raw, bytes):
        return raw.decode("utf-8", errors="replace")
    if isinstance(raw, str):
        return _printable(raw)
    return json.dumps(dict(raw))


def _shown(raw: object) -> str:
    try:
        return _printable(repr(raw))
    except (ValueError, RecursionError):  # as deep, or as long a number, as JSON refused
        return f"<{type(raw).__name__}>"


def _printable(text: str) -> str:
    # a lone surrogate cannot be stored or hashed as UTF-8
    return text.encode("utf-8", errors="replace").decode("utf-8")


def _fault(kind: str) -> str:
    if kind == "finite_number":
        return NOT_FINITE
    return OUT_OF_RANGE if kind in _RANGE_FAULTS else MALFORMED
