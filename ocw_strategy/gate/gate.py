"""The gate: at a decision close, decide whether a call to the advisor is worth its price.

Layer 1 is the decision close itself: nothing else is ever evaluated. At one, a timer that is due
(2), an outlier in an instrument's scaled return, volume or expected move (3), a wake condition
that came true (4) or a reason from outside may propose a call, and every proposal is priced: the
most valuable one is bought if it is worth more than the price. Right after a call another is worth
little, and that grows back. A shock and the daily call of an open position pay no scarcity price,
but nothing passes the ceilings of the purse. An instrument that is stale or without enough history
proposes nothing; when all are, nothing wakes. Every evaluation is counted once, by verdict and
reason, and the whole gate can be saved and restored.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ocw_strategy.gate.conditions import ConditionBook, WakeCondition
from ocw_strategy.gate.purse import Purse
from ocw_strategy.gate.reasons import CONDITION, DAILY, SHOCK, TIMER, Reason, outliers
from ocw_strategy.gate.schedule import GateError, Schedule
from ocw_strategy.gate.settings import GateSettings
from ocw_strategy.gate.value import Arm, Edge, Hindsight, to_arm, volatility_band
from ocw_strategy.gate.verdict import Verdict
from ocw_strategy.market.features import DECISION_NS, SymbolFeatures
from ocw_strategy.units import DAY_NS


class Gate:
    """Decides which decision closes are worth a call.

    Parameters
    ----------
    settings : GateSettings
        The knobs.
    symbols : sequence of str
        Instruments, as Nautilus symbols.
    rng : numpy.random.Generator
        Source of the sampler's draws, the gate's own: it is saved and restored with it.
    round_trip_cost : float
        Fees and slippage of getting in and out, a fraction of notional.
    """

    def __init__(
        self,
        settings: GateSettings,
        symbols: Sequence[str],
        rng: np.random.Generator,
        *,
        round_trip_cost: float,
    ) -> None:
        self._settings = settings
        self._rng = rng
        self._hindsight = Hindsight(settings.hindsight_closes, round_trip_cost)
        self._edge = Edge(settings.edge_deviation, settings.edge_noise, rng)
        self._purse = Purse(settings)
        self._schedule = Schedule(settings, symbols)
        self._conditions = ConditionBook(symbols, settings.max_conditions)
        self._now_ns = 0
        self._open_calls: dict[int, Arm] = {}  # what they earned is not known yet
        self._unbilled: list[int] = []
        self.counts: Counter[tuple[str, str]] = Counter()
        """Evaluations by (``wake`` or ``skip``, what it was counted as)."""

    def evaluate(
        self,
        now_ns: int,
        features: Mapping[str, SymbolFeatures],
        *,
        regime_key: str,
        metric: Callable[[str, str], float],
        holding: frozenset[str] = frozenset(),
        extra: Sequence[str] = (),
    ) -> Verdict:
        """Judge one decision close.

        Parameters
        ----------
        now_ns : int
            The close, UNIX ns; closes come in ascending order.
        features : mapping of str to SymbolFeatures
            What `FeatureBook.close` returned for it.
        regime_key : str
            The regime of this close.
        metric : callable
            ``metric(symbol, name)`` returns a metric's current value, NaN when unknown; called
            only for metrics that armed conditions name.
        holding : frozenset of str
            Instruments with an open position.
        extra : sequence of str
            Reasons from outside, such as ``position_review``.

        Raises
        ------
        GateError
            If `now_ns` is no decision close or not later than the last one.
        """
        fresh = self._move_on(now_ns, features)
        self._purse.move_on(now_ns)
        self._conditions.observe(metric)
        reasons = self._reasons(now_ns, fresh, holding, extra)
        if not fresh:
            stale = any(f.stale for f in features.values())
            return self._skip("stale" if stale else "warming_up", reasons)
        expected, arms = self._remember(fresh, reasons, regime_key)
        return self._judge(reasons, arms, expected)

    def observe(
        self, now_ns: int, features: Mapping[str, SymbolFeatures], *, regime_key: str
    ) -> Verdict:
        """Learn from a historic close, before trading starts: never a wake, and not counted.

        Raises
        ------
        GateError
            As `evaluate` does.
        """
        fresh = self._move_on(now_ns, features)
        if fresh:
            self._remember(fresh, outliers(fresh, self._settings), regime_key)
        return Verdict(now_ns, False, "observed", (), math.nan, math.nan)

    def request(
        self,
        now_ns: int,
        next_check_seconds: int | None,
        conditions: Sequence[WakeCondition] | None,
    ) -> None:
        """Take the advisor's wishes: clamped, and None keeps what is.

        Parameters
        ----------
        now_ns : int
            The close the decision was for, UNIX ns.
        next_check_seconds : int or None
            When to be called again; clamped to the settings' bounds.
        conditions : sequence of WakeCondition or None
            Wake conditions to arm in place of all others; an empty sequence clears them.

        Raises
        ------
        GateError
            If `next_check_seconds` is no number. Nothing of the request takes effect.
        WakeConditionError
            If a condition cannot be meant. Nothing of the request takes effect.
        """
        self._schedule.check(next_check_seconds)
        if conditions is not None:
            self._conditions.check(conditions)
            self._conditions.replace(conditions)
        if next_check_seconds is not None:
            self._schedule.set_timer(now_ns, next_check_seconds)

    def settle_call(self, call_ns: int, net_versus_hold: float) -> None:
        """Learn what a call earned, four hours later.

        Parameters
        ----------
        call_ns : int
            The close of the wake. One that is unknown or settled already is ignored.
        net_versus_hold : float
            Net profit of acting on the decision over having held, a fraction of notional.

        Raises
        ------
        GateError
            If the profit is not finite. The call stays unsettled.
        """
        if not math.isfinite(net_versus_hold):
            raise GateError("net profit of a call", net_versus_hold, "give a finite fraction")
        arm = self._open_calls.pop(call_ns, None)
        if arm is not None:
            self._edge.record(arm, net_versus_hold)

    def charge(self, call_ns: int, usd: float) -> None:
        """Replace the expected cost of a call by its bill.

        Parameters
        ----------
        call_ns : int
            The close of the wake. A bill for any other moment is paid in full.
        usd : float
            The bill, in US dollars.

        Raises
        ------
        GateError
            If the bill is negative or not finite. The expected cost stands.
        """
        if not (math.isfinite(usd) and usd >= 0):
            raise GateError("bill of a call", usd, "give a finite amount of US dollars, 0 or more")
        expected = call_ns in self._unbilled
        if expected:
            self._unbilled.remove(call_ns)
        self._purse.pay_bill(usd, expected=expected)

    @property
    def conditions(self) -> tuple[WakeCondition, ...]:
        """The wake conditions that are armed."""
        return self._conditions.armed

    def state(self) -> dict[str, Any]:
        """Return everything `restore` needs, as JSON-able data."""
        return {
            "now_ns": self._now_ns,
            "open_calls": [[call_ns, list(arm)] for call_ns, arm in self._open_calls.items()],
            "unbilled": list(self._unbilled),
            "counts": [[*key, count] for key, count in self.counts.items()],
            "schedule": self._schedule.state(),
            "conditions": self._conditions.state(),
            "hindsight": self._hindsight.state(),
            "edge": self._edge.state(),
            "purse": self._purse.state(),
            "rng": self._rng.bit_generator.state,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a state, exactly; an instrument it does not know starts afresh."""
        self._now_ns = state["now_ns"]
        self._open_calls = {call_ns: to_arm(arm) for call_ns, arm in state["open_calls"]}
        self._unbilled = list(state["unbilled"])
        self.counts = Counter({(verdict, name): count for verdict, name, count in state["counts"]})
        self._schedule.restore(state["schedule"])
        self._conditions.restore(state["conditions"])
        self._hindsight.restore(state["hindsight"])
        self._edge.restore(state["edge"])
        self._purse.restore(state["purse"])
        self._rng.bit_generator.state = state["rng"]

    def _move_on(self, now_ns: int, features: Mapping[str, SymbolFeatures]) -> list[SymbolFeatures]:
        if now_ns % DECISION_NS or now_ns <= self._now_ns:
            raise GateError("now_ns", now_ns, "evaluate each decision close once, in order")
        self._now_ns = now_ns
        found = (f for f in features.values() if f.ready and not f.stale)
        fresh = sorted(found, key=lambda f: f.symbol)  # no verdict depends on the order they came
        self._hindsight.settle(now_ns, {f.symbol: f.price for f in fresh})
        return fresh

    def _reasons(
        self,
        now_ns: int,
        fresh: Sequence[SymbolFeatures],
        holding: frozenset[str],
        extra: Sequence[str],
    ) -> list[Reason]:
        reasons = outliers(fresh, self._settings)
        if holding and self._schedule.day_passed(now_ns):
            reasons.append(Reason(DAILY, DAILY))
        if self._schedule.timer_due(now_ns):
            reasons.append(Reason(TIMER, TIMER))
        reasons += self._conditions.pending()
        reasons += [Reason(text.partition(":")[0], text) for text in extra]
        return reasons

    def _remember(
        self, fresh: Sequence[SymbolFeatures], reasons: Sequence[Reason], regime_key: str
    ) -> tuple[float, dict[str, Arm]]:
        """Keep this close for hindsight; return the move to expect and the arm of each kind."""
        expected = sum([f.expected_move for f in fresh]) / len(fresh)
        band = volatility_band(fresh)
        arms = {reason.kind: (reason.kind, band, regime_key) for reason in reasons}
        prices = {f.symbol: f.price for f in fresh}
        self._hindsight.remember(self._now_ns, prices, expected, list(arms.values()))
        return expected, arms

    def _judge(
        self, reasons: Sequence[Reason], arms: Mapping[str, Arm], expected: float
    ) -> Verdict:
        settings, now_ns = self._settings, self._now_ns
        own_cost = settings.cost_per_call_usd / settings.stake_usd
        price = max(self._hindsight.typical() * self._purse.scarcity(), own_cost)
        if not reasons:
            return self._skip("quiet", reasons, price=price)
        muted = self._schedule.muted(now_ns)
        kinds = {r.kind for r in reasons if r.symbol not in muted or r.kind == SHOCK}
        if not kinds:
            return self._skip("cooldown", reasons, price=price)
        self._conditions.use_up(muted)
        recovered = self._schedule.recovered(now_ns)
        value, kind = max(
            (recovered * self._worth(arms[kind], expected), kind) for kind in sorted(kinds)
        )
        if DAILY in kinds:
            kind, affordable = DAILY, self._purse.below_ceilings(0)
        elif SHOCK in kinds:
            kind, affordable = SHOCK, self._purse.affords(0)
        elif value > price:
            affordable = self._purse.affords(settings.reserved_calls)
        else:
            declined = CONDITION if CONDITION in kinds else kind
            return self._skip(f"declined:{declined}", reasons, value, price)
        if not affordable:
            return self._skip("budget", reasons, value, price)
        return self._wake(kind, arms[kind], reasons, value, price)

    def _worth(self, arm: Arm, expected: float) -> float:
        return self._hindsight.opportunity(expected, arm) + self._edge.sample(arm)

    def _wake(
        self, kind: str, arm: Arm, reasons: Sequence[Reason], value: float, price: float
    ) -> Verdict:
        now_ns = self._now_ns
        self._purse.spend()
        self._schedule.woke(now_ns, {reason.symbol for reason in reasons if reason.symbol})
        self._open_calls = {ns: a for ns, a in self._open_calls.items() if now_ns - ns <= DAY_NS}
        self._open_calls[now_ns] = arm
        self._unbilled = [ns for ns in self._unbilled if now_ns - ns <= DAY_NS] + [now_ns]
        self.counts["wake", kind] += 1
        return Verdict(now_ns, True, kind, tuple(r.text for r in reasons), value, price)

    def _skip(
        self,
        counted_as: str,
        reasons: Sequence[Reason],
        value: float = math.nan,
        price: float = math.nan,
    ) -> Verdict:
        self.counts["skip", counted_as] += 1
        texts = tuple(reason.text for reason in reasons)
        return Verdict(self._now_ns, False, counted_as, texts, value, price)
