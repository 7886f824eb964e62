from pathlib import Path

import pytest

from ocw_strategy.advisor import HindsightError
from ocw_strategy.advisors import hindsight_warning
from ocw_strategy.errors import SettingsError
from tests.backtest.runs import hand_settings

CLAUDE = {"kind": "claude"}


def test_rules_remember_nothing(tmp_path: Path) -> None:
    assert hindsight_warning(hand_settings(tmp_path)) == ""


def test_a_window_that_claude_may_remember_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(HindsightError, match=r"advisor\.claude\.allow_hindsight"):
        hindsight_warning(hand_settings(tmp_path, advisor=CLAUDE))


def test_where_it_is_allowed_the_run_is_marked(tmp_path: Path) -> None:
    allowed = CLAUDE | {"claude": {"allow_hindsight": True}}
    assert "HINDSIGHT" in hindsight_warning(hand_settings(tmp_path, advisor=allowed))


def test_a_model_that_screens_must_not_remember_it_either(tmp_path: Path) -> None:
    settings = hand_settings(
        tmp_path,
        run={"start": "2026-03-01", "end": "2026-03-02"},
        advisor=CLAUDE | {"claude": {"screen_model": "claude-sonnet-5-5"}},
    )
    with pytest.raises(HindsightError, match="claude-sonnet-5-5"):
        hindsight_warning(settings)


def test_nobody_remembers_a_market_that_was_made_up_here(tmp_path: Path) -> None:
    (tmp_path / "sample.json").write_text('{"synthetic": true}')
    assert hindsight_warning(hand_settings(tmp_path, advisor=CLAUDE)) == ""


def test_an_unknown_model_is_refused_by_name(tmp_path: Path) -> None:
    settings = hand_settings(tmp_path, advisor=CLAUDE | {"claude": {"model": "claude-9"}})
    with pytest.raises(SettingsError, match="claude-9"):
        hindsight_warning(settings)
