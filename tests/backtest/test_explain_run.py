"""Every decision of a real run can be explained, and the figures are those of its journal."""

import json
import math

from ocw_strategy.advisor.rendering import render_snapshot
from ocw_strategy.explain import explain_decision
from ocw_strategy.journal import DecisionRow, FillRow, Intent, Trade
from ocw_strategy.market import MarketSnapshot
from tests.backtest.market import Run


def test_every_decision_of_a_run_is_explained_with_all_that_came_of_it(run: Run) -> None:
    rows = run.rows(DecisionRow)
    found = [explain_decision(run.journal, row.decision_id) for row in rows]
    assert len(found) > 10
    assert [each.decision_id for each in found] == [row.decision_id for row in rows]
    assert all(each.wake_reasons and each.call_value is not None for each in found)
    assert [each.decision for each in found] == [json.loads(row.decision) for row in rows]
    orders = [order for each in found for order in each.orders]
    assert {order.client_order_id for order in orders} == {
        intent.client_order_id for intent in run.rows(Intent)
    }
    assert sum(len(order.fills) for order in orders) == len(run.rows(FillRow))
    trades = run.rows(Trade)
    assert sum(len(each.trades) for each in found) == len(trades) > 0
    assert math.isclose(
        math.fsum(each.net_usd or 0.0 for each in found), math.fsum(t.net_usd for t in trades)
    )


def test_what_the_advisor_saw_is_shown_as_a_prompt_would_show_it(run: Run) -> None:
    row = run.rows(DecisionRow)[-1]
    snapshot = MarketSnapshot.model_validate_json(row.snapshot)
    assert explain_decision(run.journal).snapshot == render_snapshot(snapshot, masked=False)


def test_a_lot_is_open_until_its_trades_add_up_to_what_was_bought(run: Run) -> None:
    for row in run.rows(DecisionRow):
        found = explain_decision(run.journal, row.decision_id)
        bought = {
            symbol: sum(
                float(fill.quantity)
                for order in found.orders
                if order.purpose == "entry" and order.symbol == symbol
                for fill in order.fills
            )
            for symbol in {order.symbol for order in found.orders}
        }
        for symbol, quantity in bought.items():
            closed = sum(float(t.quantity) for t in found.trades if t.symbol == symbol)
            still_open = float(found.open_quantities.get(symbol, "0"))
            assert math.isclose(quantity, closed + still_open, abs_tol=1e-9)
