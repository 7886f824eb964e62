"""One window as a task: plain text in, plain text out, everything else built where it runs.

A task is a small JSON text. The worker reads the catalog, builds the engine's configuration and
runs it, so a task can go to any process or machine that sees the catalog under the same path. The
same task gives the same text everywhere.

In three stages: ``window`` chooses in-sample and then runs out of sample; ``choose`` and ``test``
are its halves, for a walk-forward whose out-of-sample parts continue from each other.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Literal

from ocw_strategy.backtest.outcome import RunOutcome, run_outcome
from ocw_strategy.backtest.statistics import performance
from ocw_strategy.backtest.tallies import open_positions
from ocw_strategy.backtest.walkforward.choose import choose, curve, daily_curve, part_settings
from ocw_strategy.backtest.walkforward.result import Choice, OutOfSample
from ocw_strategy.backtest.walkforward.settings import WalkForwardSettings
from ocw_strategy.backtest.walkforward.windows import Window
from ocw_strategy.carried import CarriedState
from ocw_strategy.model import Strict
from ocw_strategy.settings import Settings


class State(Strict):
    """A `CarriedState` as two JSON texts, which keep what JSON values proper do not (NaN)."""

    desk: str
    halt: str = ""

    @classmethod
    def of(cls, carried: CarriedState) -> "State":
        """Return a state as texts."""
        halt = "" if carried.halt is None else json.dumps(carried.halt, sort_keys=True)
        return cls(desk=json.dumps(carried.desk, sort_keys=True), halt=halt)

    def carried(self) -> CarriedState:
        """Return the state a run continues from."""
        return CarriedState(json.loads(self.desk), json.loads(self.halt) if self.halt else None)


class Task(Strict):
    """What a worker is asked to do."""

    stage: Literal["window", "choose", "test"]
    window: Window
    walk: WalkForwardSettings
    base: Settings
    choice: Choice | None = None
    """Of a ``test``: what was chosen for its window."""
    state: State | None = None
    """Of a ``test``: what it continues from."""
    balance_usd: float | None = None
    """Of a ``test``: what the account starts with; without one, what the settings say."""
    journal: str = ""
    """Where the journal of the out-of-sample run is kept; empty to forget it."""


class TaskResult(Strict):
    """What a worker answers."""

    choice: Choice | None = None
    out: OutOfSample | None = None
    state: State | None = None
    """After ``choose`` what the winner had learnt, after ``test`` what its run left."""


def run_task(text: str) -> str:
    """Do a task, a `Task` as JSON, and return its `TaskResult` as JSON.

    Raises
    ------
    OcwError
        Whatever is wrong with the data or the settings.
    """
    task = Task.model_validate_json(text)
    choice, state = task.choice, task.state
    if choice is None:
        chosen = choose(task.window, task.walk, task.base)
        choice = chosen.choice
        state = State.of(chosen.state.learnt()) if task.walk.calibrate.warm_start else None
    if task.stage == "choose":
        return TaskResult(choice=choice, state=state).model_dump_json()
    outcome = _run(task, choice, state)
    left = State.of(outcome.state) if task.stage == "test" else None
    return TaskResult(choice=choice, out=out_of_sample(outcome), state=left).model_dump_json()


def _run(task: Task, choice: Choice, state: State | None) -> RunOutcome:
    values = {**choice.calibrated, **choice.winner.parameters}
    if task.balance_usd is not None:
        values["account.starting_balance_usd"] = task.balance_usd
    window = task.window
    settings = part_settings(task.base, window.oos_start_ns, window.oos_end_ns, **values)
    carried = None if state is None else state.carried()
    if not task.journal:
        return run_outcome(settings, carried=carried)
    # under its final name a journal is whole
    final = Path(task.journal)
    partial = final.with_name(f".{final.stem}-{os.getpid()}")
    partial.mkdir(parents=True)
    try:
        outcome = run_outcome(settings, carried=carried, journal_path=partial / final.name)
        (partial / final.name).replace(final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return outcome


def out_of_sample(outcome: RunOutcome) -> OutOfSample:
    """Return what came of a window's out-of-sample run."""
    left_open = open_positions(outcome.data)
    notional_usd = sum(abs(position.value_usd) for position in left_open)
    return OutOfSample(
        performance=performance(outcome.ts_ns, outcome.equity),
        hourly=curve(outcome.ts_ns, outcome.equity),
        daily=daily_curve(outcome.ts_ns, outcome.equity),
        trades=len(outcome.trades),
        calls=outcome.calls,
        open_positions=len(left_open),
        seam_cost_usd=notional_usd * outcome.settings.costs.order.one_way,
        digest=outcome.digest,
        settings=outcome.settings.model_dump(mode="json"),
    )
