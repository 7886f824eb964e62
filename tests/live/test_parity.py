"""A backtest and a live node see the same market, judge it alike and send the same orders."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ocw_strategy.journal import Evaluation, Journal
from tests.live.parity import compare

ROOT = Path(__file__).parents[2]


def test_a_verdict_that_differs_is_told_and_not_explained_away(tmp_path: Path) -> None:
    rows = [Evaluation(ts, 0, "quiet", "", 0.0, 1.0, "calm") for ts in (900, 1800, 2700)]
    other = Evaluation(1800, 1, "timer", "timer", 0.0, 1.0, "calm")
    for name, changed in (("there", rows[1]), ("here", other)):
        with Journal.open(tmp_path / f"{name}.db", run_id=name) as journal:
            journal.append_durably(rows[0], changed, rows[2])
    with (
        Journal.read_only(tmp_path / "there.db") as there,
        Journal.read_only(tmp_path / "here.db") as here,
    ):
        same = compare(there, there, 0, 2700)
        found = compare(there, here, 0, 2700)
    assert (same["verdicts_equal"], same["unexplained"]) == (3, 0)
    assert (found["closes"], found["verdicts_equal"], found["unexplained"]) == (3, 2, 1)
    assert found["differences"][0]["live"] == (1, "timer", "timer")


@pytest.mark.slow
def test_three_hours_are_judged_and_traded_alike() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.live.parity", "--hours", "3"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["closes"], found["verdicts_equal"]) == (12, 12)
    assert found["orders"] == found["orders_equal"] > 0
