"""The charts of a walk-forward's report, without a theme: the page gives the colours."""

import numpy as np
import plotly.graph_objects as go

from ocw_strategy.backtest.charts import (
    BLUE,
    COLOURS,
    GREEN,
    GREY,
    ORANGE,
    RED,
    drawn,
    milliseconds,
)
from ocw_strategy.backtest.intervals import growth_band
from ocw_strategy.backtest.null_table import RANDOM_GATE
from ocw_strategy.backtest.statistics import Times, Values, daily_returns, drawdowns
from ocw_strategy.backtest.walkforward.nulls import OWN, Nulls
from ocw_strategy.backtest.walkforward.result import WalkForwardResult
from ocw_strategy.backtest.wording import day, plain
from ocw_strategy.units import DAY_NS


def stitched_chart(result: WalkForwardResult) -> go.Figure:
    """Draw the stitched equity in its bootstrap band, with the seams between windows."""
    figure = go.Figure()
    band = equity_band(result)
    if band is not None:
        times, low, high = band
        edge = {"color": GREY, "width": 0}
        figure.add_trace(
            go.Scatter(
                x=milliseconds(times), y=high, mode="lines", line=edge, showlegend=False,
                hoverinfo="skip",
            )
        )  # fmt: skip
        figure.add_trace(
            go.Scatter(
                x=milliseconds(times), y=low, mode="lines", line=edge, fill="tonexty",
                name="95 % of resampled records", fillcolor="rgba(139,148,158,0.25)",
            )
        )  # fmt: skip
    figure.add_trace(drawn(result.ts_ns, result.equity, "OCW, out of sample", BLUE, 2.2))
    for found in result.windows:
        at = found.window.oos_start_ns / 1e6
        figure.add_vline(x=at, line={"color": GREY, "width": 1, "dash": "dot"})
    return _finished(figure, 400).update_yaxes(title_text="USD")


def equity_band(result: WalkForwardResult) -> tuple[Times, Values, Values] | None:
    """Return times, lower and upper bound of the stitched equity at the end of each day."""
    returns = daily_returns(result.ts_ns, result.equity)
    rng = np.random.default_rng((result.base.run.seed, 8))
    band = growth_band(returns.to_numpy(), rng=rng)
    if band is None:
        return None
    ends = returns.index.to_numpy("datetime64[ns]").astype(np.int64) + DAY_NS
    start = float(result.equity[0])
    return ends, band[0] * start, band[1] * start


def drawdown_chart(result: WalkForwardResult) -> go.Figure:
    """Draw the fall of the stitched equity from its highest value so far."""
    figure = go.Figure(
        drawn(result.ts_ns, drawdowns(result.equity), "drawdown", RED, 1, fill="tozeroy")
    )
    figure = _finished(figure, 220).update_yaxes(tickformat=".1%")
    return figure.update_layout(showlegend=False, margin_t=12)


def before_and_after_chart(result: WalkForwardResult) -> go.Figure:
    """Draw each window's Sharpe ratio where it was chosen and where it was judged."""
    x = [day(found.window.oos_start_ns) for found in result.windows]
    before = [found.choice.winner.performance.sharpe for found in result.windows]
    after = [found.out.performance.sharpe for found in result.windows]
    figure = go.Figure(
        [
            go.Bar(x=x, y=before, name="in sample, chosen", marker={"color": GREY}),
            go.Bar(x=x, y=after, name="out of sample", marker={"color": BLUE}),
        ]
    )
    figure = _finished(figure, 300).update_xaxes(type="category")
    return figure.update_yaxes(title_text="Sharpe").update_layout(barmode="group", bargap=0.25)


def nulls_chart(nulls: Nulls) -> go.Figure:
    """Draw the growth of OCW from the priors beside every null's."""
    figure = go.Figure()
    colours = iter((ORANGE, GREEN, *COLOURS[3:7]))
    for name, record in nulls.records.items():
        if name == OWN:
            continue
        random = name.startswith(RANDOM_GATE)
        trace = drawn(
            record.ts_ns, record.equity / record.equity[0], RANDOM_GATE if random else name,
            GREY if random else next(colours), 0.8 if random else 1.3,
        )  # fmt: skip
        if random:
            trace.update(legendgroup=RANDOM_GATE, showlegend=name == f"{RANDOM_GATE} 1")
        figure.add_trace(trace)
    own = nulls.records[OWN]
    figure.add_trace(
        drawn(own.ts_ns, own.equity / own.equity[0], "OCW, from the priors", BLUE, 2.2)
    )
    return _finished(figure, 380).update_yaxes(title_text="growth of 1")


def calls_chart(nulls: Nulls, result: WalkForwardResult) -> go.Figure:
    """Draw what woke the gate in each window."""
    x = [day(found.window.oos_start_ns) for found in result.windows]
    reasons = sorted({name for window in nulls.windows for name in window.gate.wakes_by_reason})
    figure = go.Figure(
        [
            go.Bar(
                x=x, y=[window.gate.wakes_by_reason.get(name, 0) for window in nulls.windows],
                name=plain(name), marker={"color": colour},
            )
            for name, colour in zip(reasons, COLOURS * 2, strict=False)
        ]
    )  # fmt: skip
    figure = _finished(figure, 300).update_xaxes(type="category")
    return figure.update_yaxes(title_text="wakes").update_layout(barmode="stack", bargap=0.4)


def _finished(figure: go.Figure, height: int) -> go.Figure:
    figure.update_xaxes(type="date").update_yaxes(automargin=True)
    return figure.update_layout(
        template=None,
        height=height,
        margin={"l": 52, "r": 8, "t": 44, "b": 40},
        legend={
            "orientation": "h", "x": 0, "y": 1, "yref": "container", "yanchor": "top",
            "itemsizing": "constant",
        },
    )  # fmt: skip
