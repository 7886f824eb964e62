"""Each of the original engine's defects that concerns the deterministic heart has a test by name.

A test named ``test_b8_...`` promises that defect B8 does not come back.
"""

import ast
import re
from pathlib import Path

import pytest

DEFECTS = {
    1: "orders leave before limits and filters have run",
    2: "a submitted order is taken for a filled one, at the snapshot's price",
    4: "gross and net gains are mixed",
    5: "credit goes to the signals and regime of the exit",
    6: "a signal's direction depends on what is held",
    7: "derivatives arrive only after an extreme and then stay",
    8: "a z-score of a price level",
    9: "a z-score of a forming candle, and trackers frozen in a cooldown",
    10: "wake metrics that do not exist, and a malformed one that loses the decision",
    11: "candle and timer layers that never fire, or always",
    12: "one instrument under several names",
    13: "an unsound regime model whose failure looks like a calm market",
    16: "a window that does not bound the posteriors",
    17: "a restart that rebuilds and forgets what was learnt",
    22: "exit rules that cannot be reached, no stop at the venue, frozen prices believed",
    25: "exits that wait for an advisor",
    27: "adding to a short that reduces it",
    28: "several sources of costs",
    29: "caps checked one order at a time, and sizes invented for bad input",
    30: "no gross cap, no halt",
    33: "exits by rule that teach nothing",
    40: "the forming candle taken for a closed one",
}


def promises() -> dict[int, list[str]]:
    """Return the names of the tests of each defect."""
    found: dict[int, list[str]] = {}
    for path in Path(__file__).parent.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and (
                named := re.match(r"test_b(\d+)_", node.name)
            ):
                found.setdefault(int(named[1]), []).append(f"{path.name}::{node.name}")
    return found


@pytest.mark.parametrize("number", DEFECTS, ids=lambda number: f"B{number}")
def test_a_defect_has_a_test_named_after_its_promise(number: int) -> None:
    assert promises().get(number), f"B{number}: {DEFECTS[number]}"
