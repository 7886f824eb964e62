from pathlib import Path

import pytest

from ocw_strategy.errors import JournalError
from ocw_strategy.journal import MEMORY, Journal, ReflectionRow
from tests.journal.samples import sample


def reflection(number: int, text: str, **given: str | int) -> ReflectionRow:
    return sample(
        ReflectionRow, number, text=text, **{"symbol": "BTCUSDT-PERP", "regime": "calm"} | given
    )


CALM = reflection(1, "expected a rise on funding, fell")
STORMY = reflection(2, "expected a fall, fell", regime="stormy")
OTHER = reflection(3, "flat", symbol="ETHUSDT-PERP", signals="open_interest_wrong")


def found(journal: Journal, *words: str, **given: int) -> list[str]:
    return [row.trade_id for row in journal.search(words, **given)]


@pytest.fixture
def journal() -> Journal:
    journal = Journal.open(MEMORY, run_id="search")
    with journal:
        for row in (CALM, STORMY, OTHER):
            journal.append(row)
        yield journal


def test_reflections_are_found_by_any_of_the_words_in_any_column(journal: Journal) -> None:
    assert found(journal, "funding") == [CALM.trade_id]
    assert found(journal, "stormy") == [STORMY.trade_id]
    assert found(journal, "open_interest_wrong") == [OTHER.trade_id]
    assert set(found(journal, "ETHUSDT-PERP", "stormy")) == {STORMY.trade_id, OTHER.trade_id}
    assert found(journal, "hailstorm") == []


def test_rare_words_count_most_and_the_newer_comes_first_among_equals(journal: Journal) -> None:
    assert found(journal, "fell", "stormy")[0] == STORMY.trade_id
    for number in (4, 6, 5):
        journal.append(reflection(number, "twins"))
    assert found(journal, "twins") == ["text 6", "text 5", "text 4"]
    assert found(journal, "twins", limit=1) == ["text 6"]


def test_a_trade_that_closes_later_is_not_known_yet(journal: Journal) -> None:
    assert found(journal, "fell", before_ns=STORMY.ts_ns) == [CALM.trade_id]


@pytest.mark.parametrize("word", ['"', "a AND", "NEAR(", "symbol:", "*", "-", "x OR y", "(", "\0"])
def test_words_are_never_read_as_a_query(journal: Journal, word: str) -> None:
    assert found(journal, word) == []
    assert found(journal, word, "funding") == [CALM.trade_id]


def test_no_words_find_nothing(journal: Journal) -> None:
    assert journal.search([]) == journal.search(["", " "]) == []


def test_the_index_follows_a_row_that_is_replaced(journal: Journal) -> None:
    journal.replace(reflection(1, "expected rain"))
    assert found(journal, "rain") == [CALM.trade_id]
    assert found(journal, "funding") == []


def test_the_same_row_again_is_indexed_once_and_a_contradiction_not_at_all(
    journal: Journal,
) -> None:
    journal.append_durably(CALM)
    with pytest.raises(JournalError, match="another row has its key"):
        journal.append_durably(reflection(1, "rain"))
    assert found(journal, "funding") == [CALM.trade_id]
    assert found(journal, "rain") == []


def test_a_search_finds_what_an_earlier_process_wrote(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path, run_id="earlier") as journal:
        journal.append(CALM)
    with Journal.read_only(path) as reader:
        assert reader.search(["funding"]) == [CALM]
