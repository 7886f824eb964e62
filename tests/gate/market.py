"""Synthetic markets for the gate's tests: bars, features and the runs over them.

Two grades: `features_at` makes the features of one close by hand, calm but for what a test
changes; `quiet_bars` makes 15-minute bars of independent noise, into which a test may put a shock,
a volume burst or a gap, and `watched` runs the whole watch over them.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ocw_strategy.gate import Gate, GateSettings, Verdict, Watch
from ocw_strategy.market.features import (
    DECISION_MINUTES,
    DECISION_NS,
    HORIZON_NS,
    FeatureBook,
    FeatureSettings,
    SymbolFeatures,
)
from ocw_strategy.regime import Regime
from ocw_strategy.units import DAY_NS

BTC, ETH = SYMBOLS = ("BTCUSDT-PERP", "ETHUSDT-PERP")
MONDAY_NS = 1_704_067_200 * 10**9
"""2024-01-01 00:00 UTC, a Monday."""
CLOSES_PER_DAY = DAY_NS // DECISION_NS
USUAL_MOVE = 0.01
"""The move to expect at a close made by hand, and the move that does follow a calm one."""
REGIME_KEY = "calm_goldilocks"

_CALM_CLOSES = 400

Row = tuple[int, float, float, float, float, float]
"""Close in UNIX ns, open, high, low, close, volume."""


def nth_close(index: int) -> int:
    """Return the n-th decision close after `MONDAY_NS`."""
    return MONDAY_NS + index * DECISION_NS


def features_at(
    now_ns: int, common: Mapping[str, Any] | None = None, **by_symbol: Mapping[str, Any]
) -> dict[str, SymbolFeatures]:
    """Return calm features of BTC and ETH, changed for both or as ``BTC={...}``, ``ETH={...}``."""
    found = {}
    for symbol in SYMBOLS:
        calm = SymbolFeatures(
            symbol=symbol,
            now_ns=now_ns,
            stale=False,
            ready=True,
            price=100.0 * math.exp(USUAL_MOVE * (now_ns // HORIZON_NS % 2)),
            return_15m=0.0,
            return_1h=0.0,
            return_4h=0.0,
            return_24h=0.0,
            volatility=0.002,
            return_z=0.0,
            volume_z=0.0,
            volatility_1h=0.002,
            volatility_1d=0.002,
            volatility_1w=0.002,
            expected_move=USUAL_MOVE,
            expected_move_z=0.0,
        )
        changes = {**(common or {}), **by_symbol.get(symbol.removesuffix("USDT-PERP"), {})}
        found[symbol] = replace(calm, **changes)
    return found


def unknown(symbol: str, name: str) -> float:
    """Know no metric."""
    return math.nan


def make_gate(settings: GateSettings, seed: int = 0) -> Gate:
    """Return a gate that has seen nothing yet."""
    return Gate(settings, SYMBOLS, np.random.default_rng(seed), round_trip_cost=0.0012)


class HandRun:
    """A gate that knows some calm days, asked close by close about features made by hand."""

    def __init__(self, settings: GateSettings | None = None, seed: int = 0) -> None:
        self.settings = settings or GateSettings()
        self.gate = make_gate(self.settings, seed)
        for index in range(-_CALM_CLOSES, 0):
            now_ns = nth_close(index)
            self.gate.observe(now_ns, features_at(now_ns), regime_key=REGIME_KEY)
        self.index = -1

    @property
    def now_ns(self) -> int:
        """The last close that was judged."""
        return nth_close(self.index)

    def next(
        self,
        common: Mapping[str, Any] | None = None,
        *,
        metric: Callable[[str, str], float] = unknown,
        holding: Iterable[str] = (),
        extra: Sequence[str] = (),
        regime_key: str = REGIME_KEY,
        **by_symbol: Mapping[str, Any],
    ) -> Verdict:
        """Judge the next close."""
        self.index += 1
        return self.gate.evaluate(
            self.now_ns,
            features_at(self.now_ns, common, **by_symbol),
            regime_key=regime_key,
            metric=metric,
            holding=frozenset(holding),
            extra=extra,
        )

    def until(self, index: int) -> list[Verdict]:
        """Judge calm closes up to, not including, the n-th."""
        return [self.next() for _ in range(self.index + 1, index)]


@dataclass(frozen=True)
class Close:
    """Everything a gate is given at one close of a random market."""

    features: Mapping[str, SymbolFeatures]
    metrics: Mapping[str, float]
    holding: frozenset[str]
    extra: tuple[str, ...]
    regime_key: str


def random_closes(seed: int, count: int) -> list[Close]:
    """Return closes of a wild market, with stale and warming-up instruments among them."""
    rng = np.random.default_rng(seed)
    found = []
    for index in range(count):
        by_symbol = {
            name: {
                "stale": bool(rng.random() < 0.08),
                "ready": bool(rng.random() < 0.92),
                "price": 100.0 * math.exp(rng.normal(0.0, 0.02)),
                "return_z": 2.0 * float(rng.standard_t(3)),
                "volume_z": 2.0 * float(rng.standard_normal()),
                "expected_move": USUAL_MOVE * math.exp(rng.normal(0.0, 0.7)),
                "expected_move_z": float(rng.standard_normal()),
                "volatility_1d": 0.002 * math.exp(rng.normal(0.0, 0.4)),
            }
            for name in ("BTC", "ETH")
        }
        features = features_at(nth_close(index), **by_symbol)
        found.append(
            Close(
                features,
                {s: math.nan if rng.random() < 0.1 else f.price for s, f in features.items()},
                frozenset({BTC}) if rng.random() < 0.3 else frozenset(),
                ("position_review",) if rng.random() < 0.1 else (),
                str(rng.choice(["calm_goldilocks", "wild_reflation"])),
            )
        )
    return found


def ask(gate: Gate, close: Close) -> Verdict:
    """Judge a close of a random market."""
    return gate.evaluate(
        close.features[BTC].now_ns,
        close.features,
        regime_key=close.regime_key,
        metric=lambda symbol, _: close.metrics[symbol],
        holding=close.holding,
        extra=close.extra,
    )


def quiet_bars(
    closes: int,
    seed: int = 0,
    *,
    volatility: float = 0.002,
    season: Callable[[int], float] = lambda hour: 1.0,
) -> list[Row]:
    """Return bars of independent noise from `MONDAY_NS` on; volume follows ``season(hour)``."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0.0, volatility, (closes, 4))
    volumes = 1_000.0 * np.exp(rng.normal(0.0, 0.3, closes))
    rows, price = [], 100.0
    for index in range(closes):
        path = price * np.exp(np.append(0.0, np.cumsum(steps[index] / 2.0)))
        price = float(path[-1])
        volume = float(volumes[index]) * season(index * DECISION_MINUTES // 60 % 24)
        high, low = float(path.max()), float(path.min())
        rows.append((nth_close(index + 1), float(path[0]), high, low, price, volume))
    return rows


def shocked(rows: Sequence[Row], index: int, log_return: float) -> list[Row]:
    """Let the price jump within one bar and stay there."""
    jump = math.exp(log_return)
    found = list(rows[:index])
    for at, (close_ns, *prices, volume) in enumerate(rows[index:]):
        o, h, low, c = (price * jump for price in prices)
        if at == 0:
            o = prices[0]
            h, low = max(h, o), min(low, o)
        found.append((close_ns, o, h, low, c, volume))
    return found


def with_volume(rows: Sequence[Row], index: int, factor: float) -> list[Row]:
    """Multiply the volume of one bar."""
    found = list(rows)
    found[index] = (*rows[index][:5], rows[index][5] * factor)
    return found


def scaled(rows: Sequence[Row], factor: float) -> list[Row]:
    """Quote every price in another unit."""
    return [(t, o * factor, h * factor, low * factor, c * factor, v) for t, o, h, low, c, v in rows]


def without(rows: Sequence[Row], indices: Iterable[int]) -> list[Row]:
    """Leave bars out."""
    gone = set(indices)
    return [row for index, row in enumerate(rows) if index not in gone]


def calm_regime(now_ns: int) -> Regime:
    """Know one regime."""
    return Regime("calm", "goldilocks", 1.0, 0.4, 1.0, 1.0, True)


def new_watch(settings: GateSettings | None = None, seed: int = 0) -> tuple[Watch, Gate]:
    """Return a watch over BTC and ETH on 15-minute bars, and its gate."""
    gate = make_gate(settings or GateSettings(), seed)
    book = FeatureBook(FeatureSettings(), SYMBOLS, DECISION_MINUTES)
    return Watch(book, gate, calm_regime), gate


def watched(
    bars: Mapping[str, Sequence[Row]],
    settings: GateSettings | None = None,
    *,
    first: int = 0,
    last: int | None = None,
) -> list[Verdict]:
    """Run the watch over all closes: it learns before the n-th and decides from there on."""
    watch, _ = new_watch(settings)
    by_close: dict[int, list[tuple[str, Row]]] = {}
    for symbol, rows in bars.items():
        for row in rows:
            by_close.setdefault(row[0], []).append((symbol, row))
    verdicts = []
    for now_ns in sorted(by_close)[:last]:
        for symbol, row in by_close[now_ns]:
            watch.add_bar(symbol, *row, math.nan)
        if now_ns < nth_close(first):
            watch.observe(now_ns)
        else:
            verdicts.append(watch.decide(now_ns, metric=unknown))
    return verdicts


def spoken(verdicts: Iterable[Verdict], kind: str) -> list[Verdict]:
    """Return the verdicts at which a kind of reason spoke."""
    return [v for v in verdicts if any(text.partition(":")[0] == kind for text in v.reasons)]
