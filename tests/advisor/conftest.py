"""A server for each test."""

from collections.abc import Iterator

import pytest

from tests.claude.api import ClaudeApi


@pytest.fixture
def api() -> Iterator[ClaudeApi]:
    with ClaudeApi() as server:
        yield server
