"""A walk-forward in a notebook shows what its report says."""

from pathlib import Path

import pytest

from ocw_strategy.backtest.walkforward.report import verdict_sentence
from ocw_strategy.research.walk import WalkForward
from tests.backtest.walkforward.walks import hand_nulls, hand_walk


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> WalkForward:
    result = hand_walk(tmp_path_factory.mktemp("walk"))
    return WalkForward(result, hand_nulls(result))


def test_its_frames_are_its_windows_grid_and_nulls(walk: WalkForward) -> None:
    windows = walk.result.windows
    assert walk.equity.equity.tolist() == walk.result.equity.tolist()
    assert walk.windows["sharpe"].tolist() == [w.out.performance.sharpe for w in windows]
    assert walk.windows["gate.shock_z"].tolist() == pytest.approx([4.0, 4.1, 4.2, 4.3, 4.4, 4.5])
    assert str(walk.windows.index.tz) == "UTC"
    assert walk.grid.shape == (210, 3)
    assert walk.null_table.index[0] == "OCW"
    assert walk.null_table.loc["no gate", "fees_usd"] == 30.0
    assert {"difference.sharpe.low", "standing"} <= set(walk.null_table.columns)


def test_it_shows_itself(walk: WalkForward) -> None:
    html = walk._repr_html_()
    assert verdict_sentence(walk.result, walk.assessment)[:30] in html
    for sentence in walk.nulls.table.sentences() if walk.nulls else ():
        assert sentence[:30] in html
    assert walk.plot_equity().data
    assert walk.plot_windows().data
    assert "6 windows" in repr(walk)


def test_it_writes_its_report(walk: WalkForward) -> None:
    assert walk.write_report().read_text().startswith("<!doctype html>")


def test_without_nulls_it_says_so(tmp_path: Path) -> None:
    bare = WalkForward(hand_walk(tmp_path))
    assert bare.null_table.empty
    assert "The nulls were not run." in bare._repr_html_()
