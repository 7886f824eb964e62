"""What the API may say, well and badly, and how the line may fail while it says it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ERROR_TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 402: "billing_error",
    403: "permission_error", 404: "not_found_error", 413: "request_too_large",
    429: "rate_limit_error", 500: "api_error", 504: "timeout_error", 529: "overloaded_error",
}  # fmt: skip
MESSAGES = {
    401: "invalid x-api-key",
    429: "This request would exceed your organization's rate limit of 50,000 input tokens per "
    "minute.",
    500: "Internal server error",
    529: "Overloaded",
}


@dataclass(frozen=True)
class Reply:
    """One response.

    `first_byte_s` passes before anything is said; `pause_s` passes after `sent` bytes of the
    body, or, without a pause, the connection breaks there. `drop` breaks it before the first byte.
    """

    status: int = 200
    body: bytes | Mapping[str, Any] = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    first_byte_s: float = 0.0
    sent: int | None = None
    pause_s: float = 0.0
    drop: bool = False

    @property
    def raw(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def answer(
    text: str | list[dict[str, Any]],
    *,
    stop_reason: str | None = "end_turn",
    usage: Any = ...,
    model: str = "",
    **line: Any,
) -> Reply:
    """Return a message; without `usage` the API counts, with None it says nothing of it.

    `line` are further fields of `Reply`.
    """
    content = [{"type": "text", "text": text}] if isinstance(text, str) else text
    body: dict[str, Any] = {
        "id": "msg_01XFDUDYJgAACzvnptvVoYEL", "type": "message", "role": "assistant",
        "model": model, "content": content, "stop_reason": stop_reason, "stop_sequence": None,
    }  # fmt: skip
    if usage is not None:
        body["usage"] = usage
    return Reply(body=body, **line)


def error(
    status: int,
    *,
    kind: str = "",
    message: str = "",
    headers: Mapping[str, str] | None = None,
    **line: Any,
) -> Reply:
    """Return an error as the API words it."""
    body = {
        "type": "error",
        "error": {
            "type": kind or ERROR_TYPES.get(status, "api_error"),
            "message": message or MESSAGES.get(status, "no"),
        },
    }
    return Reply(status, body, headers or {}, **line)


def decision_text(*targets: Mapping[str, Any], **changes: Any) -> str:
    """Return a decision's JSON, a hold unless it has targets."""
    decision = {
        "targets": list(targets),
        "signal_confidence": {
            "funding": 0.5, "cumulative_volume_delta": 0.5, "long_short": 0.5, "open_interest": 0.5,
        },
        "reason": "nothing to do",
        "next_check_seconds": 3600,
        "wake_conditions": [],
        "memory_note": "",
    }  # fmt: skip
    return json.dumps(decision | changes)
