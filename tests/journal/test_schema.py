import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import astuple
from pathlib import Path

import pytest

from ocw_strategy.errors import JournalError
from ocw_strategy.journal import (
    RECORDS,
    SCHEMA_VERSION,
    DecisionRow,
    Event,
    Journal,
    JournalReader,
    ReflectionRow,
    SkippedDay,
)
from ocw_strategy.journal.migrations import MIGRATIONS
from ocw_strategy.journal.schema import (
    APPLICATION_ID,
    check_tables,
    column_names,
    create_statements,
    prepare,
)
from tests.journal.samples import sample

EARLIER = range(1, SCHEMA_VERSION)
"""Every version has a file of its statements, `version_<n>.sql`, written when it was current."""


def write_by_hand(path: Path, version: int, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {version}")
        connection.commit()


def statements_of_version(version: int) -> list[str]:
    text = Path(__file__).with_name(f"version_{version}.sql").read_text()
    # a trigger holds semicolons of its own, never at the end of a line
    return text.split(";\n")[:-1]


def folder_bytes(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def both_ways_to_open(path: Path) -> list[Callable[[], JournalReader]]:
    return [lambda: Journal.open(path, run_id="run"), lambda: Journal.read_only(path)]


@pytest.mark.parametrize("version", EARLIER)
def test_a_journal_of_any_earlier_version_opens_as_the_records_of_today(
    tmp_path: Path, version: int
) -> None:
    """A record that was changed without a migration fails here.

    A new version needs the file of the one before it, made there with
    ``"".join(f"{statement};\\n" for statement in create_statements())``.
    """
    path = tmp_path / "old.db"
    write_by_hand(path, version, *statements_of_version(version))
    with Journal.open(path, run_id="old") as journal:
        for kind in RECORDS:
            journal.append(sample(kind, 1))
        assert all(journal.rows(kind) == [sample(kind, 1)] for kind in RECORDS)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


def test_the_rows_of_a_journal_of_version_1_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    new = ("request_key", "model", "detail", "usage")
    decision = sample(DecisionRow, 7, **dict.fromkeys(new, ""))
    event = sample(Event, 7)
    kept = [getattr(decision, name) for name in column_names(DecisionRow) if name not in new]
    write_by_hand(path, 1, *statements_of_version(1))
    with closing(sqlite3.connect(path)) as connection, connection:
        marks = ", ".join("?" * len(kept))
        connection.execute(f"INSERT INTO decisions VALUES ({marks})", kept)
        connection.execute("INSERT INTO events VALUES (?, ?, ?, ?)", astuple(event))
    with Journal.open(path, run_id="old") as journal:
        assert journal.rows(DecisionRow) == [decision]
        assert journal.rows(Event) == [event]


def test_every_row_of_a_journal_of_version_2_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    kept = [kind for kind in RECORDS if kind is not SkippedDay]
    write_by_hand(path, 2, *statements_of_version(2))
    with closing(sqlite3.connect(path)) as connection, connection:
        for kind in kept:
            values = astuple(sample(kind, 3))
            marks = ", ".join("?" * len(values))
            connection.execute(f"INSERT INTO {kind.TABLE} VALUES ({marks})", values)
    with Journal.open(path, run_id="old") as journal:
        assert [journal.rows(kind) for kind in kept] == [[sample(kind, 3)] for kind in kept]
        assert journal.search(["text"]) == [sample(ReflectionRow, 3)]
        assert journal.rows(SkippedDay) == []


@pytest.mark.parametrize("version", EARLIER)
def test_a_migrated_journal_is_laid_out_as_a_new_one(tmp_path: Path, version: int) -> None:
    """All but the order of columns that were added: indexes and triggers to the letter."""
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    write_by_hand(old, version, *statements_of_version(version))
    layouts = []
    for path in (old, new):
        Journal.open(path, run_id="any").close()
        with closing(sqlite3.connect(path)) as connection:
            found = connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql NOT NULL")
            layouts.append({name: sql for name, sql in found if name != "decisions"})
    assert layouts[0] == layouts[1]


@pytest.mark.parametrize("lost", ["TRIGGER reflections_updated", "TABLE reflections_text"])
def test_a_journal_without_its_full_text_index_is_refused(tmp_path: Path, lost: str) -> None:
    path = tmp_path / "unindexed.db"
    write_by_hand(path, SCHEMA_VERSION, *create_statements(), f"DROP {lost}")
    with pytest.raises(JournalError, match=r"table reflections_text.*migration"):
        Journal.open(path, run_id="unindexed")


def test_a_new_journal_is_marked_and_versioned_in_its_header(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    Journal.open(path, run_id="new").close()
    header = path.read_bytes()[:100]
    assert header[68:72] == b"OCWJ"
    assert int.from_bytes(header[60:64]) == SCHEMA_VERSION


def test_migrations_bring_an_older_file_forward_with_its_rows() -> None:
    older = [
        statement.replace("detail TEXT NOT NULL) STRICT", "note TEXT NOT NULL) STRICT")
        if statement.startswith("CREATE TABLE events")
        else statement
        for statement in create_statements()
        if not statement.startswith("CREATE TABLE clamps")
    ]
    assert older != create_statements()
    clamps = next(s for s in create_statements() if s.startswith("CREATE TABLE clamps"))
    migrations = (
        ("ALTER TABLE events RENAME COLUMN note TO detail",),
        (clamps, "UPDATE events SET kind = 'halted' WHERE kind = 'halt'"),
    )
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for statement in older:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
        connection.execute("INSERT INTO events VALUES (5, 'halt', 'BTCUSDT-PERP', 'kept')")

        prepare(connection, migrations)

        check_tables(connection)
        assert connection.execute("PRAGMA user_version").fetchone() == (3,)
        assert connection.execute("SELECT * FROM events").fetchall() == [
            (5, "halted", "BTCUSDT-PERP", "kept")
        ]


def test_a_failed_migration_leaves_the_version_before_it_whole() -> None:
    migrations = (
        *MIGRATIONS,
        ("ALTER TABLE events ADD COLUMN first TEXT",),
        ("ALTER TABLE events ADD COLUMN second TEXT", "INSERT INTO nowhere VALUES (1)"),
    )
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        prepare(connection)
        with pytest.raises(sqlite3.OperationalError, match="nowhere"):
            prepare(connection, migrations)
        names = [name for _, name, *_ in connection.execute("PRAGMA table_info(events)")]
        assert "first" in names
        assert "second" not in names
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION + 1,)


@pytest.mark.parametrize("change", ["DROP COLUMN symbol", "ADD COLUMN surprise TEXT"])
def test_a_table_that_is_not_its_record_is_refused_by_name(tmp_path: Path, change: str) -> None:
    path = tmp_path / "changed.db"
    write_by_hand(path, SCHEMA_VERSION, *create_statements(), f"ALTER TABLE events {change}")
    with pytest.raises(JournalError, match=r"table events.*migration"):
        Journal.open(path, run_id="changed")
    with pytest.raises(JournalError, match=r"table events.*migration"):
        Journal.read_only(path)


def test_a_table_without_its_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keyless.db"
    bare = [statement.replace(", UNIQUE (ts_ns)", "") for statement in create_statements()]
    write_by_hand(path, SCHEMA_VERSION, *bare)
    with pytest.raises(JournalError, match=r"table equity.*UNIQUE"):
        Journal.open(path, run_id="keyless")


def test_a_newer_journal_is_refused_naming_its_version_and_left_untouched(tmp_path: Path) -> None:
    path = tmp_path / "newer.db"
    newer = SCHEMA_VERSION + 1
    write_by_hand(path, newer, *create_statements())
    before = folder_bytes(tmp_path)
    for opening in both_ways_to_open(path):
        with pytest.raises(JournalError, match=rf"version: was {newer}.*update OCW"):
            opening()
        assert folder_bytes(tmp_path) == before


@pytest.mark.parametrize(
    "content", [b"ts,open\n1,2\n", b"\0" * 4096, b"SQLite format 3\0" + b"\0" * 50]
)
def test_a_file_that_is_not_a_journal_is_refused_and_left_untouched(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "other.csv"
    path.write_bytes(content)
    for opening in both_ways_to_open(path):
        with pytest.raises(JournalError, match="not an OCW journal"):
            opening()
        assert folder_bytes(tmp_path) == {"other.csv": content}


def test_another_program_s_database_is_refused_and_left_untouched(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE events (a)")
    before = folder_bytes(tmp_path)
    with pytest.raises(JournalError, match="not an OCW journal"):
        Journal.open(path, run_id="other")
    assert folder_bytes(tmp_path) == before


def test_an_older_journal_read_only_names_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "older.db"
    Journal.open(path, run_id="older").close()
    monkeypatch.setattr("ocw_strategy.journal.schema.SCHEMA_VERSION", SCHEMA_VERSION + 1)
    with pytest.raises(JournalError, match="open it for writing once"):
        Journal.read_only(path)


def test_an_empty_file_becomes_a_journal_for_a_writer_and_is_refused_to_a_reader(
    tmp_path: Path,
) -> None:
    path = tmp_path / "empty.db"
    path.touch()
    with pytest.raises(JournalError, match="open it for writing once"):
        Journal.read_only(path)
    with Journal.open(path, run_id="empty") as journal:
        assert journal.count(Event) == 0


def test_a_journal_cut_short_is_an_error_and_not_an_empty_result(tmp_path: Path) -> None:
    path = tmp_path / "cut.db"
    with Journal.open(path, run_id="cut") as journal:
        for number in range(2000):
            journal.append(sample(Event, number))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(JournalError, match="malformed"), Journal.read_only(path) as reader:
        reader.rows(Event)


def test_the_run_says_what_it_was_made_with_and_keeps_its_birth(tmp_path: Path) -> None:
    path = tmp_path / "meta.db"
    first = {"seed": 1, "gate": {"price": 0.5}}
    versions = {"ocw": "0.1.0"}
    Journal.open(path, run_id="meta", created_wall_ns=7, config=first, versions=versions).close()
    Journal.open(path, run_id="meta", created_wall_ns=8).close()
    expected = {"run_id": "meta", "created_wall_ns": 7, "config": first, "versions": versions}
    with Journal.read_only(path) as reader:
        assert reader.meta() == expected
    with Journal.open(path, run_id="meta", config={"seed": 2}) as journal:
        assert journal.meta() == expected | {"config": {"seed": 2}}


def test_a_journal_of_another_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    Journal.open(path, run_id="monday").close()
    with pytest.raises(JournalError, match=r"tuesday.*belongs to run monday"):
        Journal.open(path, run_id="tuesday")
    Journal.open(path, run_id="monday").close()
