"""What can come of asking for a decision, by name, and what each outcome means to its neighbours.

The names are stored in journals and recordings: they are never changed, only added to. Every
outcome is either settled (the model was asked and answered, well or badly: it was paid for) or
unsettled (no answer was had). The circuit breaker counts `FAILURES` alone: a refusal or an answer
that makes no sense comes from a service that works.
"""

from typing import Final

DECIDED: Final = "decided"
"""A decision within its limits."""

MALFORMED: Final = "malformed"
"""The model's text is not the JSON it was asked for."""
UNKNOWN_INSTRUMENT: Final = "unknown_instrument"
DUPLICATE_INSTRUMENT: Final = "duplicate_instrument"
NOT_FINITE: Final = "not_finite"
OUT_OF_RANGE: Final = "out_of_range"
REFUSED: Final = "refused"
"""The model declined to answer."""
TRUNCATED: Final = "truncated"
"""The answer reached ``max_tokens`` or the end of the context before it was complete."""
EMPTY: Final = "empty"
"""A complete answer without a text."""
SCREENED_OUT: Final = "screened_out"
"""The cheap model saw nothing worth deciding."""

TIMEOUT: Final = "timeout"
"""No whole answer within the time allowed."""
OVERLOADED: Final = "overloaded"
RATE_LIMITED: Final = "rate_limited"
AUTH: Final = "auth"
"""The key was refused, or lacks the permission or the credit."""
BAD_REQUEST: Final = "bad_request"
"""The request was refused as it stands: asking again will not help."""
CONNECTION: Final = "connection"
"""The service was not reached, or the connection broke."""
SERVER_ERROR: Final = "server_error"
INVALID_RESPONSE: Final = "invalid_response"
"""What came back is not a message of the Messages API."""

BREAKER_OPEN: Final = "breaker_open"
"""Not asked: the service failed too often, or told us to wait."""
BUDGET_SPENT: Final = "budget_spent"
"""Not asked: the worst case of the call would exceed the budget."""
NOT_RECORDED: Final = "not_recorded"
"""Not asked: the recording lacks this decision."""
ADVISOR_FAULT: Final = "advisor_fault"
"""An error of our own on the way."""

SETTLED: Final = frozenset(
    {
        DECIDED, MALFORMED, UNKNOWN_INSTRUMENT, DUPLICATE_INSTRUMENT, NOT_FINITE, OUT_OF_RANGE,
        REFUSED, TRUNCATED, EMPTY, SCREENED_OUT,
    }
)  # fmt: skip
"""The model answered: the answer was paid for and stands."""

FAILURES: Final = frozenset(
    {
        TIMEOUT, OVERLOADED, RATE_LIMITED, AUTH, BAD_REQUEST, CONNECTION, SERVER_ERROR,
        INVALID_RESPONSE,
    }
)  # fmt: skip
"""The service was asked and did not work: what the circuit breaker counts."""

NOT_ASKED: Final = frozenset({BREAKER_OPEN, BUDGET_SPENT, NOT_RECORDED, ADVISOR_FAULT})
"""Nothing was sent: neither a success nor a failure of the service."""

TRANSIENT: Final = FAILURES | NOT_ASKED
"""No answer was had: a recording may replace it by a later one."""

OUTCOMES: Final = SETTLED | TRANSIENT
"""All of them."""
