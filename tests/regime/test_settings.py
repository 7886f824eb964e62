import pytest
from pydantic import ValidationError

from ocw_strategy.regime import MacroSettings, RegimeSettings, VolatilityBand


def bands(*rows: tuple[str, float | None]) -> tuple[VolatilityBand, ...]:
    return tuple(VolatilityBand(name=name, below=below, exposure_scale=1) for name, below in rows)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bands": bands(("calm", 0.6), ("wild", 0.3), ("last", None))}, "must ascend"),
        ({"bands": bands(("calm", 0.3), ("wild", 0.6))}, "every band but the last"),
        ({"bands": bands(("calm", None), ("wild", None))}, "every band but the last"),
        ({"bands": ()}, "every band but the last"),
        ({"bands": bands(("calm", 0.3), ("calm", None))}, "names must differ"),
        ({"bands": bands(("unknown", 0.3), ("wild", None))}, "names must differ"),
        ({"state_counts": (1, 2)}, "from 2 to 6"),
        ({"minimum_days": 400}, "must not exceed history_days"),
        ({"unknown_exposure_scale": 1.0}, "below the largest"),
        ({"period_hours": 7}, "8, 12 or 24"),
        ({"periods": 12}, "Extra inputs"),
    ],
)
def test_settings_refuse_what_cannot_be_run(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        RegimeSettings(**change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("key", "scale"),
    [
        ("calm_goldilocks", 0.8),
        ("calm_reflation", 0.8),
        ("calm_unknown", 0.8),
        ("calm_stagflation", 0.8 * 0.7),
        ("wild_deflation", 1.5 * 0.6),
        ("unknown_stagflation", 0.7),
        ("unknown_unknown", 1.0),
        ("renamed_deflation", 0.6),
    ],
)
def test_a_trail_scale_is_that_of_the_band_times_that_of_the_quadrant(
    key: str, scale: float
) -> None:
    settings = RegimeSettings(
        bands=(
            VolatilityBand(name="calm", below=0.3, exposure_scale=1, trail_scale=0.8),
            VolatilityBand(name="wild", exposure_scale=1, trail_scale=1.5),
        ),
        macro=MacroSettings(stagflation_trail_scale=0.7, deflation_trail_scale=0.6),
    )
    assert settings.trail_scale(key) == pytest.approx(scale)


def test_settings_read_from_json_equal_the_defaults() -> None:
    settings = RegimeSettings()
    assert RegimeSettings.model_validate_json(settings.model_dump_json()) == settings


def test_unknown_regime_is_traded_smaller_than_the_calmest_by_default() -> None:
    settings = RegimeSettings()
    assert settings.unknown_exposure_scale < settings.bands[0].exposure_scale
