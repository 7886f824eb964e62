"""What the venue was asked, in order: for tests that count requests or read what was sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SECRET: Final = frozenset({"signature"})


@dataclass(frozen=True, slots=True)
class Call:
    """One request and how it was answered: HTTP status (0: connection cut) and error code."""

    method: str
    path: str
    params: Mapping[str, str]
    status: int
    code: int
    arrived_ns: int
    """Wall time, UNIX ns."""


class CallLog:
    """Calls, oldest first."""

    def __init__(self) -> None:
        self._calls: list[Call] = []

    def add(self, call: Call) -> None:
        """Keep a call."""
        self._calls.append(call)

    def all(self) -> list[Call]:
        """Return every call so far."""
        return list(self._calls)

    def to(self, path: str, method: str = "") -> list[Call]:
        """Return the calls of an endpoint, named by the end of its path."""
        return [
            call for call in self.all() if call.path.endswith(path) and method in {"", call.method}
        ]

    def clear(self) -> None:
        """Forget all calls."""
        self._calls.clear()
