"""Decides which decision closes are worth a call to the advisor."""

from ocw_strategy.gate.conditions import (
    DERIVATIVE_METRICS,
    FEATURE_METRICS,
    LEVEL_METRICS,
    METRICS,
    WakeCondition,
    WakeConditionError,
    feature_metric,
    parse_condition,
)
from ocw_strategy.gate.forced import OpenGate, RandomGate
from ocw_strategy.gate.gate import Gate
from ocw_strategy.gate.schedule import GateError
from ocw_strategy.gate.settings import GateSettings
from ocw_strategy.gate.verdict import Verdict
from ocw_strategy.gate.watch import Watch, is_decision_close

__all__ = [
    "DERIVATIVE_METRICS",
    "FEATURE_METRICS",
    "LEVEL_METRICS",
    "METRICS",
    "Gate",
    "GateError",
    "GateSettings",
    "OpenGate",
    "RandomGate",
    "Verdict",
    "WakeCondition",
    "WakeConditionError",
    "Watch",
    "feature_metric",
    "is_decision_close",
    "parse_condition",
]
