"""The node behind a journal, as its heartbeat and its halt file tell it.

Both files lie beside the journal. A journal without a heartbeat is that of a backtest, or of a node
that has not started yet: nothing is said of its health. A heartbeat that cannot be read is unwell,
not absent.
"""

from pathlib import Path

from ocw_strategy.errors import OcwError
from ocw_strategy.live.halt import HaltFile
from ocw_strategy.live.heartbeat import Heartbeat, health, heartbeat_path, read_heartbeat
from ocw_strategy.model import Strict


class HaltView(Strict):
    """The halt file."""

    halted: bool
    reason: str
    """What its writer said; empty where it says nothing that can be read."""
    wall_ns: int
    """When it was written; 0 where that cannot be read."""


class NodeView(Strict):
    """A node at this moment."""

    live: bool
    """Whether a node has ever run on the journal."""
    well: bool
    problems: tuple[str, ...]
    """What is wrong, in words."""
    heartbeat: Heartbeat | None
    halt: HaltView


def read_node(journal: Path, now_ns: int) -> NodeView:
    """Return the state of the node that writes a journal.

    Parameters
    ----------
    journal : Path
    now_ns : int
        Wall time.
    """
    halt = _halt(journal)
    path = heartbeat_path(journal)
    if not path.exists():
        return NodeView(live=False, well=True, problems=(), heartbeat=None, halt=halt)
    try:
        beat = read_heartbeat(path)
    except OcwError as error:
        # its text would name the folder
        return NodeView(
            live=True, well=False, problems=(f"heartbeat: {error.remedy}",), heartbeat=None,
            halt=halt,
        )  # fmt: skip
    status, body = health(beat, now_ns)
    problems = body["problems"]
    assert isinstance(problems, list)
    return NodeView(
        live=True, well=status == 200, problems=tuple(problems), heartbeat=beat, halt=halt
    )


def _halt(journal: Path) -> HaltView:
    file = HaltFile(journal)
    note = file.note()
    return HaltView(
        halted=file.halted(),
        reason=note.reason if note else "",
        wall_ns=note.wall_ns if note else 0,
    )
