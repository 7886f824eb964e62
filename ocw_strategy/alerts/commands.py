"""What the bot answers: ``/status``, ``/why`` and ``/halt``, to one chat and to nobody else.

A halt takes two messages: the first is answered with a number, the second must repeat it within a
minute. It does what `ocw halt` does, and nothing but that: no command resumes, buys or sells.
A command that waited for long (the process was down) is not carried out; it must be sent again.
Messages of other chats are not answered, so that a stranger learns nothing, not even that the bot
is awake. Whatever fails is one sentence.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ocw_strategy.alerts.telegram import Update
from ocw_strategy.console import minute_text
from ocw_strategy.environment import redact
from ocw_strategy.errors import OcwError
from ocw_strategy.explain import LAST, explain_decision
from ocw_strategy.explanation import Explanation
from ocw_strategy.journal import Journal
from ocw_strategy.live.halt import HaltFile, HaltNote
from ocw_strategy.live.heartbeat import heartbeat_path, read_heartbeat
from ocw_strategy.live.status import status_lines
from ocw_strategy.spend import report_spend
from ocw_strategy.units import SECOND_NS

CONFIRM_S: Final = 60
"""How long a halt waits for its number."""
STALE_S: Final = 300
"""A command older than this is not carried out."""

HELP: Final = (
    "/status how the node does\n"
    "/why the last decision; /why ID another\n"
    "/halt stop entries; asks for a number first"
)


class Commands:
    """Answer the messages of one chat.

    Parameters
    ----------
    journal : Path
        The node's journal.
    chat : str
        Id of the chat that may ask.
    now_ns : callable
        Wall time, UNIX nanoseconds.
    number : callable
        Returns the number that confirms a halt.
    """

    def __init__(
        self,
        journal: Path,
        chat: str,
        *,
        now_ns: Callable[[], int],
        number: Callable[[], int],
    ) -> None:
        self._journal, self._chat = journal, chat
        self._now_ns, self._number = now_ns, number
        self._asked: tuple[int, int] | None = None

    def answer(self, update: Update) -> str | None:
        """Carry out a message's command; return what to say, or None to say nothing."""
        if update.chat != self._chat or not update.text.startswith("/"):
            return None
        name, _, rest = update.text.strip().partition(" ")
        name, rest = name.partition("@")[0].lower(), rest.strip()
        age_s = self._now_ns() // SECOND_NS - update.ts_s
        if age_s > STALE_S:
            return f"{name} came {age_s} s late and was not carried out; send it again"
        try:
            match name:
                case "/status":
                    said = self._status()
                case "/why":
                    said = self._why(rest or LAST)
                case "/halt":
                    said = self._halt(rest)
                case _:
                    said = HELP
        except OcwError as error:
            said = str(error)
        return redact(said)

    def _status(self) -> str:
        lines = []
        if HaltFile(self._journal).halted():
            lines.append("HALTED: nothing is entered")
        lines += status_lines(read_heartbeat(heartbeat_path(self._journal)), self._now_ns())
        report = report_spend(self._journal)
        for line in (*report.days[-1:], *report.months[-1:]):
            left = f", {line.left_usd} left" if line.left_usd is not None else ""
            lines.append(f"spent {line.period}: {line.spent_usd} USD{left}")
        return "\n".join(lines)

    def _why(self, name: str) -> str:
        with Journal.read_only(self._journal) as reader:
            return _in_short(explain_decision(reader, name))

    def _halt(self, given: str) -> str:
        now_ns, asked = self._now_ns(), self._asked
        self._asked = None
        file = HaltFile(self._journal)
        if file.halted():  # what it says stands: it may ask the node to flatten
            return "Halted already: nothing is entered."
        if not given:
            self._asked = (self._number(), now_ns)
            return (
                f"This stops entries; what is held keeps its stops. "
                f"Send /halt {self._asked[0]} within {CONFIRM_S} s to do it."
            )
        if asked is None or now_ns - asked[1] > CONFIRM_S * SECOND_NS or given != str(asked[0]):
            return "Not halted: that is not the number, or it is too old. Send /halt for a new one."
        file.halt(HaltNote(now_ns, "by Telegram"))
        return "Halted: nothing is entered. `ocw resume` on the machine ends it."


def _in_short(found: Explanation) -> str:
    lines = [
        f"{minute_text(found.ts_ns)} {found.decision_id}: {found.outcome} by {found.advisor}",
        f"woken by {', '.join(found.wake_reasons)}; regime {found.regime}",
    ]
    if found.detail:
        lines.append(found.detail)
    decision = found.decision or {}
    for target in decision.get("targets", ()):
        lines.append(
            f"{target['symbol']}: exposure {target['exposure']:+.2f}, "
            f"confidence {target['confidence']:.2f}"
        )
    if reason := decision.get("reason"):
        lines.append(str(reason))
    lines += [f"limit {c.limit} on {c.symbol}: {c.before} to {c.after}" for c in found.clamps]
    lines += [
        f"{order.purpose}: {order.side} {order.quantity} {order.symbol}" for order in found.orders
    ]
    if found.net_usd is not None and found.trades:
        lines.append(f"closed for {found.net_usd:+,.2f} USD")
    if found.open_quantities:
        lines.append(f"still open: {json.dumps(found.open_quantities)}")
    lines.append(f"cost {found.cost_usd} USD")
    return "\n".join(lines)
