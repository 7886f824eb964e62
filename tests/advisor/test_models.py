"""The table of models: what it holds, what it refuses, and what a call costs."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocw_strategy.advisor.models import Model, Source, load_models
from ocw_strategy.advisor.settings import ClaudeSettings
from ocw_strategy.advisor.usage import Usage
from ocw_strategy.errors import SettingsError

ROOT = Path(__file__).parents[2]
TABLE = load_models(ROOT / "configs" / "models.toml")
FACTS: dict[str, Any] = {
    "id": "claude-x", "input": Decimal(2), "output": Decimal(10), "cache_write": Decimal("2.5"),
    "cache_read": Decimal("0.1"), "batch_discount": Decimal("0.5"), "released": date(2026, 9, 28),
    "cache_floor_tokens": 1024, "context_tokens": 100_000, "max_output_tokens": 10_000,
    "sources": (Source(date=date(2026, 11, 25), of="all", where="here"),),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "dollars", "cached"),
    [  # 4,000 tokens in, 300 out; then 2,500 of the 4,000 from the cache
        ("claude-sonnet-4-6", "0.0165", "0.00975"),
        ("claude-sonnet-5-5", "0.0110", "0.00625"),
        ("claude-haiku-4-5", "0.0055", "0.00325"),
        ("claude-haiku-5-5", "0.00055", "0.000325"),
    ],
)
def test_a_call_costs_what_the_price_pages_say(name: str, dollars: str, cached: str) -> None:
    model = TABLE.get(name)
    plain = Usage(input_tokens=4000, output_tokens=300)
    hit = Usage(input_tokens=1500, output_tokens=300, cache_read_input_tokens=2500)
    assert model.cost_usd(plain) == Decimal(dollars)
    assert model.cost_usd(hit) == Decimal(cached)


def test_the_default_model_is_there_and_every_figure_has_a_source() -> None:
    assert TABLE.get(ClaudeSettings().model).id == "claude-sonnet-4-6"
    for model in TABLE.models:
        assert "input, output" in " ".join(source.of for source in model.sources)
        assert model.notes


def test_the_later_cutoff_counts_and_the_release_date_stands_in_for_none() -> None:
    early, late = date(2025, 2, 28), date(2025, 7, 31)
    assert (Model(**FACTS).cutoff, Model(**FACTS).cutoff_assumed) == (FACTS["released"], True)
    known = Model(**FACTS, knowledge_cutoff=early)
    assert (known.cutoff, known.cutoff_assumed) == (early, False)
    assert Model(**FACTS, knowledge_cutoff=early, training_cutoff=late).cutoff == late
    assert Model(**FACTS, knowledge_cutoff=late, training_cutoff=early).cutoff == late
    assert TABLE.get("claude-sonnet-4-6").cutoff_assumed
    assert TABLE.get("claude-haiku-4-5").cutoff == late


def test_an_unknown_model_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(SettingsError, match=r"'claude-opus-9'; use one of claude-sonnet-4-6"):
        TABLE.get("claude-opus-9")


TOKENS = st.integers(0, 100_000)


@given(st.lists(TOKENS, min_size=3, max_size=3), st.integers(0, 10_000), st.data())
def test_no_call_within_its_bounds_costs_more_than_its_worst_case(
    parts: list[int], output: int, data: st.DataObject
) -> None:
    model = Model(**FACTS | {"context_tokens": 300_000})
    usage = Usage(
        input_tokens=parts[0],
        cache_creation_input_tokens=parts[1],
        cache_read_input_tokens=parts[2],
        output_tokens=data.draw(st.integers(0, output)),
    )
    assert model.cost_usd(usage) <= model.worst_case_usd(usage.prompt_tokens, output)


def test_a_worst_case_is_stated_only_where_the_prices_hold() -> None:
    model = Model(**FACTS)
    assert model.worst_case_usd(4000, 2000) == Decimal("0.03")
    for prompt, output in ((100_001, 1), (-1, 1), (1, 10_001), (1, -1)):
        with pytest.raises(ValueError, match="claude-x"):
            model.worst_case_usd(prompt, output)


def test_usage_beyond_what_was_asked_for_is_not_believed() -> None:
    model = Model(**FACTS)
    assert model.believes(Usage(input_tokens=1, output_tokens=5), 5)
    assert not model.believes(Usage(input_tokens=1, output_tokens=6), 5)
    assert not model.believes(Usage(input_tokens=0, output_tokens=5), 5)
    assert not model.believes(Usage(input_tokens=100_001, output_tokens=5), 5)


LINE = """[[models]]
id = "m"
input = 1
output = 5.50
cache_write = 1.25
cache_read = 0.1
batch_discount = 0.5
released = 2025-10-15
cache_floor_tokens = 10
context_tokens = 10
max_output_tokens = 10
[[models.sources]]
date = 2026-01-01
of = "all"
where = "here"
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models = [", "mend its TOML"),
        ("", "models: was None; field required"),
        ("models = []", "at least 1"),
        (LINE.replace("input = 1", "input = -1"), "models.0.input: was '?-1"),
        (LINE.replace("input = 1", "inputs = 1"), "models.0.input"),
        (LINE.replace("released = 2025-10-15", "released = 2025-13-15"), "mend its TOML"),
        (LINE.replace("= 2025-10-15", "= 2025-10-15\nknowledge_cutoff = 2026-01-01"), "not be aft"),
        (LINE + LINE, "stands there twice"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused_in_one_sentence(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "models.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=said):
        load_models(path)


def test_prices_are_exact_and_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    path.write_text(LINE)
    assert load_models(path).get("m").output == Decimal("5.50")
    with pytest.raises(SettingsError, match=r"none\.toml"):
        load_models(tmp_path / "none.toml")
