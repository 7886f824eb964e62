"""The report of a walk-forward: one page that opens offline, and a Parquet of everything in it.

The verdict comes first and in words; what does not beat its null is said to, beside its figures.
"""

import json
from html import escape
from pathlib import Path

from ocw_strategy.backtest.intervals import Interval
from ocw_strategy.backtest.null_table import NullRow
from ocw_strategy.backtest.page import Page, bullets, cards, paragraph, section, table
from ocw_strategy.backtest.run_data import SAMPLE_MARK
from ocw_strategy.backtest.walkforward import charts
from ocw_strategy.backtest.walkforward.assess import Assessment, assess, record_walk_forward
from ocw_strategy.backtest.walkforward.frames import report_table, write_report_table
from ocw_strategy.backtest.walkforward.grid import grid_returns
from ocw_strategy.backtest.walkforward.nulls import Nulls
from ocw_strategy.backtest.walkforward.result import WalkForwardResult
from ocw_strategy.backtest.walkforward.wording import (
    WALK_HEADS,
    parameters_text,
    walk_rows,
    walk_sentences,
)
from ocw_strategy.backtest.wording import DASH, Rows, day, number, percent, plain, short
from ocw_strategy.errors import JournalError

REPORT_FILE = "report.html"
ASSESSMENT_FILE = "assessment.json"
PARQUET_FILE = "report.parquet"


def write_walk_forward_report(result: WalkForwardResult, nulls: Nulls | None = None) -> Assessment:
    """Write ``report.html``, ``report.parquet`` and ``assessment.json`` into its folder.

    The grid's points are entered in the ledger of tries first.

    Parameters
    ----------
    result : WalkForwardResult
    nulls : Nulls, optional
        Without them the report says that they were not run.

    Raises
    ------
    JournalError
        If a file cannot be written.
    """
    try:
        record_walk_forward(result)
        assessment = assess(result, nulls)
        folder = result.folder
        _replace(folder / ASSESSMENT_FILE, assessment.model_dump_json(indent=1) + "\n")
        _replace(folder / REPORT_FILE, walk_forward_html(result, assessment, nulls))
        write_report_table(folder / PARQUET_FILE, report_table(result, assessment, nulls))
    except OSError as error:
        raise JournalError(
            "walk.folder", str(result.folder), f"make it writable with space left: {error}"
        ) from error
    return assessment


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def walk_forward_html(
    result: WalkForwardResult, assessment: Assessment, nulls: Nulls | None
) -> str:
    """Return the page of a walk-forward."""
    page = Page(f"OCW walk-forward {result.run_id}")
    page.add(_head(result), _verdict(result, assessment, nulls))
    page.add(
        section(
            "Equity out of sample, stitched",
            paragraph(
                "The band holds 95 % of the records that the same days give in another order, day "
                "by day; dotted lines are the seams between windows.",
                "soft",
            ),
            page.chart(charts.stitched_chart(result)),
            page.chart(charts.drawdown_chart(result)),
        ),
        _windows(page, result, assessment),
        _nulls(page, nulls),
        _luck(assessment),
        _overfitting(assessment),
        _stability(result, assessment),
        _calibration(result),
        _behaviour(page, result, nulls),
        _tried(result, assessment),
        section("What this does not show", bullets(_limits(result, nulls))),
        _origin(result),
    )
    return page.html()


def _head(result: WalkForwardResult) -> str:
    first, last = result.windows[0].window, result.windows[-1].window
    coins = ", ".join(short(symbol) for symbol in result.base.data.instruments)
    line = (
        f"{len(result.windows)} windows, judged from {day(first.oos_start_ns)} to "
        f"{day(last.oos_end_ns)} UTC · {coins} · {result.base.data.bar_minutes}-minute bars · "
        f"advisor: {result.base.advisor.kind} · seed {result.base.run.seed}"
    )
    synthetic = (Path(result.base.data.catalog) / SAMPLE_MARK).exists()
    banner = (
        paragraph("SYNTHETIC MARKET: made up by `ocw data sample`, not real prices.", "banner")
        if synthetic
        else ""
    )
    return f"<h1>{escape(result.settings.walk.name)}</h1>{paragraph(line, 'soft')}{banner}"


def verdict_sentence(result: WalkForwardResult, assessment: Assessment) -> str:
    """Say in a sentence or two whether the result holds."""
    whole, verdict = result.performance, assessment.verdict
    did = "gained" if whole.total_return > 0 else "lost"
    moved = f"Out of sample it {did} {percent(abs(whole.total_return))}"
    failed = [plain(check.name) for check in verdict.checks if not check.passed]
    if verdict.passed:
        return f"Holds: {moved}, and every check is passed."
    return f"Not shown to work: {moved}, and it fails {len(failed)} of {len(verdict.checks)} " + (
        f"checks: {', '.join(failed)}."
    )


def _verdict(result: WalkForwardResult, assessment: Assessment, nulls: Nulls | None) -> str:
    verdict = assessment.verdict
    lines = [("passed: " if c.passed else "failed: ") + c.sentence for c in verdict.checks]
    if nulls is None:
        lines.append("The nulls were not run: whether it beats any of them is not known.")
    else:
        lines += nulls.table.sentences()
    found, rows = verdict.intervals, []
    whole = result.performance
    for label, value, interval, show in (
        ("Return", whole.total_return, found and found.total_return, _signed),
        ("Sharpe (365 days)", whole.sharpe, found and found.sharpe, number),
        ("Deepest drawdown, daily closes", None, found and found.max_drawdown, percent),
    ):
        shown = show(interval.estimate if value is None and interval else value)
        low, high = (show(interval.low), show(interval.high)) if interval else (DASH, DASH)
        rows.append((label, shown, low, high))
    heads = ("", "result", "95 % from", "to")
    return "".join(
        [
            paragraph(verdict_sentence(result, assessment), "verdict"),
            table(heads, rows, style="result"),
            bullets(lines),
        ]
    )


def _signed(value: float | None) -> str:
    return percent(value, sign=True)


def _windows(page: Page, result: WalkForwardResult, assessment: Assessment) -> str:
    said = (
        f"Mean Sharpe ratio of the chosen: {number(assessment.in_sample)} where they were chosen, "
        f"{number(assessment.out_of_sample)} where they were judged; rank correlation over windows "
        f"{number(assessment.rank_correlation)}."
    )
    kinds = ("short", *["number"] * (len(WALK_HEADS) - 1), "text")
    return section(
        "Windows",
        table((*WALK_HEADS, "Chosen"), walk_rows(result), kinds=kinds),
        paragraph(said, "soft"),
        page.chart(charts.before_and_after_chart(result)),
    )


NULL_HEADS = (
    "", "return", "Sharpe", "95 % from", "to", "drawdown", "trades", "fees, USD", "calls",
    "OCW's Sharpe less its", "95 % from", "to", "",
)  # fmt: skip


def null_rows(nulls: Nulls) -> Rows:
    """Return the table of nulls as text, a row each."""
    return [_null_row(row) for row in (nulls.table.own, *nulls.table.nulls)]


def _null_row(row: NullRow) -> tuple[str, ...]:
    gap = None if row.difference is None else row.difference.sharpe
    return (
        row.name, percent(row.total_return, sign=True), number(row.sharpe),
        *_bounds(row.sharpe_interval),
        percent(row.max_drawdown), _count(row.trades), number(row.fees_usd), _count(row.calls),
        DASH if gap is None else number(gap.estimate), *_bounds(gap), row.standing or "",
    )  # fmt: skip


def _bounds(interval: Interval | None) -> tuple[str, str]:
    return (DASH, DASH) if interval is None else (number(interval.low), number(interval.high))


def _count(value: int | None) -> str:
    return DASH if value is None else f"{value:,}"


def _nulls(page: Page, nulls: Nulls | None) -> str:
    if nulls is None:
        return section("Nulls", paragraph("They were not run."))
    kinds = ("short", *["number"] * (len(NULL_HEADS) - 2), "short")
    meanings = [f"{row.name}: {row.meaning}." for row in nulls.table.nulls]
    return section(
        "Nulls",
        paragraph(
            "OCW and the same with one part left out or scrambled, every window from the priors, "
            "with the rules advisor. Differences are paired by days. `beaten` and `better` are "
            "said only where the whole interval is on one side.",
            "soft",
        ),
        table(NULL_HEADS, null_rows(nulls), kinds=kinds),
        page.chart(charts.nulls_chart(nulls)),
        bullets(meanings),
    )


def _luck(assessment: Assessment) -> str:
    found = assessment.verdict.significance
    rows = [
        ("Days", f"{found.days:,}"),
        ("Configurations tried", f"{found.trials:,}"),
        ("Sharpe (365 days)", number(found.sharpe)),
        ("Sharpe a day", _fine(found.daily_sharpe)),
        ("Skew", number(found.skew)),
        ("Kurtosis", number(found.kurtosis)),
        ("Best of as many worthless ones", number(found.benchmark_sharpe)),
        ("Probabilistic Sharpe ratio", _fine(found.probabilistic)),
        ("Deflated Sharpe ratio", _fine(found.deflated)),
        ("Days needed to be above 0 at 95 %", _days(found.minimum_days)),
    ]
    return section("Skill or luck", table((), rows))


def _days(value: float | None) -> str:
    return "none suffice" if value is None else f"{value:,.0f}"


def _fine(value: float | None) -> str:
    return DASH if value is None else f"{value:.4f}"


def _overfitting(assessment: Assessment) -> str:
    found = assessment.verdict.overfitting
    if found is None:
        return section("Overfitting", paragraph("Nothing was chosen, so nothing could overfit."))
    rows = [
        ("Variants compared", f"{found.variants:,}"),
        ("Tried, but not in every window", f"{assessment.left_out:,}"),
        ("Days", f"{found.days:,}"),
        ("Choices tried", f"{found.combinations:,}"),
        ("Probability of backtest overfitting", _fine(found.probability)),
        ("Probability of loss out of sample", _fine(found.loss_probability)),
        ("Slope of after on before", number(found.slope)),
    ]
    return section(
        "Overfitting",
        paragraph(
            "Half of the time the best variant of the grid is chosen on, the other half ranks it, "
            "over every way to halve ten blocks of the in-sample days.",
            "soft",
        ),
        table((), rows),
    )


def _stability(result: WalkForwardResult, assessment: Assessment) -> str:
    if not assessment.stability:
        return section("Stability of the choice", paragraph("Nothing was chosen."))
    found = {
        f"{each.parameter}, changed {each.changes} times": table(
            ("value", "windows"), [(text, str(count)) for text, count in each.chosen]
        )
        for each in assessment.stability
    }
    return section("Stability of the choice", cards(found))


def _calibration(result: WalkForwardResult) -> str:
    names = sorted({name for found in result.windows for name in found.choice.calibrated})
    if not names:
        return section("Calibration", paragraph("Nothing was fitted.", "soft"))
    rows = [
        (
            day(found.window.is_end_ns),
            *(_value(found.choice.calibrated.get(name)) for name in names),
        )
        for found in result.windows
    ]
    return section("Calibration, fitted on data up to", table(("", *names), rows))


def _value(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else json.dumps(value)


def _behaviour(page: Page, result: WalkForwardResult, nulls: Nulls | None) -> str:
    title = "Gate and bandit"
    if nulls is None:
        return section(title, paragraph("Seen only with the nulls, which were not run."))
    gates = [
        (
            day(found.window.oos_start_ns), f"{window.gate.closes:,}", f"{window.gate.wakes:,}",
            percent(window.gate.skip_rate), number(window.gate.calls_per_day),
            f"{window.gate.busiest_day_calls:,}",
        )
        for found, window in zip(result.windows, nulls.windows, strict=True)
    ]  # fmt: skip
    heads = ("from", "closes", "woken", "skipped", "calls a day", "busiest day")
    beliefs = [
        (
            day(found.window.oos_end_ns), plain(each.regime), plain(each.signal),
            number(each.mean), f"{each.outcomes:,}",
        )
        for found, window in zip(result.windows, nulls.windows, strict=True)
        for each in window.beliefs
    ]  # fmt: skip
    kinds = ("short", "", "", "number", "number")
    return section(
        title,
        paragraph("In every window from the priors, as among the nulls.", "soft"),
        page.chart(charts.calls_chart(nulls, result)),
        table(heads, gates),
        "<h3>Posteriors at the end of each window</h3>",
        table(
            ("to", "regime", "signal", "mean", "outcomes"), beliefs, kinds=kinds, tall=True
        ),
    )  # fmt: skip


def _tried(result: WalkForwardResult, assessment: Assessment) -> str:
    grid = grid_returns(result).returns
    names = [parameters_text(point) or "as configured" for point in result.settings.grid_points()]
    rows = []
    for name, point in zip(names, result.settings.grid_points(), strict=True):
        runs = [
            trial
            for found in result.windows
            for trial in found.choice.trials
            if trial.parameters == point
        ]
        won = sum(found.choice.winner.parameters == point for found in result.windows)
        ratios = [t.performance.sharpe for t in runs if t.performance.sharpe is not None]
        mean = sum(ratios) / len(ratios) if ratios else None
        whole = "yes" if name in grid else "no"
        rows.append((name, f"{len(runs):,}", number(mean), f"{won:,}", whole))
    heads = ("point of the grid", "windows run", "mean in-sample Sharpe", "chosen", "in every one")
    counted = (
        f"The deflated Sharpe ratio counts {assessment.tried:,} configurations: all that the "
        "ledger of the folder of runs knows on this market and time, this grid included."
    )
    return section(
        "What was tried",
        bullets([*walk_sentences(result), counted]),
        table(heads, rows, kinds=("text", *["number"] * 3, "short")),
    )


def _limits(result: WalkForwardResult, nulls: Nulls | None) -> list[str]:
    costs = result.base.costs
    lines = [
        "A walk-forward sees one past, in one order. The interval says what these days allow, not "
        "what another market would do.",
        "Whoever declared the grid may have known this time; tries made elsewhere or before the "
        "ledger began are not counted.",
        f"There is no order book: a market order pays {costs.market_slippage_bps:g} basis points "
        f"beyond the last price and a stop {costs.stop_slippage_bps:g}.",
        "Every window starts flat; what the one before left open is charged the cost of closing.",
    ]
    if nulls is not None:
        lines.append(
            "Holds pay fees and neither slippage nor funding: a harder standard than a perpetual."
        )
    return lines


def _origin(result: WalkForwardResult) -> str:
    rows = [
        ("Walk-forward", result.run_id),
        ("Backtest", result.settings.walk.config),
        *((f"Digest of window {n + 1}", w.out.digest) for n, w in enumerate(result.windows)),
    ]
    links = (
        f'<p class="soft">Beside this page: <a href="{PARQUET_FILE}">everything in it</a>, '
        f'<a href="{ASSESSMENT_FILE}">assessment</a>.</p>'
    )
    return section("Where this comes from", table((), rows, kinds=("", "text")), links)
