"""The schema: what the API accepts, nothing that can be misspelt, the same bytes every time."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import anthropic

from ocw_strategy.advisor import Decision, parse_decision
from ocw_strategy.advisor.schema import decision_schema
from ocw_strategy.gate import LEVEL_METRICS, METRICS
from tests.market.examples import BTC, ETH, SYMBOLS

ACCEPTED = {
    "type", "properties", "required", "additionalProperties", "items", "enum", "description",
}  # fmt: skip
SCHEMA = decision_schema(SYMBOLS)


def nodes(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for part in schema.get("properties", {}).values():
        yield from nodes(part)
    if "items" in schema:
        yield from nodes(schema["items"])


def test_only_keywords_that_structured_output_accepts_are_used() -> None:
    assert {keyword for node in nodes(SCHEMA) for keyword in node} <= ACCEPTED


def test_every_object_is_closed_and_requires_all_it_has() -> None:
    objects = [node for node in nodes(SCHEMA) if node.get("type") == "object"]
    assert len(objects) == 4
    for node in objects:
        assert node["additionalProperties"] is False
        assert node["required"] == list(node["properties"])


def test_the_official_client_would_change_nothing_in_it() -> None:
    assert anthropic.transform_schema(SCHEMA) == SCHEMA


def test_it_has_every_field_of_the_decision_the_reason_first() -> None:
    assert set(SCHEMA["properties"]) == set(Decision.model_fields)
    assert next(iter(SCHEMA["properties"])) == "reason"


def test_instruments_metrics_and_operators_cannot_be_misspelt() -> None:
    condition = SCHEMA["properties"]["wake_conditions"]["items"]["properties"]
    target = SCHEMA["properties"]["targets"]["items"]["properties"]
    assert condition["metric"]["enum"] == list(METRICS)
    assert condition["symbol"]["enum"] == target["symbol"]["enum"] == sorted(SYMBOLS)
    assert "crosses_above" in condition["operator"]["enum"]


def test_a_masked_decision_cannot_name_a_level() -> None:
    masked = decision_schema(["X1"], masked=True)
    named = masked["properties"]["wake_conditions"]["items"]["properties"]["metric"]["enum"]
    assert named == [metric for metric in METRICS if metric not in LEVEL_METRICS]
    assert "price" not in named


def test_ranges_are_said_in_words() -> None:
    target = SCHEMA["properties"]["targets"]["items"]["properties"]
    assert target["exposure"]["description"] == "From -1 to 1."
    assert SCHEMA["properties"]["memory_note"]["description"] == "At most 500 characters."
    assert SCHEMA["properties"]["next_check_seconds"]["description"] == "From 1 to 604800."


def test_the_order_of_the_instruments_does_not_matter() -> None:
    assert json.dumps(decision_schema(SYMBOLS[::-1])) == json.dumps(SCHEMA)


def test_another_process_makes_the_same_bytes() -> None:
    program = (
        "import json; from ocw_strategy.advisor.schema import decision_schema;"
        "from tests.market.examples import SYMBOLS; print(json.dumps(decision_schema(SYMBOLS)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == json.dumps(SCHEMA)


def test_what_the_schema_allows_is_a_decision() -> None:
    answer = {
        "reason": "flow and trend agree",
        "signal_confidence": {
            "funding": 0.2, "cumulative_volume_delta": 0.8, "long_short": 0.5, "open_interest": 0.4,
        },
        "targets": [{"symbol": BTC, "exposure": 0.5, "confidence": 0.6}],
        "next_check_seconds": 7200,
        "wake_conditions": [
            {"metric": "return_1h", "symbol": ETH, "operator": "lt", "threshold": -0.02,
             "reason": "a flush"}
        ],
        "memory_note": "long while the flow lasts",
    }  # fmt: skip
    assert set(answer) == set(SCHEMA["required"])
    assert parse_decision(json.dumps(answer), SYMBOLS).decision is not None
