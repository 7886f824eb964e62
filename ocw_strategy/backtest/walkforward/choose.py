"""What a window's in-sample part decides, from data up to its end and nothing after it.

First the numbers that are fitted, then the grid: gate parameters are screened without the engine,
and every point that is left is run in the engine over the in-sample part. Points are compared by
the objective; one without any (no trade, no call) never wins, and of equal ones the first declared
does. Every point looked at is kept, since the statistics of the result depend on how many were.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from ocw_strategy.backtest.outcome import RunOutcome, run_outcome, with_values
from ocw_strategy.backtest.replay import Close, window_bars, window_features, window_regimes
from ocw_strategy.backtest.statistics import Figure, Times, Values, performance
from ocw_strategy.backtest.walkforward.calibrate import calibrate
from ocw_strategy.backtest.walkforward.result import Choice, Curve, Parameters, Screened, Trial
from ocw_strategy.backtest.walkforward.screen import Moves, finalists, screen_calls
from ocw_strategy.backtest.walkforward.settings import SCREENED, WalkForwardSettings
from ocw_strategy.backtest.walkforward.windows import Window
from ocw_strategy.carried import CarriedState
from ocw_strategy.settings import Settings
from ocw_strategy.units import DAY_NS, SECOND_NS


@dataclass(frozen=True, slots=True)
class Chosen:
    """A window's choice, and what the winning run had learnt."""

    choice: Choice
    state: CarriedState


def part_settings(base: Settings, start_ns: int, end_ns: int, **values: object) -> Settings:
    """Return the settings of a run over a part of a window."""
    run = {"run.start": _iso(start_ns), "run.end": _iso(end_ns)}
    return with_values(base, {**run, **values})


def choose(window: Window, walk: WalkForwardSettings, base: Settings) -> Chosen:
    """Return what a window's in-sample part decides.

    Raises
    ------
    CalibrationError
        If it is too short to fit anything on.
    CatalogError, JournalError, AccountBlownError
        As a run does.
    """
    settings = part_settings(base, window.is_start_ns, window.is_end_ns)
    calibrated: dict[str, Any] = {}
    if walk.calibrate.gate:
        calibrated = {**calibrate(settings, window_bars(settings))}
        settings = with_values(settings, calibrated)
    closes = _closes(settings) if _needs_closes(walk) else {}
    screened, points = _screen(walk, settings, closes)
    moves = Moves(closes, window.is_start_ns) if walk.choose.objective == "gate_lift" else None
    trials: list[Trial] = []
    best, state = 0, None
    for index, point in enumerate(points):
        outcome = run_outcome(with_values(settings, point))
        trials.append(_trial(point, outcome, walk, moves))
        if state is None or _rank(trials[index]) > _rank(trials[best]):
            best, state = index, outcome.state
    assert state is not None  # a grid has a point
    choice = Choice(
        calibrated=calibrated, screened=tuple(screened), trials=tuple(trials), chosen=best
    )
    return Chosen(choice, state)


def _needs_closes(walk: WalkForwardSettings) -> bool:
    return _screens(walk) or walk.choose.objective == "gate_lift"


def _screens(walk: WalkForwardSettings) -> bool:
    return 0 < walk.choose.finalists < len(_gate_points(walk))


def _gate_points(walk: WalkForwardSettings) -> list[Parameters]:
    found: list[Parameters] = []
    for point in walk.grid_points():
        part = _gate_part(point)
        if part not in found:
            found.append(part)
    return found


def _gate_part(point: Parameters) -> Parameters:
    return {key: value for key, value in point.items() if key.split(".")[0] in SCREENED}


def _closes(settings: Settings) -> dict[int, Close]:
    return window_features(settings.features, window_bars(settings), settings.data.bar_minutes)


def _screen(
    walk: WalkForwardSettings, settings: Settings, closes: Mapping[int, Close]
) -> tuple[list[Screened], list[Parameters]]:
    """Return every gate point with its lift, and the grid's points that are left."""
    if not _screens(walk):
        return [], walk.grid_points()
    moves, regimes = Moves(closes, settings.run.start_ns), window_regimes(settings)
    gate_points = _gate_points(walk)
    calls = [screen_calls(with_values(settings, part), closes, regimes) for part in gate_points]
    lifts = [moves.lift(each) for each in calls]
    kept = finalists(lifts, walk.choose.finalists)
    screened = [
        Screened(parameters=part, lift=lift, calls=len(each), finalist=index in kept)
        for index, (part, lift, each) in enumerate(zip(gate_points, lifts, calls, strict=True))
    ]
    left = [gate_points[index] for index in kept]
    return screened, [point for point in walk.grid_points() if _gate_part(point) in left]


def _trial(
    point: Parameters, outcome: RunOutcome, walk: WalkForwardSettings, moves: Moves | None
) -> Trial:
    figures = performance(outcome.ts_ns, outcome.equity)
    objective: Figure
    if moves is not None:
        objective = moves.lift(outcome.call_ns.tolist())
    elif walk.choose.objective == "sharpe":
        objective = figures.sharpe
    else:
        objective = figures.total_return if outcome.trades else None
    return Trial(
        parameters=point,
        objective=objective,
        performance=figures,
        daily=daily_curve(outcome.ts_ns, outcome.equity),
        trades=len(outcome.trades),
        calls=outcome.calls,
        digest=outcome.digest,
    )


def _rank(trial: Trial) -> float:
    return -np.inf if trial.objective is None else trial.objective


def curve(ts_ns: Times, equity: Values) -> Curve:
    """Return samples as a curve of plain values."""
    return Curve(ts_ns=tuple(ts_ns.tolist()), equity=tuple(equity.tolist()))


def daily_curve(ts_ns: Times, equity: Values) -> Curve:
    """Return the samples at the start and at the last one of every UTC day, midnight its end."""
    days = (ts_ns - 1) // DAY_NS
    last = np.append(days[1:] != days[:-1], True)
    last[0] = True
    return curve(ts_ns[last], equity[last])


def _iso(ns: int) -> str:
    return datetime.fromtimestamp(ns // SECOND_NS, UTC).isoformat()
