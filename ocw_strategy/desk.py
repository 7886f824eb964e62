"""The decision desk: everything between market data and a decision's message, without an engine.

It is fed what the actor receives, asks the gate at each decision close, learns from every close
(shadow outcomes, hindsight) and from every closed trade, and turns advice into the payload that
goes over the bus. Time comes in with the data and randomness from the run's seed and the close, so
the same data gives the same journal, in a backtest, live and after a restart.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ocw_strategy.account import AccountView, portfolio_report, position_reports, safety_report
from ocw_strategy.advisor import Advice
from ocw_strategy.bandit import FrozenBandit, ShadowOutcomes, SignalBandit
from ocw_strategy.calls import NO_CALL, CallBook
from ocw_strategy.gate import (
    FEATURE_METRICS,
    Gate,
    OpenGate,
    RandomGate,
    Verdict,
    WakeConditionError,
    Watch,
    feature_metric,
)
from ocw_strategy.journal import (
    DecisionRow,
    Evaluation,
    Event,
    Journal,
    RegimeRow,
    canonical_json,
)
from ocw_strategy.lessons import Lessons
from ocw_strategy.market import (
    DerivativeBook,
    FeatureBook,
    IndicatorBook,
    MarketSnapshot,
    SignalTrack,
    SignalValues,
    build_snapshot,
    composite,
    signal_values,
)
from ocw_strategy.messages import DecisionPayload, TargetContext
from ocw_strategy.regime import Regime
from ocw_strategy.settings import Settings


class DecisionDesk:
    """Watch the market, ask when it is worth it, learn what came of it.

    Parameters
    ----------
    settings : Settings
    journal : Journal
    regime_at : callable
        ``regime_at(now_ns)`` returns the `Regime` known at a close.
    """

    def __init__(
        self, settings: Settings, journal: Journal, regime_at: Callable[[int], Regime]
    ) -> None:
        self._settings = settings
        self._journal = journal
        self.symbols: tuple[str, ...] = tuple(sorted(settings.data.instruments))
        self.book = FeatureBook(settings.features, self.symbols, settings.data.bar_minutes)
        self._indicators = IndicatorBook(self.book.rings)
        self.gate = _gate(settings, self.symbols)
        self.watch = Watch(self.book, self.gate, regime_at)
        self.derivatives = DerivativeBook(settings.market.statistics, self.symbols)
        frozen = settings.experiment.bandit == "prior"
        self.bandit = (FrozenBandit if frozen else SignalBandit)(settings.bandit)
        self._shadows = ShadowOutcomes(
            settings.bandit, self.symbols, settings.costs.order.round_trip
        )
        self.signal_track: SignalTrack | None = None
        """Signals to use instead of those of the statistics, where a run scrambles them."""
        self._regime: Regime | None = None
        self._known_ns = 0  # up to here everything is in the state that was restored
        self._calls = CallBook(settings, self.gate, journal)
        self.lessons = Lessons(self.bandit, journal, partial(self._calls.charge, call_ns=NO_CALL))
        """What closed trades taught."""
        self._memory_note = ""
        self.warming = False
        """While true a close is history at a live start: nothing is decided or journalled on it."""

    # -- market data ------------------------------------------------------------------------------

    def add_bar(
        self,
        symbol: str,
        close_ns: int,
        open: float,  # noqa: A002
        high: float,
        low: float,
        close: float,
        volume: float,
        taker_buy_volume: float,
    ) -> None:
        """Take in a closed base bar; one that cannot be true is dropped and recorded."""
        if self.watch.add_bar(symbol, close_ns, open, high, low, close, volume, taker_buy_volume):
            self.derivatives.add_bar(symbol, close_ns, volume, taker_buy_volume)
        else:
            detail = f"open {open} high {high} low {low} close {close} volume {volume}"
            self._journal.append(Event(close_ns, "bar_rejected", symbol, detail))

    # -- a decision close -------------------------------------------------------------------------

    def close(
        self, now_ns: int, *, holding: frozenset[str] = frozenset(), extra: Sequence[str] = ()
    ) -> Verdict | None:
        """Judge a decision close and learn from it; before the run's start it only learns.

        Closes that the restored state has seen only bring features and regime up to date.

        Returns
        -------
        Verdict or None
            None before the run's start.
        """
        if now_ns <= self._known_ns:
            self.watch.look(now_ns)
            return None
        verdict = None
        self._calls.settle(now_ns, self.price)
        if self.warming or now_ns < self._settings.run.start_ns:
            self.watch.observe(now_ns)
        else:
            verdict = self.watch.decide(
                now_ns,
                metric=self._metric,
                holding=holding,
                extra=extra,
            )
        regime = self.watch.regime
        if verdict is not None:
            self._journal.append(
                Evaluation(
                    ts_ns=now_ns,
                    wake=int(verdict.wake),
                    reason=verdict.counted_as,
                    detail=";".join(verdict.reasons),
                    value=verdict.value,
                    price=verdict.price,
                    regime=regime.key,
                )
            )
        changed = self._regime is None or regime.key != self._regime.key
        if changed and not self.warming:
            self._journal.append(
                RegimeRow(
                    ts_ns=now_ns,
                    regime=regime.key,
                    volatility=regime.volatility,
                    macro=regime.macro,
                    probability=regime.probability,
                    annualised_volatility=regime.annualised_volatility,
                )
            )
        self._regime = regime
        self._learn_from_shadows(now_ns, regime)
        return verdict

    def _learn_from_shadows(self, now_ns: int, regime: Regime) -> None:
        for symbol, feature in self.watch.features.items():
            if feature.stale:
                continue
            signals = self.signals(symbol, now_ns).values
            outcome = self._shadows.observe(
                now_ns, symbol, feature.price, signals, regime.key, feature.volatility
            )
            if outcome is not None:
                self.bandit.record(outcome)

    def price(self, symbol: str) -> float:
        """Return an instrument's last closing price."""
        return self.book.rings[symbol].last_close

    def signals(self, symbol: str, now_ns: int) -> SignalValues:
        """Return an instrument's signals as known at `now_ns`."""
        if self.signal_track is not None:
            return self.signal_track.at(symbol, now_ns)
        feature = self.watch.features[symbol]
        return signal_values(
            self.derivatives.at(symbol, now_ns),
            return_4h=feature.return_4h,
            volatility=feature.volatility,
            settings=self._settings.market.signals,
        )

    def composite(self, symbol: str, now_ns: int) -> float:
        """Return the composite of an instrument's signals under the posterior mean weights."""
        weights = self.bandit.mean_weights(self.watch.regime.key)
        return composite(self.signals(symbol, now_ns).values, weights)

    def _metric(self, symbol: str, name: str) -> float:
        if name in FEATURE_METRICS:
            return feature_metric(self.watch.features, symbol, name)
        now_ns = self.watch.now_ns
        if name == "composite":
            return self.composite(symbol, now_ns)
        statistics = self.derivatives.at(symbol, now_ns)
        return float(getattr(statistics, _STATISTIC.get(name, name)))

    # -- a decision -------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Do ahead of the next close what of it can be done; it changes no value."""
        self._indicators.prepare()
        # of what is known: the review of what is held asks before anything new is learnt
        self.bandit.mean_weights(self.watch.regime.key)

    def snapshot(self, verdict: Verdict, account: AccountView) -> MarketSnapshot:
        """Return what the advisor is shown at a wake."""
        now_ns = verdict.now_ns
        regime = self.watch.regime
        weights = self.bandit.mean_weights(regime.key)
        signals = {symbol: self.signals(symbol, now_ns) for symbol in self.symbols}
        return build_snapshot(
            now_ns=now_ns,
            wake_reasons=verdict.reasons,
            features=self.watch.features,
            timeframes={symbol: self._indicators.timeframes(symbol) for symbol in self.symbols},
            statistics={symbol: self.derivatives.at(symbol, now_ns) for symbol in self.symbols},
            signals=signals,
            composites={s: composite(found.values, weights) for s, found in signals.items()},
            regime=regime,
            posteriors=self.bandit.report(regime.key),
            weights=weights,
            positions=position_reports(account, self.book.rings, self._settings),
            trades=tuple(self.lessons.trades),
            portfolio=portfolio_report(account, self._settings.risk.venue_leverage),
            safety=safety_report(self._settings, regime.key),
            gate=self._calls.begin(now_ns),
            memory_note=self._memory_note,
            reflections=self.lessons.reflections.choose(
                now_ns,
                regime=regime.key,
                signals={symbol: found.values for symbol, found in signals.items()},
                concerned={held.symbol for held in account.holdings}
                | {s for s in self.symbols if any(f":{s}:" in why for why in verdict.reasons)},
                tokens=self._settings.advisor.claude.reflections_tokens,
            ),
        )

    def decided(
        self, snapshot: MarketSnapshot, advice: Advice, advisor: str, wall_ns: int
    ) -> DecisionPayload | None:
        """Journal what the advisor said and return the message to publish; None to hold."""
        decision, now_ns = advice.decision, snapshot.now_ns
        advisor = advice.advisor or advisor
        if advice.notice:
            self._journal.append(Event(now_ns, "advisor", "", advice.notice))
        snapshot_json = snapshot.canonical_json()
        snapshot_hash = hashlib.sha256(snapshot_json.encode("ascii")).hexdigest()
        decision_id = hashlib.sha256(f"{now_ns}/{snapshot_hash}".encode()).hexdigest()[:12]
        self._journal.append(
            DecisionRow(
                decision_id=decision_id,
                ts_ns=now_ns,
                reasons=";".join(snapshot.wake_reasons),
                advisor=advisor,
                outcome=advice.outcome,
                regime=snapshot.regime.key,
                snapshot_hash=snapshot_hash,
                snapshot=snapshot_json,
                decision=decision.canonical_json() if decision else "",
                raw=advice.raw,
                request_key=advice.request_key,
                model=advice.model,
                detail=advice.detail,
                usage=canonical_json(advice.usage.model_dump()) if advice.usage else "",
                cost_usd=str(advice.cost_usd),
                latency_ns=advice.latency_ns,
                wall_ns=wall_ns,
            )
        )
        if advice.cost_usd:
            self._calls.charge(now_ns, advice.cost_usd, call_ns=now_ns)
        if decision is None:
            return None
        self._memory_note = decision.memory_note
        self.lessons.reflections.expect(decision_id, decision)
        try:
            self.gate.request(now_ns, decision.next_check_seconds, decision.wake_conditions)
        except WakeConditionError as error:
            self._journal.append(Event(now_ns, "wake_conditions_refused", "", str(error)))
            self.gate.request(now_ns, decision.next_check_seconds, None)
        targets = tuple(
            self._target(snapshot, target.symbol, target.exposure, target.confidence)
            for target in decision.targets
        )
        self._calls.answered(now_ns, {t.symbol: self._change(snapshot, t) for t in targets})
        return DecisionPayload(
            decision_id=decision_id,
            close_ns=now_ns,
            source=advisor,
            reason=decision.reason,
            regime=snapshot.regime.key,
            regime_scale=snapshot.regime.exposure_scale,
            macro_scale=snapshot.regime.macro_scale,
            targets=targets,
        )

    def hold(self, close_ns: int, why: str, decision_id: str) -> None:
        """Take notice that a decision did not take effect: its call changed nothing."""
        self._journal.append(Event(close_ns, f"hold:{why}", "", decision_id))
        self._calls.undo(close_ns)

    def _target(
        self, snapshot: MarketSnapshot, symbol: str, exposure: float, confidence: float
    ) -> TargetContext:
        signals = snapshot.instruments[symbol].signals
        direction = 1 if exposure >= 0 else -1
        return TargetContext(
            symbol=symbol,
            exposure=exposure,
            confidence=confidence,
            posterior_scale=self.bandit.scale(snapshot.regime.key, signals, direction),
            signals=signals,
            volatility=snapshot.instruments[symbol].volatility,
        )

    def _change(self, snapshot: MarketSnapshot, target: TargetContext) -> tuple[float, float]:
        held = snapshot.positions.get(target.symbol)
        before = held.exposure if held else 0.0
        regime = snapshot.regime
        wanted = target.exposure * target.confidence * target.posterior_scale
        wanted *= regime.exposure_scale * regime.macro_scale
        return max(-1.0, min(1.0, wanted)) - before, self.price(target.symbol)

    # -- what a restart must know -----------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return all that a restart must know, as JSON values; market data is warmed up anew."""
        return {
            "gate": self.gate.state(),
            "bandit": self.bandit.state(),
            "shadows": self._shadows.state(),
            "memory_note": self._memory_note,
            **self._calls.state(),
            **self.lessons.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`; history before it may then be fed for features alone."""
        self.gate.restore(state["gate"])
        self._known_ns = state["gate"]["now_ns"]
        self.bandit.restore(state["bandit"])
        self._shadows.restore(state["shadows"])
        self._calls.restore(state)
        self.lessons.restore(state)
        self._memory_note = state["memory_note"]


def _gate(settings: Settings, symbols: tuple[str, ...]) -> Gate:
    experiment, run = settings.experiment, settings.run
    common: dict[str, Any] = {
        "settings": settings.gate,
        "symbols": symbols,
        "rng": np.random.default_rng((run.seed, 1)),
        "round_trip_cost": settings.costs.order.round_trip,
    }
    if experiment.gate == "open":
        return OpenGate(**common)
    if experiment.gate == "random":
        plan = np.random.default_rng((run.seed, experiment.seed, 4))
        return RandomGate(**common, plan=plan, calls=experiment.random_calls, end_ns=run.end_ns)
    return Gate(**common)


_STATISTIC = {"long_short_ratio": "toptrader_position_ls_ratio"}
