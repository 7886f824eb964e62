"""Sizes: an estimate that is the same everywhere."""

import pytest

from ocw_strategy.advisor.sizes import estimate_tokens


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("a", 1), ("abc", 1), ("abcd", 2), ("é€", 2)]
)
def test_the_estimate_is_bytes_over_three_rounded_up(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens
