import math
from dataclasses import astuple
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ocw_strategy.errors import JournalError
from ocw_strategy.journal import RECORDS, Equity, Evaluation, Journal, export_journal
from ocw_strategy.journal.schema import column_names
from tests.journal.samples import one_of_each, sample


def test_every_table_is_a_file_that_says_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "research" / "export"
    with Journal.open(tmp_path / "journal.db", run_id="march", config={"seed": 7}) as journal:
        for number in range(3):
            for record in one_of_each(number):
                journal.append(record)
        written = export_journal(journal, folder)
        assert written == {kind.TABLE: 3 for kind in RECORDS}
        for kind in RECORDS:
            table = pq.read_table(folder / f"{kind.TABLE}.parquet")
            assert tuple(table.column_names) == column_names(kind)
            assert [tuple(row.values()) for row in table.to_pylist()] == [
                astuple(row) for row in journal.rows(kind)
            ]
            assert table.schema.metadata[b"ocw.run_id"] == b"march"
            assert table.schema.metadata[b"ocw.config"] == b'{"seed":7}'
    assert sorted(path.name for path in folder.parent.iterdir()) == ["export"]


def test_nan_stays_nan_and_an_empty_table_keeps_its_columns(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "journal.db", run_id="march") as journal:
        journal.append(sample(Evaluation, 1, value=math.nan))
        export_journal(journal, tmp_path / "out")
    value = pq.read_table(tmp_path / "out" / "evaluations.parquet")["value"].to_pylist()
    assert math.isnan(value[0])
    empty = pq.read_table(tmp_path / "out" / "equity.parquet")
    assert (len(empty), tuple(empty.column_names)) == (0, column_names(Equity))


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with (
        Journal.open(tmp_path / "journal.db", run_id="march") as journal,
        pytest.raises(JournalError, match="is there already"),
    ):
        export_journal(journal, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
