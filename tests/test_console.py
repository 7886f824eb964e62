"""What the terminal says of runs is what their summaries say."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from ocw_strategy import console
from ocw_strategy.backtest import list_runs, summarise, wording
from ocw_strategy.journal import Clamp
from tests.backtest.runs import (
    BTC,
    OPENED_NS,
    closed,
    decided,
    evaluated,
    filled,
    hand_settings,
    samples,
    write_run,
)


class Terminal:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
        self._texts = {name: io.StringIO() for name in ("_out", "_err")}
        for name, text in self._texts.items():
            monkeypatch.setattr(console, name, Console(file=text, width=width))

    def lines(self, name: str = "_out") -> list[str]:
        """Return what was printed, runs of spaces as one."""
        text = self._texts[name].getvalue()
        return [re.sub(r"\s+", " ", line).strip() for line in text.splitlines()]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    return Terminal(monkeypatch, 110)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    for name, seed, gain in (("first-run", 1, -500.0), ("second-run", 2, 250.0)):
        records = samples([10_000.0] * 48 + [10_000.0 + gain])
        records += [*filled(name, 1, "BUY", "2", "101"), closed(name, gain)]
        records += [evaluated(1, "shock", wake=True), evaluated(2, "declined:timer", wake=False)]
        records += [decided("a", 0), Clamp("a", OPENED_NS, BTC, "gross_exposure", 2.0, 1.0)]
        settings = hand_settings(
            tmp_path, run={"seed": seed}, regime={"state_counts": [2, seed + 2]}
        )
        made = write_run(folder / name, settings, records, created_wall_ns=seed)
        (made / "summary.json").write_text(summarise(made).model_dump_json())
    return folder


def test_the_summary_is_printed_figure_by_figure(terminal: Terminal, runs: Path) -> None:
    summary = summarise(runs / "first-run")
    console.print_summary(summary)
    lines = terminal.lines()
    assert "Return -5.00 % -0.10 % -0.10 %" in lines
    for row in wording.comparison_rows(summary):
        assert " ".join(row) in lines
    text = "\n".join(lines)
    for row in [*wording.trade_rows(summary), *wording.cost_rows(summary)]:
        assert " ".join(row) in text
    assert "Skip rate 50.00 %" in text
    assert "shock 1" in text
    assert "declined: timer 1" in text
    assert "gross exposure 1" in text
    assert "Lost 5.00 % in 2 days" in text


@pytest.mark.parametrize("synthetic", [True, False])
def test_a_synthetic_market_is_said_to_be_one(
    synthetic: bool, terminal: Terminal, runs: Path
) -> None:
    if synthetic:
        (runs.parent / "sample.json").write_text("{}")
    console.print_summary(summarise(runs / "first-run"))
    assert any("SYNTHETIC" in line for line in terminal.lines()) is synthetic


def test_runs_are_listed_a_line_each_and_a_damaged_one_is_named(
    terminal: Terminal, runs: Path
) -> None:
    (runs / "second-run" / "summary.json").write_text("[broken]")
    console.print_runs(list_runs(runs))
    assert "first-run catalog 2024-03-01 2 -5.00 % -0.10 % -13.51 -5.00 % 1" in terminal.lines()
    assert not any("second-run" in line for line in terminal.lines())
    (fault,) = [line for line in terminal.lines("_err") if line]
    assert fault.startswith("second-run is left out: summary.json is damaged")


def test_compared_runs_stand_side_by_side_with_their_differing_settings(
    terminal: Terminal, runs: Path
) -> None:
    console.print_runs(list_runs(runs, ["second-run", "first-run"]))
    lines = terminal.lines()
    assert "Return +2.50 % -5.00 %" in lines
    assert "regime.state_counts [2, 4] [2, 3]" in lines
    assert "run.seed 2 1" in lines
    assert not any("Not the same market" in line for line in lines)


def test_b37_runs_of_different_windows_are_said_not_to_compare(
    terminal: Terminal, runs: Path, tmp_path: Path
) -> None:
    settings = hand_settings(tmp_path, run={"end": "2024-03-02"})
    made = write_run(runs / "shorter", settings, samples([10_000.0] * 25))
    (made / "summary.json").write_text(summarise(made).model_dump_json())
    console.print_runs(list_runs(runs, ["first-run", "shorter"]))
    assert any("Not the same market and window" in line for line in terminal.lines())


def test_no_runs_are_said_to_be_none(terminal: Terminal, tmp_path: Path) -> None:
    console.print_runs(list_runs(tmp_path))
    assert any(line.startswith("No runs in") for line in terminal.lines())
