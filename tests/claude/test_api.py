"""The loopback API refuses what the real one refuses, and no test gets past this machine."""

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.claude import KEY, ClaudeApi, answer
from tests.conftest import OutsideError, is_local

SCHEMA = {
    "type": "object", "additionalProperties": False, "required": ["ok"],
    "properties": {"ok": {"type": "boolean"}},
}  # fmt: skip
GOOD: dict[str, Any] = {
    "model": "claude-sonnet-4-6",
    "max_tokens": 100,
    "system": [{"type": "text", "text": "s" * 8000, "cache_control": {"type": "ephemeral"}}],
    "messages": [{"role": "user", "content": "hello"}],
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}},
}
HEADERS = {
    "x-api-key": KEY,
    "anthropic-version": "2023-06-01",
    "content-type": "application/json",
}


def post(
    api: ClaudeApi, body: Any, headers: dict[str, str] = HEADERS, path: str = "/v1/messages"
) -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(api.url + path, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def schema(**changes: Any) -> dict[str, Any]:
    return {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA | changes}}}


def test_a_good_request_is_answered_as_scripted_kept_and_counted(api: ClaudeApi) -> None:
    api.script(answer("one"), lambda body: f"{body['messages'][0]['content']} to you")
    first, second = post(api, GOOD), post(api, GOOD)
    assert [first[1]["content"][0]["text"], second[1]["content"][0]["text"]] == [
        "one",
        "hello to you",
    ]
    assert first[1]["model"] == GOOD["model"]
    assert first[1]["usage"]["cache_creation_input_tokens"] > 1024
    assert second[1]["usage"]["cache_read_input_tokens"] > 1024
    assert [call.body for call in api.messages] == [GOOD, GOOD]
    assert api.messages[0].prompt == "hello"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"temperature": 0.0}, "temperature"),
        ({"top_p": 1}, "top_p"),
        ({"sampling": 1}, "Extra inputs"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "9"}, "max_tokens"),
        ({"messages": []}, "at least one"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "user role"),
        ({"messages": [*GOOD["messages"], {"role": "assistant", "content": "{"}]}, "prefilled"),
        ({"messages": [{"role": "user", "content": " "}]}, "non-empty"),
        ({"tool_choice": {"type": "tool", "name": "decide"}}, "forced tool use"),
        ({"tool_choice": {"type": "any"}}, "forced tool use"),
        ({"stream": True}, "stream"),
        ({"system": GOOD["system"] * 5}, "at most 4"),
        ({"output_config": {"effort": "huge"}}, "effort"),
        ({"output_config": {"format": {"type": "json"}}}, "json_schema"),
        (schema(additionalProperties=True), "additionalProperties"),
        (schema(properties={"ok": {"type": "number", "minimum": 0}}), "'minimum' is not supported"),
        (schema(properties={"ok": {"type": "string", "maxLength": 3}}), "'maxLength' is not"),
        (schema(properties={"ok": {"type": "array", "maxItems": 3}}), "'maxItems' is not"),
        (schema(properties={"ok": {"type": "array", "items": {"type": "object"}}}), "items"),
        (schema(properties={"ok": {"$ref": "#"}}), "properties"),
    ],
)
def test_what_the_api_does_not_take_is_refused(
    api: ClaudeApi, change: dict[str, Any], said: str
) -> None:
    if said == "properties":  # a schema that refers to itself
        loop = {"type": "object", "additionalProperties": False,
                "properties": {"next": {"$ref": "#/$defs/node"}}}  # fmt: skip
        change, said = schema(properties={"ok": loop}, **{"$defs": {"node": loop}}), "recursive"
    status, body = post(api, GOOD | change)
    assert status == 400
    assert said in body["error"]["message"]
    assert body["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"x-api-key": "sk-ant-other"}, 401),
        ({"x-api-key": ""}, 401),
        ({"anthropic-version": ""}, 400),
        ({"content-type": "text/plain"}, 400),
    ],
)
def test_headers_are_looked_at(api: ClaudeApi, headers: dict[str, str], status: int) -> None:
    assert post(api, GOOD, HEADERS | headers)[0] == status


def test_unknown_models_paths_and_texts_are_refused_and_tokens_are_counted(api: ClaudeApi) -> None:
    assert post(api, GOOD | {"model": "claude-next"})[0] == 404
    assert post(api, GOOD, path="/v1/complete")[0] == 404
    assert post(api, b"{")[0] == 400
    counted = {name: value for name, value in GOOD.items() if name != "max_tokens"}
    status, body = post(api, counted, path="/v1/messages/count_tokens")
    assert status == 200
    assert body["input_tokens"] > 2000
    assert post(api, GOOD, path="/v1/messages/count_tokens")[0] == 400


def test_it_runs_by_hand() -> None:
    command = [sys.executable, "-m", "tests.claude", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.terminate()
    assert line.startswith("serving the Messages API at http://127.0.0.1:")


def test_no_test_reaches_another_machine() -> None:
    with socket.socket() as outward, pytest.raises(OutsideError, match=r"192\.0\.2\.1"):
        outward.connect(("192.0.2.1", 443))
    with pytest.raises(OutsideError, match=r"api\.anthropic\.com"):
        socket.create_connection(("api.anthropic.com", 443), timeout=1)
    assert not is_local(("10.0.0.1", 80))
    assert is_local(("::1", 80, 0, 0))
