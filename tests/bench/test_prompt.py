"""The bench of prompts adds up: sizes of the requests that would be sent, priced as billed."""

import argparse
from pathlib import Path

import pytest

from ocw_strategy.advisor.models import load_models
from tests.advisor.examples import full_snapshot
from tests.bench.prompt import MONTH_DAYS, Sizes, figures, requests_of, settings_for, sizes

ROOT = Path(__file__).parents[2]
MODEL = load_models(ROOT / "configs" / "models.toml").get("claude-sonnet-4-6")
OPTIONS = argparse.Namespace(
    config=ROOT / "configs" / "backtest.toml", data=None, catalog=None, start=None, end=None,
    model=None, masked=False,
)  # fmt: skip


def test_the_parts_of_a_request_make_its_size() -> None:
    (request,) = requests_of([full_snapshot()], settings_for(OPTIONS, Path("catalog")), MODEL)
    found = sizes(request)
    assert found.total == request.input_tokens_upper
    assert 0 <= found.system + found.message + found.schema - found.total <= 2


def test_calls_are_priced_by_their_own_size_and_told_by_the_month() -> None:
    found = [Sizes(total, 1, 1, 1) for total in (2_000, 4_000)] * 100
    result = figures(found, MONTH_DAYS / 2, MODEL, output_tokens=300, max_tokens=2_000)
    assert (result["mean_input_tokens"], result["max_input_tokens"]) == (3_000, 4_000)
    # 400 calls a month at 3 USD a million tokens in and 15 out
    assert result["usd_per_month"] == 400 * (3_000 * 3 + 300 * 15) / 1e6
    # the worst case: 3.75 to write a cache, 2,000 tokens out
    assert result["worst_case_usd_per_month"] == 400 * (3_000 * 3.75 + 2_000 * 15) / 1e6
    assert result["calls_per_day"] == pytest.approx(400 / MONTH_DAYS, abs=0.005)


def test_without_data_it_says_that_it_runs_on_the_sample_market() -> None:
    settings = settings_for(OPTIONS, Path("made"))
    assert settings.data.catalog == "made"
    assert settings.data.bar_minutes == 5
    assert settings.run.start == "2024-04-05"
