"""The JSON schema of a `Decision`, as the Messages API's structured output accepts it.

It is made from the pydantic model, so the two cannot part. Structured output knows no ranges and
no lengths: those are said in words here and checked by `parse_decision` on the answer; what a field
means is said once, in the system prompt. What can be enumerated is: instruments, metrics and
operators, so that a misspelt one cannot be written.
Properties keep their order, the reason first: what is written is written in that order, and a
reason that comes after the targets would only defend them. The same arguments give the same bytes.
"""

from collections.abc import Sequence
from typing import Any, Final

from ocw_strategy.advisor.decision import Decision
from ocw_strategy.gate import LEVEL_METRICS, METRICS

_FIRST: Final = ("reason", "signal_confidence")


def decision_schema(symbols: Sequence[str], *, masked: bool = False) -> dict[str, Any]:
    """Return the schema of a decision about these instruments.

    Parameters
    ----------
    symbols : sequence of str
        The names the advisor is shown; their order does not matter.
    masked : bool
        Leave out the metrics whose thresholds are price levels.
    """
    names = sorted(symbols)
    raw = Decision.model_json_schema()
    schema = _plain(raw, raw.get("$defs", {}))
    properties = schema["properties"]
    ordered = {name: properties.pop(name) for name in _FIRST}
    schema["properties"] = {**ordered, **properties}
    schema["required"] = list(schema["properties"])
    conditions = schema["properties"]["wake_conditions"]["items"]["properties"]
    conditions["metric"] = {"enum": metrics(masked=masked)}
    conditions["symbol"] = {"enum": names}
    targets = schema["properties"]["targets"]["items"]["properties"]
    targets["symbol"] = {"enum": names}
    return schema


def metrics(*, masked: bool) -> list[str]:
    """Return the metrics a wake condition may name, in the order they are published."""
    return [name for name in METRICS if not (masked and name in LEVEL_METRICS)]


def _plain(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return a part of pydantic's schema with references inlined and only accepted keywords."""
    if "$ref" in node:
        return _plain(definitions[node["$ref"].rpartition("/")[2]], definitions)
    if "enum" in node:
        return {"enum": list(node["enum"])}
    plain: dict[str, Any] = {"type": node["type"]}
    if node["type"] == "object":
        plain["properties"] = {
            name: _plain(part, definitions) for name, part in node["properties"].items()
        }
        plain["required"] = list(plain["properties"])
        plain["additionalProperties"] = False
    if node["type"] == "array":
        plain["items"] = _plain(node["items"], definitions)
    if words := _range(node):
        plain["description"] = words
    return plain


def _range(node: dict[str, Any]) -> str:
    if "maxLength" in node:
        return f"At most {node['maxLength']} characters."
    if "minimum" in node:
        return f"From {node['minimum']:g} to {node['maximum']:g}."
    return ""
