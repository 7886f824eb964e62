"""The [serve] table: every key explained at its default."""

import tomllib
from pathlib import Path

import pytest

from ocw_strategy.serve.settings import ServeSettings, load_serve
from tests.test_settings import commented_keys, fields, plain, value_at

DEMO = Path(__file__).parents[2] / "configs" / "demo.toml"
LEAVES = dict(fields(ServeSettings, "serve."))
WRITTEN = tomllib.loads(DEMO.read_text(encoding="utf-8"))
HOST_PATIENCE_S = 30.0
"""What Fly, and the units in docs/deploy, wait before they kill."""


@pytest.mark.parametrize("key", sorted(LEAVES))
def test_every_setting_is_in_the_demo_config_at_its_default_and_explained(key: str) -> None:
    assert value_at(WRITTEN, key) == plain(LEAVES[key])
    assert commented_keys(DEMO.read_text(encoding="utf-8"))[key]


def test_all_ends_within_the_hosts_patience() -> None:
    settings = load_serve(DEMO)
    assert settings.others_stop_seconds + settings.node_stop_seconds < HOST_PATIENCE_S
