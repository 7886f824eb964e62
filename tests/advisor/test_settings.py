"""The advisors' settings: what cannot be meant is refused, with a sentence that says why."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ocw_strategy.advisor import AdvisorSettings
from ocw_strategy.advisor.models import load_models
from ocw_strategy.errors import SettingsError
from ocw_strategy.settings import Settings, load_settings, settings_from
from ocw_strategy.units import SECOND_NS

CONFIGS = Path(__file__).parents[2] / "configs"


def settings(**claude: Any) -> Settings:
    return settings_from(
        {
            "run": {"start": "2025-01-01", "end": "2025-02-01"},
            "advisor": {"kind": "claude", "claude": claude},
        }
    )


def test_nobody_pays_unless_it_is_asked_for() -> None:
    defaults = AdvisorSettings()
    assert defaults.kind == "rules"
    assert defaults.claude.on_miss == "hold"
    assert not defaults.claude.allow_hindsight


def test_claude_is_chosen_by_its_name() -> None:
    assert settings(model="claude-haiku-4-5").advisor.claude.model == "claude-haiku-4-5"


def test_money_is_exact() -> None:
    found = settings(budget_usd_per_day=0.1, budget_usd_per_month=0.3).advisor.claude
    assert found.budget_usd_per_day * 3 == found.budget_usd_per_month == Decimal("0.3")


def test_the_shipped_example_begins_after_its_models_cutoff() -> None:
    shipped = load_settings(CONFIGS / "claude-backtest.toml")
    model = load_models(CONFIGS / "models.toml").get(shipped.advisor.claude.model)
    first = datetime.fromtimestamp(shipped.run.start_ns // SECOND_NS, UTC).date()
    assert shipped.advisor.kind == "claude"
    assert shipped.advisor.claude.on_miss == "hold"
    assert first > model.cutoff
    assert not model.cutoff_assumed


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"model": ""}, "must name a model"),
        ({"screen_model": "claude-sonnet-4-6"}, "another model"),
        ({"budget_usd_per_day": 11.0}, "must not be above"),
        ({"budget_usd_per_day": -1.0}, "greater than or equal to 0"),
        ({"on_miss": "guess"}, "'hold', 'rules' or 'call'"),
        ({"api_key": "x"}, "unknown key"),
    ],
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        settings(**wrong)
