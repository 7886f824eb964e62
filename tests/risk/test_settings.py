"""Promises of the settings: what cannot work is refused by name."""

import pytest
from pydantic import ValidationError

from ocw_strategy.errors import SettingsError
from ocw_strategy.risk import Costs, ExitRules, RiskSettings


def test_the_default_settings_can_be_run() -> None:
    ExitRules(RiskSettings().exits, Costs(0.0005, 0.0001))


@pytest.mark.parametrize(
    ("tables", "field"),
    [
        ({"max_position_fraction": 0.7}, "risk.max_position_fraction"),
        ({"max_gross_fraction": 6.0}, "risk.max_gross_fraction"),
        (
            {"max_gross_fraction": 4.0, "exits": {"stop_fraction": 0.25}},
            "risk.max_gross_fraction",
        ),
        ({"review": {"loss_fraction": 0.05}}, "risk.review.loss_fraction"),
        ({"exits": {"max_hold_hours": 12.0}}, "risk.review.unprofitable_hours"),
    ],
)
def test_a_limit_that_could_never_bind_is_refused(tables: dict[str, object], field: str) -> None:
    with pytest.raises(SettingsError) as caught:
        RiskSettings.model_validate(tables)
    assert caught.value.field == field


@pytest.mark.parametrize(
    "tables",
    [
        {"max_position_pct": 0.2},
        {"max_position_fraction": 0.0},
        {"max_position_fraction": "0.2"},
        {"max_orders_per_hour": 0},
        {"exits": {"stop_fraction": float("nan")}},
        {"halt": {"max_drawdown_fraction": 1.5}},
    ],
)
def test_unknown_keys_wrong_types_and_impossible_values_are_refused(
    tables: dict[str, object],
) -> None:
    with pytest.raises(ValidationError):
        RiskSettings.model_validate(tables)
