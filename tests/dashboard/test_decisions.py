"""Decisions come the newest first, whole, page by page."""

import json
from dataclasses import replace

import pytest

from ocw_strategy.dashboard.decisions import LimitView, TargetView, decision_views
from ocw_strategy.errors import JournalError
from ocw_strategy.journal import MEMORY, Clamp, DecisionRow, Journal
from tests.backtest.runs import ETH, decided


def decision(name: str, day: int) -> DecisionRow:
    said = {
        "targets": [{"symbol": ETH, "exposure": -0.25, "confidence": 0.5}],
        "reason": f"because {name}",
    }
    return replace(decided(name, day), decision=json.dumps(said), latency_ns=1_500_000_000)


def test_a_decision_says_what_woke_it_what_it_wants_and_what_limited_it() -> None:
    with Journal.open(MEMORY, run_id="decisions") as journal:
        journal.append(decision("one", 0))
        journal.append(Clamp("one", 5, ETH, "gross_exposure", -500.0, -300.0))
        journal.append(Clamp("other", 5, ETH, "leverage", 1.0, 0.0))
        (found,) = decision_views(journal)
    assert found.wake_reasons == ("shock:ETHUSDT-PERP:-4.2", "timer")
    assert found.targets == (TargetView(symbol=ETH, exposure=-0.25, confidence=0.5),)
    assert found.limits == (
        LimitView(symbol=ETH, limit="gross_exposure", before=-500.0, after=-300.0),
    )
    assert (found.reason, found.cost_usd, found.latency_ms) == ("because one", "0.0165", 1500.0)


def test_a_hold_says_what_was_wrong() -> None:
    with Journal.open(MEMORY, run_id="decisions") as journal:
        journal.append(replace(decided("one", 0, outcome="late"), detail="no answer in 30 s"))
        (found,) = decision_views(journal)
    assert (found.outcome, found.targets, found.reason) == ("late", (), "no answer in 30 s")


def test_pages_join_without_a_gap() -> None:
    with Journal.open(MEMORY, run_id="decisions") as journal:
        for number in range(7):
            journal.append(decision(str(number), number))
        seen: list[str] = []
        before = None
        while rows := decision_views(journal, before, 3):
            seen += [row.decision_id for row in rows]
            before = rows[-1].row_id
    assert seen == ["6", "5", "4", "3", "2", "1", "0"]


def test_a_damaged_decision_is_a_fault_and_not_an_empty_one() -> None:
    with Journal.open(MEMORY, run_id="decisions") as journal:
        journal.append(replace(decision("one", 0), decision='{"targets": [{"symbol": 3}]}'))
        with pytest.raises(JournalError, match="decision one"):
            decision_views(journal)
