"""What a live node costs: lag of its loop, time from a bar to its order, memory, time to stop.

``python -m tests.bench.live`` runs `ocw live` as a process against the venue on loopback, three
times, each at the cadence of `configs/demo.toml`. ``latency``: fixed rules asked at every decision
close, bar by bar once the node is warm; from the moment a closing bar is told to the sockets to the
moment the first order that follows reaches the venue; what is sent between two bars (late, or an
exit at a mark) is counted. A fixed piece of work is timed between the bars, in the venue's process:
how much longer its worst hundredth takes than its best says how unsteady the machine was. ``lag``:
Claude's loopback counterpart takes a minute to answer; the worst hundredth of the loop's lag over
half a minute of that, as the heartbeat tells it. ``memory``: days of market at speed; the peak of
resident memory after the first day and at the end. Wall times: other work on the machine counts.
Ends with one line of JSON.
"""

import argparse
import gc
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from ocw_strategy.journal import DecisionRow, Evaluation
from tests.claude import KEY, ClaudeApi, answer, decision_text
from tests.live.process import LiveProcess, sample_venue, until
from tests.venue import Venue
from tests.venue.market import POINTS

PAUSE_S = 0.15
CADENCE = {"live.safety_seconds": 30.0, "live.drift_seconds": 60.0}
# by the wall, in which a bar is 0.3 s: a market is asked once a bar, and not at its close
RARELY = {"live.statistics_seconds": 30.0}
ANSWER_S = 60.0
SPEED = 3000.0
_WORK = {str(number): number / 7 for number in range(300)}


def latency(folder: Path, bars: int, console: Console) -> dict[str, Any]:
    """Return the times from a closing bar to the first order after it, milliseconds."""
    found: list[float] = []
    work: list[float] = []
    between = 0
    eager = {
        "advisor.rules.entry_score": 0.05,
        "experiment.gate": "open",
        "risk.rebalance_band_fraction": 0.0,
        "risk.max_orders_per_hour": 200,
    }
    with (
        sample_venue(days=10 + bars // 288 + 1) as venue,
        LiveProcess(folder, venue, overrides=CADENCE | RARELY | eager) as node,
    ):
        _judge_a_close(venue, node)
        gc.collect()
        gc.freeze()  # the venue lives here: its pauses are not the node's
        for _ in track(range(bars), "bar to order", console=console, refresh_per_second=0.2):
            seen = len(venue.calls.to("/fapi/v1/order", "POST"))
            venue.market.step(POINTS - 1)
            time.sleep(PAUSE_S)  # the last point of a bar comes alone, as it does in a market
            before = len(venue.calls.to("/fapi/v1/order", "POST"))
            between += before - seen
            venue.market.step()
            time.sleep(PAUSE_S)
            sent = venue.calls.to("/fapi/v1/order", "POST")[before:]
            work.append(_fixed_work_ms())
            if sent:
                arrived_ns = min(call.arrived_ns for call in sent)
                found.append((arrived_ns - venue.market.told_ns) / 1e6)
        code, seconds = node.stop()
    gc.unfreeze()
    return {
        "bar_to_order_ms_p50": round(float(np.quantile(found, 0.5)), 1) if found else None,
        "bar_to_order_ms_p99": round(float(np.quantile(found, 0.99)), 1) if found else None,
        "bar_to_order_samples": len(found),
        "orders_between_bars": between,
        "machine_worst_over_best": round(
            float(np.quantile(work, 0.99) / np.quantile(work, 0.01)), 2
        ),
        "sigterm_s": round(seconds, 1),
        "sigterm_code": code,
    }


def _fixed_work_ms() -> float:
    began = time.perf_counter()
    for _ in range(10):
        json.dumps(_WORK, sort_keys=True)
    return (time.perf_counter() - began) * 1000


def _judge_a_close(venue: Venue, node: LiveProcess) -> None:
    # a node that takes in its history lets bars wait
    def judged() -> bool:
        venue.market.advance()
        time.sleep(PAUSE_S)
        with node.read() as journal:
            return journal.count(Evaluation) > 0

    until(judged, "a close is judged", 60)


def lag(folder: Path) -> dict[str, Any]:
    """Return the worst hundredth of the loop's lag while Claude takes a minute, milliseconds."""
    with ClaudeApi() as claude, sample_venue() as venue:
        claude.default = answer(decision_text(), first_byte_s=ANSWER_S)
        os.environ |= {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": claude.url}
        overrides = {
            "advisor.kind": "claude",
            "advisor.claude.timeout_seconds": ANSWER_S + 40,
        }
        with LiveProcess(folder, venue, overrides=CADENCE | overrides) as node:
            while not claude.messages:
                venue.market.advance()
                time.sleep(PAUSE_S)
            asked = time.monotonic()

            def answered() -> int:
                with node.read() as journal:
                    return journal.count(DecisionRow)

            time.sleep(ANSWER_S - 1)  # a heartbeat of the last half minute lies within
            beat = node.beat()
            until(answered, "Claude has answered", 60)
            seconds = time.monotonic() - asked
            assert beat is not None
    return {
        "claude_answer_s": round(seconds, 1),
        "loop_lag_ms_p99": round(beat.loop_lag_p99_ms, 1),
        "loop_lag_ms_max": round(beat.loop_lag_max_ms, 1),
    }


def memory(folder: Path, days: int) -> dict[str, Any]:
    """Return the peak of resident memory after a day of market and at the end, MB."""
    with (
        sample_venue(days=10 + days + 1) as venue,
        LiveProcess(folder, venue, overrides=CADENCE) as node,
    ):
        venue.market.tells_forming = False
        peaks: list[tuple[float, float]] = []
        start_ms, began = venue.market.now_ms, time.monotonic()
        venue.market.play(SPEED)
        while (day := (venue.market.now_ms - start_ms) / 86_400_000) < days:
            beat = node.beat()
            if beat is not None:
                peaks.append((day, beat.resident_mb))
            time.sleep(1.0)
        time.sleep(31)
        beat = node.beat()
        assert beat is not None
    first = next((peak for day, peak in peaks if day >= 1), beat.resident_mb)
    return {
        "resident_mb_day_1": round(first),
        "resident_mb_end": round(beat.resident_mb),
        "market_days": days,
        "memory_wall_s": round(time.monotonic() - began),
    }


def main() -> None:
    """Measure, print, end with JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=576, help="bars played for the latency")
    parser.add_argument("--days", type=int, default=14, help="days of market for the memory")
    asked = parser.parse_args()
    console = Console(stderr=True)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("latency", "lag", "memory"):
            place = Path(folder) / name
            place.mkdir()
            if name == "latency":
                found |= latency(place, asked.bars, console)
            elif name == "lag":
                found |= lag(place)
            else:
                found |= memory(place, asked.days)
            console.print(found)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
