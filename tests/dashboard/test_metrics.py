"""What is exposed parses as Prometheus' format, and equals the journal."""

import json
import re
from dataclasses import replace
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from ocw_strategy.dashboard.metrics import exposition, journal_metrics, node_metrics
from ocw_strategy.dashboard.node import HaltView, NodeView
from ocw_strategy.journal import (
    MEMORY,
    DecisionRow,
    Equity,
    Evaluation,
    FillRow,
    Intent,
    Journal,
    JournalReader,
    Trade,
)
from ocw_strategy.live.heartbeat import InstrumentBeat
from ocw_strategy.units import DAY_NS, SECOND_NS
from tests.backtest.runs import BTC, OPENED_NS, decided, evaluated
from tests.dashboard.beats import NOW_NS, beat

type Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]

GRAFANA = Path(__file__).parents[2] / "docs" / "grafana" / "ocw.json"
CALM = HaltView(halted=False, reason="", wall_ns=0)


def parsed(text: bytes) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def of_journal(journal: JournalReader) -> Samples:
    return parsed(exposition(journal_metrics(journal)))


def total(samples: Samples, name: str) -> float:
    return sum(value for (each, _), value in samples.items() if each == name)


def test_counters_are_what_a_finished_run_journalled(demo: Path) -> None:
    with Journal.read_only(demo) as journal:
        found = of_journal(journal)
        for name, record in (
            ("ocw_evaluations_total", Evaluation),
            ("ocw_decisions_total", DecisionRow),
            ("ocw_orders_total", Intent),
            ("ocw_fills_total", FillRow),
            ("ocw_trades_total", Trade),
        ):
            assert total(found, name) == journal.count(record) > 0
        woken = journal.count(Evaluation, "wake = 1 AND reason = 'timer'")
        labels = (("reason", "timer"), ("verdict", "wake"))
        assert found["ocw_evaluations_total", labels] == woken
        newest = journal.rows(Equity, order="ts_ns DESC", limit=1)[0]
        assert found["ocw_equity_usd", ()] == newest.equity


def test_an_empty_journal_has_metrics_too() -> None:
    with Journal.open(MEMORY, run_id="metrics") as journal:
        found = of_journal(journal)
    assert found["ocw_spend_usd_total", ()] == 0
    assert found["ocw_decision_latency_seconds_count", ()] == 0


def test_folding_skips_resets_no_counter() -> None:
    with Journal.open(MEMORY, run_id="metrics") as journal:
        for hour in range(3):
            journal.append(evaluated(hour, "quiet", wake=False))
        before = of_journal(journal)
        journal.fold_skips(OPENED_NS + DAY_NS)
        assert of_journal(journal) == before


def test_latencies_fall_into_buckets() -> None:
    with Journal.open(MEMORY, run_id="metrics") as journal:
        for number, seconds in enumerate((0.5, 0.6, 90.0)):
            row = decided(str(number), number)
            journal.append(replace(row, latency_ns=int(seconds * SECOND_NS)))
        found = of_journal(journal)
    buckets = {
        dict(labels)["le"]: value
        for (name, labels), value in found.items()
        if name == "ocw_decision_latency_seconds_bucket"
    }
    assert (buckets["0.1"], buckets["0.5"], buckets["1.0"]) == (0, 1, 2)
    assert (buckets["60.0"], buckets["+Inf"]) == (2, 3)
    assert found["ocw_decision_latency_seconds_sum", ()] == 91.1


def test_a_heartbeat_is_measured_and_ages_go_on_since_it() -> None:
    known = InstrumentBeat(
        last_bar_ns=5 * SECOND_NS, bars=7, mark_age_s=0.5, quantity="-2", stop_price=""
    )
    node = NodeView(
        live=True, well=False, problems=("x",), heartbeat=beat(instruments={BTC: known}),
        halt=CALM.model_copy(update={"halted": True}),
    )  # fmt: skip
    found = parsed(exposition(node_metrics(node, NOW_NS + 10 * SECOND_NS)))
    instrument = (("instrument", BTC),)
    assert found["ocw_node_well", ()] == 0
    assert found["ocw_halted", ()] == 1
    assert found["ocw_heartbeat_age_seconds", ()] == 10
    assert found["ocw_mark_age_seconds", instrument] == 10.5
    assert found["ocw_position", instrument] == -2
    assert found["ocw_bars_total", instrument] == 7
    assert found["ocw_last_bar_timestamp_seconds", instrument] == 5
    assert found["ocw_loop_lag_seconds", (("quantile", "0.99"),)] == 0.0015


def test_of_a_backtest_no_node_is_measured() -> None:
    node = NodeView(live=False, well=True, problems=(), heartbeat=None, halt=CALM)
    assert node_metrics(node, NOW_NS) == []


def test_the_grafana_file_asks_only_for_metrics_that_are_exposed(demo: Path) -> None:
    known = InstrumentBeat(last_bar_ns=1, mark_age_s=0.5, quantity="0", stop_price="")
    node = NodeView(
        live=True, well=True, problems=(), heartbeat=beat(instruments={BTC: known}), halt=CALM
    )
    with Journal.read_only(demo) as journal:
        families = [*journal_metrics(journal), *node_metrics(node, NOW_NS)]
    exposed = exposition(families).decode()
    panels = json.loads(GRAFANA.read_text(encoding="utf-8"))["panels"]
    asked = {
        name
        for panel in panels
        for target in panel["targets"]
        for name in re.findall(r"ocw_\w+", target["expr"])
    }
    assert len(asked) > 15
    assert [name for name in sorted(asked) if f"# TYPE {name} " not in exposed
            and f"\n{name}{{" not in exposed and f"\n{name} " not in exposed] == []  # fmt: skip
