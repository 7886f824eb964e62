"""`drive`: the one way to await an advisor where no loop runs."""

import asyncio
import multiprocessing

import pytest

from ocw_strategy.advisor import RulesAdvisor, RulesSettings, decide_by_rules, drive
from tests.market.examples import make_snapshot


async def answer_at_once() -> int:
    return 42


async def answer_after_waiting() -> int:
    async with asyncio.timeout(5):  # needs a task and a running loop, as HTTP clients do
        await asyncio.sleep(0.001)
        return await asyncio.create_task(answer_at_once())


async def fail() -> None:
    await asyncio.sleep(0)
    raise LookupError("no answer")


async def loop_identity() -> int:
    return id(asyncio.get_running_loop())


def test_a_coroutine_that_waits_and_one_that_does_not_are_driven_alike() -> None:
    assert drive(answer_at_once()) == 42
    assert drive(answer_after_waiting()) == 42


def test_what_the_coroutine_raises_reaches_the_caller_and_the_next_is_unharmed() -> None:
    with pytest.raises(LookupError, match="no answer"):
        drive(fail())
    assert drive(answer_after_waiting()) == 42


def test_the_loop_is_kept_between_decisions() -> None:
    assert drive(loop_identity()) == drive(loop_identity())


def test_it_works_inside_a_running_loop_as_in_a_notebook() -> None:
    async def notebook() -> tuple[int, int]:
        return drive(answer_after_waiting()), drive(loop_identity())

    answer, inside = asyncio.run(notebook())
    assert answer == 42
    assert inside == drive(loop_identity())


def test_the_rules_advisor_gives_the_same_advice_awaited_and_driven() -> None:
    snapshot = make_snapshot()
    settings = RulesSettings()
    advisor = RulesAdvisor(settings)
    driven = drive(advisor.decide(snapshot))
    awaited = asyncio.run(advisor.decide(snapshot))
    assert driven == awaited
    assert driven.decision == decide_by_rules(snapshot, settings)
    assert driven.outcome == "decided"
    assert (driven.cost_usd, driven.latency_ns, driven.raw) == (0, 0, "")


def _drive_in_child(results: "multiprocessing.Queue[int]") -> None:
    results.put(drive(answer_after_waiting()))


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_forked_worker_gets_a_loop_of_its_own_and_harms_its_parents() -> None:
    assert drive(answer_after_waiting()) == 42
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    worker = context.Process(target=_drive_in_child, args=(results,))
    worker.start()
    assert results.get(timeout=30) == 42
    worker.join()
    assert worker.exitcode == 0
    assert drive(answer_after_waiting()) == 42
