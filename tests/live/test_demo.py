"""The demo is what a stranger sees first: it ends by itself, in time, all promises kept."""

import io
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from ocw_strategy.journal import DecisionRow, Event, Intent, Journal
from tests.live.story import Story

ROOT = Path(__file__).parents[2]
DECISION = DecisionRow(
    decision_id="1f", ts_ns=0, reasons="timer", advisor="rules", outcome="decided", regime="calm",
    snapshot_hash="", snapshot="{}", raw="", request_key="", model="", detail="", usage="",
    decision='{"targets":[{"symbol":"BTCUSDT-PERP","exposure":-0.5,"confidence":1}]}',
    cost_usd="0", latency_ns=0, wall_ns=0,
)  # fmt: skip
STOP = Intent(
    client_order_id="OCW-1", decision_id="1f", leg="BTCUSDT-PERP/stop/1", attempt=0,
    ts_ns=60 * 10**9, symbol="BTCUSDT-PERP", purpose="stop", side="BUY", quantity="0.1",
    trigger_price="105", reference_price="100", context="",
)  # fmt: skip


def test_a_story_tells_each_row_once_and_decisions_first(tmp_path: Path) -> None:
    out = io.StringIO()
    story = Story(Console(file=out, width=200, force_terminal=False))
    with Journal.open(tmp_path / "node.db", run_id="r") as journal:
        journal.append_durably(STOP)
        journal.append_durably(DECISION)
        story.tell(journal)
        story.tell(journal)
        journal.append_durably(Event(0, "node_started", "", "account [demo]"))
        story.tell(journal)
    lines = [" ".join(line.split()) for line in out.getvalue().splitlines()]
    assert lines == [
        "1970-01-01 00:00 decision BTCUSDT-PERP -0.50 (regime calm; woken by timer)",
        "1970-01-01 00:01 stop BTCUSDT-PERP BUY 0.1 at 105 OCW-1",
        "1970-01-01 00:00 node started account [demo]",
    ]
    assert story.counts == {"decisions": 1, "orders": 0, "stops": 1, "fills": 0, "trades": 0}


@pytest.mark.slow
def test_the_demo_keeps_its_promises_within_three_minutes() -> None:
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "tests.live.demo"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.monotonic() - begun < 180
    for word in ("decision", "entry", "stop", "fill", "halted", "entries may go on", "SIGKILL"):
        assert word in done.stdout
    assert "BROKEN" not in done.stdout
