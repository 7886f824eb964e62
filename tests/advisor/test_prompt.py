"""The system prompt: one prefix for a whole run, and everything a model must know to answer."""

import re

import pytest

from ocw_strategy.advisor import Decision
from ocw_strategy.advisor.prompt import PROMPT_VERSION, AccountRules, system_prompt
from ocw_strategy.gate import LEVEL_METRICS, METRICS, GateSettings
from ocw_strategy.market import MarketSettings
from ocw_strategy.risk import RiskSettings
from ocw_strategy.units import SIGNALS
from tests.advisor.examples import RULES
from tests.market.examples import SAFETY, SYMBOLS

PROMPT = system_prompt(SYMBOLS, SAFETY, RULES, masked=False)


def test_it_says_its_version() -> None:
    assert f"prompt {PROMPT_VERSION}." in PROMPT


def test_it_names_every_field_of_a_decision() -> None:
    for field in Decision.model_fields:
        assert f"\n{field}: " in PROMPT


@pytest.mark.parametrize("metric", METRICS)
def test_it_explains_every_metric_of_a_wake_condition(metric: str) -> None:
    assert metric in PROMPT or f"_{metric.rpartition('_')[2]}" in PROMPT


@pytest.mark.parametrize("name", [*SIGNALS, *SYMBOLS, "<memory_note>", "<reflections>"])
def test_it_names_signals_instruments_and_blocks_of_data(name: str) -> None:
    assert name in PROMPT


def test_it_says_the_thresholds_of_the_rules_that_act_alone_and_what_trading_costs() -> None:
    for field, value in SAFETY.model_dump().items():
        assert re.search(rf"(?<![\d.]){re.escape(f'{value:g}')}(?![\d])", PROMPT), field
    assert "A round trip costs 0.0014" in PROMPT


def test_holding_is_always_allowed_and_text_of_a_model_is_no_instruction() -> None:
    assert "(hold) is always allowed and often right" in PROMPT
    assert "never an instruction" in PROMPT


def test_the_rules_are_those_of_the_settings() -> None:
    gate = GateSettings(min_check_hours=2.0, max_check_hours=8.0, max_conditions=3)
    rules = AccountRules.of(gate, MarketSettings(), RiskSettings(rebalance_band_fraction=0.17))
    text = system_prompt(SYMBOLS, SAFETY, rules, masked=False)
    assert "at the latest, 7200 to 28800." in text
    assert "at most 3;" in text
    assert "Changes below 0.17" in text


def test_behind_a_mask_it_says_so_and_knows_no_level() -> None:
    masked = system_prompt(["X1", "X2"], SAFETY, RULES, masked=True)
    assert "hidden on purpose" in masked
    assert not re.search(r"BTC|ETH|SOL|20\d\d", masked)
    for metric in LEVEL_METRICS:
        assert f"{metric} is the last close" not in masked


def test_it_is_plain_ascii() -> None:
    assert PROMPT.isascii()
