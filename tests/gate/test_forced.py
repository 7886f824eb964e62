"""Gates that wake by a plan: how often, and that they are the gate in everything else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocw_strategy.gate import Gate, GateSettings, OpenGate, RandomGate, Verdict
from ocw_strategy.gate.forced import PLANNED
from tests.gate.market import SYMBOLS, features_at, nth_close, unknown

CLOSES = 200
COMMON = {"symbols": SYMBOLS, "round_trip_cost": 0.0012}


def random_gate(calls: int, seed: int = 1, closes: int = CLOSES) -> RandomGate:
    return RandomGate(
        GateSettings(), rng=np.random.default_rng(0), plan=np.random.default_rng(seed),
        calls=calls, end_ns=nth_close(closes), **COMMON,
    )  # fmt: skip


def run(gate: Gate, closes: int = CLOSES, stale: frozenset[int] = frozenset()) -> list[Verdict]:
    return [
        gate.evaluate(
            nth_close(i),
            features_at(nth_close(i), {"stale": i in stale}),
            regime_key="calm_goldilocks",
            metric=unknown,
        )
        for i in range(1, closes + 1)
    ]


def test_the_open_gate_wakes_at_every_close_that_can_be_judged() -> None:
    gate = OpenGate(GateSettings(), rng=np.random.default_rng(0), **COMMON)
    verdicts = run(gate, stale=frozenset({7}))
    assert [v.wake for v in verdicts] == [i != 7 for i in range(1, CLOSES + 1)]
    assert {v.counted_as for v in verdicts} == {PLANNED, "stale"}
    assert all(PLANNED in v.reasons for v in verdicts if v.wake)


@given(calls=st.integers(0, CLOSES), seed=st.integers(0, 50))
def test_the_random_gate_makes_exactly_the_calls_it_was_told(calls: int, seed: int) -> None:
    assert sum(v.wake for v in run(random_gate(calls, seed))) == calls


def test_closes_that_cannot_be_judged_are_made_up_for() -> None:
    stale = frozenset(range(40, 80))
    assert sum(v.wake for v in run(random_gate(90), stale=stale)) == 90


def test_the_random_gate_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    one, same, other = ([v.wake for v in run(random_gate(20, seed))] for seed in (1, 1, 2))
    assert one == same != other


def test_the_random_gate_calls_at_early_and_late_closes_alike() -> None:
    firsts = [sum(v.wake for v in run(random_gate(20, seed))[: CLOSES // 2]) for seed in range(40)]
    assert np.mean(firsts) == pytest.approx(10, abs=1.2)


def test_a_planned_gate_spends_learns_and_is_restored_as_the_gate_is() -> None:
    gate = OpenGate(GateSettings(), rng=np.random.default_rng(0), **COMMON)
    run(gate, 20)
    again = OpenGate(GateSettings(), rng=np.random.default_rng(5), **COMMON)
    again.restore(gate.state())
    assert again.state() == gate.state()
    assert gate.state()["purse"]["day_calls"] == 20
    assert gate.state()["hindsight"]["pending"]
