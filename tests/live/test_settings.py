"""A live config is a backtest config with a [live] table; a fault is one sentence."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from ocw_strategy.errors import SettingsError
from ocw_strategy.live.settings import LiveSettings, load_live
from ocw_strategy.settings import parse_time_ns
from tests.test_settings import commented_keys, fields, plain, value_at

CONFIGS = Path(__file__).parents[2] / "configs"
DEMO = CONFIGS / "demo.toml"
NOW_NS = parse_time_ns("2026-11-25T12:00:00")
LEAVES = dict(fields(LiveSettings, "live."))
WRITTEN = tomllib.loads(DEMO.read_text(encoding="utf-8"))


def load(path: Path, **overrides: Any) -> tuple[LiveSettings, Any]:
    return load_live(path, NOW_NS, overrides)


@pytest.mark.parametrize("key", sorted(LEAVES))
def test_every_live_setting_is_in_the_demo_config_at_its_default_and_explained(key: str) -> None:
    assert value_at(WRITTEN, key) == plain(LEAVES[key])
    assert commented_keys(DEMO.read_text(encoding="utf-8"))[key]


def test_a_live_run_starts_now_and_has_no_end() -> None:
    live, settings = load(DEMO)
    assert live.account == "demo"
    assert settings.run.start_ns == NOW_NS
    assert settings.run.end_ns > parse_time_ns("2099-01-01")
    assert settings.run.name == "demo"


def test_what_trades_is_the_same_model_as_in_a_backtest(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[live]\n[risk]\nvenue_leverage = 3.0\n[run]\nstart = "2026-01-01"\n')
    _, settings = load(path)
    assert (settings.risk.venue_leverage, settings.run.start) == (3.0, "2026-01-01")


@pytest.mark.parametrize(
    ("override", "value", "words"),
    [
        ("live.accounts", "demo", "did you mean 'account'"),
        ("live.account", "moon", "live.account: was 'moon'"),
        ("live.watchdog.stale_second", 1.0, "did you mean 'stale_seconds'"),
        ("live.watchdog.blind_seconds", 900.0, "must rise"),
        ("live.health_port", 70_000, "live.health_port: was 70000"),
        ("live.trader_id", "x", "live.trader_id"),
        ("risk.venue_leverage", 0.0, "risk.venue_leverage: was 0.0"),
    ],
)
def test_a_fault_names_field_value_and_remedy(override: str, value: object, words: str) -> None:
    with pytest.raises(SettingsError) as fault:
        load(DEMO, **{override: value})
    assert words in str(fault.value)


def test_a_backtest_config_is_not_run_live() -> None:
    with pytest.raises(SettingsError, match=r"add a \[live\] table"):
        load(CONFIGS / "backtest.toml")


def test_the_paper_config_is_a_node_beside_the_demo_one() -> None:
    demo, _ = load(DEMO)
    live, settings = load(CONFIGS / "paper.toml")
    assert (live.account, settings.advisor.kind) == ("paper", "rules")
    for name in ("journal", "trader_id", "health_port"):
        assert getattr(live, name) != getattr(demo, name)
