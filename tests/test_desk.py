"""The decision desk on a synthetic stream: no engine, the same code that a node runs."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from ocw_strategy.account import AccountView, Holding
from ocw_strategy.advisor import DECIDED, Advice, Decision, RulesAdvisor, Target, drive
from ocw_strategy.desk import DecisionDesk
from ocw_strategy.gate import Verdict, WakeCondition
from ocw_strategy.journal import (
    DecisionRow,
    Evaluation,
    Event,
    Journal,
    Posterior,
    ReflectionRow,
    RegimeRow,
)
from ocw_strategy.market import MarketSnapshot
from ocw_strategy.messages import TradePayload
from ocw_strategy.regime import Regime
from ocw_strategy.settings import parse_time_ns, settings_from
from ocw_strategy.units import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from tests.test_messages import closed_trade

BTC, ETH = SYMBOLS = ("BTCUSDT-PERP", "ETHUSDT-PERP")
STEP_NS = 15 * MINUTE_NS
BEGIN_NS = parse_time_ns("2024-01-01")
START_NS = BEGIN_NS + 58 * DAY_NS
SAVED_NS = START_NS + 2 * DAY_NS
END_NS = SAVED_NS + 3 * DAY_NS
SETTINGS = settings_from(
    {
        "run": {"start": "2024-02-28", "end": "2024-03-05"},
        "data": {"instruments": list(SYMBOLS)},
    }
)


def bars() -> dict[str, list[tuple[float, ...]]]:
    """Return open, high, low, close, volume, taker volume and six statistics at every close."""
    rng = np.random.default_rng(11)
    count = (END_NS - BEGIN_NS) // STEP_NS
    found = {}
    for symbol, price in ((BTC, 50_000.0), (ETH, 2_500.0)):
        moves = rng.standard_t(3, count) * 0.002
        closes = price * np.exp(np.cumsum(moves))
        opens = np.concatenate(([price], closes[:-1]))
        highs = np.maximum(opens, closes) * (1 + rng.uniform(0, 0.001, count))
        lows = np.minimum(opens, closes) * (1 - rng.uniform(0, 0.001, count))
        volumes = rng.lognormal(3, 0.5, count)
        statistics = np.exp(rng.normal(0, 0.1, (6, count)))
        columns = (opens, highs, lows, closes, volumes, volumes * rng.uniform(0.3, 0.7, count))
        found[symbol] = list(zip(*[c.tolist() for c in (*columns, *statistics)], strict=True))
    return found


BARS = bars()


def regime_at(now_ns: int) -> Regime:
    calm = now_ns // DAY_NS % 2 == 0
    return Regime("calm" if calm else "normal", "goldilocks", 0.9, 0.3, 1.0, 1.0, True)


def price(symbol: str, close_ns: int) -> float:
    return BARS[symbol][(close_ns - BEGIN_NS) // STEP_NS - 1][3]


def feed(desk: DecisionDesk, close_ns: int) -> None:
    """Give the desk what comes at a close: statistics five minutes old, then the bars."""
    for symbol in SYMBOLS:
        row = BARS[symbol][(close_ns - BEGIN_NS) // STEP_NS - 1]
        known_ns = close_ns - 1
        if close_ns % (8 * HOUR_NS) == 0:
            desk.derivatives.add_funding(
                symbol, close_ns, close_ns + 300 * SECOND_NS, 1e-4 * row[6]
            )
        desk.derivatives.add_metrics(symbol, known_ns - 300 * SECOND_NS, known_ns, *row[6:])  # type: ignore[arg-type]
        desk.add_bar(symbol, close_ns, *row[:6])  # type: ignore[arg-type]


def account(now_ns: int, *holdings: Holding) -> AccountView:
    return AccountView(now_ns, 10_000.0, holdings, 0.0, 0.0, None)


@dataclass
class Seen:
    """What a desk said over a stretch of closes."""

    verdicts: list[Verdict] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    decisions: list[str] = field(default_factory=list)


def live(desk: DecisionDesk, after_ns: int, until_ns: int) -> Seen:
    """Run a desk with the rules advisor and a trade closed every day."""
    seen, advisor = Seen(), RulesAdvisor(SETTINGS.advisor.rules)
    for now_ns in range(after_ns + STEP_NS, until_ns + STEP_NS, STEP_NS):
        feed(desk, now_ns)
        verdict = desk.close(now_ns)
        if verdict is None:
            continue
        seen.verdicts.append(verdict)
        if verdict.wake:
            snapshot = desk.snapshot(verdict, account(now_ns))
            seen.hashes.append(snapshot.sha256())
            payload = desk.decided(snapshot, drive(advisor.decide(snapshot)), "rules", 0)
            seen.decisions.append(payload.model_dump_json() if payload else "")
        if now_ns % DAY_NS == 0:
            desk.lessons.learn(trade_of(now_ns))
    return seen


def trade_of(now_ns: int) -> TradePayload:
    made = closed_trade()
    row = {**made.row, "trade_id": f"t{now_ns}", "opened_ns": now_ns - HOUR_NS, "closed_ns": now_ns}
    return made.model_copy(update={"row": row})


type MakeDesk = Callable[[], tuple[DecisionDesk, Journal]]


@pytest.fixture(scope="module")
def make() -> Iterator[MakeDesk]:
    journals: list[Journal] = []

    def made() -> tuple[DecisionDesk, Journal]:
        journal = Journal.open(":memory:", run_id=f"desk-{len(journals)}", power_safe=False)
        journals.append(journal)
        return DecisionDesk(SETTINGS, journal, regime_at), journal

    yield made
    for journal in journals:
        journal.close()


@dataclass
class Reference:
    """A desk that ran from the beginning: its state on the way, and what it said from there on."""

    saved: dict[str, Any]
    later: Seen
    end: dict[str, Any]
    journal: Journal


@pytest.fixture(scope="module")
def reference(make: MakeDesk) -> Reference:
    desk, journal = make()
    live(desk, BEGIN_NS, SAVED_NS)
    saved = json.loads(json.dumps(desk.state(), allow_nan=False))
    later = live(desk, SAVED_NS, END_NS)
    journal.flush()
    return Reference(saved, later, json.loads(json.dumps(desk.state())), journal)


@pytest.fixture
def warm(make: MakeDesk, reference: Reference) -> tuple[DecisionDesk, Journal]:
    """Return a desk started anew on just enough history and the saved state."""
    desk, journal = make()
    for now_ns in range(SAVED_NS - desk.book.history_ns + STEP_NS, SAVED_NS + STEP_NS, STEP_NS):
        feed(desk, now_ns)
    desk.restore(reference.saved)
    return desk, journal


def next_wake(desk: DecisionDesk, after_ns: int = SAVED_NS) -> Verdict:
    for now_ns in range(after_ns + STEP_NS, END_NS, STEP_NS):
        feed(desk, now_ns)
        verdict = desk.close(now_ns)
        if verdict is not None and verdict.wake:
            return verdict
    raise AssertionError("the stream holds no wake")


def ask(desk: DecisionDesk, *holdings: Holding) -> tuple[MarketSnapshot, int]:
    verdict = next_wake(desk)
    return desk.snapshot(verdict, account(verdict.now_ns, *holdings)), verdict.now_ns


def advice(*targets: Target, **changes: object) -> Advice:
    decision = Decision.hold("because", 7_200).model_copy(update={"targets": targets, **changes})
    return Advice(decision, DECIDED)


def test_a_warm_start_goes_on_bit_for_bit(
    reference: Reference, warm: tuple[DecisionDesk, Journal]
) -> None:
    desk, _ = warm
    later = live(desk, SAVED_NS, END_NS)
    assert [repr(verdict) for verdict in later.verdicts] == [
        repr(verdict) for verdict in reference.later.verdicts
    ]
    assert later.hashes == reference.later.hashes
    assert later.decisions == reference.later.decisions
    assert json.loads(json.dumps(desk.state())) == reference.end
    assert len(later.verdicts) == 3 * 96
    assert len(later.hashes) > 3


def test_history_that_the_restored_state_has_seen_teaches_nothing_twice(
    reference: Reference, make: MakeDesk
) -> None:
    desk, journal = make()
    desk.restore(reference.saved)
    for now_ns in range(SAVED_NS - desk.book.history_ns + STEP_NS, SAVED_NS + STEP_NS, STEP_NS):
        feed(desk, now_ns)
        assert desk.close(now_ns) is None
    journal.flush()
    assert journal.rows(Evaluation) == []
    assert json.loads(json.dumps(desk.state())) == reference.saved
    assert live(desk, SAVED_NS, END_NS).hashes == reference.later.hashes
    assert json.loads(json.dumps(desk.state())) == reference.end


def test_a_warm_start_without_the_saved_state_is_another_desk(
    reference: Reference, make: MakeDesk
) -> None:
    desk, _ = make()
    for now_ns in range(SAVED_NS - desk.book.history_ns + STEP_NS, SAVED_NS + STEP_NS, STEP_NS):
        feed(desk, now_ns)
    assert live(desk, SAVED_NS, END_NS).hashes != reference.later.hashes


def test_the_state_survives_json(reference: Reference, warm: tuple[DecisionDesk, Journal]) -> None:
    assert json.loads(json.dumps(warm[0].state())) == reference.saved
    assert reference.saved["calls"]
    assert reference.saved["trades"]
    assert reference.saved["call_times"]
    assert reference.saved["reflections"]["reflections"]


def test_before_the_start_a_desk_only_learns(make: MakeDesk) -> None:
    desk, journal = make()
    for now_ns in range(BEGIN_NS + STEP_NS, BEGIN_NS + 4 * DAY_NS, STEP_NS):
        feed(desk, now_ns)
        assert desk.close(now_ns) is None
    journal.flush()
    assert journal.rows(Evaluation) == []
    assert desk.gate.counts == {}
    assert desk.state()["shadows"]["pending"][BTC]


def test_every_close_from_the_start_on_is_journalled_once(reference: Reference) -> None:
    times = [row.ts_ns for row in reference.journal.rows(Evaluation)]
    assert times == list(range(START_NS, END_NS + STEP_NS, STEP_NS))


def test_a_regime_is_journalled_when_it_changes(reference: Reference) -> None:
    rows = reference.journal.rows(RegimeRow)
    days = [BEGIN_NS + STEP_NS, *range(BEGIN_NS + DAY_NS, END_NS + STEP_NS, DAY_NS)]
    assert [row.ts_ns for row in rows] == days
    assert {row.regime for row in rows} == {"calm_goldilocks", "normal_goldilocks"}


def test_a_bar_that_cannot_be_true_is_an_event_and_changes_nothing(
    warm: tuple[DecisionDesk, Journal],
) -> None:
    desk, journal = warm
    before = desk.price(BTC)
    desk.add_bar(BTC, SAVED_NS + STEP_NS, 1.0, 0.5, 2.0, float("nan"), 1.0, 0.5)
    journal.flush()
    (event,) = journal.rows(Event)
    assert (event.kind, event.symbol, event.ts_ns) == ("bar_rejected", BTC, SAVED_NS + STEP_NS)
    assert desk.price(BTC) == before


def test_refused_wake_conditions_are_an_event_and_the_decision_stands(
    warm: tuple[DecisionDesk, Journal],
) -> None:
    desk, journal = warm
    snapshot, now_ns = ask(desk)
    armed = desk.gate.conditions
    wish = WakeCondition(metric="moon_phase", symbol=BTC, operator="gt", threshold=1.0)
    target = Target(symbol=BTC, exposure=0.5, confidence=1.0)
    payload = desk.decided(snapshot, advice(target, wake_conditions=(wish,)), "rules", 0)
    assert payload is not None
    assert [found.exposure for found in payload.targets] == [0.5]
    assert desk.gate.conditions == armed
    assert desk.gate.state()["schedule"]["timer_ns"] == now_ns + 2 * HOUR_NS
    journal.flush()
    refused = [row for row in journal.rows(Event) if row.kind == "wake_conditions_refused"]
    assert len(refused) == 1
    assert "moon_phase" in refused[0].detail


def test_wake_conditions_of_a_decision_are_armed(warm: tuple[DecisionDesk, Journal]) -> None:
    desk, _ = warm
    snapshot, _ = ask(desk)
    wish = WakeCondition(metric="price", symbol=BTC, operator="gt", threshold=1e9)
    desk.decided(snapshot, advice(wake_conditions=(wish,)), "rules", 0)
    assert desk.gate.conditions == (wish,)


def test_a_hold_is_journalled_and_keeps_timer_conditions_and_note(
    warm: tuple[DecisionDesk, Journal],
) -> None:
    desk, journal = warm
    snapshot, now_ns = ask(desk)
    before = desk.state()
    assert desk.decided(snapshot, Advice(None, "late", raw="?"), "claude", 0) is None
    assert desk.state() == before
    journal.flush()
    (row,) = journal.rows(DecisionRow)
    assert (row.ts_ns, row.outcome, row.decision, row.raw) == (now_ns, "late", "", "?")
    assert row.snapshot_hash == snapshot.sha256()
    assert row.snapshot == snapshot.canonical_json()


def test_the_advisors_note_is_shown_at_the_next_decision(
    warm: tuple[DecisionDesk, Journal],
) -> None:
    desk, _ = warm
    snapshot, now_ns = ask(desk)
    desk.decided(snapshot, advice(memory_note="mind the gap"), "rules", 0)
    verdict = next_wake(desk, now_ns)
    assert desk.snapshot(verdict, account(verdict.now_ns)).memory_note == "mind the gap"


def test_a_closed_trade_is_reflected_on_with_the_decision_behind_it(
    warm: tuple[DecisionDesk, Journal],
) -> None:
    desk, journal = warm
    snapshot, now_ns = ask(desk)
    target = Target(symbol=BTC, exposure=0.5, confidence=0.75)
    payload = desk.decided(snapshot, advice(target, reason="the crowd is short"), "claude", 0)
    assert payload is not None
    trade = trade_of(now_ns)
    row = {**trade.row, "decision_id": payload.decision_id}
    desk.lessons.learn(trade.model_copy(update={"row": row}))
    journal.flush()
    (kept,) = journal.rows(ReflectionRow)
    assert (kept.trade_id, kept.decision_id) == (f"t{now_ns}", payload.decision_id)
    assert kept.signals == "funding_right long_short_wrong"
    assert "conf 0.75" in kept.text
    assert kept.text.endswith("reason: the crowd is short")
    verdict = next_wake(desk, now_ns)
    assert kept.text in desk.snapshot(verdict, account(verdict.now_ns)).reflections


def test_the_rules_decide_the_same_whatever_was_reflected_on(
    warm: tuple[DecisionDesk, Journal],
) -> None:
    snapshot, _ = ask(warm[0])
    rules = RulesAdvisor(SETTINGS.advisor.rules)
    assert snapshot.reflections
    bare = snapshot.model_copy(update={"reflections": ()})
    assert drive(rules.decide(snapshot)) == drive(rules.decide(bare))


def test_a_snapshot_says_how_long_ago_the_last_call_was(
    warm: tuple[DecisionDesk, Journal],
) -> None:
    desk, _ = warm
    _, now_ns = ask(desk)
    verdict = next_wake(desk, now_ns)
    gate = desk.snapshot(verdict, account(verdict.now_ns)).gate
    assert gate.hours_since_call == pytest.approx((verdict.now_ns - now_ns) / HOUR_NS)


def test_a_decision_carries_what_was_known_at_the_snapshot(
    warm: tuple[DecisionDesk, Journal],
) -> None:
    desk, _ = warm
    snapshot, now_ns = ask(desk)
    target = Target(symbol=ETH, exposure=-0.5, confidence=0.25)
    payload = desk.decided(snapshot, advice(target), "rules", 0)
    assert payload is not None
    (found,) = payload.targets
    assert (payload.close_ns, payload.source, payload.reason) == (now_ns, "rules", "because")
    assert (payload.regime, payload.regime_scale) == (snapshot.regime.key, 1.0)
    assert found.signals == snapshot.instruments[ETH].signals
    assert found.volatility == snapshot.instruments[ETH].volatility
    assert found.posterior_scale == desk.bandit.scale(snapshot.regime.key, found.signals, -1)


def settled(desk: DecisionDesk, now_ns: int) -> tuple[list[float], list[float]]:
    """Return the totals of the gate's edges before and after the close that settles a call."""
    totals = []
    for close_ns in range(now_ns + STEP_NS, now_ns + 4 * HOUR_NS + STEP_NS, STEP_NS):
        totals.append(sum(total for _, _, total in desk.gate.state()["edge"]))
        feed(desk, close_ns)
        desk.close(close_ns)
    return totals, [sum(total for _, _, total in desk.gate.state()["edge"])]


def gate_state(desk: DecisionDesk) -> str:
    return json.dumps(desk.gate.state())


def events(journal: Journal, kind: str) -> list[Event]:
    journal.flush()
    return journal.rows(Event, "kind = ?", (kind,))


@pytest.mark.parametrize("cost", ["NaN", "Infinity", "-1"])
def test_a_bill_that_is_no_amount_is_an_event_and_the_expected_cost_stands(
    warm: tuple[DecisionDesk, Journal], cost: str
) -> None:
    desk, journal = warm
    snapshot, now_ns = ask(desk)
    before = gate_state(desk)
    desk.decided(snapshot, Advice(None, "late", cost_usd=Decimal(cost)), "rules", 0)
    assert gate_state(desk) == before
    assert [(row.ts_ns, row.kind) for row in events(journal, "bill_refused")] == [
        (now_ns, "bill_refused")
    ]


def test_a_call_whose_worth_is_no_number_is_an_event_and_teaches_nothing(
    warm: tuple[DecisionDesk, Journal],
) -> None:
    desk, journal = warm
    call_ns = next_wake(desk).now_ns
    desk.restore({**desk.state(), "calls": [[call_ns, {BTC: [math.nan, 50_000.0]}]]})
    before, (after,) = settled(desk, call_ns)
    assert after == before[-1]
    assert [row.ts_ns for row in events(journal, "call_unsettled")] == [call_ns + 4 * HOUR_NS]


def forget_open_calls(desk: DecisionDesk) -> None:
    desk.restore({**desk.state(), "calls": []})


def test_a_call_is_worth_what_it_earned_beyond_holding_four_hours_later(
    warm: tuple[DecisionDesk, Journal],
) -> None:
    desk, _ = warm
    forget_open_calls(desk)
    now_ns = next_wake(desk).now_ns
    # 1,250 of the 2,500 dollars that 10,000 allow: an exposure of 0.5
    held = Holding(
        ETH, 1_250.0 / price(ETH, now_ns), price(ETH, now_ns), 0, price(ETH, now_ns), None
    )
    verdict = Verdict(now_ns, True, "timer", ("timer",), 0.0, 0.0)
    snapshot = desk.snapshot(verdict, account(now_ns, held))
    targets = (
        Target(symbol=BTC, exposure=0.8, confidence=0.5),  # from 0 to 0.4
        Target(symbol=ETH, exposure=-1.0, confidence=0.7),  # from 0.5 to -0.7
    )
    payload = desk.decided(snapshot, advice(*targets), "rules", 0)
    assert payload is not None
    scale = payload.regime_scale * payload.macro_scale
    btc, eth = (scale * target.posterior_scale for target in payload.targets)
    before, (after,) = settled(desk, now_ns)
    assert len(set(before)) == 1  # not a close sooner
    then_ns = now_ns + 4 * HOUR_NS
    bought, sold = 0.4 * btc, 0.5 + 0.7 * eth
    worth = bought * (price(BTC, then_ns) / price(BTC, now_ns) - 1) - bought * 0.0006
    worth += -sold * (price(ETH, then_ns) / price(ETH, now_ns) - 1) - sold * 0.0006
    assert after - before[0] == pytest.approx(worth / 2, rel=1e-4)


def test_a_call_that_changed_nothing_was_worth_nothing(
    warm: tuple[DecisionDesk, Journal],
) -> None:
    desk, _ = warm
    forget_open_calls(desk)
    snapshot, now_ns = ask(desk)
    calls = sum(count for _, count, _ in desk.gate.state()["edge"])
    desk.decided(snapshot, advice(), "rules", 0)
    before, (after,) = settled(desk, now_ns)
    assert after == before[0]
    assert sum(count for _, count, _ in desk.gate.state()["edge"]) == calls + 1


def test_b5_a_closed_trade_is_credited_to_its_entrys_regime_and_signals(
    warm: tuple[DecisionDesk, Journal],
) -> None:
    desk, journal = warm
    before = desk.bandit.report("calm_goldilocks")
    payload = trade_of(SAVED_NS + 1)
    desk.lessons.learn(payload)
    after = desk.bandit.report("calm_goldilocks")
    gained = {name: after[name].outcomes - before[name].outcomes for name in after}
    assert gained == {
        "funding": 1, "long_short": 1, "cumulative_volume_delta": 0, "open_interest": 0,
    }  # fmt: skip
    journal.flush()
    rows = journal.rows(Posterior)
    assert {row.regime for row in rows} == {payload.trade.regime}
    assert {row.signal: row.outcomes for row in rows} == {n: p.outcomes for n, p in after.items()}


def test_the_same_trade_is_credited_once(warm: tuple[DecisionDesk, Journal]) -> None:
    desk, _ = warm
    desk.lessons.learn(trade_of(SAVED_NS + 1))
    once = desk.bandit.report("calm_goldilocks")
    desk.lessons.learn(trade_of(SAVED_NS + 1))
    assert desk.bandit.report("calm_goldilocks") == once


def test_a_trade_that_was_entered_on_no_signal_teaches_nothing_and_is_shown(
    warm: tuple[DecisionDesk, Journal],
) -> None:
    desk, journal = warm
    trade = trade_of(SAVED_NS + 1)
    adopted = trade.model_copy(update={"row": {**trade.row, "signals": "{}", "regime": "unknown"}})
    before = desk.bandit.state()
    assert not desk.lessons.learn(adopted)
    assert desk.bandit.state() == before
    journal.flush()
    assert journal.count(Posterior) == journal.count(ReflectionRow) == 0
    assert desk.state()["trades"][-1]["trade_id"] == trade.trade.trade_id
    assert desk.lessons.learn(trade)
