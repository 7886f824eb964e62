"""What is printed before Claude is asked: what it will take, and what stands in the way."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from ocw_strategy.console import show

if TYPE_CHECKING:
    from ocw_strategy.backtest.estimate import CallEstimate
    from ocw_strategy.doctor import Check


def print_checks(checks: Sequence["Check"]) -> bool:
    """Print what was looked at, a line each; return whether nothing stands in the way."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for check in checks:
        bad = "[bold red]fail[/]" if check.grave else "[yellow]warn[/]"
        mark = "[green]ok[/]" if check.well else bad
        table.add_row(mark, check.name, escape(check.said))
    show(table)
    return not any(check.failed for check in checks)


def print_estimate(estimate: "CallEstimate", recording: Path) -> None:
    """Print what a recording will take; every figure is an estimate."""
    kept = f"{recording} is kept and goes on" if recording.exists() else f"{recording} is new"
    show(
        f"ESTIMATE, with the rules in {estimate.model}'s place: {estimate.calls:,} calls in "
        f"{estimate.days:,.0f} days, {estimate.mean_input_tokens:,.0f} input tokens each (at most "
        f"{estimate.max_input_tokens:,}). About {estimate.expected_usd:,.2f} USD; "
        f"{estimate.worst_usd:,.2f} USD if every call came to its worst case. The budget allows "
        f"{estimate.budget_usd:,.2f} USD over the window. What is recorded already is not bought "
        f"again: {kept}."
    )
