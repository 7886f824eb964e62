"""Whoever decides: the seam, the decision it may make, and the rule-based advisor."""

from ocw_strategy.advisor.decision import (
    Advice,
    Decision,
    SignalConfidence,
    Target,
    check_decision,
    parse_decision,
)
from ocw_strategy.advisor.outcomes import DECIDED
from ocw_strategy.advisor.protocol import Advisor, drive
from ocw_strategy.advisor.rules import POSITION_REVIEW, RulesAdvisor, decide_by_rules
from ocw_strategy.advisor.settings import AdvisorSettings, ClaudeSettings, RulesSettings

__all__ = [
    "DECIDED",
    "POSITION_REVIEW",
    "Advice",
    "Advisor",
    "AdvisorSettings",
    "ClaudeSettings",
    "Decision",
    "RulesAdvisor",
    "RulesSettings",
    "SignalConfidence",
    "Target",
    "check_decision",
    "decide_by_rules",
    "drive",
    "parse_decision",
]
