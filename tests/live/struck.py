"""One life of a venue and its node in the crash suite: points struck, judged and told.

A point blows (see `blows`) around a decision close, starts the node again where it is dead, waits
until it rests, and asks `oracle` what is wrong. The first point that goes wrong ends the life.
"""

import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, Final

from rich.console import Console

from ocw_strategy.journal import (
    DecisionRow,
    Evaluation,
    Event,
    FillRow,
    Intent,
    OrderEvent,
    Posterior,
    Trade,
)
from ocw_strategy.live.settings import load_live
from tests.live import oracle
from tests.live.blows import SECONDS_OF_ORDERS, Blow, draw
from tests.live.breaking import cut_back
from tests.live.nursery import Life, Nursery
from tests.live.process import LiveProcess
from tests.venue import History, Venue
from tests.venue.listings import LISTINGS

UNCOVERED_S: Final = 10.0
"""The longest a position may be without a stop of its size, seconds of the node's time."""
REST_S: Final = 25.0
"""How long a node may take to come to rest once the venue is itself again."""
_CLOSE_MS: Final = 900_000
_SHOWN_DAYS, DAYS = 10, 14

CONFIG: Final = """
[run]
warmup_days = 9

[live]
account = "demo"
journal = "{journal}"
health_port = 0
venue_http = "{http}"
venue_ws = "{ws}"
statistics_seconds = 1.0
drift_seconds = {drift}
start_timeout_seconds = 60.0

[data]
bar_minutes = 5

[advisor]
kind = "rules"

[experiment]
gate = "open"

[risk]
max_orders_per_hour = 1000
rebalance_band_fraction = 0.02

[risk.halt]
max_daily_loss_fraction = 1.0
max_drawdown_fraction = 1.0
cooldown_minutes = 0
"""


@dataclass
class Run:
    """What is asked for and what came of it."""

    seed: int
    points: int
    per_life: int
    mutation: str
    drift_s: float
    only: tuple[str, ...]
    console: Console
    until: float
    """When no other point begins, on the monotonic clock."""
    done: int = 0
    kills: int = 0
    blows: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    wrongs: list[dict[str, Any]] = field(default_factory=list)
    worst_uncovered_s: float = 0.0
    rest_s: list[float] = field(default_factory=list)


class VenueLife:
    """One venue, its node, and the points struck on both."""

    def __init__(
        self, run: Run, number: int, histories: dict[str, History], nursery: Nursery, folder: Path
    ) -> None:
        self._run, self._number, self._nursery = run, number, nursery
        self._folder = folder
        # each life begins at another hour of the market
        shown = _SHOWN_DAYS * 288 + 12 * Random(f"{run.seed}/{number}").randrange(24)
        self.venue = Venue(histories, bars_shown=shown, wallet=Decimal(10_000))
        self._life: Life | None = None

    def strike(self, points: int) -> None:
        """Strike so many points; end at the first that goes wrong."""
        with self.venue, oracle.Coverage(self.venue, self._lives) as coverage:
            self._coverage = coverage
            self._node = LiveProcess(self._folder, self.venue)
            text = CONFIG.format(
                journal=self._node.journal, http=self.venue.http_url, ws=self.venue.ws_url,
                drift=self._run.drift_s,
            )  # fmt: skip
            self._node.config.write_text(text, encoding="utf-8")
            try:
                for point in range(points):
                    if time.monotonic() > self._run.until or not self._point(point):
                        break
            finally:
                self._kill()
                self._count()

    # -- one point ---------------------------------------------------------------------------------

    def _point(self, point: int) -> bool:
        run, dice = self._run, Random(f"{self._run.seed}/{self._number}/{point}")
        blow = draw(dice, run.only)
        run.blows[blow.name] += 1
        begun = time.monotonic()
        wrong: list[str] = []
        try:
            self._blow(blow, dice)
            wrong = self._judge(blow)
        except AssertionError as fault:
            wrong = [str(fault)]
        except Exception as fault:  # the suite's own, and told as such
            wrong = [f"the suite failed: {fault!r}"]
        run.done += 1
        run.worst_uncovered_s = max(run.worst_uncovered_s, self._coverage.worst_s)
        style = "red" if wrong else "green"
        run.console.print(
            f"[dim]{run.done:>4}/{run.points} life {self._number} point {point:>2}[/] "
            f"[{style}]{blow.name:<44}[/] {time.monotonic() - begun:5.1f} s  bare "
            f"{self._coverage.worst_s:4.1f} s",
            highlight=False,
        )
        for text in wrong:
            run.console.print(f"      {text}", style="red", markup=False)
        if wrong:
            self._tell_wrong(point, blow, wrong)
        self._coverage.reset()
        return not wrong

    def _blow(self, blow: Blow, dice: Random) -> None:
        if blow.when in {"boundary", "starting"} or blow.cut_back:
            self._kill()  # such a life must know from its birth how it is to die
        if blow.when == "starting":
            self._begin(blow)
            blow.arm(self.venue)
            time.sleep(blow.after_s)
            self._kill()
            return
        if not self._lives():
            self._begin(blow)
            self._warm()
        for turn in range(4 if blow.when == "boundary" else 1):
            self._to_close(blow.arm if turn == 0 else None)
            if self._strike_at_close(blow, dice) or not self._lives():
                break

    def _to_close(self, arm: Callable[[Venue], None] | None) -> None:
        # to just before the next decision close, arm, and over it
        market = self.venue.market
        left = (_CLOSE_MS - market.now_ms % _CLOSE_MS) // 75_000  # four points are a bar
        market.step(max(left - 1, 0))
        if arm is not None:
            arm(self.venue)
        market.step(1)

    def _strike_at_close(self, blow: Blow, dice: Random) -> bool:
        if blow.when == "close":
            time.sleep(blow.after_s)
            self._kill()
        elif blow.when == "flight":
            sent = len(self.venue.state.orders()) + len(self.venue.state.algo_orders())
            _until(
                lambda: len(self.venue.state.orders()) + len(self.venue.state.algo_orders()) > sent,
                1.5,
            )
            time.sleep(blow.after_s)
            self._kill()
        elif blow.when == "boundary":
            _until(lambda: not self._lives(), 1.2)
        else:
            _until(self._decided, 5.0)
            time.sleep(SECONDS_OF_ORDERS)
        if blow.crosses:
            if not blow.kills:
                _until(lambda: not self._passing(), REST_S)
            self._cross(dice)
        return bool(blow.when) and blow.when != "boundary"

    def _decided(self) -> bool:
        close_ns = self.venue.market.now_ms * 1_000_000
        with self._node.read() as journal:
            return bool(journal.count(DecisionRow, "ts_ns = ?", (close_ns,)))

    def _cross(self, dice: Random) -> None:
        stops = self.venue.state.stops()
        if stops:
            stop = dice.choice(stops)
            beyond = stop.trigger * (Decimal("0.999") if stop.side == "SELL" else Decimal("1.001"))
            tick = LISTINGS[stop.symbol].tick
            self.venue.market.price(stop.symbol, str(beyond // tick * tick))
            self._run.counts["stops crossed"] += 1

    # -- judging -----------------------------------------------------------------------------------

    def _judge(self, blow: Blow) -> list[str]:
        if blow.lasts_s:
            _until(lambda: not self.venue.faults.sockets_refused, blow.lasts_s + 1)
        if not blow.kills:
            assert self._lives(), f"the node ended by itself: {self._last_words()}"
        self._kill_late(blow)
        self.venue.faults.clear()
        if not self._lives():
            self._run.kills += 1
            if blow.cut_back:
                self._cut_back()
            self._begin(None)
            self._warm()
        begun = time.monotonic()
        allowed_s = REST_S + max(blow.lasts_s, self._run.drift_s)
        rested = _until(self._rests, allowed_s)
        self._run.rest_s.append(time.monotonic() - begun)
        wrong = [] if rested else self._passing()
        with self._node.read() as journal:
            wrong += oracle.lasting_wrongs(self.venue, journal)
            wrong += oracle.faults(journal)
            if rested:
                wrong += self._learner()
        if self._coverage.worst_s > UNCOVERED_S:
            seconds, symbol = self._coverage.worst_s, self._coverage.worst_of
            wrong.append(f"{symbol} was without its stop for {seconds:.1f} s")
        if not self._lives():
            wrong.append(f"the node ended by itself: {self._last_words()}")
        return wrong

    def _cut_back(self) -> None:
        if not (self._copies / "newest").is_file():
            return  # it died before its first fsync
        kinds = (Intent, FillRow, OrderEvent, Event, Evaluation)
        with self._node.read() as journal:
            before = sum(journal.count(kind) for kind in kinds)
        cut_back(self._node.journal, self._copies)
        with self._node.read() as journal:
            after = sum(journal.count(kind) for kind in kinds)
        self._run.counts["rows a power cut took"] += before - after

    def _kill_late(self, blow: Blow) -> None:
        if blow.kills and self._lives():
            self._run.counts["boundaries not met"] += 1
            self._kill()

    def _passing(self) -> list[str]:
        with self._node.read() as journal:
            return oracle.passing_wrongs(self.venue, journal, self._node.beat())

    def _rests(self) -> bool:
        # by two heartbeats in a row, so that what is on its way has come
        if self._passing():
            return False
        beat = self._node.beat()
        _until(lambda: self._node.beat() != beat, 2.0)
        return not self._passing()

    def _learner(self) -> list[str]:
        _, settings = load_live(self._node.config, time.time_ns())
        wrong: list[str] = []

        def learnt() -> bool:
            with self._node.read() as journal:
                wrong[:] = oracle.learner_wrongs(journal, settings)
            return not wrong

        if not learnt():
            self.venue.market.advance(1)  # a trade is told at a bar's close
            _until(learnt, 5.0)
        return wrong

    # -- the node ----------------------------------------------------------------------------------

    @property
    def _copies(self) -> Path:
        return self._folder / "copies"

    def _lives(self) -> bool:
        return self._life is not None and self._life.alive()

    def _begin(self, blow: Blow | None) -> None:
        shutil.rmtree(self._copies, ignore_errors=True)  # those of an earlier life are too old
        self._born_ns = time.time_ns()
        keys = {k: v for k, v in self._node.environment().items() if k.startswith("BINANCE_DEMO")}
        self._life = self._nursery.begin(
            arguments=["live", str(self._node.config)],
            environment=keys,
            output=str(self._node.output),
            advisor="restless",
            warm=str(self._folder / "warm"),
            mutation=self._run.mutation,
            die=blow.die if blow else {},
            copies=str(self._copies) if blow is not None and blow.cut_back else "",
        )

    def _warm(self) -> None:
        path, life = self._folder / "warm", self._life
        assert life is not None

        def warm() -> bool:
            beat = self._node.beat()
            runs = beat is not None and beat.started_wall_ns > self._born_ns
            runs = runs and beat is not None and beat.state == "running"
            known = path.is_file() and path.read_text(encoding="utf-8") == str(life.pid)
            return (runs and known) or not self._lives()

        assert _until(warm, 60.0), f"the node does not come to trade: {self._last_words()}"

    def _kill(self) -> None:
        if self._life is not None:
            self._life.kill()
            self._life = None

    # -- telling -----------------------------------------------------------------------------------

    def _last_words(self) -> str:
        if not self._node.output.is_file():
            return ""
        return " | ".join(self._node.said().splitlines()[-12:])

    def _count(self) -> None:
        if not self._node.journal.is_file():
            return
        with self._node.read() as journal:
            for kind in (DecisionRow, Intent, FillRow, Trade, Posterior):
                self._run.counts[kind.TABLE] += journal.count(kind)

    def _tell_wrong(self, point: int, blow: Blow, wrong: list[str]) -> None:
        run = self._run
        more = f" --mutation {run.mutation}" if run.mutation else ""
        more += f" --only {' '.join(run.only)}" if run.only else ""
        again = (
            f"python -m tests.live.crash --seed {run.seed} --first {self._number} "
            f"--points {point + 1} --per-life {run.per_life} --drift {run.drift_s:g}{more}"
        )
        run.console.print(f"      again: {again}", style="yellow", markup=False)
        run.console.print(f"      {self._last_words()}", markup=False, style="dim")
        run.wrongs.append(
            {
                "life": self._number,
                "point": point,
                "blow": blow.name,
                "wrong": wrong,
                "again": again,
            }
        )


def _until(condition: Callable[[], object], within_s: float) -> bool:
    end = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
