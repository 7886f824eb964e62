"""The table of nulls: paired by days, honest in words."""

from pathlib import Path

import numpy as np
import pytest

from ocw_strategy.backtest.null_table import (
    PARTS,
    RANDOM_GATE,
    NullTable,
    Record,
    null_overrides,
    null_table,
)
from ocw_strategy.backtest.outcome import with_values
from ocw_strategy.backtest.significance import StatisticsError
from ocw_strategy.units import DAY_NS
from tests.backtest.runs import OPENED_NS, hand_settings

DAYS = 300


def record(returns: np.ndarray) -> Record:
    ts_ns = OPENED_NS + np.arange(len(returns) + 1) * DAY_NS
    equity = 10_000 * np.concatenate([[1.0], np.cumprod(1 + returns)])
    return Record(ts_ns, equity, trades=5, calls=40, fees_usd=12.0)


def noise(seed: int, mean: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 0.01, DAYS)


OWN = noise(1, 0.001)


def table(**nulls: np.ndarray) -> NullTable:
    named = {name.replace("_", " "): record(returns) for name, returns in nulls.items()}
    return null_table(record(OWN), {"holding BTC": record(noise(7))}, named, seed=1)


def test_a_null_that_is_clearly_worse_is_beaten_and_one_that_is_clearly_better_is_said_to() -> None:
    found = table(
        no_gate=OWN - 0.001 + noise(2) / 50,
        bandit_frozen=OWN + noise(3) / 2,
        regime_off=OWN + 0.001 + noise(4) / 50,
    )
    standing = {row.name: row.standing for row in found.nulls}
    assert standing["no gate"] == "beaten"
    assert standing["bandit frozen"] == "not told apart"
    assert standing["regime off"] == "better"
    said = "\n".join(found.sentences())
    assert "OCW beats no gate:" in said
    assert "OCW is not shown to beat bandit frozen:" in said
    assert "OCW does not beat regime off, it is worse:" in said


def test_a_part_that_changes_nothing_is_never_said_to_help() -> None:
    found = table(signals_shuffled=OWN)
    row = found.nulls[-1]
    assert (row.name, row.difference, row.standing) == ("signals shuffled", None, "not told apart")
    assert "OCW does not beat signals shuffled" in "\n".join(found.sentences())


def test_ocw_stands_among_the_random_gates_by_its_sharpe_ratio() -> None:
    gates = {f"random_gate_{n + 1}": noise(20 + n, 0.0005 * (n - 1)) for n in range(5)}
    found = table(**gates)
    ratios = sorted(row.sharpe or 0.0 for row in found.random_gates)
    own = found.own.sharpe or 0.0
    assert found.random_gates_beaten == sum(own > ratio for ratio in ratios) / 5
    (middle,) = (row for row in found.nulls if row.name == RANDOM_GATE)
    assert middle.sharpe == ratios[2]
    above = round(found.random_gates_beaten * 5)
    assert found.sentences()[-1].endswith(f"OCW's Sharpe ratio is above {above}.")


def test_the_figures_of_a_row_are_those_of_its_record() -> None:
    found = table(no_gate=noise(2))
    row = next(row for row in found.nulls if row.name == "no gate")
    assert row.total_return == pytest.approx(np.prod(1 + noise(2)) - 1)
    assert (row.trades, row.calls, row.fees_usd) == (5, 40, 12.0)
    assert row.sharpe_interval
    assert row.sharpe_interval.low < row.sharpe_interval.estimate < row.sharpe_interval.high
    assert row.difference
    assert found.own.sharpe is not None
    assert row.sharpe is not None
    assert row.difference.sharpe.estimate == pytest.approx(found.own.sharpe - row.sharpe)
    assert found.own.difference is None
    assert found.own.standing is None


def test_a_short_record_makes_no_claim() -> None:
    own, other = record(noise(1)[:10]), record(noise(2)[:10])
    found = null_table(own, {}, {"no gate": other}, seed=1)
    assert found.nulls[0].standing == "not told apart"
    assert found.nulls[0].sharpe_interval is None


def test_records_over_other_days_are_refused() -> None:
    with pytest.raises(StatisticsError, match="same 300 days"):
        null_table(record(OWN), {}, {"no gate": record(noise(2)[:-1])}, seed=1)


def test_every_null_is_a_setting_and_the_random_gate_calls_as_often(tmp_path: Path) -> None:
    settings = hand_settings(tmp_path)
    found = null_overrides(40, 3)
    assert list(found) == [*PARTS, "random gate 1", "random gate 2", "random gate 3"]
    for overrides in found.values():
        assert not with_values(settings, overrides).experiment.plain
    drawn = [with_values(settings, found[f"random gate {n}"]).experiment for n in (1, 2, 3)]
    assert {each.random_calls for each in drawn} == {40}
    assert len({each.seed for each in drawn}) == 3
    assert list(null_overrides(0, 3)) == list(PARTS)
