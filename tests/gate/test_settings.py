"""Settings that contradict themselves are refused, naming the field."""

from typing import Any

import pytest
from pydantic import ValidationError

from ocw_strategy.gate import GateSettings


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"min_check_hours": 5.0}, "default_check_hours"),
        ({"max_check_hours": 3.0}, "default_check_hours"),
        ({"reserved_calls": 15}, "reserved_calls"),
        ({"calls_per_day_ceiling": 2}, "reserved_calls"),
        ({"cost_per_call_usd": 0.0}, "cost_per_call_usd"),
        ({"shock_z": float("nan")}, "shock_z"),
        ({"cooldown_minute": 30}, "cooldown_minute"),
    ],
)
def test_what_cannot_be_meant_is_refused(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        GateSettings(**changes)


def test_the_default_budget_is_below_ten_calls_a_day() -> None:
    settings = GateSettings()
    assert settings.budget_usd_per_day / settings.cost_per_call_usd < 10
