"""The nulls of a backtest or of a walk-forward's out-of-sample parts, run in the engine.

Every window is run again as OCW and as each null, all from the priors: what a warm start or a
carried state is worth is not mixed up with what a part of OCW is. They use the rules advisor, for a
recording fits only the path it was made on. The pieces are stitched like the walk-forward's own.
What was run is kept under the hash of what determines it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from ocw_strategy.backtest.null_table import NullTable, Record, null_overrides, null_table
from ocw_strategy.backtest.outcome import RunOutcome, run_outcome, run_variant, with_values
from ocw_strategy.backtest.statistics import Values
from ocw_strategy.backtest.tallies import GateFigures, gate_figures
from ocw_strategy.backtest.walkforward.executor import Executor, InlineExecutor
from ocw_strategy.backtest.walkforward.fingerprint import code_fingerprint, content_hash
from ocw_strategy.backtest.walkforward.result import OutOfSample, WalkForwardResult
from ocw_strategy.backtest.walkforward.stitch import stitch
from ocw_strategy.backtest.walkforward.task import out_of_sample
from ocw_strategy.backtest.wording import short
from ocw_strategy.hold import hold_values
from ocw_strategy.model import Strict
from ocw_strategy.settings import Settings

OWN: Final = "OCW"
SEEDS: Final = 5
"""Random gates run by default."""

type Progress = Callable[[str, float, float], None]


class NullPiece(Strict):
    """One run over one window."""

    out: OutOfSample
    fees_usd: float


class Belief(Strict):
    """A signal's posterior in a regime, at the end of a window."""

    regime: str
    signal: str
    mean: float
    outcomes: int


class NullWindow(Strict):
    """A window as OCW and as every null, and how OCW's own gate and bandit behaved in it."""

    pieces: dict[str, NullPiece]
    prices: dict[str, tuple[float | None, ...]]
    """Last known price at each hourly sample, by instrument."""
    gate: GateFigures
    beliefs: tuple[Belief, ...]


class NullTask(Strict):
    """A window to run: what a worker is given."""

    settings: Settings
    seeds: int


@dataclass(frozen=True, slots=True)
class Nulls:
    """The nulls of a result: the table, the curves behind it and every window."""

    table: NullTable
    records: Mapping[str, Record]
    """By name, OCW's own and the markets' among them."""
    markets: tuple[str, ...]
    """Names of those that only hold."""
    windows: tuple[NullWindow, ...]


def run_null_task(text: str) -> str:
    """Run a window as OCW and as every null: a `NullTask` as JSON in, a `NullWindow` out.

    Raises
    ------
    CatalogError, JournalError, AccountBlownError
        As a run does.
    """
    task = NullTask.model_validate_json(text)
    own = run_outcome(task.settings)
    pieces = {OWN: _piece(own)}
    for name, overrides in null_overrides(own.calls, task.seeds).items():
        pieces[name] = _piece(run_variant(task.settings, overrides))
    prices = {
        symbol: tuple(price if price == price else None for price in values.tolist())
        for symbol, values in own.data.prices.items()
    }
    window = NullWindow(
        pieces=pieces, prices=prices, gate=gate_figures(own.data), beliefs=_beliefs(own)
    )
    return window.model_dump_json()


def backtest_nulls(
    settings: Settings, *, seeds: int = SEEDS, progress: Progress | None = None
) -> Nulls:
    """Return the nulls of one backtest.

    Parameters
    ----------
    settings : Settings
        The backtest; its own experiment, if any, is undone.
    seeds : int, default 5
        Random gates.
    progress : callable, optional
        Called with what was done, and the windows done and to do.

    Raises
    ------
    CatalogError, JournalError, AccountBlownError
        As a run does.
    """
    return _joined([settings], None, seeds, InlineExecutor(run_null_task), progress)


def walk_forward_nulls(
    result: WalkForwardResult,
    *,
    seeds: int = SEEDS,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Nulls:
    """Return the nulls of a walk-forward's out-of-sample parts, each with its window's choice.

    Parameters
    ----------
    result : WalkForwardResult
    seeds : int, default 5
        Random gates.
    executor : Executor, optional
        Where windows are run; made with `run_null_task`. By default in this process.
    progress : callable, optional
        Called with what was done, and the windows done and to do.

    Raises
    ------
    CatalogError, JournalError, AccountBlownError
        As a run does.
    """
    start_usd = {"account.starting_balance_usd": result.base.account.starting_balance_usd}
    settings = [
        with_values(result.window_settings(index), start_usd)
        for index in range(len(result.windows))
    ]
    return _joined(
        settings,
        result.folder / "nulls",
        seeds,
        executor or InlineExecutor(run_null_task),
        progress,
    )


def _joined(
    settings: Sequence[Settings],
    cache: Path | None,
    seeds: int,
    executor: Executor,
    progress: Progress | None,
) -> Nulls:
    tasks = [
        NullTask(
            settings=with_values(each, {"experiment": {}, "advisor.kind": "rules"}), seeds=seeds
        ).model_dump_json()
        for each in settings
    ]
    done = _computed(tasks, cache, executor, progress or (lambda what, done, total: None))
    start_usd = settings[0].account.starting_balance_usd
    records = {}
    for name in done[0].pieces:
        # a window in which OCW never called has no random gate: its own path stands for it
        pieces = [window.pieces.get(name, window.pieces[OWN]) for window in done]
        records[name] = _stitched(pieces, start_usd)
    markets = _holds(done, settings[0], records[OWN])
    parts = {name: record for name, record in records.items() if name != OWN}
    table = null_table(records[OWN], markets, parts, seed=settings[0].run.seed)
    return Nulls(table, {**records, **markets}, tuple(markets), tuple(done))


def _computed(
    tasks: Sequence[str], cache: Path | None, executor: Executor, progress: Progress
) -> list[NullWindow]:
    code = code_fingerprint()
    found: dict[int, str] = {}
    waiting, at_work = [], 0
    for index, text in enumerate(tasks):
        path = _path(cache, text, code)
        if path is not None and path.is_file():
            found[index] = path.read_text(encoding="utf-8")
        else:
            waiting.append(index)
    with executor:
        while waiting or at_work:
            while waiting and at_work < executor.slots:
                index = waiting.pop(0)
                executor.submit(str(index), tasks[index])
                at_work += 1
            name, answer = executor.next_done()
            at_work -= 1
            if isinstance(answer, BaseException):
                raise answer
            found[int(name)] = answer
            _keep(_path(cache, tasks[int(name)], code), answer)
            progress(f"nulls {int(name) + 1}", float(len(found)), float(len(tasks)))
    return [NullWindow.model_validate_json(found[index]) for index in range(len(tasks))]


def _path(cache: Path | None, text: str, code: str) -> Path | None:
    return None if cache is None else cache / f"{content_hash(text, code)}.json"


def _keep(path: Path | None, text: str) -> None:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)


def _piece(outcome: RunOutcome) -> NullPiece:
    fees = sum(float(fill.commission_usd) for fill in outcome.data.fills)
    return NullPiece(out=out_of_sample(outcome), fees_usd=fees)


def _beliefs(outcome: RunOutcome) -> tuple[Belief, ...]:
    last = {(row.regime, row.signal): row for row in outcome.data.posteriors}
    return tuple(
        Belief(
            regime=regime, signal=signal, mean=row.alpha / (row.alpha + row.beta),
            outcomes=row.outcomes,
        )
        for (regime, signal), row in sorted(last.items())
    )  # fmt: skip


def _stitched(pieces: Sequence[NullPiece], start_usd: float) -> Record:
    times, equity = stitch([piece.out for piece in pieces], start_usd)
    return Record(
        times,
        equity,
        trades=sum(piece.out.trades for piece in pieces),
        calls=sum(piece.out.calls for piece in pieces),
        fees_usd=sum(piece.fees_usd for piece in pieces),
    )


def _holds(done: Sequence[NullWindow], settings: Settings, own: Record) -> dict[str, Record]:
    prices: dict[str, Values] = {
        symbol: np.concatenate(
            [
                # the first sample of a window is the last one of the window before
                np.array(window.prices[symbol], np.float64)[0 if index == 0 else 1 :]
                for index, window in enumerate(done)
            ]
        )
        for symbol in settings.data.instruments
    }
    first, fee = settings.data.instruments[0], settings.costs.taker_fee
    start_usd = settings.account.starting_balance_usd
    held = {
        f"holding {short(first)}": {first: prices[first]},
        "holding all, equal weight": prices,
    }
    return {
        name: Record(own.ts_ns, hold_values(chosen, start_usd, fee))
        for name, chosen in held.items()
    }
