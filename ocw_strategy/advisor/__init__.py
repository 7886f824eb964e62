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
from ocw_strategy.advisor.prompt import PROMPT_VERSION, AccountRules
from ocw_strategy.advisor.protocol import Advisor, drive
from ocw_strategy.advisor.reflection import Reflection, ReflectionBook, reflect
from ocw_strategy.advisor.request import Request, build_request
from ocw_strategy.advisor.rules import POSITION_REVIEW, RulesAdvisor, decide_by_rules
from ocw_strategy.advisor.settings import AdvisorSettings, ClaudeSettings, RulesSettings

__all__ = [
    "DECIDED",
    "POSITION_REVIEW",
    "PROMPT_VERSION",
    "AccountRules",
    "Advice",
    "Advisor",
    "AdvisorSettings",
    "ClaudeSettings",
    "Decision",
    "Reflection",
    "ReflectionBook",
    "Request",
    "RulesAdvisor",
    "RulesSettings",
    "SignalConfidence",
    "Target",
    "build_request",
    "check_decision",
    "decide_by_rules",
    "drive",
    "parse_decision",
    "reflect",
]
