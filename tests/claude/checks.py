"""What the Messages API refuses: a client that sends something wrong fails here as it would there.

The rules are those of the newest models, the strictest there are: no sampling parameters, no
forced tool use, no prefilled answer, structured output within its schema subset.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.claude.replies import Reply, error

VERSIONS = ("2023-06-01", "2026-10-21")
"""The documented one, and the one that the SDK sends."""
MODELS = (
    "claude-haiku-4-5", "claude-haiku-5-5", "claude-sonnet-4-6", "claude-sonnet-5",
    "claude-sonnet-5-5",
)  # fmt: skip
FIELDS = frozenset(
    {
        "cache_control", "max_tokens", "messages", "metadata", "model", "output_config",
        "service_tier", "stop_sequences", "stream", "system", "thinking", "tool_choice", "tools",
    }
)  # fmt: skip
SAMPLING = ("temperature", "top_p", "top_k")
EFFORTS = ("low", "medium", "high", "xhigh", "max")
SCHEMA_KEYWORDS = frozenset(
    {
        "$defs", "$ref", "additionalProperties", "allOf", "anyOf", "const", "default",
        "definitions", "description", "enum", "format", "items", "minItems", "pattern",
        "properties", "required", "title", "type",
    }
)  # fmt: skip
MAX_BODY = 32 * 1024 * 1024


def refusal(headers: Mapping[str, str], body: object, key: str, *, counting: bool) -> Reply | None:
    """Return the error that a request earns, None if it is in order."""
    given = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
    if given != key:
        return error(401)
    if headers.get("anthropic-version") not in VERSIONS:
        return error(400, message="anthropic-version: header is required")
    if not headers.get("content-type", "").startswith("application/json"):
        return error(400, message="content-type must be application/json")
    if not isinstance(body, dict):
        return error(400, message="The request body is not valid JSON")
    if body.get("model") not in MODELS:
        return error(404, message=f"model: {body.get('model')}")
    fault = next(faults(body, counting=counting), None)
    return None if fault is None else error(400, message=fault)


def faults(body: Mapping[str, Any], *, counting: bool) -> Iterator[str]:
    """Yield what is wrong with a body."""
    for name in SAMPLING:
        if name in body:
            yield f"{name}: this model does not take sampling parameters"
    for name in sorted(set(body) - FIELDS - set(SAMPLING)):
        yield f"{name}: Extra inputs are not permitted"
    if counting:
        if "max_tokens" in body:
            yield "max_tokens: Extra inputs are not permitted"
    elif type(body.get("max_tokens")) is not int or not 1 <= body["max_tokens"] <= 128_000:
        yield "max_tokens: a whole number from 1 to 128000 is required"
    if body.get("stream"):
        yield "stream: not served here"
    if (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
        yield "tool_choice: this model does not support forced tool use"
    yield from _message_faults(body.get("messages"))
    yield from _block_faults("system", body.get("system", "x"))
    if _breakpoints(body) > 4:
        yield "cache_control: at most 4 blocks may have it"
    yield from _output_faults(body.get("output_config", {}))


def _message_faults(messages: object) -> Iterator[str]:
    if not isinstance(messages, list) or not messages:
        yield "messages: at least one message is required"
        return
    for k, message in enumerate(messages):
        if not isinstance(message, dict) or set(message) != {"role", "content"}:
            yield f"messages.{k}: role and content are required, and nothing else"
            return
        if message["role"] not in ("user", "assistant"):
            yield f"messages.{k}.role: was {message['role']!r}"
        yield from _block_faults(f"messages.{k}.content", message["content"])
    if messages[0]["role"] != "user":
        yield "messages: first message must use the user role"
    if messages[-1]["role"] == "assistant":
        yield "messages: this model does not support a prefilled answer"


def _block_faults(place: str, content: object) -> Iterator[str]:
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if not isinstance(blocks, list) or not blocks:
        yield f"{place}: a text or a list of blocks is required"
        return
    for k, block in enumerate(blocks):
        if not isinstance(block, dict) or block.get("type") != "text":
            yield f"{place}.{k}: a block of type text is required"
        elif not isinstance(block.get("text"), str) or not block["text"].strip():
            yield f"{place}.{k}: text content blocks must be non-empty"
        elif set(block) - {"type", "text", "cache_control"}:
            yield f"{place}.{k}: Extra inputs are not permitted"
        elif "cache_control" in block and (block["cache_control"] or {}).get("type") != "ephemeral":
            yield f"{place}.{k}.cache_control.type: only ephemeral is known"


def _breakpoints(body: Mapping[str, Any]) -> int:
    places = [body.get("system"), *(message["content"] for message in body.get("messages", []))]
    return sum(
        "cache_control" in block for place in places if isinstance(place, list) for block in place
    )


def _output_faults(output: object) -> Iterator[str]:
    if not isinstance(output, dict) or set(output) - {"effort", "format"}:
        yield "output_config: Extra inputs are not permitted"
        return
    if output.get("effort", "low") not in EFFORTS:
        yield f"output_config.effort: was {output['effort']!r}"
    form = output.get("format")
    if form is None:
        return
    if set(form) != {"type", "schema"} or form["type"] != "json_schema":
        yield "output_config.format: type json_schema and a schema are required, nothing else"
        return
    yield from _schema_faults("output_config.format.schema", form["schema"], form["schema"], ())


def _schema_faults(place: str, schema: Any, root: Any, within: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(schema, dict):
        yield f"{place}: a schema is required"
        return
    for keyword in sorted(set(schema) - SCHEMA_KEYWORDS):
        yield f"{place}: For '{schema.get('type')}' type, property '{keyword}' is not supported"
    if schema.get("minItems", 0) not in (0, 1):
        yield f"{place}: minItems must be 0 or 1"
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            yield f"{place}: For 'object' type, 'additionalProperties' must be explicitly false"
        if set(schema.get("required", [])) - set(schema.get("properties", {})):
            yield f"{place}: required names a property that is not there"
    reference = schema.get("$ref")
    if reference is not None:
        if reference in within:
            yield f"{place}: recursive schemas are not supported"
            return
        target = root
        for part in str(reference).removeprefix("#/").split("/"):
            target = target.get(part) if isinstance(target, dict) else None
        yield from _schema_faults(f"{place}.{reference}", target, root, (*within, reference))
    for name, each in schema.get("properties", {}).items():
        yield from _schema_faults(f"{place}.{name}", each, root, within)
    for name in ("anyOf", "allOf"):
        for k, each in enumerate(schema.get(name, [])):
            yield from _schema_faults(f"{place}.{name}.{k}", each, root, within)
    if "items" in schema:
        yield from _schema_faults(f"{place}.items", schema["items"], root, within)
