"""Walk-forwards written by hand, whose curves are drawn and whose choices are known."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ocw_strategy.backtest.null_table import Record, null_overrides, null_table
from ocw_strategy.backtest.statistics import performance
from ocw_strategy.backtest.tallies import GateFigures
from ocw_strategy.backtest.walkforward import (
    Choice,
    Curve,
    Nulls,
    OutOfSample,
    Trial,
    WalkForwardResult,
    WalkForwardSettings,
    Window,
    WindowResult,
    windows_of,
)
from ocw_strategy.backtest.walkforward.nulls import OWN, Belief, NullPiece, NullWindow
from ocw_strategy.backtest.walkforward.stitch import stitch
from ocw_strategy.hold import hold_values
from ocw_strategy.settings import Settings
from ocw_strategy.units import DAY_NS, HOUR_NS
from tests.backtest.runs import hand_settings

GRID = {"advisor.rules.entry_score": (0.25, 0.35, 0.45)}


def walk_settings(**tables: object) -> WalkForwardSettings:
    values = {
        "windows": {"in_sample_days": 60, "purge_days": 1, "out_of_sample_days": 30},
        "grid": GRID,
        **tables,
    }
    return WalkForwardSettings.model_validate(values)


def curve(start_ns: int, returns: np.ndarray, step_ns: int = DAY_NS) -> Curve:
    equity = 10_000 * np.concatenate([[1.0], np.cumprod(1 + returns)])
    ts_ns = start_ns + np.arange(len(equity)) * step_ns
    return Curve(ts_ns=tuple(ts_ns.tolist()), equity=tuple(equity.tolist()))


def out_of_sample(settings: Settings, window: Window, daily: np.ndarray) -> OutOfSample:
    hourly = curve(window.oos_start_ns, np.repeat(daily / 24, 24), HOUR_NS)
    return OutOfSample(
        performance=performance(hourly.times, hourly.values),
        hourly=hourly, daily=hourly, trades=7, calls=90, open_positions=1, seam_cost_usd=3.0,
        digest=f"digest-{window.index}", settings=settings.model_dump(mode="json"),
    )  # fmt: skip


def hand_walk(
    folder: Path,
    *,
    mean: float = 0.001,
    windows: int = 6,
    chosen: Sequence[int] = (0, 1, 1, 2, 0, 0),
    walk: WalkForwardSettings | None = None,
) -> WalkForwardResult:
    """Return a walk-forward whose daily returns are drawn around a mean, all trials alike."""
    walk = walk or walk_settings()
    base = hand_settings(
        folder, run={"start": "2024-01-01", "end": "2024-12-31", "runs_dir": str(folder / "runs")}
    )
    first_ns = base.run.start_ns
    cut = windows_of(walk.windows, first_ns, base.run.end_ns)[:windows]
    found = []
    for window in cut:
        days = (window.is_end_ns - window.is_start_ns) // DAY_NS
        trials = []
        for number, point in enumerate(walk.grid_points()):
            # the same days whatever the window they are seen in
            rng = np.random.default_rng(number)
            lead = (window.is_start_ns - first_ns) // DAY_NS
            daily = curve(window.is_start_ns, rng.normal(mean, 0.01, lead + days)[lead:])
            figures = performance(daily.times, daily.values)
            trials.append(
                Trial(
                    parameters=point, objective=figures.sharpe, performance=figures, daily=daily,
                    trades=10, calls=200, digest=f"trial-{number}",
                )
            )  # fmt: skip
        rng = np.random.default_rng(100 + window.index)
        returns = rng.normal(mean, 0.01, (window.oos_end_ns - window.oos_start_ns) // DAY_NS)
        choice = Choice(
            calibrated={"gate.shock_z": 4.0 + window.index / 10},
            screened=(),
            trials=tuple(trials),
            chosen=chosen[window.index] if len(trials) > 1 else 0,
        )
        out = out_of_sample(base, window, returns)
        found.append(WindowResult(window=window, choice=choice, out=out))
    times, equity = stitch([each.out for each in found], base.account.starting_balance_usd)
    (folder / "walk").mkdir(exist_ok=True)
    return WalkForwardResult(
        run_id="hand-walk",
        folder=folder / "walk",
        settings=walk,
        base=base,
        windows=tuple(found),
        ts_ns=times,
        equity=equity,
        performance=performance(times, equity),
    )


def hand_nulls(result: WalkForwardResult) -> Nulls:
    """Return nulls that are OCW's own curve with a little noise, and a market that rises."""
    rng = np.random.default_rng(5)
    own = Record(result.ts_ns, result.equity, trades=42, calls=540, fees_usd=33.0)

    def near(shift: float) -> Record:
        steps = np.diff(np.log(result.equity)) + rng.normal(shift, 0.0005, len(result.equity) - 1)
        equity = 10_000 * np.exp(np.concatenate([[0.0], np.cumsum(steps)]))
        return Record(result.ts_ns, equity, trades=40, calls=540, fees_usd=30.0)

    parts = {name: near(-0.00001) for name in null_overrides(540, 3)}
    prices = {"BTCUSDT-PERP": near(0.0001).equity}
    holding = Record(result.ts_ns, hold_values(prices, 10_000.0, 0.0005))
    table = null_table(own, {"holding BTC": holding}, parts, seed=1)
    gate = GateFigures(
        closes=2_880, wakes=90, skip_rate=0.97, calls=90, calls_per_day=3.0, busiest_day_calls=9,
        wakes_by_reason={"timer": 60, "shock": 30}, skips_by_reason={"quiet": 2_790},
    )  # fmt: skip
    belief = Belief(regime="calm_goldilocks", signal="funding", mean=0.58, outcomes=21)
    windows = tuple(
        NullWindow(
            pieces={OWN: NullPiece(out=found.out, fees_usd=5.5)}, prices={}, gate=gate,
            beliefs=(belief,),
        )
        for found in result.windows
    )  # fmt: skip
    records = {OWN: own, **parts, "holding BTC": holding}
    return Nulls(table, records, ("holding BTC",), windows)
