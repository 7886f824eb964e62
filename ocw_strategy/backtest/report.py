"""The reports of a run, written into its folder: a page, a tearsheet, and the summary as JSON.

The page and the tearsheet open offline. All figures in them are those of the one `Summary`.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from ocw_strategy.backtest import sentences, wording
from ocw_strategy.backtest.charts import (
    drawdown_chart,
    equity_chart,
    gate_chart,
    posterior_chart,
    regime_chart,
    trades_chart,
)
from ocw_strategy.backtest.page import Page, bullets, cards, paragraph, section, table
from ocw_strategy.backtest.run_data import RunData, read_run
from ocw_strategy.backtest.summary import Summary, summarise_run
from ocw_strategy.backtest.tallies import TradeGroup
from ocw_strategy.backtest.tearsheet import write_tearsheet
from ocw_strategy.backtest.wording import moment, money, percent, plain, short
from ocw_strategy.journal import Clamp, DecisionRow, Event

REPORT_FILE = "report.html"
SUMMARY_FILE = "summary.json"
TEARSHEET_FILE = "tearsheet.html"

_LAST = 50


def write_reports(folder: Path) -> None:
    """Write ``report.html``, ``tearsheet.html`` and ``summary.json`` beside a run's journal.

    Raises
    ------
    JournalError
        If the folder holds no readable run.
    OSError
        If they cannot be written.
    """
    run = read_run(folder)
    summary = summarise_run(run)
    (folder / SUMMARY_FILE).write_text(summary.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (folder / REPORT_FILE).write_text(report_html(run, summary), encoding="utf-8")
    write_tearsheet(folder / TEARSHEET_FILE, run, summary)


def report_html(run: RunData, summary: Summary) -> str:
    """Return the page of a run."""
    page = Page(f"OCW {summary.name}")
    page.add(_head(summary), _result(summary))
    page.add(section("Equity against holding", page.chart(equity_chart(run))))
    page.add(section("Drawdown of equity", page.chart(drawdown_chart(run))))
    page.add(_trades(page, run, summary))
    page.add(_gate(page, run, summary))
    page.add(section("Regime", page.chart(regime_chart(run))))
    page.add(
        section(
            "What the bandit believes, by regime",
            paragraph(
                "Mean of each signal's posterior after every closed trade: the chance that it "
                "points the profitable way. Above the dotted line it is worth following.",
                "soft",
            ),
            page.chart(posterior_chart(run)),
        )
    )
    page.add(_limits(run), _decisions(run), _events(run, summary))
    page.add(
        section("What this does not show", bullets(sentences.limits_of_this(summary, run.settings)))
    )
    page.add(_origin(summary))
    return page.html()


def _head(summary: Summary) -> str:
    coins = ", ".join(short(symbol) for symbol in summary.instruments)
    window = (
        f"{moment(summary.start_ns)} to {moment(summary.end_ns)} UTC · {coins} · "
        f"{summary.bar_minutes}-minute bars · advisor: {summary.advisor} · seed {summary.seed}"
    )
    banners = "".join(paragraph(line, "banner") for line in sentences.warnings(summary))
    return f"<h1>{escape(summary.name)}</h1>{paragraph(window, 'soft')}{banners}"


def _result(summary: Summary) -> str:
    heads = wording.comparison_heads(summary)
    return "".join(
        [
            paragraph(sentences.verdict(summary), "verdict"),
            table(heads, wording.comparison_rows(summary), style="result"),
            paragraph(sentences.bound_sentence(summary), "soft"),
            cards(
                {
                    "Trades": table((), wording.trade_rows(summary)),
                    "Costs and the optimistic bound": table((), wording.cost_rows(summary)),
                    "Gate": table((), wording.gate_rows(summary)),
                }
            ),
        ]
    )


def _trades(page: Page, run: RunData, summary: Summary) -> str:
    charts = [
        f"<h3>{short(symbol)}</h3>{page.chart(trades_chart(run, symbol))}"
        for symbol in summary.instruments
    ]
    trades = summary.trades
    signals = [
        (
            plain(group.signal),
            f"{group.agreed.trades:,}", money(group.agreed.net_usd),
            f"{group.opposed.trades:,}", money(group.opposed.net_usd),
        )
        for group in trades.by_signal
    ]  # fmt: skip
    groups = {
        "By instrument": _groups(trades.by_instrument, short),
        "By regime at entry": _groups(trades.by_regime),
        "By exit": _groups(trades.by_exit),
    }
    heads = ("what a signal said at entry", "with it", "net, USD", "against", "net, USD")
    return section("Trades on the price", *charts) + section(
        "Closed trades", cards(groups), table(heads, signals)
    )


def _groups(groups: Sequence[TradeGroup], named: Callable[[str], str] = plain) -> str:
    rows = [(named(g.name), f"{g.trades:,}", percent(g.win_rate), money(g.net_usd)) for g in groups]
    return table(("", "trades", "won", "net, USD"), rows)


def _gate(page: Page, run: RunData, summary: Summary) -> str:
    counts = {
        "Woken by": table((), wording.count_rows(summary.gate.wakes_by_reason)),
        "Skipped for": table((), wording.count_rows(summary.gate.skips_by_reason)),
        "Decisions by outcome": table((), wording.count_rows(summary.decisions_by_outcome)),
    }
    return section("Gate", page.chart(gate_chart(run)), cards(counts))


def _limits(run: RunData) -> str:
    found: dict[tuple[str, str], list[Clamp]] = defaultdict(list)
    for clamp in run.clamps:
        found[clamp.limit_name, clamp.symbol].append(clamp)
    rows = [
        (
            plain(name), short(symbol), f"{len(clamps):,}",
            f"{sum(abs(clamp.before - clamp.after) for clamp in clamps):,.2f}",
            moment(clamps[-1].ts_ns),
        )
        for (name, symbol), clamps in sorted(found.items())
    ]  # fmt: skip
    heads = ("limit", "instrument", "clamps", "not allowed, USD", "the last, UTC")
    kinds = ("", "", "number", "number", "short")
    return section("Limits that acted", table(heads, rows, kinds=kinds))


def _decisions(run: RunData) -> str:
    rows = [_decision(row) for row in reversed(run.decisions[-_LAST:])]
    heads = ("close, UTC", "woken by", "regime", "outcome", "targets", "reason")
    kinds = ("short", "text", "", "", "text", "long")
    return section(f"Last {_LAST} decisions", table(heads, rows, kinds=kinds, tall=True))


def _decision(row: DecisionRow) -> tuple[str, ...]:
    decided: dict[str, Any] = json.loads(row.decision or '{"targets": [], "reason": ""}')
    targets = [f"{short(t['symbol'])} {t['exposure']:+.2f}" for t in decided["targets"]]
    return (
        moment(row.ts_ns), _reasons(row.reasons), plain(row.regime), plain(row.outcome),
        ", ".join(targets), decided["reason"],
    )  # fmt: skip


def _reasons(text: str) -> str:
    # "move:BTCUSDT-PERP:+1.1" is "move BTC +1.1"
    reasons = ([short(part) for part in reason.split(":")] for reason in text.split(";"))
    return ", ".join(plain(" ".join(parts)) for parts in reasons)


def _events(run: RunData, summary: Summary) -> str:
    def row(event: Event) -> tuple[str, ...]:
        return (moment(event.ts_ns), plain(event.kind), short(event.symbol), event.detail)

    counts = table((), wording.count_rows(summary.events_by_kind))
    halts = [row(event) for event in run.events if event.kind.startswith("halt")]
    latest = [row(event) for event in reversed(run.events[-_LAST:])]
    heads, kinds = ("time, UTC", "event", "instrument", "detail"), ("short", "", "", "long")
    return section(
        "Events and halts",
        cards({"By kind": counts, "Halts": table(heads, halts, kinds=kinds)}),
        f"<h3>Last {_LAST}</h3>",
        table(heads, latest, kinds=kinds, tall=True),
    )


def _origin(summary: Summary) -> str:
    rows = [
        ("Run", summary.run_id),
        ("Journal digest", summary.digest),
        ("Settings, SHA-256", summary.settings_hash),
        ("Seed", str(summary.seed)),
    ]
    links = (
        f'<p class="soft">Beside this page: <a href="{TEARSHEET_FILE}">tearsheet</a>, '
        f'<a href="{SUMMARY_FILE}">summary</a>, <a href="config.json">settings</a>, '
        "journal.db.</p>"
    )
    return section("Where this comes from", table((), rows, kinds=("", "text")), links)
