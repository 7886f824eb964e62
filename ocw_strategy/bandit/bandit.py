"""Regime-aware Thompson sampling over the four derivative signals.

For each regime and signal the posterior is recomputed from the last ``window`` trades, the last
``shadow_window`` independent shadow outcomes weighted down, and what the other regimes know:

    Beta(2 + S, 2 + F) with (S, F) = own trades + shadow_weight * own shadows
                                     + min(1, pool_strength / N) * others

where ``others`` is the same evidence summed over all other regimes and ``N`` its size (a power
prior, Ibrahim and Chen 2000). A regime never seen starts from the pool; one with much evidence
of its own borrows at most ``pool_strength`` outcomes. Own evidence is never counted twice.

Shadow outcomes have windows of their own: they neither age nor evict a trade. Restoring a state
rebuilds nothing. Refused: real outcomes without an id, returns that are not finite.
"""

from collections.abc import Mapping
from math import exp, log
from typing import Any, Final

import numpy as np

from ocw_strategy.bandit.outcome import Outcome
from ocw_strategy.bandit.posterior import (
    PRIOR,
    BetaPosterior,
    Evidence,
    ShadowWindow,
    TradeWindow,
)
from ocw_strategy.bandit.settings import BanditSettings
from ocw_strategy.errors import OcwError
from ocw_strategy.units import HOUR_NS, SIGNALS

STATE_VERSION: Final = 1
_CLOSES_PER_HOUR: Final = 4
_SURELY: Final = 1e-9
"""A drawn probability stays this far from 0 and 1, so that its log-odds are finite."""


class _Cell:
    """What one signal did in one regime."""

    __slots__ = ("shadows", "trades")

    def __init__(self, settings: BanditSettings) -> None:
        self.trades = TradeWindow(settings.window)
        self.shadows = ShadowWindow(
            settings.shadow_window, settings.horizon_hours * _CLOSES_PER_HOUR
        )


class SignalBandit:
    """Learn which signals pay in which regime, and act on it.

    Parameters
    ----------
    settings : BanditSettings
        Windows, shrinkage and reach.
    """

    def __init__(self, settings: BanditSettings) -> None:
        self._settings = settings
        self._closes = settings.horizon_hours * _CLOSES_PER_HOUR
        self._horizon_ns = settings.horizon_hours * HOUR_NS
        self._cells: dict[str, dict[str, _Cell]] = {}
        # until something is learnt
        self._reports: dict[str, dict[str, BetaPosterior]] = {}
        self._mean_weights: dict[str, dict[str, float]] = {}

    @property
    def regimes(self) -> tuple[str, ...]:
        """Regimes with evidence, sorted."""
        return tuple(sorted(self._cells))

    def record(self, outcome: Outcome) -> bool:
        """Credit every signal that spoke at entry.

        Returns
        -------
        bool
            Whether any posterior changed: False for a trade already credited, an outcome older
            than the windows, or one whose signals were all below ``minimum_signal``.
        """
        credited = False
        minimum = self._settings.minimum_signal
        block = outcome.ts_ns // self._horizon_ns
        # the side alone decides what a signal earned
        of_rise, of_fall = (outcome.reward(side, self._closes) for side in (1.0, -1.0))
        for name in SIGNALS:
            value = outcome.signals.get(name, 0.0)
            strength = abs(value)
            if not strength >= minimum:  # NaN said nothing either
                continue
            strength = min(1.0, strength)
            cell = self._cell(outcome.regime, name)
            reward = of_rise if value > 0.0 else of_fall
            if outcome.shadow:
                added = cell.shadows.add(outcome.ts_ns, block, strength, reward)
            else:
                added = cell.trades.add(
                    outcome.ts_ns, outcome.trade_id, outcome.share, strength, reward
                )
            credited |= added
        if credited:
            self._reports.clear()
            self._mean_weights.clear()
        return credited

    def posterior(self, regime: str, signal: str) -> BetaPosterior:
        """Return the posterior of a signal in a regime, seen before or not.

        Raises
        ------
        OcwError
            If the signal is not one of ``SIGNALS``.
        """
        if signal not in SIGNALS:
            raise OcwError("signal", signal, f"name one of {', '.join(SIGNALS)}")
        successes = failures = others_successes = others_failures = 0.0
        outcomes = shadow_outcomes = 0
        for name in self.regimes:
            cell = self._cells[name].get(signal)
            if cell is None:
                continue
            evidence = self._evidence(cell)
            if name == regime:
                successes, failures = evidence
                outcomes, shadow_outcomes = len(cell.trades), len(cell.shadows)
            else:
                others_successes += evidence.successes
                others_failures += evidence.failures
        borrowed = others_successes + others_failures
        share = min(1.0, self._settings.pool_strength / borrowed) if borrowed else 0.0
        return BetaPosterior(
            PRIOR + successes + share * others_successes,
            PRIOR + failures + share * others_failures,
            outcomes,
            shadow_outcomes,
        )

    def report(self, regime: str) -> dict[str, BetaPosterior]:
        """Return the posteriors of all signals in a regime, for the snapshot and the journal."""
        if regime not in self._reports:
            self._reports[regime] = {name: self.posterior(regime, name) for name in SIGNALS}
        return dict(self._reports[regime])

    def mean_weights(self, regime: str) -> dict[str, float]:
        """Return the composite's weights at the posterior means; positive, summing to 1.

        ``weight ~ base * odds ** odds_exponent`` with ``odds = mean / (1 - mean)``. Without
        evidence these are the base weights, and they stay so when all signals fare alike: a cost
        that falls on each is no news on which to trust. A signal that loses goes toward zero and
        never below: its mean is net of costs, so a loss does not show that its opposite pays.
        """
        if regime not in self._mean_weights:
            means = {name: p.mean for name, p in self.report(regime).items()}
            self._mean_weights[regime] = self._weights(means)
        return dict(self._mean_weights[regime])

    def sample_weights(self, regime: str, rng: np.random.Generator) -> dict[str, float]:
        """Return the composite's weights at one draw from each posterior (Thompson sampling).

        Every signal is credited by every trade and every close, so nothing stays unexplored
        without draws; what they cost beside `mean_weights` is measured by the bandit's bench.
        """
        return self._weights(
            {name: float(rng.beta(p.alpha, p.beta)) for name, p in self.report(regime).items()}
        )

    def scale(self, regime: str, signals: Mapping[str, float], direction: int) -> float:
        """Return the size multiplier that the speaking signals' posteriors allow a trade.

        ``1 + scale_slope * support`` within the caps; ``support`` is the mean over the signals
        that speak, weighed by base weight and strength, of ``mean - 0.5``. A signal against the
        trade counts ``-max(0, mean - 0.5)``: a proven one speaks against it, a poor one speaks
        for nothing. 1 when no signal speaks or nothing is known.

        Parameters
        ----------
        regime : str
            The regime key at entry.
        signals : Mapping[str, float]
            Signal values at entry.
        direction : int
            1 long, -1 short.
        """
        support = total = 0.0
        for name, posterior in self.report(regime).items():
            value = signals.get(name, 0.0)
            if not abs(value) >= self._settings.minimum_signal:
                continue
            weight = self._settings.base_weights[name] * min(1.0, abs(value))
            edge = posterior.mean - 0.5
            agrees = (value > 0.0) == (direction > 0)
            support += weight * (edge if agrees else -max(0.0, edge))
            total += weight
        if total == 0.0:
            return 1.0
        scale = 1.0 + self._settings.scale_slope * support / total
        return min(self._settings.scale_maximum, max(self._settings.scale_minimum, scale))

    def state(self) -> dict[str, Any]:
        """Return everything learnt, as JSON values."""
        return {
            "version": STATE_VERSION,
            "regimes": {
                regime: {
                    name: {"trades": cell.trades.state(), "shadows": cell.shadows.state()}
                    for name, cell in cells.items()
                }
                for regime, cells in self._cells.items()
            },
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state exactly as it was saved.

        Raises
        ------
        OcwError
            If the state is of another version.
        """
        if state.get("version") != STATE_VERSION:
            raise OcwError(
                "bandit state version", state.get("version"), f"only {STATE_VERSION} is readable"
            )
        self._cells = {}
        self._reports.clear()
        self._mean_weights.clear()
        for regime, cells in state["regimes"].items():
            for name, saved in cells.items():
                cell = self._cell(regime, name)
                cell.trades.restore(saved["trades"])
                cell.shadows.restore(saved["shadows"])

    def _cell(self, regime: str, name: str) -> _Cell:
        cells = self._cells.setdefault(regime, {})
        if name not in cells:
            cells[name] = _Cell(self._settings)
        return cells[name]

    def _evidence(self, cell: _Cell) -> Evidence:
        trades, shadows = cell.trades.evidence(), cell.shadows.evidence()
        weight = self._settings.shadow_weight
        return Evidence(
            trades.successes + weight * shadows.successes,
            trades.failures + weight * shadows.failures,
        )

    def _weights(self, probabilities: Mapping[str, float]) -> dict[str, float]:
        scores = {}
        for name, probability in probabilities.items():
            inside = min(1.0 - _SURELY, max(_SURELY, probability))
            odds = log(inside / (1.0 - inside))
            scores[name] = (
                log(self._settings.base_weights[name]) + self._settings.odds_exponent * odds
            )
        highest = max(scores.values())
        raw = {name: exp(score - highest) for name, score in scores.items()}
        total = sum(raw.values())
        return {name: value / total for name, value in raw.items()}
