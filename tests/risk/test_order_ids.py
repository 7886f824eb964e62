"""Order ids: the same intent has the same id, any other has another, and the venue takes it."""

import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocw_strategy.errors import JournalError
from ocw_strategy.journal import FillRow, Intent, Journal, OrderEvent
from ocw_strategy.risk import LegBook, client_order_id

BTC, ETH = "BTCUSDT-PERP", "ETHUSDT-PERP"

INTENT = ("OCW-000", "4f2a", "BTCUSDT-PERP/entry", 0)


def test_the_same_intent_has_the_same_id_in_any_process() -> None:
    # sha256sum of the parts joined by 0x1f
    assert client_order_id(*INTENT) == "OCW-b7280f9743827b1ec3797af8"


@pytest.mark.parametrize(
    "other",
    [
        ("OCW-001", "4f2a", "BTCUSDT-PERP/entry", 0),
        ("OCW-000", "4f2b", "BTCUSDT-PERP/entry", 0),
        ("OCW-000", "4f2a", "BTCUSDT-PERP/exit", 0),
        ("OCW-000", "4f2a", "ETHUSDT-PERP/entry", 0),
        ("OCW-000", "4f2a", "BTCUSDT-PERP/entry", 1),
    ],
    ids=["strategy", "decision", "purpose", "instrument", "attempt"],
)
def test_every_part_of_the_intent_makes_another_id(other: tuple[str, str, str, int]) -> None:
    assert client_order_id(*other) != client_order_id(*INTENT)


def test_parts_cannot_flow_into_each_other() -> None:
    assert client_order_id("a", "bc", "d", 0) != client_order_id("ab", "c", "d", 0)
    assert client_order_id("a", "b", "c1", 0) != client_order_id("a", "b", "c", 10)


@given(st.text(), st.text(), st.text(), st.integers(0, 10**9))
def test_any_id_is_one_that_binance_accepts(
    strategy: str, decision: str, leg: str, attempt: int
) -> None:
    name = client_order_id(strategy, decision, leg, attempt)
    assert re.fullmatch(r"OCW-[0-9a-f]{24}", name)
    assert len(name) <= 36


class Desk:
    """Journals what a strategy journals, in its order, and may forget all but the journal."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.orders: list[Intent] = []
        self.alive: list[Intent] = []
        self.restart()

    def restart(self) -> None:
        self.journal.flush()
        kinds = (Intent, OrderEvent, FillRow)
        self.book = LegBook.rebuilt(*(self.journal.rows(kind) for kind in kinds))

    def send(self, decision: str, symbol: str, what: str) -> Intent | None:
        leg, attempt = self.book.next_leg(decision, symbol, what)
        name = client_order_id("OCW-000", decision, leg, attempt)
        if any(order.client_order_id == name for order in self.alive):
            return None  # still on its way: the strategy sends no second one
        intent = Intent(
            client_order_id=name, decision_id=decision, leg=leg, attempt=attempt, ts_ns=1,
            symbol=symbol, purpose=what.partition("/")[0], side="BUY", quantity="2.0",
            trigger_price="", reference_price="", context="",
        )  # fmt: skip
        self.journal.append_durably(intent)
        self.book.sent(intent)
        self.orders.append(intent)
        self.alive.append(intent)
        return intent

    def end(self, order: Intent, how: str) -> None:
        quantity = {"filled": "2.0", "half": "1.0"}.get(how)
        name = order.client_order_id
        if quantity:
            done = [r for r in self.fills if r.client_order_id == name]
            if done:
                quantity = "1.0"
            self.journal.append(
                FillRow(f"t{len(self.fills)}", order.symbol, name, 1, order.purpose, order.side,
                        quantity, "100", "0", "TAKER")
            )  # fmt: skip
            self.journal.flush()
            if sum(Decimal(r.quantity) for r in self.fills if r.client_order_id == name) < 2:
                return
        else:
            self.journal.append(OrderEvent(name, 1, how, "", ""))
            if how == "unknown":
                return
        self.book.ended(order)
        self.alive.remove(order)

    @property
    def fills(self) -> list[FillRow]:
        return self.journal.rows(FillRow)


SENT = st.tuples(
    st.sampled_from(["d1", "d2"]),
    st.sampled_from([BTC, ETH]),
    st.sampled_from(["entry", "reduce", "exit/trailing", "exit/decision", "stop", "stop"]),
)
ENDED = st.tuples(
    st.integers(0, 99),
    st.sampled_from(["canceled", "expired", "refused", "filled", "half", "unknown"]),
)
STEPS = st.lists(st.one_of(SENT, ENDED), max_size=25)
type Step = tuple[str, str, str] | tuple[int, str]


def ids(steps: Sequence[Step], restarts: frozenset[int]) -> list[str]:
    journal = Journal.open(":memory:", run_id="legs", power_safe=False)
    try:
        desk = Desk(journal)
        for index, step in enumerate(steps):
            if index in restarts:
                desk.restart()
            if len(step) == 3:
                desk.send(*step)
            elif desk.alive:
                desk.end(desk.alive[step[0] % len(desk.alive)], step[1])
        return [order.client_order_id for order in desk.orders]
    finally:
        journal.close()


@settings(max_examples=60, deadline=None)
@given(STEPS, st.frozensets(st.integers(0, 24)))
def test_a_run_interrupted_anywhere_names_its_orders_as_one_that_was_not(
    steps: list[Step], restarts: frozenset[int]
) -> None:
    whole = ids(steps, frozenset())
    assert ids(steps, restarts) == whole
    assert len(set(whole)) == len(whole)


def test_a_restart_at_every_step_changes_no_id() -> None:
    steps: list[Step] = [
        ("d1", BTC, "entry"), (0, "half"), ("d1", BTC, "stop"), (0, "filled"), ("d1", BTC, "stop"),
        (0, "canceled"), ("d1", BTC, "exit/trailing"), (1, "refused"), ("d1", BTC, "exit/trailing"),
        ("d1", ETH, "stop"), ("d2", BTC, "stop"),
    ]  # fmt: skip
    assert ids(steps, frozenset(range(len(steps)))) == ids(steps, frozenset())


def desk_with(*steps: Step) -> tuple[Desk, list[tuple[str, int]]]:
    desk = Desk(Journal.open(":memory:", run_id="legs", power_safe=False))
    for step in steps:
        if len(step) == 3:
            desk.send(*step)
        else:
            desk.end(desk.orders[step[0]], step[1])
    return desk, [(order.leg, order.attempt) for order in desk.orders]


def test_legs_say_what_of_the_decision_is_carried_out_and_stops_are_counted_for_it() -> None:
    desk, legs = desk_with(
        ("d1", BTC, "entry"), ("d1", BTC, "stop"), ("d1", BTC, "stop"), ("d2", BTC, "stop"),
        ("d1", ETH, "stop"), ("d1", BTC, "exit/time_stop"),
    )  # fmt: skip
    desk.journal.close()
    assert legs == [
        (f"{BTC}/entry", 0), (f"{BTC}/stop/1", 0), (f"{BTC}/stop/2", 0), (f"{BTC}/stop/1", 0),
        (f"{ETH}/stop/1", 0), (f"{BTC}/exit/time_stop", 0),
    ]  # fmt: skip


@pytest.mark.parametrize("how", ["canceled", "expired", "refused", "filled"])
def test_an_attempt_follows_only_a_terminal_state(how: str) -> None:
    desk, _ = desk_with(("d1", BTC, "entry"), (0, "half"), (0, "unknown"))
    assert desk.book.next_leg("d1", BTC, "entry") == (f"{BTC}/entry", 0)
    desk.restart()
    assert desk.book.next_leg("d1", BTC, "entry") == (f"{BTC}/entry", 0)
    desk.end(desk.orders[0], how)
    assert desk.book.next_leg("d1", BTC, "entry") == (f"{BTC}/entry", 1)
    assert desk.book.next_leg("d2", BTC, "entry") == (f"{BTC}/entry", 0)
    desk.journal.close()


def test_the_end_of_an_earlier_attempt_raises_nothing() -> None:
    desk, _ = desk_with(("d1", BTC, "reduce"), (0, "refused"), ("d1", BTC, "reduce"))
    desk.book.ended(desk.orders[0])
    assert desk.book.next_leg("d1", BTC, "reduce") == (f"{BTC}/reduce", 1)
    desk.journal.close()


def test_the_journal_refuses_another_intent_under_an_id_it_has() -> None:
    desk, _ = desk_with(("d1", BTC, "entry"))
    with pytest.raises(JournalError, match="another row has its key"):
        desk.journal.append_durably(replace(desk.orders[0], ts_ns=2))
    desk.journal.close()
