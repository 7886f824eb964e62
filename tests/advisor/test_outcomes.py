"""Each outcome has one name and one meaning."""

from ocw_strategy.advisor import outcomes
from ocw_strategy.advisor.outcomes import FAILURES, NOT_ASKED, OUTCOMES, SETTLED, TRANSIENT


def test_every_outcome_is_settled_failed_or_not_asked_and_only_one_of_them() -> None:
    named = [value for name, value in vars(outcomes).items() if isinstance(value, str) and
             name.isupper()]  # fmt: skip
    assert len(named) == len(set(named))
    assert set(named) == OUTCOMES
    assert len(SETTLED) + len(FAILURES) + len(NOT_ASKED) == len(OUTCOMES)
    assert TRANSIENT == OUTCOMES - SETTLED


def test_a_refusal_or_a_bad_answer_is_no_outage_but_a_refused_key_is() -> None:
    assert not {"refused", "malformed", "truncated", "empty"} & FAILURES
    assert {"auth", "timeout", "overloaded", "connection"} <= FAILURES
