"""The nulls' settings: off by default, and no switch that does nothing."""

import pytest

from ocw_strategy.errors import SettingsError
from ocw_strategy.experiment import ExperimentSettings
from ocw_strategy.settings import settings_from

WINDOW = {"run": {"start": "2024-01-01", "end": "2024-02-01"}}


def test_a_plain_run_leaves_nothing_out() -> None:
    assert settings_from(WINDOW).experiment.plain
    assert ExperimentSettings(seed=3).plain
    assert not ExperimentSettings(bandit="prior").plain


@pytest.mark.parametrize(
    "experiment", [{"gate": "random"}, {"random_calls": 5}, {"gate": "open", "random_calls": 5}]
)
def test_random_calls_belong_to_the_random_gate(experiment: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="random_calls: must be above 0"):
        settings_from({**WINDOW, "experiment": experiment})
