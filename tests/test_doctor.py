"""Whether Claude can be asked is told in lines, and nothing is bought to tell it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ocw_strategy.doctor import Check, advisor_checks, true_tokens
from ocw_strategy.errors import JournalError, SettingsError
from ocw_strategy.journal import DecisionRow, Journal
from tests.backtest.runs import decided, flat, hand_settings, write_run
from tests.claude import KEY, ClaudeApi
from tests.market.examples import make_snapshot


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[ClaudeApi]:
    with ClaudeApi() as server:
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        yield server


def checks(folder: Path, start: str = "2026-03-01", **claude: Any) -> dict[str, Check]:
    own = {"recording": str(folder / "recording.db")} | claude
    settings = hand_settings(
        folder,
        run={"start": start, "end": "2026-12-01"},
        advisor={"kind": "claude", "claude": own},
    )
    return {check.name: check for check in advisor_checks(settings)}


def journal_with_a_decision(folder: Path) -> Path:
    row = decided("d", 0)
    values = {name: getattr(row, name) for name in DecisionRow.__slots__}
    shown = DecisionRow(**values | {"snapshot": make_snapshot().canonical_json()})
    return write_run(folder / "run", hand_settings(folder), [*flat(), shown]) / "journal.db"


def test_all_is_well_where_key_model_window_budget_and_recording_are(
    tmp_path: Path, api: ClaudeApi
) -> None:
    found = checks(tmp_path)
    assert list(found) == ["key", "model", "window", "budget", "recording"]
    assert all(check.well for check in found.values())
    assert api.calls == []


def test_a_missing_key_is_named_and_the_rest_is_told_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    found = checks(tmp_path)
    assert not found["key"].well
    assert "ANTHROPIC_API_KEY is not set" in found["key"].said
    assert found["model"].well


@pytest.mark.parametrize(
    ("name", "start", "claude", "words"),
    [
        ("model", "2026-03-01", {"model": "claude-9"}, "claude-9"),
        ("window", "2024-01-01", {}, "begin after"),
        ("window", "2024-01-01", {"allow_hindsight": True}, "HINDSIGHT"),
        ("recording", "2026-03-01", {"recording": ""}, "a backtest needs one"),
        ("budget", "2026-03-01", {"budget_usd_per_day": "0"}, "0 USD a day"),
    ],
)
def test_what_stands_in_the_way_is_said_with_its_remedy(
    name: str, start: str, claude: dict[str, Any], words: str, tmp_path: Path
) -> None:
    found = checks(tmp_path, start, **claude)
    assert not found[name].well
    assert words in found[name].said


def test_a_file_that_is_no_recording_is_said_to_be_none(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "recording.db", run_id="other", power_safe=False):
        pass
    assert "journal of run other" in checks(tmp_path)["recording"].said


def test_the_true_size_of_a_prompt_is_asked_for_and_compared(
    tmp_path: Path, api: ClaudeApi
) -> None:
    journal = journal_with_a_decision(tmp_path)
    check = true_tokens(hand_settings(tmp_path), journal)
    assert "by the API" in check.said
    assert [call.path for call in api.calls] == ["/v1/messages/count_tokens"]
    assert api.messages == []


def test_a_key_that_is_refused_is_found_out_by_it(
    tmp_path: Path, api: ClaudeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-another")
    check = true_tokens(hand_settings(tmp_path), journal_with_a_decision(tmp_path))
    assert not check.well
    assert check.said.startswith("auth:")
    assert "sk-ant-another" not in check.said


def test_without_a_key_or_a_decision_nothing_is_asked(
    tmp_path: Path, api: ClaudeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = write_run(tmp_path / "empty", hand_settings(tmp_path), flat()) / "journal.db"
    with pytest.raises(JournalError, match="name one with a decision"):
        true_tokens(hand_settings(tmp_path), empty)
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    with pytest.raises(SettingsError, match="ANTHROPIC_API_KEY"):
        true_tokens(hand_settings(tmp_path), journal_with_a_decision(tmp_path))
    assert api.calls == []
