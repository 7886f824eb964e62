"""The Messages API on the loopback interface: a counterpart that the real client talks to."""

from tests.claude.api import KEY, Call, ClaudeApi
from tests.claude.replies import Reply, answer, decision_text, error

__all__ = ["KEY", "Call", "ClaudeApi", "Reply", "answer", "decision_text", "error"]
