"""The ledger of calls in the terminal."""

from collections.abc import Sequence
from decimal import Decimal

from rich.table import Table

from ocw_strategy.console import filled_table, show
from ocw_strategy.spend import TOKENS, BudgetLine, SpendLine, SpendReport

_HEADS = ("input", "output", "cache write", "cache read")


def print_spend(report: SpendReport) -> None:
    """Print what calls have cost, and what is left of each day's and month's budget."""
    if not report.lines:
        show(f"{report.run_id} has bought no call ({report.journal}).")
        return
    show(
        filled_table(
            f"Calls of {report.run_id}, US dollars",
            ("day (UTC)", "model", "outcome"),
            ("calls", *_HEADS, "reserved", "settled", "unsettled"),
            [*map(_row, report.lines), _row(report.total, "all")],
        ),
        _budget("Months", report.months),
        _budget("Days", report.days),
    )


def usd(amount: str | None) -> str:
    """Return an amount of money to a hundredth of a cent; what is unknown is ``?``."""
    return "?" if amount is None else f"{Decimal(amount):,.4f}"


def _row(line: SpendLine, name: str = "") -> tuple[str, ...]:
    return (
        name or line.day,
        line.model,
        line.outcome,
        f"{line.calls:,}",
        *(f"{line.tokens[kind]:,}" for kind in TOKENS),
        usd(line.reserved_usd),
        usd(line.settled_usd),
        usd(line.unsettled_usd),
    )


def _budget(title: str, lines: Sequence[BudgetLine]) -> Table:
    rows = [(line.period, usd(line.spent_usd), usd(line.left_usd)) for line in lines]
    return filled_table(title, ("UTC",), ("spent", "left"), rows)
