"""Regret of the bandit against plain, discounted and sliding-window Thompson sampling.

``python -m tests.bench.bandit`` simulates 15-minute closes of one instrument in segments; in
each segment other signals inform (hit rates over 4 hours of about 0.57 and 0.52, the rest 0.50),
against Student-t noise of three degrees of freedom and a volatility that differs by segment. A
trade is taken every 4 hours in the direction of the composite's sign and settled 4 hours later,
net of costs. Every signal is credited with what it would have earned, so all policies see the
same outcomes whatever they chose.

The regret of a trade is the drift that following the segment's best single signal would have
caught less the drift that the policy caught, in units of a usual 4-hour move; noise is left out.
A composite can beat the best single signal, so regret may be negative.

Two worlds: ``follow``, where the regime label names the segment's pattern and each pattern comes
back, and ``unrelated``, where the labels wander by themselves. The rivals see trades only, no
labels and no shadow outcomes, and turn draws into weights by the same formula as ours. Three
forms of each: draws, posterior ``means`` (as ours; draws gain nothing where every signal is
credited anyway), and ``arm``, which follows the one signal with the highest draw, as a textbook
bandit does. Their posteriors are Beta(1 + S, 1 + F), discounted as in Raj and Kalyani 2017
(arXiv:1707.09727); a reward between 0 and 1 enters as it is, not as a coin thrown with that
probability, which spares them noise. What shadows and labels contribute is shown by the rows of
ours without them.
"""

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from ocw_strategy.bandit import BanditSettings, Outcome, ShadowOutcomes, SignalBandit
from ocw_strategy.units import MINUTE_NS, SIGNALS

type Floats = npt.NDArray[np.float64]

SETTINGS = BanditSettings()
BASE = np.array([SETTINGS.base_weights[name] for name in SIGNALS])
HORIZON = 16
CLOSE_NS = 15 * MINUTE_NS
SEGMENTS = 6
TRADES_PER_SEGMENT = 150
TRADES = SEGMENTS * TRADES_PER_SEGMENT
CLOSES = (TRADES + 1) * HORIZON
SYMBOL = "BTCUSDT-PERP"
HALF_LIFE_CLOSES = np.array([96.0, 4.0, 48.0, 24.0])
"""Persistence of the signals, in the order of ``SIGNALS``."""
DRIFT = np.array([[0.10, 0.0, 0.0, 0.04], [0.0, 0.25, 0.03, 0.0], [0.0, 0.08, 0.0, 0.12]])
"""Drift a close at full signal, in standard deviations of a close: pattern by signal."""
VOLATILITY = np.array([0.0015, 0.0025, 0.0040])
"""Per 15-minute close, by pattern."""


@dataclass(frozen=True)
class World:
    """Simulated closes of several seeds; the first axes are close and seed."""

    signals: Floats
    prices: Floats
    volatility: Floats
    labels: npt.NDArray[np.int64]
    caught: Floats
    """Drift over the next horizon in usual moves, by trade and seed, for a long trade."""
    best: npt.NDArray[np.int64]
    """The segment's best signal, by trade."""


def simulate(seeds: int, labels_follow: bool) -> World:
    rng = np.random.default_rng([1707, 9727, labels_follow])
    pattern = np.arange(CLOSES) // (TRADES_PER_SEGMENT * HORIZON) % len(DRIFT)
    decay = 0.5 ** (1.0 / HALF_LIFE_CLOSES)
    latent = rng.standard_normal((seeds, len(SIGNALS)))
    signals = np.empty((CLOSES, seeds, len(SIGNALS)))
    for close in range(CLOSES):
        signals[close] = np.tanh(0.7 * latent)
        shock = rng.standard_normal(latent.shape)
        latent = decay * latent + np.sqrt(1.0 - decay**2) * shock
    drift = np.einsum("tsi,ti->ts", signals, DRIFT[pattern])
    noise = rng.standard_t(3, drift.shape) / np.sqrt(3.0)
    volatility = np.repeat(VOLATILITY[pattern][:, None], seeds, axis=1)
    returns = volatility * (drift + noise)
    prices = 100.0 * np.exp(np.cumsum(np.vstack([np.zeros((1, seeds)), returns[:-1]]), axis=0))
    labels = np.repeat(pattern[:, None], seeds, axis=1)
    if not labels_follow:
        turns = rng.random(labels.shape) < 1.0 / (TRADES_PER_SEGMENT * HORIZON)
        labels = (np.cumsum(turns * rng.integers(1, 3, labels.shape), axis=0)) % len(DRIFT)
    by_trade = drift[: TRADES * HORIZON].reshape(TRADES, HORIZON, seeds).sum(axis=1)
    return World(
        signals=signals,
        prices=prices,
        volatility=volatility,
        labels=labels,
        caught=by_trade / np.sqrt(HORIZON),
        best=DRIFT[pattern[: TRADES * HORIZON : HORIZON]].argmax(axis=1),
    )


def ours(world: World) -> dict[str, Floats]:
    """Drive the shipped classes close by close; return the regret by seed of each variant."""
    seeds = world.prices.shape[1]
    sides = {
        name: np.zeros((TRADES, seeds))
        for name in ("ours", "ours, sampled", "ours, trades only", "ours, one regime")
    }
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        full, one_regime = SignalBandit(SETTINGS), SignalBandit(SETTINGS)
        trades_only = SignalBandit(SETTINGS.model_copy(update={"shadow_weight": 0.0}))
        shadows = ShadowOutcomes(SETTINGS, [SYMBOL])
        entry: tuple[float, dict[str, float], str, float] | None = None
        prices, volatility = world.prices[:, seed].tolist(), world.volatility[:, seed].tolist()
        rows, labels = world.signals[:, seed].tolist(), world.labels[:, seed].tolist()
        for close in range(TRADES * HORIZON):
            now_ns, price, regime = close * CLOSE_NS, prices[close], f"regime{labels[close]}"
            signals = dict(zip(SIGNALS, rows[close], strict=True))
            shadow = shadows.observe(now_ns, SYMBOL, price, signals, regime, volatility[close])
            if shadow is not None:
                full.record(shadow)
                one_regime.record(replace(shadow, regime="one"))
            if close % HORIZON:
                continue
            if entry is not None:
                gross = price / entry[0] - 1.0
                trade = Outcome(
                    now_ns, entry[2], entry[1], 1, gross, SETTINGS.shadow_cost_fraction,
                    entry[3], trade_id=str(close),
                )  # fmt: skip
                full.record(trade)
                trades_only.record(trade)
                one_regime.record(replace(trade, regime="one"))
            entry = (price, signals, regime, volatility[close])
            for name, weights in (
                ("ours", full.mean_weights(regime)),
                ("ours, sampled", full.sample_weights(regime, rng)),
                ("ours, trades only", trades_only.mean_weights(regime)),
                ("ours, one regime", one_regime.mean_weights("one")),
            ):
                composite = sum(weights[signal] * signals[signal] for signal in SIGNALS)
                sides[name][close // HORIZON, seed] = np.sign(composite)
    return {name: regret(world, side) for name, side in sides.items()}


def rewards(world: World) -> Floats:
    """Return what each signal earned by each trade (trade, seed, signal); NaN when silent."""
    at = slice(0, (TRADES + 1) * HORIZON, HORIZON)
    prices, signals = world.prices[at], world.signals[at][:-1]
    gross = (prices[1:] / prices[:-1] - 1.0)[:, :, None]
    net = np.sign(signals) * gross - SETTINGS.shadow_cost_fraction
    usual_move = world.volatility[at][:-1, :, None] * np.sqrt(HORIZON)
    earned: Floats = 0.5 + 0.5 * np.tanh(net / usual_move)
    return np.where(np.abs(signals) < SETTINGS.minimum_signal, np.nan, earned)


def rival(
    world: World, earned: Floats, discount: float = 1.0, window: int = TRADES
) -> dict[str, Floats]:
    """Return the regret by seed of a Thompson sampler in its three forms."""
    rng = np.random.default_rng(2017)
    won, lost = np.nan_to_num(earned), np.nan_to_num(1.0 - earned)
    seeds = won.shape[1]
    forms = {form: np.zeros((TRADES, seeds)) for form in ("", ", means", ", arm")}
    alpha, beta = np.ones(won.shape[1:]), np.ones(won.shape[1:])
    for trade in range(TRADES):
        signals = world.signals[trade * HORIZON]
        drawn = rng.beta(alpha, beta)
        for form, mean in (("", drawn), (", means", alpha / (alpha + beta))):
            inside = np.clip(mean, 1e-9, 1.0 - 1e-9)
            weights = BASE * (inside / (1.0 - inside)) ** SETTINGS.odds_exponent
            forms[form][trade] = np.sign((weights * signals).sum(axis=1))
        pulled = drawn.argmax(axis=1)[:, None]
        forms[", arm"][trade] = np.sign(np.take_along_axis(signals, pulled, axis=1)[:, 0])
        alpha = 1.0 + discount * (alpha - 1.0) + won[trade]
        beta = 1.0 + discount * (beta - 1.0) + lost[trade]
        if trade >= window:
            alpha, beta = alpha - won[trade - window], beta - lost[trade - window]
    return {form: regret(world, sides) for form, sides in forms.items()}


def fixed(world: World, weights: Floats) -> Floats:
    signals = world.signals[: TRADES * HORIZON : HORIZON]
    return regret(world, np.sign((weights * signals).sum(axis=2)))


def regret(world: World, sides: Floats) -> Floats:
    """Return cumulative regret by seed."""
    signals = world.signals[: TRADES * HORIZON : HORIZON]
    best = np.take_along_axis(signals, world.best[:, None, None], axis=2)[:, :, 0]
    total: Floats = ((np.sign(best) - sides) * world.caught).sum(axis=0)
    return total


def interval(by_seed: Floats) -> tuple[float, float, float]:
    """Return the mean and its 95 % bootstrap interval over seeds."""
    rng = np.random.default_rng(95)
    means = by_seed[rng.integers(0, len(by_seed), (4000, len(by_seed)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(by_seed.mean()), float(low), float(high)


def measure(seeds: int, labels_follow: bool) -> dict[str, Floats]:
    world = simulate(seeds, labels_follow)
    earned = rewards(world)
    result = ours(world)
    for name, sampler in (
        ("plain", {}),
        ("discounted 0.95", {"discount": 0.95}),
        ("discounted 0.98", {"discount": 0.98}),
        ("sliding 50", {"window": SETTINGS.window}),
    ):
        for form, by_seed in rival(world, earned, **sampler).items():
            result[f"{name}{form}"] = by_seed
    result["equal weights"] = fixed(world, np.ones(len(SIGNALS)))
    result["base weights"] = fixed(world, BASE)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description="Regret of the bandit and its rivals")
    parser.add_argument("--seeds", type=int, default=50)
    seeds = parser.parse_args().seeds
    with ProcessPoolExecutor(2) as pool:
        follow, unrelated = pool.map(measure, (seeds, seeds), (True, False))
    worlds = {"follow": follow, "unrelated": unrelated}

    table = Table(title=f"Cumulative regret of {TRADES} trades, {seeds} seeds, 95 % intervals")
    table.add_column("policy")
    for name in worlds:
        table.add_column(f"labels {name}", justify="right")
        table.add_column("less ours", justify="right")
    for policy in worlds["follow"]:
        cells = [policy]
        for result in worlds.values():
            for figures in (result[policy], result[policy] - result["ours"]):
                mean, low, high = interval(figures)
                cells.append(f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]")
        table.add_row(*cells)
    Console(width=120).print(table)

    keys = {
        "ours": "ours", "ours_sampled": "ours, sampled",
        "plain": "plain", "plain_means": "plain, means",
        "discounted": "discounted 0.98", "discounted_means": "discounted 0.98, means",
        "sliding": "sliding 50", "sliding_means": "sliding 50, means",
        "equal": "equal weights", "base": "base weights",
    }  # fmt: skip
    line: dict[str, object] = {"bench": "bandit", "seeds": seeds, "trades": TRADES}
    for key, policy in keys.items():
        line[key] = round(float(worlds["follow"][policy].mean()), 2)
        line[f"{key}_unrelated"] = round(float(worlds["unrelated"][policy].mean()), 2)
    print(json.dumps(line))


if __name__ == "__main__":
    main()
