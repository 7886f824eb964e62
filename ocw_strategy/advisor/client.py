"""One question to the Messages API, and a typed outcome for whatever comes of it.

`ClaudeClient.ask` sends one request body through the official SDK, without retries: whether and
when to ask again is the circuit breaker's and the gate's to say. It never raises but for
cancellation. The API key is in no text it returns, no representation and no exception: whatever the
other side says is searched for it first.
"""

import asyncio
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
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

from ocw_strategy.advisor.answer import Answer, read_message
from ocw_strategy.advisor.outcomes import (
    ADVISOR_FAULT,
    AUTH,
    BAD_REQUEST,
    CONNECTION,
    INVALID_RESPONSE,
    OVERLOADED,
    RATE_LIMITED,
    SERVER_ERROR,
    TIMEOUT,
)
from ocw_strategy.errors import SettingsError

API_URL: Final = "https://api.anthropic.com"
CONNECT_S: Final = 10.0
"""Longest wait for a connection, seconds; at most half of the whole call."""
MAX_RETRY_AFTER_S: Final = 86_400.0
"""Longest wait that the service may impose, seconds."""

_MAX_DETAIL: Final = 300
_HIDDEN: Final = "(key)"

_BY_STATUS: Final = {
    401: AUTH, 402: AUTH, 403: AUTH, 408: TIMEOUT, 429: RATE_LIMITED, 504: TIMEOUT,
    529: OVERLOADED,
}  # fmt: skip
_BY_TYPE: Final = {
    "authentication_error": AUTH, "billing_error": AUTH, "permission_error": AUTH,
    "overloaded_error": OVERLOADED, "rate_limit_error": RATE_LIMITED,
}  # fmt: skip
_NEVER_SENT: Final = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.UnsupportedProtocol)


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
        # certificates take a third of a second to read, which no loop should wait for when it asks
        self._tls = httpx2.create_ssl_context()
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
                http_client=DefaultAsyncHttpxClient(follow_redirects=False, verify=self._tls),
            )
        return self._sdk

    async def _send(self, body: Mapping[str, Any], timeout_s: float) -> Answer:
        try:
            response = await self._client().messages.with_raw_response.create(
                **body,
                # a service that is not reached is known soon, and known to have sold nothing
                timeout=httpx2.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s / 2)),
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
