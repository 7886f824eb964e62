"""What the journal does not say of a node: that it is unwell or gone, that the halt file is there.

Both are told when they begin and when they are over. A node must have been unwell for a while: one
that starts, or misses a beat, is not worth a message.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ocw_strategy.alerts.alert import Alert, Severity
from ocw_strategy.alerts.cursor import Cursor
from ocw_strategy.errors import OcwError
from ocw_strategy.live.halt import HaltFile
from ocw_strategy.live.heartbeat import health, heartbeat_path, read_heartbeat
from ocw_strategy.units import SECOND_NS


@dataclass(frozen=True, slots=True)
class NodeSight:
    """A node at one moment, by the files beside its journal."""

    problems: tuple[str, ...] = ()
    """What is wrong, in words; empty while it is well."""
    halt: str | None = None
    """Why the halt file says that entries are stopped; None without one."""


def look_at_node(journal: Path, now_ns: int) -> NodeSight:
    """Return what heartbeat and halt file say."""
    file = HaltFile(journal)
    note = file.note() if file.halted() else None
    halt = (note.reason if note else "the file says nothing") if file.halted() else None
    try:
        beat = read_heartbeat(heartbeat_path(journal))
    except OcwError as error:
        return NodeSight((str(error),), halt)
    status, found = health(beat, now_ns)
    problems = found["problems"]
    assert isinstance(problems, list)
    return NodeSight(tuple(problems) if status != 200 else (), halt)


class NodeWatch:
    """Tell the changes.

    Parameters
    ----------
    unwell_seconds : float
        How long a node may be unwell before it is told.
    """

    def __init__(self, unwell_seconds: float) -> None:
        self._patience_ns = unwell_seconds * SECOND_NS
        self._unwell_since_ns: int | None = None

    def changes(self, sight: NodeSight, cursor: Cursor, now_ns: int) -> list[tuple[Alert, Cursor]]:
        """Return what is to be told, each with the cursor once it is."""
        found = []
        if (sight.halt is not None) != cursor.halted:
            cursor = cursor.model_copy(update={"halted": sight.halt is not None})
            found.append((_halt_alert(sight.halt, now_ns), cursor))
        if not sight.problems:
            self._unwell_since_ns = None
        elif self._unwell_since_ns is None:
            self._unwell_since_ns = now_ns
        since_ns = self._unwell_since_ns
        lasted = since_ns is not None and now_ns - since_ns >= self._patience_ns
        if lasted != cursor.unwell and (lasted or not sight.problems):
            cursor = cursor.model_copy(update={"unwell": lasted})
            found.append((_unwell_alert(sight.problems, now_ns), cursor))
        return found


def _halt_alert(reason: str | None, now_ns: int) -> Alert:
    if reason is None:
        return Alert("halt", Severity.INFO, now_ns, "The halt file is gone: entries may go on")
    return Alert("halt", Severity.CRITICAL, now_ns, "Entries halted by the halt file", reason)


def _unwell_alert(problems: Sequence[str], now_ns: int) -> Alert:
    if not problems:
        return Alert("watchdog", Severity.INFO, now_ns, "The node is well again")
    title = "The node is unwell"
    return Alert("watchdog", Severity.CRITICAL, now_ns, title, "\n".join(problems))
