"""The bench of the dashboard measures what was asked for."""

from pathlib import Path

import pytest

from ocw_strategy.journal import Journal
from tests.bench.dashboard import PATHS, ask, measured, p95
from tests.dashboard.serving import Served
from tests.journal.samples import evaluation


def test_the_slowest_twentieth_is_what_counts() -> None:
    assert p95([1.0] * 95 + [100.0] * 5) > 1.0
    assert p95([1.0] * 99 + [100.0]) == 1.0
    assert p95(list(map(float, range(101)))) == pytest.approx(95.0)


def test_every_path_is_asked_after_a_commit_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    commits: list[int] = []
    with Journal.open(path, run_id="live") as journal, Served(path, token=None) as served:

        def commit() -> None:
            commits.append(len(commits))
            journal.append_durably(evaluation(len(commits)))

        with pytest.raises(SystemExit, match="decisions/last answered 404"):
            measured(served.url, 2, commit)
        taken, status, tag = ask(f"{served.url}/api/overview")
    assert len(commits) == 2 * PATHS.index("/api/decisions/last") + 1
    assert (status, bool(tag)) == (200, True)
    assert taken > 0
