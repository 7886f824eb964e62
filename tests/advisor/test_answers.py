"""Ten thousand answers, most of them bad: each is a decision within its limits or a hold."""

import math
from collections import Counter

from ocw_strategy.advisor import Advice, parse_decision
from ocw_strategy.advisor.outcomes import DECIDED, OUTCOMES
from tests.advisor.answers import answers
from tests.market.examples import SYMBOLS

SEED = 20_261_125


def check(advice: Advice) -> None:
    """Fail unless it is a decision within its limits or a hold that says why."""
    assert advice.outcome in OUTCOMES
    advice.raw.encode()
    advice.detail.encode()
    if advice.decision is None:
        assert advice.outcome != DECIDED
        assert advice.detail
        return
    assert advice.outcome == DECIDED
    symbols = [target.symbol for target in advice.decision.targets]
    assert len(set(symbols)) == len(symbols)
    assert set(symbols) <= set(SYMBOLS)
    for target in advice.decision.targets:
        assert -1.0 <= target.exposure <= 1.0
        assert 0.0 <= target.confidence <= 1.0
    assert all(math.isfinite(each.threshold) for each in advice.decision.wake_conditions)
    assert 1 <= advice.decision.next_check_seconds <= 604_800
    assert len(advice.decision.memory_note) <= 500


def test_ten_thousand_answers_are_each_a_decision_within_limits_or_a_hold() -> None:
    outcomes: Counter[str] = Counter()
    for text in answers(SEED, 10_000, SYMBOLS):
        advice = parse_decision(text, SYMBOLS)
        check(advice)
        outcomes[advice.outcome] += 1
    assert outcomes.total() == 10_000
    # the generator must reach both sides, and every kind of fault
    assert 1_500 < outcomes[DECIDED] < 5_000
    assert {"malformed", "unknown_instrument", "duplicate_instrument", "out_of_range"} <= set(
        outcomes
    )
