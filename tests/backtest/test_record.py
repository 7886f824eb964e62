"""`ocw record`: says what it takes, asks, buys, and what it bought is replayed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ocw_strategy.advisor import load_models
from ocw_strategy.advisors import recording_settings
from ocw_strategy.backtest.estimate import estimate_calls
from ocw_strategy.cli import app
from ocw_strategy.journal import Answered, Journal
from tests.backtest.eager import eager, short_frames
from tests.backtest.market import write_catalog
from tests.claude import KEY, ClaudeApi

CONFIG = """
[run]
name = "bought"
start = "2024-02-06"
end = "2024-02-06T06:00"
runs_dir = "{runs}"
[data]
catalog = "{catalog}"
derivatives = false
[gate]
shock_z = 0.001
budget_usd_per_day = 1000.0
reserved_calls = 0
calls_per_day_ceiling = 96
calls_per_month_day_ceiling = 96
[advisor]
kind = "claude"
[advisor.claude]
recording = "{recording}"
"""


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_catalog(tmp_path_factory.mktemp("record") / "catalog", short_frames())


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[ClaudeApi]:
    with ClaudeApi() as server:
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        yield server


@pytest.fixture
def config(market: Path, tmp_path: Path) -> Path:
    (market / "sample.json").write_text('{"synthetic": true}')
    path = tmp_path / "claude.toml"
    places = {"runs": tmp_path / "runs", "catalog": market, "recording": tmp_path / "r.db"}
    path.write_text(CONFIG.format(**places))
    return path


def answers(folder: Path) -> int:
    with Journal.read_only(folder / "r.db") as recording:
        return recording.count(Answered)


def test_it_says_what_it_takes_and_buys_nothing_without_a_yes(
    config: Path, tmp_path: Path, api: ClaudeApi
) -> None:
    done = CliRunner().invoke(app, ["record", str(config)], input="n\n")
    assert done.exit_code == 1
    assert "ESTIMATE" in done.output
    assert "calls" in done.output
    assert api.calls == []
    assert not (tmp_path / "r.db").exists()


def test_with_a_yes_it_buys_and_a_second_time_nothing_is_left_to_buy(
    config: Path, tmp_path: Path, api: ClaudeApi
) -> None:
    assert CliRunner().invoke(app, ["record", str(config)], input="y\n").exit_code == 0
    bought = len(api.messages)
    assert bought == answers(tmp_path) > 0
    again = CliRunner().invoke(app, ["record", str(config), "--yes"])
    assert again.exit_code == 0
    assert "is kept and goes on" in " ".join(again.output.split())
    assert len(api.messages) == bought


def test_without_a_key_it_stops_before_anything_is_walked(
    config: Path, api: ClaudeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    done = CliRunner().invoke(app, ["record", str(config), "--yes"])
    assert "ANTHROPIC_API_KEY" in str(done.exception)
    assert "ESTIMATE" not in done.output


def test_the_estimate_counts_the_calls_of_the_rules_and_prices_them(market: Path) -> None:
    settings = eager(market, run={"end": "2024-02-06T06:00"})
    found = estimate_calls(settings)
    model = load_models(Path("configs/models.toml")).get(found.model)
    assert found.calls > 10
    assert 1_000 < found.mean_input_tokens <= found.max_input_tokens <= 4_000
    assert found.expected_usd < found.worst_usd
    assert found.worst_usd <= found.calls * model.worst_case_usd(found.max_input_tokens, 2_048)
    assert found.days == 0.25


def test_a_recording_that_is_not_named_is_called_after_the_run(market: Path) -> None:
    settings = recording_settings(eager(market))
    assert settings.advisor.claude.recording == "recordings/backtest.db"
    assert (settings.advisor.kind, settings.advisor.claude.on_miss) == ("claude", "call")
