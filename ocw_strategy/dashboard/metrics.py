"""`/metrics` in Prometheus' exposition format: what the journal counts and the heartbeat measures.

Everything is read when it is asked for, so a restart of this process resets no counter. What a
heartbeat measures is only there while one can be read. Times are seconds, money US dollars.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from ocw_strategy.dashboard.answers import Answers
from ocw_strategy.dashboard.node import NodeView
from ocw_strategy.journal import (
    Clamp,
    DecisionRow,
    Equity,
    Evaluation,
    Event,
    FillRow,
    Intent,
    JournalReader,
    OrderEvent,
    Record,
    SkippedDay,
    Trade,
)
from ocw_strategy.spend import spend_of
from ocw_strategy.units import SECOND_NS

LATENCY_BUCKETS_S: Final = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0)

_COUNTED: Final[tuple[tuple[type[Record], str, str, str, str], ...]] = (
    (DecisionRow, "outcome", "decisions", "outcome", "Decisions asked for."),
    (Clamp, "limit_name", "clamps", "limit", "Limits that changed a decision."),
    (Intent, "purpose", "orders", "purpose", "Orders sent."),
    (OrderEvent, "status", "order_events", "status", "What was said of orders."),
    (FillRow, "purpose", "fills", "purpose", "Executions."),
    (Trade, "exit_reason", "trades", "exit", "Closed lots."),
    (Event, "kind", "events", "kind", "Halts, faults, refusals and the like."),
)
"""Tables, the column they are counted by, and the metric, label and words of each count."""


def metrics_router(answers: Answers) -> APIRouter:
    """Return the route of the metrics."""
    router = APIRouter()

    @router.get("/metrics", include_in_schema=False)
    def metrics() -> Response:
        node, now_ns = answers.node(), answers.now_ns()
        with answers.source.reading() as journal:
            families = [*journal_metrics(journal), *node_metrics(node, now_ns)]
        return Response(exposition(families), media_type=CONTENT_TYPE_LATEST)

    return router


def exposition(families: Iterable[Metric]) -> bytes:
    """Return metrics as text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Found(families))
    return generate_latest(registry)


class _Found(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def journal_metrics(journal: JournalReader) -> list[Metric]:
    """Return what a journal counts."""
    evaluations = Counter(journal.tally(Evaluation, ("wake", "reason")))
    for row in journal.rows(SkippedDay):
        evaluations[0, row.reason] += row.skips
    looked = CounterMetricFamily(
        "ocw_evaluations", "Decision closes the gate looked at.", labels=("verdict", "reason")
    )
    for (wake, reason), count in sorted(evaluations.items()):
        looked.add_metric(("wake" if wake else "skip", reason), count)
    ledger = spend_of(journal).total
    spent = Decimal(ledger.settled_usd) + Decimal(ledger.unsettled_usd)
    found = [
        looked,
        _latency(journal),
        CounterMetricFamily("ocw_calls", "Calls bought.", value=ledger.calls),
        CounterMetricFamily("ocw_spend_usd", "Cost of calls.", value=float(spent)),
        *(
            _counter(name, text, label, journal.tally(record, (column,)))
            for record, column, name, label, text in _COUNTED
        ),
    ]
    newest = journal.rows(Equity, order="ts_ns DESC", limit=1)
    if newest:
        found.append(_gauge("equity_usd", "Mark-to-market equity.", newest[0].equity))
    return found


def node_metrics(node: NodeView, now_ns: int) -> list[Metric]:
    """Return what a node's heartbeat and halt file say; nothing of a backtest."""
    if not node.live:
        return []
    found = [
        _gauge("node_well", "1 while the node is well.", float(node.well)),
        _gauge("halted", "1 while the halt file is there.", float(node.halt.halted)),
    ]
    beat = node.heartbeat
    if beat is None:
        return found
    lag = GaugeMetricFamily(
        "ocw_loop_lag_seconds", "Lag of the node's event loop.", labels=("quantile",)
    )
    lag.add_metric(("0.99",), beat.loop_lag_p99_ms / 1000)
    lag.add_metric(("1",), beat.loop_lag_max_ms / 1000)
    bars, marks, held = (
        GaugeMetricFamily(f"ocw_{name}", text, labels=("instrument",))
        for name, text in (
            ("last_bar_timestamp_seconds", "Close of the last base bar."),
            ("mark_age_seconds", "Age of the newest mark price."),
            ("position", "Signed position, in the base currency."),
        )
    )
    seen = CounterMetricFamily(
        "ocw_bars", "Base bars since the node started.", labels=("instrument",)
    )
    beat_age_s = (now_ns - beat.wall_ns) / SECOND_NS
    for symbol, known in sorted(beat.instruments.items()):
        seen.add_metric((symbol,), known.bars)
        if known.last_bar_ns:
            bars.add_metric((symbol,), known.last_bar_ns / SECOND_NS)
        if known.mark_age_s is not None:
            marks.add_metric((symbol,), known.mark_age_s + beat_age_s)
        held.add_metric((symbol,), float(known.quantity))
    found += [
        lag,
        seen,
        bars,
        marks,
        held,
        _gauge("heartbeat_age_seconds", "Age of the heartbeat.", beat_age_s),
        _gauge("last_decision_timestamp_seconds", "Close of the last decision.",
               beat.last_decision_ns / SECOND_NS),
        _gauge("start_timestamp_seconds", "When the node started.",
               beat.started_wall_ns / SECOND_NS),
        _gauge("user_stream_alive", "1 while events of the account are received.",
               float(beat.user_stream_alive)),
        _gauge("entries_blocked", "Reasons why nothing is entered.",
               float(len(beat.entries_blocked))),
        _gauge("open_orders", "Open orders, by the node.", float(beat.open_orders)),
        _gauge("resident_bytes", "Peak memory of the node.", beat.resident_mb * 2**20),
    ]  # fmt: skip
    return found


def _counter(name: str, text: str, label: str, counts: Mapping[tuple[str, ...], int]) -> Metric:
    family = CounterMetricFamily(f"ocw_{name}", text, labels=(label,))
    for values, count in sorted(counts.items()):
        family.add_metric(values, count)
    return family


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"ocw_{name}", text, value=value)


def _latency(journal: JournalReader) -> Metric:
    counts = journal.tally(DecisionRow, ("latency_ns",))
    times = sorted((latency_ns / SECOND_NS, count) for (latency_ns,), count in counts.items())
    buckets = [
        (str(bound), float(sum(count for seconds, count in times if seconds <= bound)))
        for bound in LATENCY_BUCKETS_S
    ]
    buckets.append(("+Inf", float(sum(count for _, count in times))))
    return HistogramMetricFamily(
        "ocw_decision_latency_seconds",
        "From the request to the answer.",
        buckets=buckets,
        sum_value=math.fsum(seconds * count for seconds, count in times),
    )
