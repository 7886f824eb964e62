"""The real SDK against the loopback API: each way to answer, and each way to fail to."""

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from ocw_strategy.advisor.answer import ANSWERED, MAX_TEXT, Answer
from ocw_strategy.advisor.client import ClaudeClient
from ocw_strategy.advisor.outcomes import (
    ADVISOR_FAULT,
    AUTH,
    BAD_REQUEST,
    CONNECTION,
    EMPTY,
    INVALID_RESPONSE,
    OVERLOADED,
    RATE_LIMITED,
    REFUSED,
    SERVER_ERROR,
    TIMEOUT,
    TRUNCATED,
)
from ocw_strategy.advisor.usage import Usage
from ocw_strategy.errors import SettingsError
from tests.claude import KEY, ClaudeApi, Reply, answer, decision_text, error

BODY: dict[str, Any] = {
    "model": "claude-sonnet-4-6",
    "max_tokens": 512,
    "system": [{"type": "text", "text": "Decide."}],
    "messages": [{"role": "user", "content": "BTC 100"}],
    "output_config": {
        "format": {
            "type": "json_schema",
            "schema": {"type": "object", "additionalProperties": False, "properties": {}},
        }
    },
}
USAGE = {"input_tokens": 100, "output_tokens": 20}


def ask(url: str, *, timeout_s: float = 5.0, body: dict[str, Any] = BODY, key: str = KEY) -> Answer:
    async def once() -> Answer:
        client = ClaudeClient(key, clock=time.monotonic_ns, base_url=url)
        try:
            return await client.ask(body, timeout_s)
        finally:
            await client.close()

    return asyncio.run(once())


def test_a_good_answer_comes_with_text_usage_request_id_and_latency(api: ClaudeApi) -> None:
    text = decision_text()
    api.script(answer(text, usage={**USAGE, "cache_read_input_tokens": 7, "service_tier": "x"}))
    got = ask(api.url)
    assert (got.outcome, got.text, got.detail) == (ANSWERED, text, "")
    assert got.usage == Usage(input_tokens=100, output_tokens=20, cache_read_input_tokens=7)
    assert got.request_id.startswith("req_")
    assert got.latency_ns > 0
    assert not got.unbilled


def test_what_is_sent_is_the_body_and_nothing_else(api: ClaudeApi) -> None:
    ask(api.url)
    (call,) = api.calls
    assert call.body == BODY
    assert call.status == 200
    assert {name.lower() for name in call.headers} >= {"anthropic-version", "content-type"}


def test_thinking_is_left_out_and_texts_are_joined(api: ClaudeApi) -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "x"}
    parts = [{"type": "text", "text": '{"a":'}, {"type": "text", "text": "1}"}]
    api.script(answer([thought, *parts]))
    assert ask(api.url).text == '{"a":1}'


STATUSES = [
    (error(400), BAD_REQUEST), (error(401), AUTH), (error(402), AUTH), (error(403), AUTH),
    (error(404), BAD_REQUEST), (error(409), BAD_REQUEST), (error(413), BAD_REQUEST),
    (error(422), BAD_REQUEST), (error(408), TIMEOUT), (error(429), RATE_LIMITED),
    (error(500), SERVER_ERROR), (error(502), SERVER_ERROR), (error(503), SERVER_ERROR),
    (error(504), TIMEOUT), (error(529), OVERLOADED),
    (error(400, kind="billing_error"), AUTH), (error(503, kind="overloaded_error"), OVERLOADED),
    (Reply(502, b"<html>Bad gateway</html>", content_type="text/html"), SERVER_ERROR),
    (Reply(529, b""), OVERLOADED), (Reply(500, b'{"error":'), SERVER_ERROR),
    (Reply(400, b"[1, 2]"), BAD_REQUEST), (Reply(429, b'{"error": "no"}'), RATE_LIMITED),
    (Reply(500, b'{"error": {"type": [], "message": {}}}'), SERVER_ERROR),
    (Reply(307, b"", {"location": "http://127.0.0.1:1/v1/messages"}), INVALID_RESPONSE),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "outcome"), STATUSES)
def test_every_error_has_its_outcome_costs_nothing_and_is_not_retried(
    api: ClaudeApi, reply: Reply, outcome: str
) -> None:
    api.script(reply)
    got = ask(api.url)
    assert got.outcome == outcome
    assert got.unbilled
    assert got.usage is None
    assert got.detail.startswith(f"HTTP {reply.status}")
    assert len(api.calls) == 1


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "30"}, 30.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "1e9"}, 86_400.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
        (
            {
                "date": "Wed, 07 Oct 2026 10:00:00 GMT",
                "retry-after": "Wed, 07 Oct 2026 10:01:00 GMT",
            },
            60.0,
        ),
        ({"date": "yesterday", "retry-after": "Wed, 07 Oct 2026 10:01:00 GMT"}, None),
    ],
)
def test_a_rate_limit_says_how_long_to_wait(
    api: ClaudeApi, headers: dict[str, str], wait: float | None
) -> None:
    api.script(error(429, headers=headers))
    got = ask(api.url)
    assert (got.outcome, got.retry_after_s) == (RATE_LIMITED, wait)


WHOLE = answer(decision_text())
LINES: list[tuple[Callable[[dict[str, Any]], Reply] | Reply, str]] = [
    (answer("x", drop=True), CONNECTION),
    (answer("x", sent=0), CONNECTION),
    (answer("x" * 5000, sent=2000), CONNECTION),
    (answer("x", first_byte_s=3.0), TIMEOUT),
    (answer("x" * 5000, sent=2000, pause_s=3.0), TIMEOUT),
    (Reply(body=b'{"type": "message", "content": [{"type'), INVALID_RESPONSE),
    (Reply(body=b""), INVALID_RESPONSE),
    (Reply(body=b"null"), INVALID_RESPONSE),
    (Reply(body=b"[" * 200_000), INVALID_RESPONSE),
    (Reply(body=b"9" * 100_000), INVALID_RESPONSE),
    (Reply(body=b"\xff\xfe\x00"), INVALID_RESPONSE),
    (Reply(body={"type": "error"}), INVALID_RESPONSE),
    (Reply(body={"type": "message"}), INVALID_RESPONSE),
    (answer("x", content_type="text/html"), INVALID_RESPONSE),
    (answer([{"type": "text"}]), INVALID_RESPONSE),
    (answer(["x"]), INVALID_RESPONSE),  # type: ignore[list-item]
    (answer("x", stop_reason=None), INVALID_RESPONSE),
    (answer("x", stop_reason="tool_use"), INVALID_RESPONSE),
    (answer("x", stop_reason="pause_turn"), INVALID_RESPONSE),
    (answer("x" * (MAX_TEXT + 1)), INVALID_RESPONSE),
    (answer("No.", stop_reason="refusal"), REFUSED),
    (answer([], stop_reason="refusal"), REFUSED),
    (answer('{"targets', stop_reason="max_tokens"), TRUNCATED),
    (answer('{"targets', stop_reason="model_context_window_exceeded"), TRUNCATED),
    (answer([]), EMPTY),
    (answer(" \n"), EMPTY),
]


@pytest.mark.parametrize(("reply", "outcome"), LINES)
def test_every_broken_line_and_bad_body_has_its_outcome_and_may_have_cost_money(
    api: ClaudeApi, reply: Reply, outcome: str
) -> None:
    api.script(reply)
    got = ask(api.url, timeout_s=1.0 if outcome == TIMEOUT else 5.0)
    assert got.outcome == outcome
    assert not got.unbilled
    assert got.detail
    assert len(api.calls) == 1
    assert got.latency_ns < 2_500_000_000


def test_the_timeout_covers_the_whole_call_however_steadily_it_trickles(api: ClaudeApi) -> None:
    def slowly(_: dict[str, Any]) -> Reply:
        time.sleep(0.4)  # in the server's thread: each part comes within the transport's patience
        return answer("x" * 5000, sent=10, pause_s=0.4)

    api.script(slowly)
    got = ask(api.url, timeout_s=0.6)
    assert got.outcome == TIMEOUT
    assert got.latency_ns < 780_000_000


def test_nobody_there_is_a_lost_connection_that_cost_nothing() -> None:
    got = ask("http://127.0.0.1:9")
    assert (got.outcome, got.unbilled) == (CONNECTION, True)


def test_a_service_that_is_not_reached_in_time_cost_nothing() -> None:
    with socket.socket() as deaf, ExitStack() as waiting:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for _ in range(4):  # fill its queue: further connections are left hanging
            each = waiting.enter_context(socket.socket())
            each.setblocking(False)
            each.connect_ex(deaf.getsockname())
        got = ask(f"http://127.0.0.1:{deaf.getsockname()[1]}", timeout_s=1.0)
    assert (got.outcome, got.unbilled) == (TIMEOUT, True)
    assert got.latency_ns < 950_000_000


def test_a_refusal_and_a_cut_answer_are_billed(api: ClaudeApi) -> None:
    api.script(answer("No.", stop_reason="refusal", usage=USAGE))
    got = ask(api.url)
    assert got.usage == Usage(**USAGE)
    assert got.text == "No."


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        [],
        "many",
        {"input_tokens": 5},
        {**USAGE, "input_tokens": -1},
        {**USAGE, "output_tokens": 10**12},
        {**USAGE, "output_tokens": 1.5},
        {**USAGE, "output_tokens": True},
        {**USAGE, "cache_read_input_tokens": "7"},
    ],
)
def test_usage_that_is_missing_or_absurd_is_not_believed_and_is_said(
    api: ClaudeApi, usage: object
) -> None:
    api.script(answer(decision_text(), usage=usage))
    got = ask(api.url)
    assert got.outcome == ANSWERED
    assert got.usage is None
    assert not got.unbilled
    assert "the cost is not known" in got.detail


def test_a_body_that_cannot_be_sent_is_our_own_fault_and_costs_nothing(api: ClaudeApi) -> None:
    got = ask(api.url, body=BODY | {"temprature": 1})
    assert (got.outcome, got.unbilled) == (ADVISOR_FAULT, True)
    assert "temprature" in got.detail
    assert api.calls == []


def test_cancellation_passes_through(api: ClaudeApi) -> None:
    api.script(answer("x", first_byte_s=3.0))

    async def cancelled() -> None:
        client = ClaudeClient(KEY, clock=time.monotonic_ns, base_url=api.url)
        task = asyncio.create_task(client.ask(BODY, 5.0))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await client.close()

    asyncio.run(cancelled())


def test_one_client_serves_one_loop_after_the_other(api: ClaudeApi) -> None:
    client = ClaudeClient(KEY, clock=time.monotonic_ns, base_url=api.url)

    async def once() -> str:
        try:
            return (await client.ask(BODY, 5.0)).outcome
        finally:
            await client.close()

    assert [asyncio.run(once()), asyncio.run(once())] == [ANSWERED, ANSWERED]


def test_the_key_is_in_no_text_that_leaves_the_client_even_if_the_other_side_repeats_it(
    api: ClaudeApi,
) -> None:
    api.script(
        error(401, message=f"invalid x-api-key: {KEY}", headers={"request-id": f"req_{KEY}"}),
        error(500, kind=KEY),
        answer(f"the key is {KEY}"),
        Reply(body=b"no", content_type=f"text/{KEY}"),
        answer("x", stop_reason=KEY),
    )
    said = [repr(ask(api.url)) for _ in range(5)]
    assert all("(key)" in each for each in said)
    assert not [each for each in said if KEY in each]


def test_the_key_is_in_no_log_and_no_representation(
    api: ClaudeApi, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = ClaudeClient(KEY, clock=time.monotonic_ns, base_url=api.url)
    wrong = "sk-ant-wrong-key"
    said = [repr(ask(api.url)), repr(ask(api.url, key=wrong)), repr(client), caplog.text]
    assert [call.status for call in api.calls] == [200, 401]
    assert "HTTP Request" in caplog.text
    assert not [each for each in said if KEY in each or wrong in each]


@pytest.mark.parametrize("key", ["", "sk ant", "sk-ant\n", "sk-änt", "\x00"])
def test_a_key_that_cannot_be_one_is_refused_unseen(key: str) -> None:
    with pytest.raises(SettingsError, match="ANTHROPIC_API_KEY") as raised:
        ClaudeClient(key, clock=time.monotonic_ns)
    assert not key or key not in str(raised.value)


def test_the_true_count_of_tokens_is_asked_for_free(api: ClaudeApi) -> None:
    async def count(url: str) -> int | Answer:
        client = ClaudeClient(KEY, clock=time.monotonic_ns, base_url=url)
        try:
            return await client.count_tokens(BODY, 5.0)
        finally:
            await client.close()

    counted = asyncio.run(count(api.url))
    assert isinstance(counted, int)
    assert counted > 10
    assert api.messages == []
    lost = asyncio.run(count("http://127.0.0.1:9"))
    assert isinstance(lost, Answer)
    assert lost.outcome == CONNECTION
