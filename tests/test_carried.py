"""What one run hands to the next."""

import pytest

from ocw_strategy.carried import DESK_STATE, HALT_STATE, CarriedState
from ocw_strategy.errors import JournalError
from ocw_strategy.journal import Journal


def test_a_state_is_what_the_journal_was_left_with() -> None:
    with Journal.open(":memory:", run_id="carried") as journal:
        journal.save_state(DESK_STATE, {"a": 1})
        journal.save_state(HALT_STATE, {"b": 2})
        carried = CarriedState.of(journal)
    assert carried == CarriedState({"a": 1}, {"b": 2})
    assert carried.learnt() == CarriedState({"a": 1}, None)


def test_a_run_that_did_not_end_has_none() -> None:
    with (
        Journal.open(":memory:", run_id="unfinished") as journal,
        pytest.raises(JournalError, match="came to its end"),
    ):
        CarriedState.of(journal)
