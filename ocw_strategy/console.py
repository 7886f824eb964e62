"""What a person sees in the terminal: tables, progress bars and one-sentence faults."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.columns import Columns
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from ocw_strategy.units import MINUTE_NS, SECOND_NS

if TYPE_CHECKING:  # the terminal is quick to start: the engine is imported only where it runs
    from ocw_strategy.backtest import RunList, Summary, WalkForwardResult
    from ocw_strategy.backtest.walkforward import Assessment, Nulls
    from ocw_strategy.catalog import Coverage, FetchProgress, FetchReport, WriteReport
    from ocw_strategy.settings import Settings

_out = Console(width=None if sys.stdout.isatty() else 110)
_err = Console(stderr=True)


def fail(sentence: str) -> None:
    """Print a fault to standard error."""
    _err.print(f"[bold red]ocw:[/] {escape(sentence)}", highlight=False, soft_wrap=True)


def _bar(*columns: str) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        *(TextColumn(column) for column in columns),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=_err,
    )


@contextmanager
def run_progress(settings: "Settings") -> Iterator[Callable[[int], None]]:
    """Show how far a run's simulated clock has come."""
    first, last = settings.run.data_start_ns, settings.run.end_ns
    with _bar("{task.fields[day]}") as bar:
        task = bar.add_task(settings.run.name, total=last - first, day="")

        def tell(now_ns: int) -> None:
            bar.update(task, completed=now_ns - first, day=day_text(now_ns))

        yield tell
        bar.update(task, completed=last - first)


@contextmanager
def steps(what: str) -> Iterator[Callable[[str, int], None]]:
    """Show work that is done in a known number of steps, each named."""
    with _bar("{task.fields[step]}") as bar:
        task = bar.add_task(what, total=None, step="")

        def tell(step: str, total: int) -> None:
            bar.update(task, total=total, advance=1, step=step)

        yield tell


@contextmanager
def walk_progress(name: str) -> Iterator[Callable[[str, float, float], None]]:
    """Show how many of a walk-forward's simulated days are done."""
    with _bar("{task.fields[step]}") as bar:
        task = bar.add_task(name, total=None, step="")

        def tell(step: str, done: float, total: float) -> None:
            bar.update(task, total=total, completed=done, step=step)

        yield tell


@contextmanager
def fetch_progress() -> Iterator[Callable[["FetchProgress"], None]]:
    """Show a fetch: files downloaded, then months written."""
    with _bar("{task.completed}/{task.total}", "{task.fields[step]}") as bar:
        tasks = {
            "download": bar.add_task("download", total=None, step=""),
            "ingest": bar.add_task("write", total=None, step=""),
        }

        def tell(progress: "FetchProgress") -> None:
            bar.update(
                tasks[progress.stage],
                completed=progress.done,
                total=progress.total,
                step=progress.name,
            )

        yield tell


def day_text(ns: int) -> str:
    """Return a UTC date."""
    return datetime.fromtimestamp(ns // SECOND_NS, UTC).strftime("%Y-%m-%d")


def minute_text(ns: int) -> str:
    """Return a UTC date and time to the minute."""
    return datetime.fromtimestamp(ns // SECOND_NS, UTC).strftime("%Y-%m-%d %H:%M")


def _table(title: str, text: Sequence[str], numbers: Sequence[str]) -> Table:
    table = Table(
        title=title, title_justify="left", header_style="bold", box=box.SIMPLE, padding=(0, 1, 0, 0)
    )
    for name in text:
        table.add_column(name, no_wrap=True)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def filled_table(
    title: str, text: Sequence[str], numbers: Sequence[str], rows: Iterable[Sequence[str]]
) -> Table:
    """Return a table with its rows: `numbers` stand right, and what is too wide is not cut off."""
    table = _table(title, text, numbers)
    for column in table.columns:
        column.no_wrap, column.overflow = False, "fold"
    for row in rows:
        table.add_row(*map(escape, row))
    return table


def show(*parts: RenderableType) -> None:
    """Print to standard output."""
    for part in parts:
        _out.print(part, highlight=False)


def print_import(reports: Sequence["WriteReport"]) -> None:
    """Print what an import did."""
    table = _table(
        "Imported",
        ["kind", "symbol"],
        ["rows", "added", "replaced", "unchanged", "duplicates", "not published"],
    )
    for r in reports:
        counts = (r.rows, r.added, r.replaced, r.unchanged, r.duplicates, r.unpublished)
        table.add_row(r.kind, r.symbol, *(f"{count:,}" for count in counts))
    _out.print(table)


def print_fetch(report: "FetchReport") -> None:
    """Print what a fetch brought, and what the archive does not have."""
    table = _table("Fetched", ["kind", "symbol"], ["rows"])
    for (kind, symbol), rows in sorted(report.rows.items()):
        table.add_row(kind, symbol, f"{rows:,}")
    _out.print(table)
    _out.print(
        f"{report.downloaded:,} files downloaded ({report.size / 1e6:,.1f} MB), "
        f"{report.cached:,} already here, {len(report.missing):,} not published, "
        f"{report.repeated:,} repeated rows left out"
    )
    for name in report.missing[:10]:
        _out.print(f"  not published: {name}")


def print_macro(rows: Mapping[str, int]) -> None:
    """Print how many vintages of each macro series were fetched."""
    table = _table("Fetched from FRED", ["series"], ["rows"])
    for series_id, count in rows.items():
        table.add_row(series_id, f"{count:,}")
    _out.print(table)


def print_coverage(rows: Sequence["Coverage"], *, gaps: bool) -> None:
    """Print what a catalog holds, and every gap where asked for."""
    table = _table(
        "Catalog (UTC)",
        ["instrument", "type", "every", "first", "last"],
        ["rows", "missing", "gaps", "twice", "bad"],
    )
    for row in rows:
        counts = (row.rows, row.missing, len(row.gaps), row.duplicates, row.ohlc_violations)
        table.add_row(
            *_named(row),
            day_text(row.first_ns),
            day_text(row.last_ns),
            *(f"{count:,}" for count in counts),
        )
    _out.print(table)
    if not gaps:
        return
    listing = _table("Gaps (UTC)", ["instrument", "type", "every", "after", "before"], ["missing"])
    for row in rows:
        for gap in row.gaps:
            times = (minute_text(gap.after_ns), minute_text(gap.before_ns))
            listing.add_row(*_named(row), *times, f"{gap.missing:,}")
    _out.print(listing)


def _named(row: "Coverage") -> tuple[str, str, str]:
    minutes = row.interval_ns // MINUTE_NS
    every = f"{minutes // 60}h" if minutes and minutes % 60 == 0 else f"{minutes}m"
    return row.instrument.partition("-")[0], row.data_type, every


def print_summary(summary: "Summary") -> None:
    """Print what came of a run, beside what holding would have."""
    from ocw_strategy.backtest import sentences, wording

    for warning in sentences.warnings(summary):
        _out.print(warning, style="bold yellow", highlight=False)
    heads = wording.comparison_heads(summary)
    result = _table(f"{summary.name}: {_window(summary)}", heads[:1], heads[1:])
    for row in wording.comparison_rows(summary):
        result.add_row(*row)
    _out.print(result)
    gate = summary.gate
    _print_figures(
        {
            "Trades": wording.trade_rows(summary),
            "Costs": wording.cost_rows(summary),
            "Gate": wording.gate_rows(summary),
        }
    )
    _print_figures(
        {
            "Woken by": wording.count_rows(gate.wakes_by_reason),
            "Skipped for": wording.count_rows(gate.skips_by_reason),
            "Decisions": wording.count_rows(summary.decisions_by_outcome),
            "Limits that acted": wording.count_rows(summary.clamps_by_limit),
            "Events": wording.count_rows(summary.events_by_kind),
        }
    )
    _out.print(sentences.bound_sentence(summary), highlight=False)
    _out.print(sentences.verdict(summary), style="bold", highlight=False)


def _window(summary: "Summary") -> str:
    return f"{minute_text(summary.start_ns)} to {minute_text(summary.end_ns)} UTC"


def _print_figures(tables: Mapping[str, Sequence[tuple[str, ...]]]) -> None:
    shown = []
    for title, rows in tables.items():
        table = _table(title, [""], [""])
        table.show_header = False
        for row in rows or [("none", "")]:
            table.add_row(*row)
        shown.append(table)
    _out.print(Columns(shown))


def print_walk_forward(result: "WalkForwardResult") -> None:
    """Print a row a window and the stitched line, and how many trials it took."""
    from ocw_strategy.backtest.walkforward import wording

    first, *numbers = wording.WALK_HEADS
    table = _table(f"Walk-forward {result.run_id}", [first], numbers)
    table.add_column("Chosen")
    for row in wording.walk_rows(result):
        table.add_row(*row)
    _out.print(table)
    for sentence in wording.walk_sentences(result):
        _out.print(sentence, highlight=False)
    _out.print(f"Results: {result.folder}", highlight=False)


def print_nulls(nulls: "Nulls") -> None:
    """Print the table of nulls, and of each whether it is beaten."""
    from ocw_strategy.backtest.walkforward import report

    first, *others = report.NULL_HEADS
    table = _table("Nulls", [first], others[:-1])
    table.add_column("")
    for row in report.null_rows(nulls):
        table.add_row(*row)
    _out.print(table)
    for sentence in nulls.table.sentences():
        _out.print(sentence, highlight=False)


def print_assessment(
    result: "WalkForwardResult", assessment: "Assessment", nulls: "Nulls | None"
) -> None:
    """Print whether a walk-forward holds, and why not."""
    from ocw_strategy.backtest.walkforward import report

    if nulls is not None:
        print_nulls(nulls)
    for check in assessment.verdict.checks:
        _out.print(f"{'passed' if check.passed else 'failed'}: {check.sentence}", highlight=False)
    sentence = report.verdict_sentence(result, assessment)
    _out.print(sentence, style="bold", highlight=False)
    _out.print(f"Report: {result.folder / report.REPORT_FILE}", highlight=False)


def print_runs(runs: "RunList") -> None:
    """Print the runs made, or those compared and the settings they differ in."""
    from ocw_strategy.backtest import wording

    found = [row.summary for row in runs.rows if row.summary is not None]
    if runs.differences is not None:
        _print_comparison(found, runs.differences)
        return
    if found:
        numbers = ["Return", "Hold", "Sharpe", "Drawdown", "Trades"]
        table = _table(f"Runs in {runs.folder}", ["Run", "Market", "From"], ["Days", *numbers])
        table.columns[0].no_wrap = True  # it is there to be typed
        for summary in found:
            figures = dict(wording.run_rows(summary))
            table.add_row(
                summary.run_id, figures["Market"], day_text(summary.start_ns),
                f"{summary.days:,.0f}", *(figures[name] for name in numbers),
            )  # fmt: skip
        _out.print(table)
    elif not runs.rows:
        _out.print(f"No runs in {runs.folder} yet: `ocw backtest` makes one.")
    for row in runs.rows:
        if row.summary is None:
            _err.print(f"[yellow]{row.run_id}[/] is left out: {escape(row.fault)}", highlight=False)


def _print_comparison(found: "Sequence[Summary]", differences: Sequence[tuple[str, ...]]) -> None:
    from ocw_strategy.backtest import wording

    names = [summary.run_id for summary in found]
    table = _table("Runs side by side", [""], names)
    for rows in zip(*(wording.run_rows(summary) for summary in found), strict=True):
        table.add_row(rows[0][0], *(value for _, value in rows))
    _out.print(table)
    settings = _table("Settings that differ", ["setting", *names], [])
    for difference in differences:
        settings.add_row(*map(escape, difference))
    _out.print(settings)
    if len({(s.start_ns, s.end_ns, s.instruments, s.synthetic) for s in found}) > 1:
        _out.print(
            "[bold yellow]Not the same market and window:[/] compare each run with its own holds, "
            "not with the others.",
            highlight=False,
        )


def say_where(folder: Path) -> None:
    """Say where the report is."""
    _out.print(f"Report: [link=file://{folder.absolute()}/report.html]{folder}/report.html[/]")
