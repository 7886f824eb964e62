"""Wake conditions: what the advisor asks to be woken for, checked when set and at every close.

A condition names a metric of one instrument from the published list, an operator and a threshold.
What cannot be meant (an unknown metric or instrument, a threshold that is no number) is refused
with a typed error to whoever sets it, and nothing of that request takes effect. Each condition
keeps its own previous value, so other instruments cannot disturb a crossing. A condition that
comes true stays pending through a cooldown and fires once: it is used up when it has woken the
advisor or was priced and declined. An unknown value (NaN) neither fires nor is remembered.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import Field, ValidationError

from ocw_strategy.errors import OcwError
from ocw_strategy.gate.reasons import CONDITION, Reason
from ocw_strategy.market.features import SymbolFeatures
from ocw_strategy.model import Strict

FEATURE_METRICS: Final[Mapping[str, str]] = {
    "price": "last close",
    "return_15m": "log return over 15 minutes",
    "return_1h": "log return over 1 hour",
    "return_4h": "log return over 4 hours",
    "return_24h": "log return over 24 hours",
    "volatility": "standard deviation of a 15-minute return over the past day or so",
    "return_z": "15-minute return over the volatility before it",
    "volume_z": "log volume against the same hour of day, in deviations",
}
"""Metrics of wake conditions that the feature book knows, with what they mean."""

DERIVATIVE_METRICS: Final[Mapping[str, str]] = {
    "funding_rate": "last settled funding rate, per settlement",
    "open_interest_change": "change of open interest over 4 hours, a fraction",
    "open_interest_change_24h": "change of open interest over 24 hours, a fraction",
    "toptrader_position_ls_ratio": "long/short ratio of top traders by position",
    "global_account_ls_ratio": "long/short ratio of all accounts",
    "long_short_z": "top traders' position ratio against its recent mean, in deviations",
    "taker_buy_sell_ratio": "taker buy volume over taker sell volume, last five minutes",
    "cumulative_volume_delta": "net taker buying as a share of volume, -1 to 1",
    "composite": "composite of the derivative signals, -1 to 1, positive expects a rise",
}
"""Metrics of wake conditions that come from the derivatives book, with what they mean."""

METRICS: Final[Mapping[str, str]] = {**FEATURE_METRICS, **DERIVATIVE_METRICS}
"""Every metric a wake condition may name."""

LEVEL_METRICS: Final = frozenset({"price"})
"""Metrics whose thresholds are levels: they tell of when and where, the others are relative."""

Operator = Literal["gt", "lt", "crosses_above", "crosses_below", "abs_change_fraction_gt"]


class WakeConditionError(OcwError):
    """A wake condition that names nothing that exists, or compares with nothing."""


class WakeCondition(Strict):
    """A request to be woken when a metric of one instrument does something."""

    metric: str
    """A name from `METRICS`."""
    symbol: str
    """The instrument, as its Nautilus symbol."""
    operator: Operator
    """``abs_change_fraction_gt`` compares with the value of the close before."""
    threshold: float
    """In the metric's unit; for ``abs_change_fraction_gt`` a fraction."""
    reason: str = Field(default="", max_length=200)
    """Why, in the advisor's words; told back when it fires."""


def parse_condition(raw: object) -> WakeCondition:
    """Build a wake condition from untrusted data.

    Raises
    ------
    WakeConditionError
        If it is no mapping, or a field is missing, unknown, of the wrong type or not finite.
    """
    if not isinstance(raw, Mapping):
        raise WakeConditionError(
            "wake condition", raw, f"give an object of {', '.join(WakeCondition.model_fields)}"
        )
    try:
        return WakeCondition.model_validate(dict(raw))
    except ValidationError as fault:
        first = fault.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise WakeConditionError(
            f"wake condition {field}", first["input"], f"give a valid one ({first['msg']})"
        ) from fault


@dataclass(slots=True)
class _Armed:
    condition: WakeCondition
    previous: float = math.nan
    pending: bool = False


class ConditionBook:
    """The wake conditions that are armed, and what each saw last.

    Parameters
    ----------
    symbols : sequence of str
        Instruments a condition may name.
    capacity : int
        Conditions that may be armed at a time.
    """

    def __init__(self, symbols: Sequence[str], capacity: int) -> None:
        self._symbols = tuple(symbols)
        self._capacity = capacity
        self._armed: list[_Armed] = []

    @property
    def armed(self) -> tuple[WakeCondition, ...]:
        """The conditions that have not been used up."""
        return tuple(item.condition for item in self._armed)

    def check(self, conditions: Sequence[WakeCondition]) -> None:
        """Refuse conditions that could never be told true from false.

        Raises
        ------
        WakeConditionError
            If one names an unknown metric or instrument or its threshold is no finite number, or
            there are more than may be armed.
        """
        if len(conditions) > self._capacity:
            raise WakeConditionError(
                "wake_conditions", len(conditions), f"give at most {self._capacity}"
            )
        for condition in conditions:
            if condition.metric not in METRICS:
                raise WakeConditionError(
                    "wake condition metric", condition.metric, f"name one of {', '.join(METRICS)}"
                )
            if condition.symbol not in self._symbols:
                raise WakeConditionError(
                    "wake condition symbol",
                    condition.symbol,
                    f"name one of {', '.join(self._symbols)}",
                )
            if not math.isfinite(condition.threshold):
                raise WakeConditionError(
                    "wake condition threshold", condition.threshold, "give a finite number"
                )

    def replace(self, conditions: Sequence[WakeCondition]) -> None:
        """Arm these conditions, already checked, in place of all others.

        One that is armed already keeps what it saw last, so that asking again misses no crossing.
        """
        known = {item.condition: item for item in self._armed}
        self._armed = [known.get(c, _Armed(c)) for c in dict.fromkeys(conditions)]

    def observe(self, metric: Callable[[str, str], float]) -> None:
        """Look at every armed condition's metric at this close."""
        for item in self._armed:
            condition = item.condition
            value = metric(condition.symbol, condition.metric)
            if not math.isfinite(value):
                continue
            if _holds(condition, item.previous, value):
                item.pending = True
            item.previous = value

    def pending(self) -> list[Reason]:
        """Return the conditions that came true, in the order they were set."""
        return [_reason(item.condition) for item in self._armed if item.pending]

    def use_up(self, muted: Collection[str]) -> None:
        """Drop the conditions that were priced: those that came true, but of muted instruments."""
        self._armed = [
            item for item in self._armed if not item.pending or item.condition.symbol in muted
        ]

    def state(self) -> list[dict[str, Any]]:
        """Return everything `restore` needs, as JSON-able data."""
        return [
            {
                "condition": item.condition.model_dump(),
                "previous": None if math.isnan(item.previous) else item.previous,
                "pending": item.pending,
            }
            for item in self._armed
        ]

    def restore(self, state: Sequence[Mapping[str, Any]]) -> None:
        """Take over a state; conditions on instruments no longer traded are dropped."""
        self._armed = [
            _Armed(
                parse_condition(row["condition"]),
                math.nan if row["previous"] is None else row["previous"],
                row["pending"],
            )
            for row in state
            if row["condition"]["symbol"] in self._symbols
        ]


def feature_metric(features: Mapping[str, SymbolFeatures], symbol: str, name: str) -> float:
    """Return a metric of `FEATURE_METRICS`; NaN when the instrument is stale or unknown."""
    found = features.get(symbol)
    if found is None or found.stale:
        return math.nan
    return float(getattr(found, name))


def _holds(condition: WakeCondition, previous: float, value: float) -> bool:
    threshold = condition.threshold
    match condition.operator:
        case "gt":
            return value > threshold
        case "lt":
            return value < threshold
        case "crosses_above":
            return previous <= threshold < value
        case "crosses_below":
            return previous >= threshold > value
        case "abs_change_fraction_gt":
            # a previous NaN compares false, a previous zero has no fraction
            return previous != 0.0 and abs(value - previous) / abs(previous) > threshold
    return False


def _reason(condition: WakeCondition) -> Reason:
    said = condition.reason or f"{condition.metric} {condition.operator} {condition.threshold:g}"
    return Reason(CONDITION, f"{CONDITION}:{condition.symbol}:{said}", condition.symbol)
