from datetime import date
from pathlib import Path

import pytest

from ocw_strategy.advisor.hindsight import HindsightError, check_hindsight
from ocw_strategy.advisor.models import Model, load_models
from ocw_strategy.settings import parse_time_ns

MODELS = load_models(Path(__file__).parents[2] / "configs" / "models.toml")
SONNET = MODELS.get("claude-sonnet-4-6")


def model(cutoff: date | None, released: date = date(2026, 6, 1)) -> Model:
    known = {"id": "m", "knowledge_cutoff": cutoff, "training_cutoff": None, "released": released}
    return SONNET.model_copy(update=known)


CUT = model(date(2025, 1, 31))


def test_a_window_after_the_cutoff_is_clean() -> None:
    assert check_hindsight([CUT], parse_time_ns("2025-02-01"), allowed=False) == ""


@pytest.mark.parametrize("start", ["2025-01-31", "2025-01-31T23:59", "2020-01-01"])
def test_a_window_that_begins_on_a_day_the_model_may_know_is_refused(start: str) -> None:
    with pytest.raises(HindsightError, match="begin after 2025-01-31"):
        check_hindsight([CUT], parse_time_ns(start), allowed=False)


def test_where_it_is_allowed_the_run_carries_a_warning_that_names_model_and_day() -> None:
    warning = check_hindsight([CUT], parse_time_ns("2025-01-01"), allowed=True)
    assert "HINDSIGHT" in warning
    assert "2025-01-31, its knowledge cutoff" in warning


def test_the_release_stands_in_for_a_cutoff_that_is_not_published_and_is_said_to() -> None:
    unknown = model(None)
    with pytest.raises(HindsightError, match="release: no cutoff is published"):
        check_hindsight([unknown], parse_time_ns("2026-06-01"), allowed=False)
    assert check_hindsight([unknown], parse_time_ns("2026-06-02"), allowed=False) == ""


def test_the_one_with_the_longest_memory_counts() -> None:
    later = model(date(2025, 6, 30))
    with pytest.raises(HindsightError, match="begin after 2025-06-30"):
        check_hindsight([CUT, later], parse_time_ns("2025-03-01"), allowed=False)


def test_the_default_model_is_not_asked_over_the_years_at_hand() -> None:
    with pytest.raises(HindsightError):
        check_hindsight([SONNET], parse_time_ns("2025-06-30"), allowed=False)
