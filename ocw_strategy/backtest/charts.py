"""The charts of a run's report, one function each, without a theme: the page gives the colours.

A time axis is in UTC milliseconds. Long series keep the lowest and highest sample of each
stretch, so that thinning hides no peak and no trough.
"""

from collections import Counter, defaultdict
from datetime import date
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ocw_strategy.backtest.run_data import RunData
from ocw_strategy.backtest.statistics import Times, Values, drawdowns
from ocw_strategy.backtest.wording import plain, short
from ocw_strategy.hold import hold_values
from ocw_strategy.journal import FillRow
from ocw_strategy.units import DAY_NS, MILLISECOND_NS, SIGNALS

BLUE, ORANGE, GREEN, RED, GREY = "#3b82f6", "#f59e0b", "#10b981", "#ef4444", "#8b949e"
PURPLE, TEAL, PINK, BROWN = "#a855f7", "#06b6d4", "#ec4899", "#b45309"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, TEAL, PINK, BROWN, RED, GREY)
_EPOCH = date(1970, 1, 1)
_STRETCHES = 600
_REGIMES_SHOWN = 6


def equity_chart(run: RunData) -> go.Figure:
    """Draw equity against both holds."""
    start_usd, fee = float(run.equity[0]), run.settings.costs.taker_fee
    first = run.settings.data.instruments[0]
    figure = _figure(run, 380, "USD")
    for name, values, colour, width in (
        ("hold all, equal weight", hold_values(run.prices, start_usd, fee), GREEN, 1.2),
        (
            f"hold {short(first)}", hold_values({first: run.prices[first]}, start_usd, fee),
            ORANGE, 1.2,
        ),
        ("OCW", run.equity, BLUE, 2.2),
    ):  # fmt: skip
        figure.add_trace(drawn(run.ts_ns, values, name, colour, width))
    return figure


def drawdown_chart(run: RunData) -> go.Figure:
    """Draw the fall of equity from its highest value so far."""
    figure = _figure(run, 220, "")
    figure.update_yaxes(tickformat=".1%")
    figure.add_trace(drawn(run.ts_ns, drawdowns(run.equity), "drawdown", RED, 1, fill="tozeroy"))
    return figure.update_layout(showlegend=False, margin_t=12)


def trades_chart(run: RunData, symbol: str) -> go.Figure:
    """Draw an instrument's price with every fill on it."""
    figure = _figure(run, 320, "USD")
    figure.add_trace(drawn(run.ts_ns, run.prices[symbol], "price", GREY, 1))
    fills = [fill for fill in run.fills if fill.symbol == symbol]
    size = max(5, 9 - len(fills) // 100)
    for name, marker, colour, chosen in (
        ("long entry", "triangle-up", GREEN, [f for f in fills if _is(f, "entry", "BUY")]),
        ("short entry", "triangle-down", RED, [f for f in fills if _is(f, "entry", "SELL")]),
        ("exit or reduction", "x-thin", BLUE, [f for f in fills if f.purpose in _LEAVING]),
        ("stop", "circle-x-open", PURPLE, [f for f in fills if f.purpose == "stop"]),
    ):
        figure.add_trace(
            go.Scatter(
                x=milliseconds(np.array([fill.ts_ns for fill in chosen], dtype=np.int64)),
                y=np.array([float(fill.price) for fill in chosen]),
                text=[f"{fill.side.lower()} {fill.quantity}" for fill in chosen],
                name=name, mode="markers", hovertemplate="%{x}<br>%{text} at %{y}",
                marker={
                    "symbol": marker, "size": size, "color": colour, "opacity": 0.8,
                    "line": {"width": size / 5, "color": colour},
                },
            )
        )  # fmt: skip
    return figure


_LEAVING = ("exit", "reduce")


def _is(fill: FillRow, purpose: str, side: str) -> bool:
    return fill.purpose == purpose and fill.side == side


def gate_chart(run: RunData) -> go.Figure:
    """Draw the wakes of each day by reason, over the share of closes that were skipped."""
    closes = Counter(row.ts_ns // DAY_NS for row in run.evaluations if row.wake)
    for (day, _), count in run.skips.items():
        closes[(date.fromisoformat(day) - _EPOCH).days] += count
    days = sorted(closes)
    x = milliseconds(np.array(days, dtype=np.int64) * DAY_NS + DAY_NS // 2)
    wakes = Counter((row.reason, row.ts_ns // DAY_NS) for row in run.evaluations if row.wake)
    totals: Counter[str] = Counter()
    for (reason, _), count in wakes.items():
        totals[reason] += count
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.06, row_heights=[0.7, 0.3]
    )
    for colour, (reason, _) in zip(COLOURS * 3, totals.most_common(), strict=False):
        y = np.array([wakes[reason, day] for day in days])
        bar = go.Bar(x=x, y=y, name=plain(reason), marker={"color": colour, "line": {"width": 0}})
        figure.add_trace(bar, row=1, col=1)
    woken = np.array([sum(wakes[reason, day] for reason in totals) for day in days])
    skipped = 1 - woken / np.maximum(1, np.array([closes[day] for day in days]))
    line = go.Scatter(
        x=x, y=skipped, name="skipped", line={"color": GREY, "width": 1.5}, showlegend=False
    )
    figure.add_trace(line, row=2, col=1)
    figure.update_yaxes(title_text="wakes a day", row=1, col=1)
    figure.update_yaxes(title_text="skipped", tickformat=".0%", range=[0, 1.02], row=2, col=1)
    return _finished(run, figure, 420).update_layout(barmode="stack", bargap=0.1)


def regime_chart(run: RunData) -> go.Figure:
    """Draw which regime was in force when, a row per regime."""
    start_ns, end_ns = int(run.ts_ns[0]), int(run.ts_ns[-1])
    spells: dict[str, list[tuple[int, int]]] = defaultdict(list)
    ends = [row.ts_ns for row in run.regimes[1:]] + [end_ns]
    for row, until_ns in zip(run.regimes, ends, strict=False):
        since_ns = max(row.ts_ns, start_ns)
        if until_ns > since_ns:
            spells[row.regime].append((since_ns, until_ns))
    figure = go.Figure()
    for name in sorted(spells, key=lambda regime: _rank(run, regime), reverse=True):
        since, until = np.array(spells[name], dtype=np.int64).T
        colour = (GREEN, BLUE, ORANGE, RED, GREY)[min(_rank(run, name)[0], 4)]
        figure.add_trace(
            go.Bar(
                base=milliseconds(since), x=milliseconds(until - since),
                y=[plain(name)] * len(since),
                orientation="h", marker={"color": colour, "line": {"width": 0}}, width=0.7,
                hovertemplate="%{y}<br>from %{base}<extra></extra>",
            )
        )  # fmt: skip
    figure = _finished(run, figure, 80 + 44 * max(1, len(spells)))
    return figure.update_layout(showlegend=False, barmode="overlay", margin_t=12)


def _rank(run: RunData, regime: str) -> tuple[int, str]:
    # Calm first, the unknown last; a band beyond the fourth shares the last colour.
    names = [band.name for band in run.settings.regime.bands]
    volatility = regime.partition("_")[0]
    return (names.index(volatility) if volatility in names else len(names), regime)


def posterior_chart(run: RunData) -> go.Figure:
    """Draw each signal's posterior mean over time, a panel for each of the busiest regimes."""
    busiest = Counter(row.regime for row in run.posteriors).most_common(_REGIMES_SHOWN)
    regimes = [regime for regime, _ in busiest] or ["no trade was closed"]
    figure = make_subplots(
        rows=len(regimes), cols=1, shared_xaxes=True,
        vertical_spacing=0.22 / len(regimes), subplot_titles=[plain(name) for name in regimes],
    )  # fmt: skip
    figure.update_annotations(x=0, xanchor="left", font={"size": 13})
    for panel, regime in enumerate(regimes, start=1):
        for signal, colour in zip(SIGNALS, COLOURS, strict=False):
            rows = [r for r in run.posteriors if r.regime == regime and r.signal == signal]
            times = np.array([row.ts_ns for row in rows], dtype=np.int64)
            means = np.array([row.alpha / (row.alpha + row.beta) for row in rows])
            line = drawn(times, means, plain(signal), colour, 1.5, shape="hv")
            line.update(showlegend=panel == 1, legendgroup=signal)
            figure.add_trace(line, row=panel, col=1)
        figure.add_hline(y=0.5, line={"color": GREY, "width": 1, "dash": "dot"}, row=panel, col=1)
    return _finished(run, figure, 130 + 150 * len(regimes)).update_layout(margin_t=68)


def _figure(run: RunData, height: int, unit: str) -> go.Figure:
    return _finished(run, go.Figure(), height).update_yaxes(title_text=unit)


def _finished(run: RunData, figure: go.Figure, height: int) -> go.Figure:
    # one range for all: a moment is at the same place in every chart
    window = [float(run.ts_ns[0] / MILLISECOND_NS), float(run.ts_ns[-1] / MILLISECOND_NS)]
    figure.update_xaxes(type="date", range=window)
    figure.update_yaxes(automargin=True)
    return figure.update_layout(
        template=None,
        height=height,
        margin={"l": 52, "r": 8, "t": 44, "b": 40},
        legend={
            "orientation": "h", "x": 0, "y": 1, "yref": "container", "yanchor": "top",
            "itemsizing": "constant",
        },
    )  # fmt: skip


def milliseconds(ns: Times) -> Values:
    """Return times as the charts' own unit."""
    return ns / MILLISECOND_NS


def drawn(
    ts_ns: Times, values: Values, name: str, colour: str, width: float,
    *, shape: str = "linear", fill: str | None = None,
) -> go.Scatter:  # fmt: skip
    """Return a line of samples, thinned without hiding a peak or a trough."""
    kept = thinned(values, _STRETCHES)
    return go.Scatter(
        x=milliseconds(ts_ns[kept]), y=values[kept], name=name, mode="lines", fill=fill,
        line={"color": colour, "width": width, "shape": shape},
    )  # fmt: skip


def thinned(values: Values, stretches: int) -> Times:
    """Return the indices to draw: all, or the first, last, lowest and highest of each stretch."""
    if len(values) <= 4 * stretches:
        return np.arange(len(values))
    edges = np.linspace(0, len(values), stretches + 1).astype(np.int64)
    chosen = []
    for low, high in pairwise(edges.tolist()):
        part = np.nan_to_num(values[low:high])
        chosen += [low, low + int(part.argmin()), low + int(part.argmax()), high - 1]
    return np.unique(chosen)
