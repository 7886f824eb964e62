"""The token is the only key, guesses are few, and a session cannot be made without it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocw_strategy.dashboard.access import (
    FAILURES_BY_ADDRESS,
    FAILURES_IN_ALL,
    LEAST_TOKEN,
    SESSION_NS,
    WINDOW_NS,
    Door,
    GuessLimit,
    Token,
)
from ocw_strategy.errors import SettingsError

VALUE = "correct-horse-battery"
NOW_NS = 1_700_000_000_000_000_000
WRONG = -1


@given(st.text())
def test_nothing_but_the_token_matches(guess: str) -> None:
    assert Token(VALUE).matches(guess) == (guess == VALUE)


@given(st.text())
def test_no_text_that_was_not_sealed_is_a_session(text: str) -> None:
    assert not Token(VALUE).admits(text, NOW_NS)


def test_a_session_ends_and_cannot_be_lengthened() -> None:
    token = Token(VALUE)
    session = token.session(NOW_NS)
    assert token.admits(session, NOW_NS)
    assert token.admits(session, NOW_NS + SESSION_NS - 1)
    assert not token.admits(session, NOW_NS + SESSION_NS)
    ends, _, seal = session.partition(".")
    assert not token.admits(f"{int(ends) + 1}.{seal}", NOW_NS)


def test_a_new_token_ends_every_session() -> None:
    assert not Token(VALUE + "2").admits(Token(VALUE).session(NOW_NS), NOW_NS)


def test_a_short_token_is_refused_and_not_repeated() -> None:
    with pytest.raises(SettingsError, match="OCW_DASHBOARD_TOKEN") as refused:
        Token("swordfish")
    assert "swordfish" not in str(refused.value)
    Token("x" * LEAST_TOKEN)


def test_after_a_few_wrong_tokens_even_the_right_one_waits() -> None:
    now = [NOW_NS]
    door = Door(Token(VALUE), lambda: now[0])
    for _ in range(FAILURES_BY_ADDRESS):
        assert door.admit("wrong", "a") == WRONG
    assert door.admit(VALUE, "a") == 60
    assert door.admit(VALUE, "b") == 0
    now[0] += WINDOW_NS
    assert door.admit(VALUE, "a") == 0


def test_guesses_from_many_addresses_are_limited_together_and_sessions_are_not() -> None:
    door = Door(Token(VALUE), lambda: NOW_NS)
    session = door.session()
    for number in range(FAILURES_IN_ALL):
        assert door.admit("wrong", str(number)) == WRONG
    assert door.admit(VALUE, "yet another") > 0
    assert door.knows(session)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, WINDOW_NS // 4)), max_size=60))
def test_no_address_has_more_failures_in_any_window_than_allowed(
    guesses: list[tuple[str, int]],
) -> None:
    limit, now_ns, looked_at = GuessLimit(), NOW_NS, []
    for address, pause_ns in guesses:
        now_ns += pause_ns
        if limit.wait_s(address, now_ns) == 0:
            limit.failed(address, now_ns)
            looked_at.append((address, now_ns))
    for address, begun_ns in looked_at:
        window = [n for a, n in looked_at if a == address and 0 <= n - begun_ns < WINDOW_NS]
        assert len(window) <= FAILURES_BY_ADDRESS
