"""The circuit breaker: when it opens, what passes, and that it cannot stick."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ocw_strategy.advisor.breaker import OPEN_NS, CircuitBreaker
from ocw_strategy.advisor.outcomes import (
    BUDGET_SPENT,
    DECIDED,
    FAILURES,
    MALFORMED,
    NOT_ASKED,
    OVERLOADED,
    RATE_LIMITED,
    REFUSED,
    SETTLED,
    TIMEOUT,
)
from ocw_strategy.units import MINUTE_NS, SECOND_NS

T0 = 1_700_000_000 * SECOND_NS


def opened() -> CircuitBreaker:
    breaker = CircuitBreaker()
    for _ in range(3):
        assert breaker.allows(T0)
        breaker.record(TIMEOUT, T0)
    return breaker


def test_it_opens_at_the_third_failure_in_a_row_and_not_before() -> None:
    breaker = CircuitBreaker()
    for outcome in (TIMEOUT, OVERLOADED, REFUSED, TIMEOUT, TIMEOUT, MALFORMED, TIMEOUT, TIMEOUT):
        breaker.record(outcome, T0)
        assert breaker.allows(T0)
    breaker.record(OVERLOADED, T0)
    assert not breaker.allows(T0)
    assert breaker.blocked_until_ns() == T0 + 15 * MINUTE_NS == T0 + OPEN_NS


def test_after_fifteen_minutes_one_probe_passes_and_its_outcome_decides() -> None:
    breaker = opened()
    assert not breaker.allows(T0 + OPEN_NS - 1)
    assert breaker.allows(T0 + OPEN_NS)
    assert not breaker.allows(T0 + OPEN_NS)
    breaker.record(TIMEOUT, T0 + OPEN_NS)
    assert not breaker.allows(T0 + 2 * OPEN_NS - 1)
    assert breaker.allows(T0 + 2 * OPEN_NS)
    breaker.record(REFUSED, T0 + 2 * OPEN_NS)
    assert not breaker.is_open
    assert breaker.allows(T0 + 2 * OPEN_NS)
    breaker.record(TIMEOUT, T0 + 2 * OPEN_NS)
    assert breaker.allows(T0 + 2 * OPEN_NS)


def test_a_probe_that_was_not_used_is_given_back() -> None:
    breaker = opened()
    assert breaker.allows(T0 + OPEN_NS)
    breaker.record(BUDGET_SPENT, T0 + OPEN_NS)
    assert breaker.is_open
    assert breaker.allows(T0 + OPEN_NS)


def test_a_probe_whose_outcome_never_comes_is_given_up() -> None:
    breaker = opened()
    assert breaker.allows(T0 + OPEN_NS)
    assert not breaker.allows(T0 + 2 * OPEN_NS - 1)
    assert breaker.allows(T0 + 2 * OPEN_NS)


def test_a_wait_that_the_service_imposes_holds_even_while_closed() -> None:
    breaker = CircuitBreaker()
    breaker.record(RATE_LIMITED, T0, retry_after_s=30.0)
    assert not breaker.is_open
    assert not breaker.allows(T0 + 30 * SECOND_NS - 1)
    breaker.record(DECIDED, T0)
    assert not breaker.allows(T0 + 29 * SECOND_NS)
    assert breaker.allows(T0 + 30 * SECOND_NS)


def test_a_wait_longer_than_the_pause_delays_the_probe() -> None:
    breaker = opened()
    breaker.record(RATE_LIMITED, T0, retry_after_s=3600.0)
    assert not breaker.allows(T0 + OPEN_NS)
    assert breaker.allows(T0 + 3600 * SECOND_NS)


@pytest.mark.parametrize(
    "state", [{}, {"failures": 1}, {"failures": "x"}, {"failures": -1, "open_until_ns": 0}, 7, None]
)
def test_a_damaged_state_counts_as_open_from_now(state: Any) -> None:
    breaker = CircuitBreaker()
    breaker.restore(state, T0)
    assert not breaker.allows(T0 + OPEN_NS - 1)
    assert breaker.allows(T0 + OPEN_NS)


@pytest.mark.parametrize("arguments", [(0, 1), (1, 0), (-1, 5)])
def test_a_breaker_that_could_not_work_is_refused(arguments: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        CircuitBreaker(*arguments)


STEPS = st.lists(
    st.tuples(
        st.integers(0, 20 * MINUTE_NS),
        st.sampled_from(sorted(SETTLED | FAILURES | NOT_ASKED)),
        st.none() | st.floats(0.1, 3600),
    ),
    max_size=40,
)


@given(STEPS, st.integers(0, 40))
def test_a_restart_between_calls_changes_nothing(
    steps: list[tuple[int, str, float | None]], at: int
) -> None:
    kept, restarted, now = CircuitBreaker(), CircuitBreaker(), T0
    for k, (passed, outcome, wait) in enumerate(steps):
        now += passed
        if k == at:
            saved = json.loads(json.dumps(restarted.state()))
            restarted = CircuitBreaker()
            restarted.restore(saved, now)
        may = kept.allows(now)
        assert restarted.allows(now) == may
        if may:
            kept.record(outcome, now, wait)
            restarted.record(outcome, now, wait)


class Breaking(RuleBasedStateMachine):
    """Against a plain model: the outcomes so far, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = CircuitBreaker()
        self.now = T0
        self.failed = 0
        self.last_failure = 0
        self.pending = False

    @rule(passed=st.integers(0, 20 * MINUTE_NS))
    def wait(self, passed: int) -> None:
        self.now += passed

    @precondition(lambda self: not self.pending)
    @rule()
    def call(self) -> None:
        expected = self.failed < 3 or self.now >= self.last_failure + OPEN_NS
        assert self.breaker.allows(self.now) == expected
        self.pending = expected

    @precondition(lambda self: self.pending)
    @rule(outcome=st.sampled_from(sorted(SETTLED | FAILURES | NOT_ASKED)))
    def end(self, outcome: str) -> None:
        self.breaker.record(outcome, self.now)
        self.pending = False
        if outcome in FAILURES:
            self.failed += 1
            self.last_failure = self.now
        elif outcome in SETTLED:
            self.failed = 0

    @precondition(lambda self: self.pending and self.failed >= 3)
    @rule()
    def only_one_probe(self) -> None:
        if self.now < self.last_failure + 2 * OPEN_NS:
            assert not CircuitBreaker.allows(self.breaker, self.last_failure + OPEN_NS)

    @invariant()
    def says_whether_it_is_open(self) -> None:
        assert self.breaker.is_open == (self.failed >= 3)


TestBreaking = Breaking.TestCase
