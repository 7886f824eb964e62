"""The crash suite in small: it is green on the node, and red on a node without what makes it safe.

`make test-crash` strikes 300 points; here are a few, so that the suite itself is kept working.
"""

import json
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.live.blows import draw
from tests.live.restless import EXPOSURES, exposure_at

ROOT = Path(__file__).parents[2]


def strike(*arguments: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.live.crash", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=580,
    )  # fmt: skip
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


def test_the_dice_of_a_point_always_bring_the_same_blow() -> None:
    points = [f"1/{life}/{point}" for life in range(10) for point in range(30)]
    first = [draw(Random(point)) for point in points]
    again = [draw(Random(point)) for point in points]
    assert [(b.name, b.when, b.after_s, b.die) for b in first] == [
        (b.name, b.when, b.after_s, b.die) for b in again
    ]
    assert sum(blow.kills for blow in first) > len(first) / 3
    assert {blow.when for blow in first} == {"", "boundary", "close", "flight", "starting"}


def test_a_restless_advisor_wants_every_exposure_by_the_close_alone() -> None:
    wanted = [exposure_at(close, "BTCUSDT-PERP") for close in range(200)]
    assert set(wanted) == set(EXPOSURES)
    assert wanted == [exposure_at(close, "BTCUSDT-PERP") for close in range(200)]


@pytest.mark.slow
def test_a_node_that_is_struck_comes_to_rest() -> None:
    code, found = strike("--points", "12", "--seed", "2")
    assert (code, found["wrong"]) == (0, 0), found["wrongs"]
    assert found["kills"] >= 4
    assert found["fills"] >= 10


@pytest.mark.slow
@pytest.mark.parametrize("mutation", ["random-ids", "no-journal-first", "stock-client"])
def test_a_node_without_its_safety_is_found_out(mutation: str) -> None:
    only = ("--only", "unknown_outcome", "cut_answer", "kill_flight")
    code, found = strike(
        "--points", "40", "--seed", "2", "--mutation", mutation, "--stop-after", "1", *only
    )
    assert code == 1
    assert found["wrongs"]
