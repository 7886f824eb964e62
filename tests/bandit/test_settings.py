import pytest
from pydantic import ValidationError

from ocw_strategy.bandit import BanditSettings


def test_defaults_are_the_composite_weights_and_window_of_the_design() -> None:
    settings = BanditSettings()
    assert list(settings.base_weights.values()) == [0.35, 0.30, 0.25, 0.10]
    assert settings.window == 50


def test_settings_survive_json() -> None:
    settings = BanditSettings(window=25, pool_strength=0.0)
    assert BanditSettings.model_validate_json(settings.model_dump_json()) == settings


@pytest.mark.parametrize(
    "weights",
    [
        {},
        {"funding": 1.0},
        {"funding": 0.4, "cumulative_volume_delta": 0.3, "long_short": 0.3, "open_interest": 0.0},
        {"funding": 0.4, "cvd": 0.3, "long_short": 0.2, "open_interest": 0.1},
    ],
)
def test_base_weights_must_name_every_signal_once_and_be_positive(
    weights: dict[str, float],
) -> None:
    with pytest.raises(ValidationError, match="give a positive weight to each of funding"):
        BanditSettings(base_weights=weights)


@pytest.mark.parametrize(
    ("field", "value"),
    [("window", 0), ("minimum_signal", 0.0), ("scale_minimum", 1.1), ("scale_maximum", 0.9)],
)
def test_impossible_value_is_refused(field: str, value: float) -> None:
    with pytest.raises(ValidationError, match=field):
        BanditSettings.model_validate({field: value})
