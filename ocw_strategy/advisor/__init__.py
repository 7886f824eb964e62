"""Whoever decides: the seam, the decision it may make, the rules and the Claude advisor.

`client.ClaudeClient` is not among the names here: the SDK takes long to import, and only those who
buy answers need it.
"""

from ocw_strategy.advisor.breaker import CircuitBreaker
from ocw_strategy.advisor.claude import ClaudeAdvisor
from ocw_strategy.advisor.decision import (
    Advice,
    Decision,
    SignalConfidence,
    Target,
    check_decision,
    parse_decision,
)
from ocw_strategy.advisor.hindsight import HindsightError, check_hindsight
from ocw_strategy.advisor.lesson import Lesson, LessonWriter
from ocw_strategy.advisor.models import Model, ModelTable, load_models
from ocw_strategy.advisor.outcomes import DECIDED
from ocw_strategy.advisor.prompt import PROMPT_VERSION, AccountRules
from ocw_strategy.advisor.protocol import Advisor, drive
from ocw_strategy.advisor.reflection import Reflection, ReflectionBook, reflect
from ocw_strategy.advisor.request import Request, build_request
from ocw_strategy.advisor.rules import POSITION_REVIEW, RulesAdvisor, decide_by_rules
from ocw_strategy.advisor.settings import AdvisorSettings, ClaudeSettings, RulesSettings
from ocw_strategy.advisor.shop import Shop
from ocw_strategy.advisor.usage import Usage

__all__ = [
    "DECIDED",
    "POSITION_REVIEW",
    "PROMPT_VERSION",
    "AccountRules",
    "Advice",
    "Advisor",
    "AdvisorSettings",
    "CircuitBreaker",
    "ClaudeAdvisor",
    "ClaudeSettings",
    "Decision",
    "HindsightError",
    "Lesson",
    "LessonWriter",
    "Model",
    "ModelTable",
    "Reflection",
    "ReflectionBook",
    "Request",
    "RulesAdvisor",
    "RulesSettings",
    "Shop",
    "SignalConfidence",
    "Target",
    "Usage",
    "build_request",
    "check_decision",
    "check_hindsight",
    "decide_by_rules",
    "drive",
    "load_models",
    "parse_decision",
    "reflect",
]
