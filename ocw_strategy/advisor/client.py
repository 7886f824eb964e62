"""One question to the Messages API, and a typed outcome for whatever comes of it.

`ClaudeClient.ask` sends one request body through the official SDK, without retries: whether and
when to ask again is the circuit breaker's and the gate's to say. It never raises but for
cancellation. An answer is taken as a message only if it has the content type, the shape and a stop
reason of one; anything else has an outcome of its own. The API key is in no text it returns, no
representation and no exception: whatever the other side says is searched for it first.

Each answer says what is known of the bill: ``usage`` where the service stated it believably,
``unbilled`` where nothing was bought for certain (the service answered with an error, or the
request never left). Where neither holds, the caller must assume the worst.
"""

import asyncio
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx2
from anthropic import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncAnthropic,
    DefaultAsyncHttpxClient,
)

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

ANSWERED: Final = "answered"
"""The model answered whole; what its text is worth is not judged here."""

API_URL: Final = "https://api.anthropic.com"
MAX_TEXT: Final = 1_000_000
"""Longest text that is taken as an answer, characters: far beyond any ``max_tokens``."""
MAX_RETRY_AFTER_S: Final = 86_400.0
"""Longest wait that the service may impose, seconds."""

_MAX_DETAIL: Final = 300
_MAX_USAGE: Final = 100_000_000
_HIDDEN: Final = "(key)"

_BY_STATUS: Final = {
    401: AUTH, 402: AUTH, 403: AUTH, 408: TIMEOUT, 429: RATE_LIMITED, 504: TIMEOUT,
    529: OVERLOADED,
}  # fmt: skip
_BY_TYPE: Final = {
    "authentication_error": AUTH, "billing_error": AUTH, "permission_error": AUTH,
    "overloaded_error": OVERLOADED, "rate_limit_error": RATE_LIMITED,
}  # fmt: skip
_COMPLETE: Final = frozenset({"end_turn", "stop_sequence"})
_CUT_SHORT: Final = frozenset({"max_tokens", "model_context_window_exceeded"})
_NEVER_SENT: Final = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.UnsupportedProtocol)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one question."""

    outcome: str
    """``answered``, or what went wrong."""
    text: str = ""
    """What the model wrote, also where it was cut short or a refusal."""
    usage: Usage | None = None
    """Tokens billed; None where the service did not say, or said something impossible."""
    request_id: str = ""
    """The service's own name for the call: for its support."""
    detail: str = ""
    """The fault in words, for a person."""
    retry_after_s: float | None = None
    """How long the service told us to wait, seconds."""
    latency_ns: int = 0
    unbilled: bool = False
    """Nothing was bought, for certain."""


class ClaudeClient:
    """The Messages API, asked once per question.

    Parameters
    ----------
    api_key : str
        The key; it is kept out of every text.
    clock : Callable[[], int]
        A monotonic clock, nanoseconds: latency is measured with it.
    base_url : str
        Where the API is.

    Raises
    ------
    SettingsError
        If the key cannot be one. It is not shown.
    """

    def __init__(self, api_key: str, *, clock: Callable[[], int], base_url: str = API_URL) -> None:
        if not api_key or not api_key.isascii() or not api_key.isprintable() or " " in api_key:
            raise SettingsError(
                "ANTHROPIC_API_KEY",
                "hidden" if api_key else "",
                "set it to the key, without spaces or line breaks",
            )
        self._key = api_key
        self._key_in = re.compile(re.escape(api_key), re.IGNORECASE)
        self._clock = clock
        self._base_url = base_url
        self._sdk: AsyncAnthropic | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __repr__(self) -> str:
        return f"ClaudeClient({self._base_url})"

    async def ask(self, body: Mapping[str, Any], timeout_s: float) -> Answer:
        """Send a request body and return what came of it.

        Parameters
        ----------
        body : mapping
            The body of ``POST /v1/messages``, sent as it is.
        timeout_s : float
            Time for the whole call, connection and reading included, seconds.
        """
        begun = self._clock()
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._send(body, timeout_s)
        except TimeoutError:
            answer = Answer(TIMEOUT, detail=f"no whole answer within {timeout_s:g} s")
        except Exception as fault:
            # the SDK's own errors are caught where they arise: what is left is a body that it
            # cannot send, such as an argument it does not know
            answer = Answer(ADVISOR_FAULT, detail=f"{type(fault).__name__}: {fault}", unbilled=True)
        return self._without_key(replace(answer, latency_ns=max(0, self._clock() - begun)))

    async def count_tokens(self, body: Mapping[str, Any], timeout_s: float) -> int | Answer:
        """Return the true number of a request's input tokens, or what went wrong; it is free."""
        asked = {k: v for k, v in body.items() if k != "max_tokens"}
        try:
            async with asyncio.timeout(timeout_s):
                counted = await self._client().messages.count_tokens(**asked, timeout=timeout_s)
                if type(counted.input_tokens) is int and counted.input_tokens >= 0:
                    return counted.input_tokens
                return Answer(INVALID_RESPONSE, detail="no count", unbilled=True)
        except TimeoutError:
            return Answer(TIMEOUT, detail=f"no count within {timeout_s:g} s", unbilled=True)
        except APIStatusError as fault:
            return self._without_key(_refused(fault))
        except Exception as fault:
            outcome = CONNECTION if isinstance(fault, APIConnectionError) else ADVISOR_FAULT
            return self._without_key(Answer(outcome, detail=str(fault), unbilled=True))

    async def close(self) -> None:
        """Close the connections; asking again opens new ones."""
        sdk, self._sdk, self._loop = self._sdk, None, None
        if sdk is not None:
            await sdk.close()

    def _client(self) -> AsyncAnthropic:
        """Return the SDK's client of the running loop: connections belong to one."""
        loop = asyncio.get_running_loop()
        if self._sdk is None or self._loop is not loop:
            self._loop = loop
            self._sdk = AsyncAnthropic(
                api_key=self._key,
                base_url=self._base_url,
                max_retries=0,
                open_telemetry=False,
                # an API that sends us elsewhere is not the API
                http_client=DefaultAsyncHttpxClient(follow_redirects=False),
            )
        return self._sdk

    async def _send(self, body: Mapping[str, Any], timeout_s: float) -> Answer:
        try:
            response = await self._client().messages.with_raw_response.create(
                **body, timeout=timeout_s
            )
        except APIStatusError as fault:
            return _refused(fault)
        except APITimeoutError as fault:
            sent = not isinstance(fault.__cause__, _NEVER_SENT)
            return Answer(TIMEOUT, detail=f"transport: {_cause(fault)}", unbilled=not sent)
        except APIConnectionError as fault:
            sent = not isinstance(fault.__cause__, _NEVER_SENT)
            return Answer(CONNECTION, detail=_cause(fault), unbilled=not sent)
        content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        return replace(
            read_message(await response.read(), content_type),
            request_id=response.headers.get("request-id", ""),
        )

    def _without_key(self, answer: Answer) -> Answer:
        def hide(text: str) -> str:
            return self._key_in.sub(_HIDDEN, text)

        return replace(
            answer,
            text=hide(answer.text),
            detail=_printable(hide(answer.detail))[:_MAX_DETAIL],
            request_id=_printable(hide(answer.request_id))[:_MAX_DETAIL],
        )


def read_message(raw: bytes, content_type: str) -> Answer:
    """Return the answer in the body of a successful response; it never raises."""
    if not content_type.endswith("json"):
        return Answer(INVALID_RESPONSE, detail=f"content type {content_type!r}")
    try:
        message = json.loads(raw)
    except (ValueError, RecursionError) as fault:
        return Answer(INVALID_RESPONSE, detail=f"no JSON: {fault}")
    if not isinstance(message, dict) or message.get("type") != "message":
        return Answer(INVALID_RESPONSE, detail="no message")
    usage, doubt = _usage(message.get("usage"))
    answer = Answer(ANSWERED, usage=usage, detail=doubt)

    def spoilt(outcome: str, why: str, text: str = "") -> Answer:
        return replace(
            answer, outcome=outcome, text=text, detail="; ".join(filter(None, (why, doubt)))
        )

    text = _text(message.get("content"))
    if text is None:
        return spoilt(INVALID_RESPONSE, "no list of content blocks")
    if len(text) > MAX_TEXT:
        return spoilt(INVALID_RESPONSE, f"a text of {len(text)} characters")
    reason = message.get("stop_reason")
    if not isinstance(reason, str):
        return spoilt(INVALID_RESPONSE, "no stop reason", text)
    if reason == "refusal":
        return spoilt(REFUSED, "the model declined to answer", text)
    if reason in _CUT_SHORT:
        return spoilt(TRUNCATED, f"stopped by {reason}", text)
    if reason not in _COMPLETE:
        return spoilt(INVALID_RESPONSE, f"stop reason {reason!r}", text)
    if not text.strip():
        return spoilt(EMPTY, "no text")
    return replace(answer, text=text)


def _text(content: object) -> str | None:
    """Return the text blocks of a message, joined; None where that is no list of blocks."""
    if not isinstance(content, list):
        return None
    parts: list[str] = []
    for block in content:
        if not isinstance(block, dict):
            return None
        if block.get("type") == "text":
            if not isinstance(block.get("text"), str):
                return None
            parts.append(block["text"])
    # a lone surrogate cannot be stored or hashed as UTF-8
    return "".join(parts).encode("utf-8", errors="replace").decode("utf-8")


def _usage(stated: object) -> tuple[Usage | None, str]:
    """Return what was billed, or None and why it is not believed."""
    if not isinstance(stated, dict):
        return None, "usage missing: the cost is not known"
    counts: dict[str, int] = {}
    for name in Usage.model_fields:
        count = stated.get(name)
        if count is None and name.startswith("cache_"):
            count = 0
        if type(count) is not int or not 0 <= count <= _MAX_USAGE:
            return None, f"usage.{name} is impossible: the cost is not known"
        counts[name] = count
    return Usage(**counts), ""


def _refused(fault: APIStatusError) -> Answer:
    """Return the outcome of a response with an error status: nothing was bought."""
    status, kind = fault.status_code, str(fault.type or "")
    outcome = _BY_STATUS.get(status) or _BY_TYPE.get(kind)
    if outcome is None:
        if status >= 500:
            outcome = SERVER_ERROR
        else:
            outcome = BAD_REQUEST if status >= 400 else INVALID_RESPONSE
    said = fault.api_message if isinstance(fault.api_message, str) else ""
    detail = " ".join(filter(None, (f"HTTP {status}", kind, said)))
    return Answer(
        outcome,
        request_id=fault.request_id or "",
        detail=detail,
        retry_after_s=_retry_after_s(fault.response.headers),
        unbilled=True,
    )


def _retry_after_s(headers: httpx2.Headers) -> float | None:
    """Return the wait that a response imposes, seconds; None where it states none that makes sense.

    A date is counted from the response's own date: no clock of ours is asked.
    """
    stated = headers.get("retry-after", "")
    try:
        seconds = float(stated)
    except ValueError:
        try:
            until = parsedate_to_datetime(stated)
            seconds = (until - parsedate_to_datetime(headers.get("date", ""))).total_seconds()
        except (TypeError, ValueError):
            return None
    return min(seconds, MAX_RETRY_AFTER_S) if math.isfinite(seconds) and seconds > 0 else None


def _cause(fault: APIConnectionError) -> str:
    cause = fault.__cause__
    return f"{type(cause).__name__}: {cause}" if cause is not None else str(fault)


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
