"""Carries the alerts of one journal to one service, in order, until they are there.

A message is noted on disk before it leaves and ticked off after it arrived. So a restart repeats
nothing that arrived and loses nothing that did not; a message whose arrival is not known (an answer
that was lost, a process killed in between) is sent again and says so. A service that fails is tried
again, ever more slowly, for as long as it takes: what happens meanwhile waits in the journal, and
is told in one message once there is much of it. A message the service will never take is left out
and logged.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from ocw_strategy.alerts.alert import Alert, Severity
from ocw_strategy.alerts.cursor import Cursor, CursorFile
from ocw_strategy.alerts.feed import Step, is_wanted, read_feed
from ocw_strategy.alerts.node_watch import NodeSight, NodeWatch
from ocw_strategy.alerts.service import DeliveryError, Service
from ocw_strategy.alerts.settings import AlertSettings
from ocw_strategy.console import minute_text
from ocw_strategy.environment import redact
from ocw_strategy.errors import JournalError
from ocw_strategy.journal import Journal

FIRST_WAIT_S: Final = 1.0
LONGEST_WAIT_S: Final = 300.0
_IN_DOUBT: Final = "(perhaps told before) "
_MINUTE_S: Final = 60.0
_DIGEST_LINES: Final = 20

_MARKS: Final = {Severity.INFO: "", Severity.WARNING: "WARNING ", Severity.CRITICAL: "CRITICAL "}


class Courier:
    """Follow a journal for one service.

    Parameters
    ----------
    journal : Path
        The journal; it may come to be later.
    service : Service
    cursors : CursorFile
    settings : AlertSettings
    sight : callable
        Returns how the node does at a moment.
    now_ns : callable
        Wall time, UNIX nanoseconds.
    log : callable
        Takes a line for the operator.
    first_wait_s : float, default FIRST_WAIT_S
        Wait after the first failure; each further one doubles it.
    """

    def __init__(
        self,
        journal: Path,
        service: Service,
        cursors: CursorFile,
        settings: AlertSettings,
        *,
        sight: Callable[[int], NodeSight],
        now_ns: Callable[[], int],
        log: Callable[[str], None],
        first_wait_s: float = FIRST_WAIT_S,
    ) -> None:
        self._journal, self._service, self._cursors = journal, service, cursors
        self._settings, self._sight, self._now_ns = settings, sight, now_ns
        self._log_line, self._first_wait_s = log, first_wait_s
        self._sent: deque[float] = deque(maxlen=settings.max_per_minute)
        self._watch = NodeWatch(settings.unwell_seconds)
        self._waited_for = False
        self._said = ""

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self._settings.poll_seconds)

    async def look(self) -> None:
        """Look once, and return when all that was found is delivered."""
        before = self._cursors.cursor(self._service.name)
        steps, after = self._read(before)
        if len(steps) > self._settings.digest_above:
            await self._deliver(_digest([step.alert for step in steps]), before)
        else:
            reached = before
            for step in steps:
                await self._deliver(step.alert, reached)
                reached = step.after.model_copy(update={"in_doubt": False})
                self._save(reached)
        if after != before:
            self._save(after.model_copy(update={"in_doubt": False}))

    def _read(self, cursor: Cursor) -> tuple[list[Step], Cursor]:
        steps: list[Step] = []
        self._waited_for |= not self._journal.exists()
        try:
            with Journal.read_only(self._journal) as reader:
                steps, cursor = read_feed(reader, cursor, self._settings, newborn=self._waited_for)
            self._log("")
        except JournalError as error:  # not made yet, being replaced, damaged: looked at again
            self._log(str(error))
        now_ns = self._now_ns()
        for alert, after in self._watch.changes(self._sight(now_ns), cursor, now_ns):
            cursor = after
            if is_wanted(alert, self._settings):
                steps.append(Step(alert, cursor))
        return steps, cursor

    async def _deliver(self, alert: Alert, reached: Cursor) -> None:
        title = f"OCW {_MARKS[alert.severity]}{alert.title}"
        text = "\n".join(filter(None, [alert.text, f"{minute_text(alert.ts_ns)} UTC"]))
        in_doubt, wait_s = reached.in_doubt, self._first_wait_s
        while True:
            await self._slot()
            self._save(reached.model_copy(update={"in_doubt": True}))
            try:
                await self._service.send(
                    redact((_IN_DOUBT if in_doubt else "") + title), redact(text)
                )
            except DeliveryError as error:
                in_doubt |= error.in_doubt
                self._save(reached.model_copy(update={"in_doubt": in_doubt}))
                if error.refused:
                    self._log(f"left out, {error}: {title}")
                    return
                self._log(f"{error}; tried again")
                await asyncio.sleep(max(wait_s, error.retry_after_s))
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            else:
                self._log("")
                return

    async def _slot(self) -> None:
        # no more than so many messages in any minute
        loop = asyncio.get_running_loop()
        if len(self._sent) == self._sent.maxlen:
            await asyncio.sleep(max(0.0, self._sent[0] + _MINUTE_S - loop.time()))
        self._sent.append(loop.time())

    def _save(self, cursor: Cursor) -> None:
        if cursor != self._cursors.cursor(self._service.name):
            self._cursors.save(self._service.name, cursor)

    def _log(self, line: str) -> None:
        if line and line != self._said:
            self._log_line(redact(f"{self._service.name}: {line}"))
        self._said = line


def _digest(alerts: Sequence[Alert]) -> Alert:
    # the gravest in words, the rest as numbers
    worst = max((alert.severity for alert in alerts), key=lambda severity: severity.rank)
    counts = Counter(alert.kind for alert in alerts)
    named = sorted(alerts, key=lambda alert: -alert.severity.rank)[:_DIGEST_LINES]
    lines = [f"{minute_text(a.ts_ns)} {_MARKS[a.severity]}{a.title}" for a in named]
    if len(alerts) > len(named):
        lines.append(f"and {len(alerts) - len(named)} more")
    return Alert(
        kind="summary",
        severity=worst,
        ts_ns=max(alert.ts_ns for alert in alerts),
        title=f"{len(alerts)} alerts: " + ", ".join(f"{n} {k}" for k, n in counts.most_common()),
        text="\n".join(lines),
    )
