"""What heartbeat and halt file say of a node; what cannot be read is never taken for well."""

import json
from pathlib import Path

import pytest

from ocw_strategy.dashboard.node import NodeView, read_node
from ocw_strategy.live.halt import HaltFile, HaltNote
from ocw_strategy.live.heartbeat import DEAD_NS, heartbeat_path, write_heartbeat
from tests.dashboard.beats import NOW_NS, beat


def node_of(path: Path, now_ns: int = NOW_NS) -> NodeView:
    return read_node(path, now_ns)


def test_without_a_heartbeat_there_is_no_node(tmp_path: Path) -> None:
    found = node_of(tmp_path / "node.db")
    assert (found.live, found.heartbeat, found.problems) == (False, None, ())


def test_a_node_is_well_until_its_heartbeat_is_old_or_tells_of_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    write_heartbeat(heartbeat_path(path), beat())
    assert node_of(path, NOW_NS + DEAD_NS).well
    assert not node_of(path, NOW_NS + DEAD_NS + 1).well
    write_heartbeat(heartbeat_path(path), beat(problems=("user stream: silent",)))
    assert node_of(path).problems == ("user stream: silent",)


def test_a_heartbeat_that_cannot_be_read_is_unwell_and_names_no_folder(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    heartbeat_path(path).write_text("{")
    found = node_of(path)
    assert (found.live, found.well) == (True, False)
    assert str(tmp_path) not in json.dumps(found.model_dump())


@pytest.mark.parametrize("text", ["", "{", '{"reason": 1}'])
def test_a_halt_file_halts_whatever_is_in_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "node.db"
    assert not node_of(path).halt.halted
    HaltFile(path).path.write_text(text)
    assert node_of(path).halt.halted
    HaltFile(path).halt(HaltNote(5, "by hand"))
    assert (node_of(path).halt.reason, node_of(path).halt.wall_ns) == ("by hand", 5)
