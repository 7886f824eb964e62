"""What is worth telling a person who is not looking."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

KINDS: Final = (
    "entry",
    "exit",
    "halt",
    "watchdog",
    "breaker",
    "budget",
    "drift",
    "fault",
    "node",
    "summary",
)
"""What an alert is about: each can be muted by name."""


class Severity(StrEnum):
    """How soon a person should look."""

    INFO = "info"
    """At leisure: the system did what it is for."""
    WARNING = "warning"
    """Today: something does less than it should."""
    CRITICAL = "critical"
    """Now: entries are stopped, or what is held is not what it should be."""

    @property
    def rank(self) -> int:
        """Return 0 for the least."""
        return tuple(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing to tell."""

    kind: str
    """One of `KINDS`."""
    severity: Severity
    ts_ns: int
    """When it happened, UNIX nanoseconds."""
    title: str
    """One line that says it all."""
    text: str = ""
    """More lines; may be empty."""
    topic: str = ""
    """Alerts of one topic are told once in a while, not each time; empty tells always."""
