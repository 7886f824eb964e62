"""The nulls in the engine: each leaves out what it says, over the same days as OCW."""

from dataclasses import replace
from pathlib import Path

import pytest

from ocw_strategy.backtest.outcome import RunOutcome, run_outcome, with_values
from ocw_strategy.backtest.walkforward import (
    Nulls,
    WalkForwardResult,
    backtest_nulls,
    walk_forward_nulls,
)
from ocw_strategy.backtest.walkforward.nulls import OWN
from ocw_strategy.hold import hold_values
from ocw_strategy.settings import Settings
from tests.backtest.market import make_settings
from tests.backtest.walkforward.walks import hand_walk

PARTS = ["no gate", "bandit frozen", "regime off", "signals shuffled", "random gate 1"]


@pytest.fixture(scope="module")
def settings(catalog: Path) -> Settings:
    window = {"start": "2024-02-20", "end": "2024-02-24", "warmup_days": 20}
    return make_settings(catalog, run=window, data={"chunk_size": None})


@pytest.fixture(scope="module")
def own(settings: Settings) -> RunOutcome:
    return run_outcome(settings)


@pytest.fixture(scope="module")
def walk(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> WalkForwardResult:
    """Return a walk-forward of one window whose settings are those of an experiment."""
    result = hand_walk(tmp_path_factory.mktemp("walk"), windows=1)
    (window,) = result.windows
    frozen = with_values(settings, {"experiment.bandit": "prior"})
    out = window.out.model_copy(update={"settings": frozen.model_dump(mode="json")})
    return replace(result, windows=(window.model_copy(update={"out": out}),))


@pytest.fixture(scope="module")
def found(walk: WalkForwardResult) -> Nulls:
    return walk_forward_nulls(walk, seeds=1)


def test_every_null_is_there_over_the_same_days(found: Nulls) -> None:
    assert list(found.windows[0].pieces) == [OWN, *PARTS]
    assert found.markets == ("holding BTC", "holding all, equal weight")
    for record in found.records.values():
        assert record.ts_ns.tolist() == found.records[OWN].ts_ns.tolist()
    assert [row.name for row in found.table.nulls] == [
        *found.markets, "no gate", "bandit frozen", "regime off", "signals shuffled", "random gate",
    ]  # fmt: skip


def test_ocw_is_the_plain_run_though_the_settings_were_an_experiment(
    found: Nulls, own: RunOutcome
) -> None:
    piece = found.windows[0].pieces[OWN]
    assert piece.out.digest == own.digest
    assert found.records[OWN].equity[-1] == own.equity[-1] - piece.out.seam_cost_usd
    assert piece.fees_usd == pytest.approx(sum(float(f.commission_usd) for f in own.data.fills))


def test_the_gates_call_as_they_should(found: Nulls) -> None:
    calls = {name: record.calls for name, record in found.records.items()}
    closes = found.windows[0].gate.closes
    assert calls["no gate"] == closes == 4 * 96 + 1  # that of the start too
    assert calls["random gate 1"] == calls[OWN] == found.windows[0].gate.calls
    assert 0 < (calls[OWN] or 0) < closes / 2


def test_every_null_took_another_path(found: Nulls) -> None:
    digests = [piece.out.digest for piece in found.windows[0].pieces.values()]
    assert len(set(digests)) == len(digests)


def test_holding_is_what_the_report_of_the_run_calls_holding(found: Nulls, own: RunOutcome) -> None:
    prices, fee = own.data.prices, own.settings.costs.taker_fee
    held = hold_values({"BTCUSDT-PERP": prices["BTCUSDT-PERP"]}, 10_000.0, fee)
    assert found.records["holding BTC"].equity.tolist() == held.tolist()
    both = hold_values(prices, 10_000.0, fee)
    assert found.records["holding all, equal weight"].equity.tolist() == both.tolist()


def test_what_was_run_is_kept_and_taken_again(walk: WalkForwardResult, found: Nulls) -> None:
    (kept,) = (walk.folder / "nulls").iterdir()
    stamp = kept.stat().st_mtime_ns
    done: list[str] = []
    again = walk_forward_nulls(walk, seeds=1, progress=lambda what, n, total: done.append(what))
    assert again.table == found.table
    assert kept.stat().st_mtime_ns == stamp
    assert done == []


def test_a_backtest_alone_has_its_nulls(settings: Settings) -> None:
    day = with_values(settings, {"run.end": "2024-02-21"})
    alone = backtest_nulls(day, seeds=0)
    assert alone.table.random_gates == ()
    assert alone.table.random_gates_beaten is None
    assert all(row.standing == "not told apart" for row in alone.table.nulls)
    assert alone.records[OWN].ts_ns[-1] == day.run.end_ns
