"""Reserve, settle, crash and restart in any order: the ledger against an independent model."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ocw_strategy.advisor.budget import Budget, Reservation
from ocw_strategy.journal import Event, Journal, read_ledger
from tests.advisor.killed_caller import LIMIT_USD, WORST_USD

DAY_LIMIT, MONTH_LIMIT = 100, 150  # cents
START = datetime(2025, 1, 30, 23, 59, tzinfo=UTC)
# a kill loses nothing the kernel has: no need to wait for a disk at each of many thousand commits
QUICK_DISK = next((disk for disk in ("/dev/shm",) if os.access(disk, os.W_OK)), None)
JUMPS = (
    timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=13), timedelta(days=1),
    timedelta(days=29), timedelta(seconds=-90), timedelta(days=-1), timedelta(days=-40),
)  # fmt: skip


cents = st.integers(0, 70)
steps = st.one_of(
    st.tuples(st.just("reserve"), cents),
    st.tuples(st.just("reserve"), cents),
    st.tuples(st.just("settle"), st.integers(0, 5), st.integers(0, 100) | st.none()),
    st.tuples(st.just("jump"), st.sampled_from(JUMPS)),
    st.tuples(st.just("crash")),
    st.tuples(st.just("restart")),
    st.tuples(st.just("noise")),
)


@dataclass
class Call:
    """What the model remembers of one call: whole cents."""

    day: str
    worst: int
    cost: int | None = None
    reservation: Reservation | None = None
    """None once the process that made the call is gone."""

    @property
    def counted(self) -> int:
        return self.worst if self.cost is None else self.cost


@dataclass
class Machine:
    """The real budget on a real file, and beside it the plainest account of what should be."""

    folder: Path
    simulated: bool
    calls: list[Call] = field(default_factory=list)
    now: datetime = START
    lives: int = 0

    def __post_init__(self) -> None:
        self.live_on(self.folder / "0.db")

    def live_on(self, path: Path) -> None:
        self.path = path
        self.journal = Journal.open(path, run_id="interleaved", power_safe=False)
        self.budget = Budget(
            self.journal,
            Decimal(DAY_LIMIT) / 100,
            Decimal(MONTH_LIMIT) / 100,
            simulated_clock=self.simulated,
        )
        for call in self.calls:
            call.reservation = None

    @property
    def day(self) -> str:
        today = self.now.date().isoformat()
        return today if self.simulated else max([today, *(call.day for call in self.calls)])

    @property
    def now_ns(self) -> int:
        return int(self.now.timestamp()) * 1_000_000_000

    def spent(self, prefix: str) -> int:
        return sum(call.counted for call in self.calls if call.day.startswith(prefix))

    def reserve(self, worst: int) -> None:
        fits = (
            self.spent(self.day) + worst <= DAY_LIMIT
            and self.spent(self.day[:7]) + worst <= MONTH_LIMIT
        )
        got = self.budget.reserve(
            self.now_ns, Decimal(worst) / 100, model="m", request_key=str(len(self.calls))
        )
        assert (got is not None) == fits
        if got is not None:
            self.calls.append(Call(self.day, worst, reservation=got))

    def settle(self, which: int, share: int | None) -> None:
        under_way = [call for call in self.calls if call.reservation is not None]
        if not under_way:
            return
        call = under_way[which % len(under_way)]
        assert call.reservation is not None
        call.cost = call.worst if share is None else call.worst * share // 100
        cost = None if share is None else Decimal(call.cost) / 100
        self.budget.settle(call.reservation, cost, None, "decided", 0)
        call.reservation = None

    def jump(self, by: timedelta) -> None:
        self.now += by

    def noise(self) -> None:
        self.journal.append(Event(self.now_ns, "noise", "", "held back: lost in a crash"))

    def restart(self) -> None:
        self.journal.close()
        self.live_on(self.path)

    def crash(self) -> None:
        """Go on from what is on disk now; what the process held back never gets there."""
        self.lives += 1
        left = self.folder / f"{self.lives}.db"
        for sidecar in ("", "-wal"):
            if (found := self.path.with_name(self.path.name + sidecar)).exists():
                shutil.copy(found, left.with_name(left.name + sidecar))
        self.journal.close()
        self.live_on(left)

    def check(self) -> None:
        """Hold the budget against the model; reading the file would write what is held back."""
        day, month = self.budget.spent_usd(self.now_ns)
        assert (day * 100, month * 100) == (self.spent(self.day), self.spent(self.day[:7]))
        days = Counter[str]()
        for call in self.calls:
            days[call.day] += call.counted
        months = Counter[str]()
        for name, amount in days.items():
            months[name[:7]] += amount
        assert all(amount <= DAY_LIMIT for amount in days.values())
        assert all(amount <= MONTH_LIMIT for amount in months.values())

    def check_ledger(self) -> None:
        """Hold what is on disk against the model."""
        ledger = [
            (entry.spend.request_key, entry.spend.day, entry.counted_usd * 100)
            for entry in read_ledger(self.journal)
        ]
        assert ledger == [
            (str(number), call.day, call.counted) for number, call in enumerate(self.calls)
        ]


@given(st.lists(steps, max_size=40), st.booleans())
@settings(max_examples=1_000, deadline=None, derandomize=True)
def test_1000_interleavings_never_exceed_the_budget_and_forget_no_call(
    walk: list[tuple[str, Any]], simulated: bool
) -> None:
    with TemporaryDirectory(dir=QUICK_DISK) as folder:
        machine = Machine(Path(folder), simulated)
        try:
            for name, *arguments in walk:
                getattr(machine, name)(*arguments)
                machine.check()
                if name in ("crash", "restart"):
                    machine.check_ledger()
            machine.crash()
            machine.check_ledger()
        finally:
            machine.journal.close()


def test_a_process_that_is_killed_again_and_again_never_exceeds_the_budget(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.advisor.killed_caller", str(tmp_path / "journal.db")],
        stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    lives = json.loads(done.stdout)
    said: Counter[str] = Counter()
    for number, life in enumerate(lives, start=1):
        said.update(life["said"])
        assert Decimal(life["counted_usd"]) <= LIMIT_USD
        # a kill may fall between what is durable and the line that says so, and nowhere else
        assert said["called"] <= life["calls"] <= said["called"] + number
        assert said["settled"] <= life["settled"] <= said["settled"] + number
    assert len(lives) > 5
    assert said["spent"] == 1
    assert Decimal(lives[-1]["counted_usd"]) > LIMIT_USD - WORST_USD
