"""The request: exactly what is sent, known by its hash, within its size, cached if it pays."""

import hashlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocw_strategy.advisor import DECIDED, ClaudeSettings
from ocw_strategy.advisor.models import Model, load_models
from ocw_strategy.advisor.outcomes import UNKNOWN_INSTRUMENT
from ocw_strategy.advisor.prompt import AccountRules
from ocw_strategy.advisor.request import Request, build_request, cache_pays
from ocw_strategy.errors import SettingsError
from ocw_strategy.gate import GateSettings
from ocw_strategy.market import MarketSettings, MarketSnapshot
from ocw_strategy.risk import RiskSettings
from tests.advisor.examples import REASONS, RULES, Leaf, changed, full_snapshot
from tests.market.examples import BTC, SYMBOLS, make_snapshot

MODELS = load_models(Path(__file__).parents[2] / "configs" / "models.toml")
SONNET = MODELS.get("claude-sonnet-4-6")
SETTINGS = ClaudeSettings()
FULL = full_snapshot()
MAX_INPUT_TOKENS = 4_000
"""What the issue allows, by the ESTIMATE."""


def ask(snapshot: MarketSnapshot = FULL, **changes: Any) -> Request:
    return build_request(snapshot, SONNET, ClaudeSettings(**changes), RULES)


def text_of(request: Request) -> str:
    content = request.body["messages"][0]["content"]
    return str(content[0]["text"])


# -- the body -------------------------------------------------------------------------------------


def test_the_body_is_what_the_messages_api_takes_and_nothing_more() -> None:
    body = ask().body
    assert set(body) == {"model", "max_tokens", "system", "messages", "output_config"}
    assert body["model"] == "claude-sonnet-4-6"
    assert body["max_tokens"] == SETTINGS.max_tokens
    assert body["output_config"].keys() == {"format"}
    assert body["output_config"]["format"]["type"] == "json_schema"
    assert [each["role"] for each in body["messages"]] == ["user"]


def test_an_effort_is_sent_only_when_one_is_asked_for() -> None:
    assert ask(effort="low").body["output_config"]["effort"] == "low"


def test_an_answer_longer_than_the_model_writes_is_refused() -> None:
    short = SONNET.model_copy(update={"max_output_tokens": 1_000})
    with pytest.raises(SettingsError, match="at most 1000"):
        build_request(FULL, short, SETTINGS, RULES)


# -- its identity ---------------------------------------------------------------------------------


def test_the_key_is_the_hash_of_the_canonical_body() -> None:
    request = ask()
    text = json.dumps(request.body, sort_keys=True, separators=(",", ":"))
    assert request.key == hashlib.sha256(text.encode("ascii")).hexdigest()
    assert ask().key == request.key


def test_whatever_determines_a_decision_changes_the_key() -> None:
    gate = GateSettings(max_conditions=3)
    keys = [
        ask().key,
        ask(FULL.model_copy(update={"memory_note": "other"})).key,
        ask(max_tokens=1_024).key,
        ask(effort="high").key,
        ask(masked=True).key,
        build_request(FULL, MODELS.get("claude-haiku-4-5"), SETTINGS, RULES).key,
        build_request(
            FULL, SONNET, SETTINGS, AccountRules.of(gate, MarketSettings(), RiskSettings())
        ).key,
    ]
    assert len(set(keys)) == len(keys)


def test_what_does_not_determine_it_does_not() -> None:
    assert ask(timeout_seconds=5.0, budget_usd_per_day=Decimal("0.5")).key == ask().key


# -- the prefix -----------------------------------------------------------------------------------


@pytest.mark.parametrize("masked", [False, True])
def test_two_prompts_of_a_run_share_their_prefix_to_the_byte(masked: bool) -> None:
    other = make_snapshot(positions={}, trades=[], memory_note="", now_ns=FULL.now_ns + 10**15)
    other = other.model_copy(update={"safety": FULL.safety})
    first, second = ask(masked=masked), ask(other, masked=masked)
    assert text_of(first) != text_of(second)
    for body in (first.body, second.body):
        del body["messages"]
    assert json.dumps(first.body) == json.dumps(second.body)


def model(floor: int, *, write: str = "3.75", read: str = "0.30") -> Model:
    prices = {"cache_write": Decimal(write), "cache_read": Decimal(read)}
    return SONNET.model_copy(update={"cache_floor_tokens": floor, **prices})


def test_a_prefix_below_the_models_floor_is_not_marked() -> None:
    assert not cache_pays(model(2_048), 2_047, 1_000.0)
    assert cache_pays(model(2_048), 2_048, 1_000.0)


def test_ten_calls_a_day_never_find_a_cache_of_five_minutes() -> None:
    # 1.25 is paid for a write, 0.1 for a read: it pays from a hit rate of 0.25 / 1.15 = 21.7 %,
    # which takes -ln(1 - 0.217) * 12 = 2.94 calls an hour
    assert not cache_pays(model(0), 1_500, 10 / 24)
    assert not cache_pays(model(0), 1_500, 2.93)
    assert cache_pays(model(0), 1_500, 2.95)


def test_a_cache_that_costs_nothing_to_write_always_pays() -> None:
    assert cache_pays(model(0, write="3.00"), 1, 0.01)


@given(st.floats(0.0, 1_000.0), st.floats(0.0, 1_000.0))
def test_more_calls_never_make_a_cache_pay_less(some: float, more: float) -> None:
    few, many = sorted((some, more))
    assert cache_pays(SONNET, 10_000, many) >= cache_pays(SONNET, 10_000, few)


def test_the_mark_follows_the_settings_and_is_part_of_the_key() -> None:
    assert "cache_control" not in ask().body["system"][0]
    busy = RULES.model_copy(update={"calls_per_day": 96.0})
    marked = build_request(FULL, model(0), SETTINGS, busy)
    assert marked.body["system"][0]["cache_control"] == {"type": "ephemeral"}
    assert marked.key != build_request(FULL, model(10_000), SETTINGS, busy).key


# -- its size -------------------------------------------------------------------------------------


def test_the_estimate_counts_system_message_and_schema() -> None:
    request = ask()
    schema = json.dumps(request.body["output_config"]["format"]["schema"], separators=(",", ":"))
    text = request.body["system"][0]["text"] + text_of(request) + schema
    assert request.input_tokens_upper == -(-len(text.encode()) // 3)


@pytest.mark.parametrize("masked", [False, True])
def test_the_largest_prompt_of_three_instruments_keeps_within_the_limit(masked: bool) -> None:
    crowded = FULL.model_copy(update={"wake_reasons": ("timer", *REASONS, *REASONS, *REASONS)})

    def longest(path: Leaf, value: Any) -> Any:
        texts = {"exit_reason": "profit_protection", "regime": "turbulent_stagflation"}
        return True if path[-1] == "stale" else texts.get(str(path[-1]), value)

    request = ask(changed(crowded, longest), masked=masked)
    assert 3_000 < request.input_tokens_upper <= MAX_INPUT_TOKENS


# -- the answer -----------------------------------------------------------------------------------


def answer(symbol: str) -> str:
    return json.dumps(
        {
            "reason": "flow",
            "signal_confidence": dict.fromkeys(
                ("funding", "cumulative_volume_delta", "long_short", "open_interest"), 0.5
            ),
            "targets": [{"symbol": symbol, "exposure": 0.5, "confidence": 0.6}],
            "next_check_seconds": 7200,
            "wake_conditions": [],
            "memory_note": "",
        }
    )


@pytest.mark.parametrize(("masked", "name"), [(False, BTC), (True, "X1")])
def test_an_answer_is_read_by_the_names_that_were_shown(masked: bool, name: str) -> None:
    advice = ask(masked=masked).read(answer(name))
    assert advice.outcome == DECIDED
    assert advice.decision is not None
    assert advice.decision.targets[0].symbol == BTC
    assert advice.raw == answer(name)


def test_a_name_that_was_not_shown_is_a_hold() -> None:
    assert set(ask(masked=True).mask.names) == set(SYMBOLS)
    advice = ask(masked=True).read(answer(BTC))
    assert advice.decision is None
    assert advice.outcome == UNKNOWN_INSTRUMENT
