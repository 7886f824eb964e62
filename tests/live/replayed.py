"""An advisor that says at each close what another run decided there, and otherwise to hold."""

import json
from pathlib import Path

from ocw_strategy.advisor import Advice
from ocw_strategy.advisor.decision import Decision, parse_decision
from ocw_strategy.journal import DecisionRow, JournalReader
from ocw_strategy.market import MarketSnapshot

_LATER_S = 3600


class Replayed:
    """Decides from a file of decisions by close (see `keep_decisions`).

    Parameters
    ----------
    path : Path
    """

    name = "rules"

    def __init__(self, path: Path) -> None:
        self._decisions: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))

    async def decide(self, snapshot: MarketSnapshot) -> Advice:
        """Return what was decided at this close."""
        found = self._decisions.get(str(snapshot.now_ns))
        if found is None:
            return Advice(Decision.hold("nothing is recorded here", _LATER_S), "decided")
        return parse_decision(found, snapshot.instruments)


def keep_decisions(journal: JournalReader, path: Path) -> int:
    """Write the decisions of a run into a file; return how many."""
    found = {
        str(row.ts_ns): row.decision
        for row in journal.rows(DecisionRow)
        if row.outcome == "decided" and row.advisor == "rules"
    }
    path.write_text(json.dumps(found), encoding="utf-8")
    return len(found)
