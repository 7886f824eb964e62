"""What a journal's new rows become: the right alerts, each once, none of the past."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ocw_strategy.alerts.alert import Alert, Severity
from ocw_strategy.alerts.cursor import Cursor
from ocw_strategy.alerts.feed import Step, read_feed
from ocw_strategy.alerts.settings import AlertSettings
from ocw_strategy.journal import Journal, Record
from tests.alerts.journals import (
    decision,
    equity,
    event,
    fill,
    intent,
    open_journal,
    trade,
)

SETTINGS = AlertSettings()


def look(
    path: Path, cursor: Cursor, settings: AlertSettings = SETTINGS
) -> tuple[list[Step], Cursor]:
    with Journal.read_only(path) as reader:
        return read_feed(reader, cursor, settings)


def told(
    path: Path, *rows: Record, before: Sequence[Record] = (), settings: AlertSettings = SETTINGS
) -> list[Alert]:
    """Return what is told of rows that are written after the first look."""
    with open_journal(path) as journal:
        journal.append_durably(*before)
        _, cursor = look(path, Cursor())
        journal.append_durably(*rows)
        steps, _ = look(path, cursor, settings)
    return [step.alert for step in steps]


def test_history_is_not_told(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    with open_journal(path) as journal:
        journal.append_durably(event("halt:drawdown"), fill("1"), trade("1", 5.0))
    steps, cursor = look(path, Cursor())
    assert steps == []
    assert look(path, cursor) == ([], cursor)


def test_an_order_filled_in_parts_is_one_entry_at_its_mean_price(tmp_path: Path) -> None:
    [alert] = told(
        tmp_path / "j.db",
        fill("1", quantity="0.5", price="60000"),
        fill("2", quantity="1.5", price="60400"),
        before=[intent("O-1", "abc123")],
    )
    assert alert.title == "Long 2.0 BTCUSDT-PERP at 60300"
    assert "120,600.00 USD, fee 30.00 USD, decision abc123" in alert.text


def test_a_closed_position_is_told_with_what_it_earned(tmp_path: Path) -> None:
    rows = (trade("1", 300.0), trade("2", -100.0, exit_price="61000"))
    [alert] = told(tmp_path / "j.db", fill("9", "O-2", purpose="exit", side="SELL"), *rows)
    assert alert.title == "Closed long 1.0 BTCUSDT-PERP: +200.00 USD (+0.33%)"
    assert "by trailing stop at 61000" in alert.text


@pytest.mark.parametrize(
    ("kind", "about", "severity", "words"),
    [
        ("halt:drawdown", "halt", Severity.CRITICAL, "Entries halted: drawdown"),
        ("halt_ended:daily_loss", "halt", Severity.INFO, "Halt over: daily loss"),
        ("watchdog:stop_entries", "watchdog", Severity.WARNING, "stale"),
        ("watchdog:resume_entries", "watchdog", Severity.INFO, "back"),
        ("blocked:unexplained", "drift", Severity.CRITICAL, "the journal does not"),
        ("foreign_fill", "drift", Severity.CRITICAL, "no order of ours"),
        ("fault:on_bar", "fault", Severity.CRITICAL, "A fault in the node: on bar"),
        ("node_stopped", "node", Severity.WARNING, "Node stopped"),
    ],
)
def test_events_a_person_would_ask_about_are_told(
    tmp_path: Path, kind: str, about: str, severity: Severity, words: str
) -> None:
    [alert] = told(tmp_path / "j.db", event(kind, symbol="X"))
    assert (alert.kind, alert.severity) == (about, severity)
    assert words in alert.title
    assert alert.title.endswith("(X)")
    assert alert.text == "why"


@pytest.mark.parametrize("kind", ["dropped:dust", "hold:late", "superseded", "wake_skipped"])
def test_what_only_the_journal_keeps_is_not_told(tmp_path: Path, kind: str) -> None:
    assert told(tmp_path / "j.db", event(kind)) == []


def test_a_fault_that_goes_on_is_told_once_and_later_with_its_number(tmp_path: Path) -> None:
    rows = [event("fault:on_bar", minutes) for minutes in (0, 1, 2, 29, 31, 32)]
    first, second = told(tmp_path / "j.db", *rows)
    assert first.title == "A fault in the node: on bar"
    assert second.title == "A fault in the node: on bar (and 3 times since it was told)"


def test_another_instruments_fault_is_another_fault(tmp_path: Path) -> None:
    rows = [event("fault:on_bar", symbol=symbol) for symbol in ("A", "B", "A", "B")]
    assert [alert.title[-3:] for alert in told(tmp_path / "j.db", *rows)] == ["(A)", "(B)"]


def test_the_breaker_is_told_when_it_opens_and_when_it_closes(tmp_path: Path) -> None:
    outcomes = ("decided", "breaker_open", "breaker_open", "timeout", "decided", "decided")
    rows = [decision(n, outcome=outcome) for n, outcome in enumerate(outcomes)]
    opened, closed = told(tmp_path / "j.db", *rows)
    assert (opened.kind, opened.severity) == ("breaker", Severity.WARNING)
    assert closed.title == "Circuit breaker closed: the model answers"


def test_a_refused_key_is_told(tmp_path: Path) -> None:
    [alert] = told(tmp_path / "j.db", decision(1, outcome="auth", detail="HTTP 401"))
    assert (alert.kind, alert.severity, alert.text) == ("fault", Severity.CRITICAL, "HTTP 401")


def test_muted_kinds_and_lesser_severities_are_left_out(tmp_path: Path) -> None:
    rows = (fill("1"), event("halt:drawdown"), event("fault:x"), event("node_stopped"))
    settings = AlertSettings(least=Severity.WARNING, muted=("fault",))
    kinds = [alert.kind for alert in told(tmp_path / "j.db", *rows, settings=settings)]
    assert kinds == ["halt", "node"]


def test_a_new_journal_of_the_name_begins_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    with open_journal(path) as journal:
        journal.append_durably(fill("1"))
        _, cursor = look(path, Cursor())
    path.unlink()
    with open_journal(path, created_wall_ns=2) as journal:
        journal.append_durably(fill("1"), fill("2", "O-2"))
        steps, cursor = look(path, cursor)
        assert steps == []
        journal.append_durably(fill("3", "O-3"))
        assert len(look(path, cursor)[0]) == 1


def test_a_restored_copy_that_is_shorter_is_followed_from_its_end(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    with open_journal(path) as journal:
        journal.append_durably(fill("1"), fill("2", "O-2"))
        _, cursor = look(path, Cursor())
    path.unlink()
    with open_journal(path) as journal:
        journal.append_durably(fill("1"))
        steps, cursor = look(path, cursor)
        journal.append_durably(fill("5", "O-5"))
        again, _ = look(path, cursor)
    assert (steps, len(again)) == ([], 1)


KINDS = ("halt:a", "fault:b", "node_started", "dropped:c", "watchdog:stop_entries", "foreign_fill")


@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    kinds=st.lists(st.sampled_from(KINDS), max_size=25),
    cuts=st.lists(st.integers(0, 25), max_size=4),
    stops=st.lists(st.integers(0, 6), min_size=30, max_size=30),
)
def test_however_it_is_cut_and_restarted_the_same_is_told_once(
    tmp_path_factory: pytest.TempPathFactory, kinds: list[str], cuts: list[int], stops: list[int]
) -> None:
    """Rows come in any pieces, and a reader dies after any number of deliveries."""
    rows = [event(kind, minutes) for minutes, kind in enumerate(kinds)]
    whole = told(tmp_path_factory.mktemp("a") / "j.db", *rows)
    path = tmp_path_factory.mktemp("b") / "j.db"
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    delivered: list[Alert] = []
    dying = iter(stops)
    with open_journal(path) as journal:
        _, kept = look(path, Cursor())
        for start, end in itertools.pairwise(edges):
            journal.append_durably(*rows[start:end])
            for stop in (next(dying), next(dying), None):
                steps, after = look(path, kept)
                for step in steps[:stop]:
                    delivered.append(step.alert)
                    kept = step.after
                if stop is None:
                    kept = after
    assert delivered == whole


def test_the_days_summary_comes_with_the_first_equity_of_the_next(tmp_path: Path) -> None:
    rows = (
        fill("1"), trade("1", 12.5), decision(1, outcome="decided"), event("halt:daily_loss"),
        equity(1, 10_100.0), equity(11.99, 10_200.0), equity(12, 10_150.0), equity(13, 10_000.0),
    )  # fmt: skip
    *_, alert = told(tmp_path / "j.db", *rows, before=[equity(-14, 9_900.0), equity(0, 10_000.0)])
    assert alert.kind == "summary"
    assert alert.title == ("Day from 2024-10-04 00:00: equity 10,200.00 USD, +300.00 (+3.03%)")
    assert "trades closed: 1, net +12.50 USD after fees of 30.00" in alert.text
    assert "decisions: 1 decided" in alert.text
    assert "held: +0.5 BTCUSDT-PERP" in alert.text
    assert "halts: 1" in alert.text


def test_a_summary_may_look_back_from_another_hour(tmp_path: Path) -> None:
    rows = (equity(5.9, 10_100.0), equity(6, 10_200.0), equity(12, 1.0))
    [alert] = told(
        tmp_path / "j.db", *rows, before=[equity(0, 10_000.0)],
        settings=AlertSettings(summary_hour=18),
    )  # fmt: skip
    assert alert.title.startswith("Day from 2024-10-03 18:00: equity 10,100.00 USD, +100.00")
