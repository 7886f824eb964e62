"""A node that is gone, and a halt by hand, are told once each, and when they are over."""

from pathlib import Path

import pytest

from ocw_strategy.alerts.alert import Severity
from ocw_strategy.alerts.cursor import Cursor
from ocw_strategy.alerts.node_watch import NodeSight, NodeWatch, look_at_node
from ocw_strategy.live.halt import HaltFile, HaltNote
from ocw_strategy.live.heartbeat import heartbeat_path, write_heartbeat
from ocw_strategy.units import SECOND_NS
from tests.alerts.journals import START_NS
from tests.alerts.test_commands import beat

DEAD, WELL = NodeSight(("dead",)), NodeSight()


def told(
    sights: list[NodeSight], *, every_s: int = 30, cursor: Cursor | None = None
) -> list[tuple[int, str]]:
    """Return what is told of a node, with the second of it."""
    watch, cursor, found = NodeWatch(60.0), cursor or Cursor(), []
    for number, sight in enumerate(sights):
        now_ns = number * every_s * SECOND_NS
        for alert, after in watch.changes(sight, cursor, now_ns):
            cursor = after
            found.append((number * every_s, alert.title))
    return found


def test_a_moment_of_weakness_is_not_told() -> None:
    assert told([DEAD, DEAD, WELL, DEAD, DEAD, WELL]) == []


def test_what_lasts_is_told_once_and_its_end_once() -> None:
    assert told([DEAD] * 6 + [WELL] * 3) == [
        (60, "The node is unwell"),
        (180, "The node is well again"),
    ]


def test_a_restart_of_the_alerts_tells_neither_again() -> None:
    assert told([DEAD] * 6, cursor=Cursor(unwell=True)) == []
    assert told([WELL], cursor=Cursor(unwell=True)) == [(0, "The node is well again")]


def test_a_halt_by_hand_is_told_at_once_and_its_end() -> None:
    halted = NodeSight(halt="I am on a train")
    assert told([WELL, halted, halted, WELL]) == [
        (30, "Entries halted by the halt file"),
        (90, "The halt file is gone: entries may go on"),
    ]
    [(alert, cursor)] = NodeWatch(60.0).changes(halted, Cursor(), 0)
    assert (alert.severity, alert.text) == (Severity.CRITICAL, "I am on a train")
    assert cursor.halted


@pytest.mark.parametrize(
    ("age_s", "state", "words"),
    [(10, "running", ""), (91, "running", "91 s old"), (10, "starting", "the node is starting")],
)
def test_a_node_is_seen_by_its_heartbeat(
    tmp_path: Path, age_s: int, state: str, words: str
) -> None:
    write_heartbeat(heartbeat_path(tmp_path / "j.db"), beat(state=state))
    sight = look_at_node(tmp_path / "j.db", START_NS + age_s * SECOND_NS)
    assert sight.halt is None
    assert bool(sight.problems) is bool(words)
    assert words in "".join(sight.problems)


def test_without_a_heartbeat_there_is_no_node(tmp_path: Path) -> None:
    assert "no node has run" in look_at_node(tmp_path / "j.db", 0).problems[0]


def test_the_halt_file_is_seen_even_where_it_says_nothing(tmp_path: Path) -> None:
    file = HaltFile(tmp_path / "j.db")
    file.halt(HaltNote(1, "by hand"))
    assert look_at_node(tmp_path / "j.db", 0).halt == "by hand"
    file.path.write_bytes(b"\xff")
    assert look_at_node(tmp_path / "j.db", 0).halt == "the file says nothing"
