"""Each trade is learnt from once, and what remembers it does not grow with the trades."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ocw_strategy.journal import MEMORY, Journal, Posterior, Trade
from ocw_strategy.live.learnt import LearntTrades
from tests.journal.samples import sample


def closed(number: int) -> Trade:
    return sample(Trade, number, trade_id=f"T-{number}")


steps = st.lists(
    st.tuples(st.sampled_from(["close", "tell", "restart"]), st.integers(0, 7)), max_size=40
)


@given(steps)
def test_whatever_comes_late_twice_or_after_a_restart_is_learnt_once(
    story: list[tuple[str, int]],
) -> None:
    """Trades are journalled in one order, told in another, told again, and lives end between."""
    lessons: list[str] = []
    with Journal.open(MEMORY, run_id="learnt") as journal:
        learnt = LearntTrades(journal)

        def learn(trade_id: str) -> None:
            if not learnt.has(trade_id):
                lessons.append(trade_id)
                learnt.add(trade_id)

        for what, number in story:
            match what:
                case "close":
                    journal.append(closed(number))
                case "tell":
                    learn(f"T-{number}")
                case _:
                    kept = json.loads(json.dumps(learnt.state()))
                    learnt = LearntTrades(journal)
                    learnt.restore(kept)
                    for trade in learnt.missed():
                        learn(trade.trade_id)
                    assert learnt.missed() == []
        rows = [trade.trade_id for trade in journal.rows(Trade)]
        told = {f"T-{number}" for what, number in story if what == "tell"}
    assert len(lessons) == len(set(lessons))
    assert told <= set(lessons) <= told | set(rows)


def test_what_is_kept_is_as_long_after_many_trades_as_after_few(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "node.db", run_id="learnt") as journal:
        learnt = LearntTrades(journal)
        for number in range(2500):
            journal.append(closed(number))
            assert not learnt.has(f"T-{number}")
            learnt.add(f"T-{number}")
        assert learnt.state() == {"first": 2499, "ahead": ["T-2499"]}
        again = LearntTrades(journal)
        again.restore(learnt.state())
        journal.append(closed(2500))
        assert again.missed() == [closed(2500)]
        assert all(again.has(f"T-{number}") for number in range(0, 2500, 499))
        assert not again.has("T-2500")


def test_the_list_that_was_kept_before_is_understood() -> None:
    with Journal.open(MEMORY, run_id="learnt") as journal:
        for number in range(4):
            journal.append(closed(number))
        learnt = LearntTrades(journal)
        learnt.restore(["T-0", "T-1", "T-3"])
        assert learnt.missed() == [closed(2)]
        assert learnt.state() == {"first": 2, "ahead": ["T-3"]}


def test_a_vacuum_changes_nothing(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "node.db", run_id="learnt") as journal:
        for number in range(5):
            journal.append(closed(number))
        journal.flush()
        journal._connection.execute("UPDATE trades SET rowid = rowid * 10")
        learnt = LearntTrades(journal)
        for number in range(3):
            learnt.add(f"T-{number}")
        journal._connection.execute("VACUUM")
        again = LearntTrades(journal)
        again.restore(learnt.state())
        assert again.missed() == [closed(3), closed(4)]


def test_taking_note_commits_nothing_that_belongs_with_the_state(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    with Journal.open(path, run_id="learnt") as journal:
        journal.append(closed(1))
        learnt = LearntTrades(journal)
        assert not learnt.has("T-1")
        journal.append(sample(Posterior, 1))
        learnt.add("T-1")
        with Journal.read_only(path) as other:
            assert other.count(Posterior) == 0
        journal.save_state("actor/3", {"learnt": learnt.state()})
        with Journal.read_only(path) as other:
            assert other.count(Posterior) == 1
