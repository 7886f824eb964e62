"""What came of asking the Messages API, and how the body of a response is read.

An answer is taken as a message only if it has the content type, the shape and a stop reason of
one; anything else has an outcome of its own. Each answer says what is known of the bill: ``usage``
where the service stated it believably, ``unbilled`` where nothing was bought for certain (the
service answered with an error, or the request never left). Where neither holds, the caller must
assume the worst.
"""

import json
from dataclasses import dataclass, replace
from typing import Final

from ocw_strategy.advisor.outcomes import EMPTY, INVALID_RESPONSE, REFUSED, TRUNCATED
from ocw_strategy.advisor.usage import Usage

ANSWERED: Final = "answered"
"""The model answered whole; what its text is worth is not judged here."""

MAX_TEXT: Final = 1_000_000
"""Longest text that is taken as an answer, characters: far beyond any ``max_tokens``."""

_MAX_USAGE: Final = 100_000_000
_COMPLETE: Final = frozenset({"end_turn", "stop_sequence"})
_CUT_SHORT: Final = frozenset({"max_tokens", "model_context_window_exceeded"})


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
