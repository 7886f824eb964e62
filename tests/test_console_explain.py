"""What the terminal says of a decision and of the ledger is what was found, uncut."""

import io
import json
import re
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from ocw_strategy import console
from ocw_strategy.advisor.budget import Budget
from ocw_strategy.advisor.usage import Usage
from ocw_strategy.cli import app
from ocw_strategy.console_explain import print_explanation
from ocw_strategy.console_spend import print_spend
from ocw_strategy.explanation import (
    ClampLine,
    EventLine,
    Explanation,
    FillLine,
    OrderLine,
    RequestText,
    TradeLine,
)
from ocw_strategy.journal import Journal
from ocw_strategy.spend import report_spend
from tests.test_explain import MONDAY_NS, decision
from tests.test_spend import bought

FILLED = OrderLine(
    client_order_id="OCW-1", ts_ns=MONDAY_NS, symbol="BTCUSDT-PERP", purpose="entry", side="BUY",
    quantity="0.25", trigger_price="", reference_price="100",
    events=(EventLine(ts_ns=MONDAY_NS, status="refused", detail="[too] small"),),
    fills=(
        FillLine(
            ts_ns=MONDAY_NS, quantity="0.25", price="100.5", fee_usd="0.0125", liquidity="TAKER"
        ),
    ),
)  # fmt: skip
STOP = OrderLine(
    client_order_id="OCW-2", ts_ns=MONDAY_NS, symbol="BTCUSDT-PERP", purpose="stop", side="SELL",
    quantity="0.25", trigger_price="95", reference_price="100", events=(), fills=(),
)  # fmt: skip
TRADE = TradeLine(
    symbol="BTCUSDT-PERP", side="long", quantity="0.2", entry_price="100.5", exit_price="111",
    opened_ns=MONDAY_NS, closed_ns=MONDAY_NS, exit_reason="trailing", gross_usd=2.1, fees_usd=0.1,
    funding_usd=-0.05, net_usd=1.95, net_return=0.097, reflection="funding was right",
)  # fmt: skip
FOUND = Explanation(
    run_id="monday", decision_id="abc123", ts_ns=MONDAY_NS, wake_reasons=("timer",),
    call_value=0.002, call_price=0.001, advisor="claude", model="claude-x", outcome="decided",
    detail="", regime="calm", snapshot_hash="", snapshot="BTC [bold]is[/] at 100",
    request=RequestText(key="k", model="claude-x", max_tokens=9, system="You decide.", user="Now?"),
    request_note="", answer='{"reason": "up"}',
    decision={
        "targets": [{"symbol": "BTCUSDT-PERP", "exposure": 0.5, "confidence": 0.75}],
        "reason": "it goes up", "memory_note": "",
    },
    clamps=(ClampLine(symbol="BTCUSDT-PERP", limit="gross_exposure", before=2.0, after=1.0),),
    orders=(FILLED, STOP), trades=(TRADE,), open_quantities={"BTCUSDT-PERP": "0.05"}, net_usd=1.95,
    cost_usd="0.0165", usage={"input_tokens": 4_000}, latency_ns=1_500_000_000,
)  # fmt: skip
HOLD = FOUND.model_copy(
    update={
        "decision": None, "outcome": "timeout", "detail": "no answer in 60 s", "answer": "",
        "request": None, "request_note": "kept no recording", "clamps": (), "orders": (),
        "trades": (), "open_quantities": {}, "usage": None,
    }
)  # fmt: skip


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    text = io.StringIO()
    monkeypatch.setattr(console, "_out", Console(file=text, width=110))
    return text


def words(terminal: io.StringIO) -> str:
    return re.sub(r"[\s│]+", " ", terminal.getvalue())


def test_a_decision_is_told_from_its_wake_to_its_outcome(terminal: io.StringIO) -> None:
    print_explanation(FOUND)
    said = words(terminal)
    order = [
        "Decision abc123, 2024-03-04 00:00 UTC", "Woken by timer",
        "Asking was worth 0.2000% of notional against a price of 0.1000%",
        "Advisor claude (claude-x)", "Cost 0.0165 USD", "Latency 1,500 ms",
        "Tokens 4,000 input_tokens", "BTC [bold]is[/] at 100", "You decide.", "Now?",
        '{"reason": "up"}', "BTCUSDT-PERP +0.50 0.75", "reason: it goes up",
        "gross_exposure 2.00 1.00", "entry: BUY 0.25 BTCUSDT-PERP, market",
        "filled 0.25 at 100.5, fee 0.0125 USD (taker)", "refused: [too] small",
        "stop: SELL 0.25 BTCUSDT-PERP, stop at 95", "nothing came of it yet",
        "long 0.2 BTCUSDT-PERP from 100.5 to 111, closed by trailing",
        "net 1.95 USD (+9.70%)", "learnt: funding was right",
        "Net of fees and funding: 1.95 USD", "Still open: 0.05 BTCUSDT-PERP",
    ]  # fmt: skip
    assert [said.find(each) for each in order] == sorted(said.find(each) for each in order)
    assert all(each in said for each in order)
    assert "memory_note" not in said


def test_a_hold_says_what_was_wrong(terminal: io.StringIO) -> None:
    print_explanation(HOLD)
    said = words(terminal)
    assert "Outcome timeout: no answer in 60 s" in said
    assert "Decided: hold" in said
    assert "Request: kept no recording" in said
    assert "It led to no order." in said


def test_a_message_that_was_just_shown_is_not_shown_twice(terminal: io.StringIO) -> None:
    request = RequestText(key="k", model="m", max_tokens=9, system="s", user=FOUND.snapshot)
    print_explanation(FOUND.model_copy(update={"request": request}))
    assert words(terminal).count("BTC [bold]is[/] at 100") == 1
    assert "to the letter" in words(terminal)


def test_the_ledger_is_printed_figure_by_figure(terminal: io.StringIO, tmp_path: Path) -> None:
    config = {"advisor": {"claude": {"budget_usd_per_day": 1, "budget_usd_per_month": 2.5}}}
    print_spend(report_spend(bought(tmp_path, config)))
    said = words(terminal)
    assert "2025-01-31 big decided 2 2,000 200 0 20 0.4000 0.1125 0.0000" in said
    assert "2025-01-31 small unsettled 1 0 0 0 0 0.2000 0.0000 0.2000" in said
    assert "all 5 3,000 300 0 30 1.0000 0.4125 0.2000" in said
    assert "2025-01 0.5125 1.9875" in said
    assert "2025-02-01 0.1000 0.9000" in said


def test_a_long_model_name_is_not_cut_off(terminal: io.StringIO, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    name = "claude-opus-4-6-20260101-with-a-long-name"
    with Journal.open(path, run_id="long") as journal:
        budget = Budget(journal, Decimal(1), Decimal(1))
        made = budget.reserve(MONDAY_NS, Decimal("0.1"), model=name, request_key="k")
        assert made is not None
        usage = Usage(input_tokens=123_456_789, output_tokens=123_456_789)
        budget.settle(made, Decimal("0.05"), usage, "duplicate_instrument", 0)
    print_spend(report_spend(path))
    assert "…" not in terminal.getvalue()


def test_nothing_bought_is_said(terminal: io.StringIO, tmp_path: Path) -> None:
    Journal.open(tmp_path / "journal.db", run_id="frugal").close()
    print_spend(report_spend(tmp_path / "journal.db"))
    assert "frugal has bought no call" in words(terminal)


def run_folder(runs: Path) -> Path:
    (runs / "monday").mkdir(parents=True)
    with Journal.open(runs / "monday" / "journal.db", run_id="monday") as journal:
        journal.append(decision("abc123", 1))
    return runs


def test_the_commands_print_json_of_the_same_content(tmp_path: Path) -> None:
    runs = str(run_folder(tmp_path))
    explained = CliRunner().invoke(app, ["explain", "abc", "--json", "--runs", runs])
    assert json.loads(explained.stdout)["decision_id"] == "abc123"
    spent = CliRunner().invoke(app, ["spend", "--json", "--runs", runs, "--run", "monday"])
    assert json.loads(spent.stdout)["total"]["calls"] == 0
    named = str(tmp_path / "monday" / "journal.db")
    spent = CliRunner().invoke(app, ["spend", "--json", "--journal", named])
    assert json.loads(spent.stdout)["run_id"] == "monday"
