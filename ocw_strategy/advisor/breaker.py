"""A circuit breaker: after failures in a row nothing is asked for a while, then one probe.

Closed, it lets every call pass. After ``failures`` in a row it opens: nothing passes for
``open_ns``. Then it lets one call through, the probe; if that succeeds the breaker closes, if it
fails it is open for as long again. A probe whose outcome never comes (a crash, a cancelled call)
is given up after the same time: the breaker cannot stick. A wait that the service imposes
(``retry-after``) holds in every state. What counts as a failure is said by `outcomes`.

Time is the decision clock. The state is plain data and survives a restart; damaged state counts
as open from now, never as closed.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import Field, ValidationError

from ocw_strategy.advisor.outcomes import FAILURES, SETTLED
from ocw_strategy.model import Strict
from ocw_strategy.units import MINUTE_NS, SECOND_NS

OPEN_NS: Final = 15 * MINUTE_NS


class _State(Strict):
    failures: int = Field(ge=0)
    open_until_ns: int = Field(ge=0)
    not_before_ns: int = Field(ge=0)


class CircuitBreaker:
    """Decides whether the service may be asked now.

    Parameters
    ----------
    failures : int
        Failures in a row that open it, at least 1.
    open_ns : int
        How long it stays open before a probe, nanoseconds.
    keep : callable, optional
        Called with the state whenever it has changed, to outlive a restart.
    """

    def __init__(
        self,
        failures: int = 3,
        open_ns: int = OPEN_NS,
        *,
        keep: Callable[[dict[str, int]], None] | None = None,
    ) -> None:
        if failures < 1 or open_ns < 1:
            raise ValueError(f"failures and open_ns must be at least 1, were {failures}, {open_ns}")
        self._limit = failures
        self._open_ns = open_ns
        self._failures = 0
        self._open_until_ns = 0
        self._not_before_ns = 0
        self._probing_since_ns: int | None = None
        self._keep = keep

    @property
    def is_open(self) -> bool:
        """Return whether it has opened and no probe has succeeded since."""
        return self._failures >= self._limit

    def blocked_until_ns(self) -> int:
        """Return the time before which nothing passes, UNIX nanoseconds; 0 if anything does."""
        return max(self._open_until_ns if self.is_open else 0, self._not_before_ns)

    def allows(self, now_ns: int) -> bool:
        """Return whether a call may be made now; while open, yes is said to one call only.

        Whoever is told yes must `record` what came of it, also if nothing was asked in the end.
        """
        if now_ns < self._not_before_ns:
            return False
        if not self.is_open:
            return True
        if now_ns < self._open_until_ns:
            return False
        probing = self._probing_since_ns
        if probing is not None and now_ns < probing + self._open_ns:
            return False
        self._probing_since_ns = now_ns
        return True

    def record(self, outcome: str, now_ns: int, retry_after_s: float | None = None) -> None:
        """Take note of what came of a call.

        Parameters
        ----------
        outcome : str
            A failure counts, a settled answer closes the breaker; of any other, nothing was asked:
            a probe is given back.
        now_ns : int
            Decision clock, UNIX nanoseconds.
        retry_after_s : float, optional
            How long the service told us to wait, seconds.
        """
        self._probing_since_ns = None
        before = self.state()
        if outcome in FAILURES:
            self._failures = min(self._failures + 1, self._limit)
            if self.is_open:
                self._open_until_ns = max(self._open_until_ns, now_ns + self._open_ns)
            if retry_after_s is not None and retry_after_s > 0:
                until_ns = now_ns + round(retry_after_s * SECOND_NS)
                self._not_before_ns = max(self._not_before_ns, until_ns)
        elif outcome in SETTLED:
            self._failures = 0
            self._open_until_ns = 0
        if self._keep is not None and self.state() != before:
            self._keep(self.state())

    def state(self) -> dict[str, int]:
        """Return the state as plain data; an unanswered probe is not part of it."""
        return {
            "failures": self._failures,
            "open_until_ns": self._open_until_ns,
            "not_before_ns": self._not_before_ns,
        }

    def restore(self, state: Mapping[str, Any], now_ns: int = 0) -> None:
        """Take up a state that was saved; one that cannot be read opens the breaker from now."""
        self._probing_since_ns = None
        try:
            found = _State.model_validate(dict(state))
        except (ValidationError, TypeError, ValueError):
            found = _State(
                failures=self._limit, open_until_ns=now_ns + self._open_ns, not_before_ns=0
            )
        self._failures = min(found.failures, self._limit)
        self._open_until_ns = found.open_until_ns
        self._not_before_ns = found.not_before_ns
