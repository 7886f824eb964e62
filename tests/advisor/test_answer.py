"""Any body of a response is read as an answer or refused as none."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocw_strategy.advisor.answer import ANSWERED, read_message
from ocw_strategy.advisor.outcomes import OUTCOMES

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
MESSAGES = st.fixed_dictionaries(
    {"type": st.just("message") | JSON},
    optional={
        "content": JSON
        | st.lists(st.fixed_dictionaries({"type": st.just("text") | JSON, "text": JSON})),
        "stop_reason": JSON | st.sampled_from(["end_turn", "refusal", "max_tokens"]),
        "usage": JSON | st.fixed_dictionaries({"input_tokens": JSON, "output_tokens": JSON}),
    },
)


@given(MESSAGES.map(lambda each: json.dumps(each).encode()) | st.binary(max_size=64))
@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_whatever_the_body_it_is_read_or_refused_and_never_raises(raw: bytes) -> None:
    got = read_message(raw, "application/json")
    assert got.outcome in OUTCOMES | {ANSWERED}
    assert got.outcome == ANSWERED or got.detail
    got.text.encode()
