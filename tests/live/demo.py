"""``make live-demo``: a real live node against the loopback venue, watched in the terminal.

``python -m tests.live.demo`` opens the venue with the sample market (SYNTHETIC), starts `ocw live`
as a process of its own with the advisor by rules, and tells what it does: decisions, orders, stops,
fills. Then it is halted and resumed, killed without warning and started again, and at last asked
to stop. No key and no network is needed. It ends by itself with a table of what was promised;
the exit code is 1 if a promise was broken.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from ocw_strategy.journal import Clamp, FillRow, Intent, Posterior
from tests.live.process import LiveProcess, sample_venue
from tests.live.story import Story
from tests.venue import Venue

SPEED = 600.0
PATIENCE_S = 60.0
REFUSED = "entries_blocked:halt"


class NotInTimeError(Exception):
    """What was waited for did not come."""


@dataclass
class Demo:
    """One showing. `told` holds each promise, whether it was kept, and what was seen."""

    venue: Venue
    node: LiveProcess
    console: Console
    told: list[tuple[str, bool, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.story = Story(self.console)

    # -- acts --------------------------------------------------------------------------------------

    def play(self) -> None:
        """Show all of it; a promise whose moment does not come is broken and the rest left out."""
        try:
            for act in (
                self._trades, self._halts, self._resumes, self._is_killed, self._stops
            ):  # fmt: skip
                act()
        except (NotInTimeError, AssertionError) as fault:
            self._promise(str(fault).splitlines()[0], kept=False, seen="never came")
            self.console.print(self.node.said(), markup=False, style="red")

    def _trades(self) -> None:
        self._head("The node starts: history, account, reconciliation")
        begun = time.monotonic()
        self.node.start()
        took_s = time.monotonic() - begun
        self._say(f"it trades after {took_s:.1f} s; a market hour is {3600 / SPEED:.0f} s here")
        self.venue.market.play(SPEED)
        self._watch(lambda: self._held() and self._protected(), "a position and its stop")
        self._promise("a decision became a position with a stop at the venue", seen=self._stand())

    def _halts(self) -> None:
        self._head("ocw halt: nothing is entered, stops stay")
        self._command("halt", "--reason", "shown in the demo")
        entries = self._entries()
        self._watch(
            lambda: self._count(Clamp, "limit_name = ?", REFUSED) and self._protected(),
            "an entry that is refused while halted",
        )
        refused, entered = self._count(Clamp, "limit_name = ?", REFUSED), self._entries() - entries
        self._promise(
            "halted, it enters nothing",
            kept=not entered,
            seen=f"{refused} refused, {entered} entered",
        )
        self._command("status")

    def _resumes(self) -> None:
        self._head("ocw resume: entries may go on")
        entries = self._entries()
        self._command("resume")
        self._watch(lambda: self._entries() > entries, "an entry after the halt")
        self.venue.market.pause()
        self._watch(lambda: self._held() and self._protected(), "each position has its stop")
        self._promise("resumed, it enters again", seen=self._stand())

    def _is_killed(self) -> None:
        self._head("SIGKILL, as a power cut would; and a new start")
        held, stops = self._held(), self._stop_ids()
        learnt, orders = self._count(Posterior), len(self.venue.state.orders())
        self.node.kill()
        begun = time.monotonic()
        self.node.start()
        took_s = time.monotonic() - begun
        self._look()
        beat = self.node.beat()
        found = {} if beat is None else {
            symbol.removesuffix("-PERP"): Decimal(known.quantity)
            for symbol, known in beat.instruments.items()
            if known.stop_price
        }  # fmt: skip
        self._promise(
            "started again, it knows its positions",
            kept=found == {symbol: Decimal(amount) for symbol, amount in held.items()},
            seen=f"after {took_s:.1f} s: " + ", ".join(f"{s} {q}" for s, q in found.items()),
        )
        self._promise(
            "the same stops rest at the venue",
            kept=self._stop_ids() == stops,
            seen=", ".join(sorted(stops)),
        )
        self._promise(
            "nothing was sent or learnt twice",
            kept=(len(self.venue.state.orders()), self._count(Posterior)) == (orders, learnt),
            seen=f"{orders} orders, {learnt} posteriors before and after",
        )
        self._command("status")

    def _stops(self) -> None:
        self._head("SIGTERM: it ends, its stops stay")
        stops = self._stop_ids()
        code, seconds = self.node.stop()
        self._look()
        self._promise(
            "it exits with 0 within 10 s",
            kept=code == 0 and seconds < 10,
            seen=f"code {code} after {seconds:.1f} s",
        )
        self._promise(
            "its stops rest on", kept=self._stop_ids() == stops, seen=f"{len(stops)} at the venue"
        )
        with self.node.read() as journal:
            booked = sorted(row.trade_id for row in journal.rows(FillRow))
            known = {intent.client_order_id for intent in journal.rows(Intent)}
        executed = sorted(str(trade.id) for trade in self.venue.state.trades())
        self._promise(
            "the journal holds each execution of the venue once",
            kept=booked == executed,
            seen=f"{len(booked)} of {len(executed)}",
        )
        sent = {order.client_id for order in self.venue.state.orders()}
        self._promise(
            "each order was journalled before it left",
            kept=sent <= known,
            seen=f"{len(sent)} orders, {len(sent - known)} unknown",
        )

    # -- what is there -----------------------------------------------------------------------------

    def _held(self) -> dict[str, str]:
        return dict(self.venue.state.summary()["positions"])

    def _stop_ids(self) -> set[str]:
        return {order.client_id for order in self.venue.state.stops()}

    def _protected(self) -> bool:
        # what is held is behind reduce-only stops of its whole size
        for symbol, amount in self._held().items():
            stops = self.venue.state.stops(symbol)
            if sum(s.quantity for s in stops if s.reduce_only) != abs(Decimal(amount)):
                return False
        return True

    def _stand(self) -> str:
        parts = [
            f"{symbol} {amount}, stop {stop.trigger}"
            for symbol, amount in self._held().items()
            for stop in self.venue.state.stops(symbol)
        ]
        return "; ".join(parts) or "flat"

    def _count(self, kind: type[Any], where: str = "", *parameters: str) -> int:
        with self.node.read() as journal:
            return journal.count(kind, where, parameters)

    def _entries(self) -> int:
        return self._count(Intent, "purpose = ?", "entry")

    # -- telling -----------------------------------------------------------------------------------

    def _watch(self, condition: Callable[[], object], what: str) -> None:
        end = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > end:
                raise NotInTimeError(what)
            self._look()
            time.sleep(0.25)
        self._look()

    def _look(self) -> None:
        with self.node.read() as journal:
            self.story.tell(journal)

    def _command(self, name: str, *more: str) -> None:
        self._say(f"$ ocw {name} {self.node.config.name} {' '.join(more)}".rstrip())
        done = self.node.ocw(name, str(self.node.config), *more)
        for line in (done.stdout + done.stderr).splitlines():
            self._say(f"  {line}")

    def _promise(self, what: str, *, kept: bool = True, seen: str = "") -> None:
        self.told.append((what, kept, seen))
        style, word = ("bold green", "kept") if kept else ("bold red", "BROKEN")
        self.console.print(f"[{style}]{word:<7}[/] {what}: {seen}", highlight=False)

    def _head(self, text: str) -> None:
        self.console.rule(f"[bold]{text}", align="left")

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, style="blue")


def summary(demo: Demo, took_s: float) -> Table:
    """Return what was promised, and whether it was kept."""
    counts = ", ".join(f"{number} {what}" for what, number in demo.story.counts.items())
    title = f"SYNTHETIC market, {took_s:.0f} s: {counts}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE)
    for head in ("promise", "kept", "seen"):
        table.add_column(head, overflow="fold")
    for what, kept, seen in demo.told:
        table.add_row(what, "[green]yes[/]" if kept else "[bold red]NO[/]", seen)
    return table


def main() -> int:
    """Show it; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.live.demo", description=__doc__)
    parser.add_argument("--seed", type=int, default=7, help="of the sample market")
    asked = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 110)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, sample_venue(seed=asked.seed) as venue:
        node = LiveProcess(Path(folder), venue)
        demo = Demo(venue, node, console)
        try:
            demo.play()
        finally:
            if node.process is not None and node.process.poll() is None:
                node.kill()
        console.print(summary(demo, time.monotonic() - begun))
    return 0 if all(kept for _, kept, _ in demo.told) else 1


if __name__ == "__main__":
    sys.exit(main())
