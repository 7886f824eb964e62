"""The [alerts] table: every key explained at its default, a fault one sentence."""

import tomllib
from pathlib import Path

import pytest

from ocw_strategy.alerts.alert import KINDS
from ocw_strategy.alerts.settings import AlertSettings, load_alerts
from ocw_strategy.errors import SettingsError
from ocw_strategy.live.settings import load_live
from tests.test_settings import commented_keys, fields, plain, value_at

DEMO = Path(__file__).parents[2] / "configs" / "demo.toml"
LEAVES = dict(fields(AlertSettings, "alerts."))
WRITTEN = tomllib.loads(DEMO.read_text(encoding="utf-8"))


@pytest.mark.parametrize("key", sorted(LEAVES))
def test_every_setting_is_in_the_demo_config_at_its_default_and_explained(key: str) -> None:
    assert value_at(WRITTEN, key) == plain(LEAVES[key])
    assert commented_keys(DEMO.read_text(encoding="utf-8"))[key]


def test_a_config_without_the_table_has_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "live.toml"
    path.write_text("[live]\n", encoding="utf-8")
    assert load_alerts(path) == AlertSettings()


def test_the_node_and_the_alerts_share_one_file() -> None:
    assert load_live(DEMO, 0)[0].account == "demo"
    assert load_alerts(DEMO) == AlertSettings()


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("alerts = 3", "make it a table"),
        ("[alerts]\npol_seconds = 1", "did you mean 'poll_seconds'"),
        ("[alerts]\npoll_seconds = 0", "alerts.poll_seconds: was 0"),
        ('[alerts]\nmuted = ["exits"]', "no kind 'exits'; there are entry, exit"),
        ('[alerts]\nleast = "loud"', "alerts.least: was 'loud'"),
    ],
)
def test_a_fault_is_one_sentence(tmp_path: Path, toml: str, words: str) -> None:
    path = tmp_path / "live.toml"
    path.write_text(toml, encoding="utf-8")
    with pytest.raises(SettingsError) as fault:
        load_alerts(path)
    assert words in str(fault.value)


def test_every_kind_can_be_muted() -> None:
    assert AlertSettings(muted=KINDS).muted == KINDS
