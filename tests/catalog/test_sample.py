"""The sample market is what its docstring says: every claim is measured on fixed seeds."""

import hashlib
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from hmmlearn.hmm import GaussianHMM
from scipy.stats import kurtosis, multivariate_normal, spearmanr
from sklearn.metrics import adjusted_rand_score

from ocw_strategy.catalog.frames import check_frame
from ocw_strategy.catalog.sample import (
    NORMAL_FUNDING_RATE,
    PLANTED_EDGES,
    REGIMES,
    VOLATILITY_BY_REGIME,
    VOLUME_BY_HOUR,
    SampleMarket,
    sample_market,
)
from ocw_strategy.errors import SettingsError
from ocw_strategy.units import DAY_NS, SIGNALS

START_NS = 19_723 * DAY_NS  # 2024-01-01
START_MS = START_NS // 1_000_000
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
FOUR_HOURS = 48  # five-minute bars


@cache
def market(seed: int = 0, days: int = 120, base_minutes: int = 5, edge: float = 1.0):
    return sample_market(seed, START_NS, days, base_minutes, edge=edge)


def column(sample: SampleMarket, kind: str, symbol: str, name: str) -> np.ndarray:
    return sample.frames[kind, symbol][name].to_numpy()


def returns(sample: SampleMarket, symbol: str, kind: str = "bars_5m") -> np.ndarray:
    close = column(sample, kind, symbol, "close")
    return np.diff(np.log(np.concatenate(([column(sample, kind, symbol, "open")[0]], close))))


def true_regime(sample: SampleMarket, ts_ms: np.ndarray) -> np.ndarray:
    return sample.regimes["index"].to_numpy()[(ts_ms - START_MS) // 3_600_000]


def trailing_mean(values: np.ndarray, width: int) -> np.ndarray:
    total = np.cumsum(np.concatenate(([0.0], values)))
    end = np.arange(1, len(values) + 1)
    begin = np.maximum(end - width, 0)
    return (total[end] - total[begin]) / (end - begin)


def hit_rates(sample: SampleMarket) -> dict[tuple[str, str], float]:
    """Share of 15-minute closes at which a signal's sign was that of the next four hours.

    Metrics count from five minutes after their time stamp, settlements likewise.
    """
    right: dict[tuple[str, str], list[np.ndarray]] = {}
    for symbol in SYMBOLS:
        close = np.log(column(sample, "bars_5m", symbol, "close"))
        at = np.arange(3 * 288 + 2, len(close) - FOUR_HOURS, 3)  # after three days of warming up
        now_ms = START_MS + (at + 1) * 300_000
        taker = column(sample, "metrics_5m", symbol, "taker_buy_sell_ratio")
        flow = trailing_mean((taker - 1) / (taker + 1), FOUR_HOURS)
        ratio = np.log(column(sample, "metrics_5m", symbol, "toptrader_position_ls_ratio"))
        interest = column(sample, "metrics_5m", symbol, "open_interest")
        growth = interest[at - 1] / interest[at - 1 - FOUR_HOURS] - 1
        settled = np.searchsorted(
            column(sample, "funding", symbol, "ts") + 300_000, now_ms, side="right"
        )
        rate = column(sample, "funding", symbol, "rate")[settled - 1]
        signals = {
            "funding": NORMAL_FUNDING_RATE - rate,
            "cumulative_volume_delta": flow[at - 1],
            "long_short": (trailing_mean(ratio, 7 * 288) - ratio)[at - 1],
            "open_interest": growth * (close[at] - close[at - FOUR_HOURS]),
        }
        assert tuple(signals) == SIGNALS
        outcome = close[at + FOUR_HOURS] - close[at]
        regime = true_regime(sample, now_ms)
        for signal, value in signals.items():
            for index, name in enumerate(REGIMES):
                hit = np.sign(value) == np.sign(outcome)
                right.setdefault((signal, name), []).append(hit[regime == index])
    return {key: float(np.concatenate(hits).mean()) for key, hits in right.items()}


def test_same_arguments_give_the_same_market_in_another_process() -> None:
    def digest() -> str:
        whole = hashlib.sha256()
        for key, table in sorted(sample_market(7, START_NS, 3).frames.items()):
            whole.update(repr((key, table.to_pydict())).encode())
        return whole.hexdigest()

    program = (
        "import hashlib\n"
        "from ocw_strategy.catalog.sample import sample_market\n"
        "whole = hashlib.sha256()\n"
        f"for key, table in sorted(sample_market(7, {START_NS}, 3).frames.items()):\n"
        "    whole.update(repr((key, table.to_pydict())).encode())\n"
        "print(whole.hexdigest())"
    )
    other = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert other.stdout.strip() == digest()


def test_another_seed_gives_another_market() -> None:
    first, second = (returns(sample_market(seed, START_NS, 3), "BTCUSDT") for seed in (1, 2))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("base_minutes", [1, 5, 15])
def test_every_frame_passes_the_checks_of_the_catalog(base_minutes: int) -> None:
    sample = market(days=20, base_minutes=base_minutes)
    per_day = 24 * 60 // base_minutes
    kinds = {
        f"bars_{base_minutes}m": 20 * per_day,
        f"mark_{base_minutes}m": 20 * per_day,
        "bars_1h": 20 * 24,
        "funding": 20 * 3,
        "metrics_5m": 20 * 288,
    }
    assert set(sample.frames) == {(kind, symbol) for kind in kinds for symbol in SYMBOLS}
    for (kind, symbol), table in sample.frames.items():
        frame = check_frame(kind, table, source=f"{kind} {symbol}")
        assert len(frame.ts_ns) == kinds[kind]
        assert frame.duplicates == frame.unpublished == 0
        if kind != "funding":
            assert (np.diff(frame.ts_ns) == frame.kind.interval_ns).all()


@pytest.mark.parametrize("base_minutes", [1, 5, 15])
def test_hours_are_the_roll_up_of_the_base_bars(base_minutes: int) -> None:
    sample = market(days=20, base_minutes=base_minutes)
    for symbol in SYMBOLS:
        bars = sample.frames[f"bars_{base_minutes}m", symbol]
        hours = sample.frames["bars_1h", symbol]
        groups = {name: bars[name].to_numpy().reshape(len(hours), -1) for name in bars.column_names}
        assert np.array_equal(hours["open"].to_numpy(), groups["open"][:, 0])
        assert np.array_equal(hours["high"].to_numpy(), groups["high"].max(axis=1))
        assert np.array_equal(hours["low"].to_numpy(), groups["low"].min(axis=1))
        assert np.array_equal(hours["close"].to_numpy(), groups["close"][:, -1])
        np.testing.assert_allclose(hours["volume"].to_numpy(), groups["volume"].sum(axis=1))


def test_prices_are_on_the_tick_and_each_bar_opens_where_the_last_closed() -> None:
    for symbol, decimals in zip(SYMBOLS, (1, 2, 2), strict=True):
        for name in ("open", "high", "low", "close"):
            price = column(market(), "bars_5m", symbol, name)
            assert np.array_equal(price, np.round(price, decimals))
        opened = column(market(), "bars_5m", symbol, "open")
        assert np.array_equal(opened[1:], column(market(), "bars_5m", symbol, "close")[:-1])


def test_mark_stays_within_ten_basis_points_of_the_close() -> None:
    for symbol in SYMBOLS:
        mark = column(market(), "mark_5m", symbol, "close")
        close = column(market(), "bars_5m", symbol, "close")
        assert np.abs(mark / close - 1).max() < 0.001


def test_metrics_describe_the_five_minutes_before_their_time_stamp() -> None:
    for symbol in SYMBOLS:
        metrics = market().frames["metrics_5m", symbol]
        assert metrics["ts"][0].as_py() == START_MS + 300_000
        assert metrics["ts"][-1].as_py() == START_MS + 120 * 86_400_000
        moves = returns(market(), symbol)
        taker = np.log(metrics["taker_buy_sell_ratio"].to_numpy())
        assert spearmanr(taker, moves).statistic > 0.3
        assert abs(spearmanr(taker[:-1], moves[1:]).statistic) < 0.05
        value = metrics["open_interest_value"].to_numpy() / metrics["open_interest"].to_numpy()
        np.testing.assert_allclose(value, column(market(), "bars_5m", symbol, "close"), rtol=1e-6)


def test_tails_are_fatter_than_normal_within_each_regime() -> None:
    sample = market(days=365)
    for symbol in SYMBOLS:
        moves = returns(sample, symbol)
        regime = true_regime(sample, column(sample, "bars_5m", symbol, "ts"))
        for index in range(len(REGIMES)):
            assert kurtosis(moves[regime == index]) > 3  # excess: 0 for a normal law


def test_perpetuals_are_correlated_as_real_ones_are() -> None:
    hourly = np.array([returns(market(days=365), symbol, "bars_1h") for symbol in SYMBOLS])
    pairs = np.corrcoef(hourly)[np.triu_indices(3, 1)]
    assert pairs.min() > 0.65
    assert pairs.max() < 0.90


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_volume_follows_its_hour_of_day_and_the_size_of_the_move(symbol: str) -> None:
    sample = market(days=365)
    volume = column(sample, "bars_5m", symbol, "volume")
    hour = np.arange(len(volume)) // 12 % 24
    profile = np.array([volume[hour == each].mean() for each in range(24)])
    np.testing.assert_allclose(profile / profile.mean(), VOLUME_BY_HOUR, atol=0.12)
    moves = np.abs(returns(sample, symbol))
    three = hour == 15
    assert spearmanr(volume[three], moves[three]).statistic > 0.4


def test_regimes_have_the_volatility_they_claim() -> None:
    for seed in range(3):
        sample = market(seed, days=365)
        moves = returns(sample, "BTCUSDT")
        regime = true_regime(sample, column(sample, "bars_5m", "BTCUSDT", "ts"))
        for index, name in enumerate(REGIMES):
            annualised = moves[regime == index].std() * np.sqrt(365 * 288)
            assert annualised == pytest.approx(VOLATILITY_BY_REGIME[name], rel=0.15)


def test_volatility_clusters_within_a_regime() -> None:
    sample = market(days=365)
    moves = np.abs(returns(sample, "BTCUSDT", "bars_1h"))
    scaled = moves / np.array(list(VOLATILITY_BY_REGIME.values()))[sample.regimes["index"]]
    after = scaled[1:][scaled[:-1] > np.quantile(scaled, 0.99)]
    assert after.mean() > 1.25 * scaled.mean()


def test_true_regimes_are_kept_by_the_hour_and_last_one_to_three_weeks() -> None:
    table = market(days=365).regimes
    index = table["index"].to_numpy()
    assert table["ts"].to_pylist() == [START_MS + hour * 3_600_000 for hour in range(365 * 24)]
    assert table["regime"].to_pylist() == [REGIMES[each] for each in index]
    changes = np.flatnonzero(np.diff(index)) + 1
    stays = np.diff(changes)
    assert stays.min() >= 8 * 24
    assert stays.max() <= 20 * 24
    for each in range(len(REGIMES)):
        here = np.flatnonzero(index == each)
        assert np.diff(here).max() <= 80 * 24 + 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning:hmmlearn.*")
def test_a_filtered_markov_model_of_daily_periods_recovers_the_regimes() -> None:
    def score(seed: int) -> float:
        sample = market(seed, days=365)
        hourly = returns(sample, "BTCUSDT", "bars_1h").reshape(-1, 24)
        seen = np.column_stack((hourly.sum(axis=1), np.log((hourly**2).mean(axis=1)) / 2))
        seen = (seen - seen[:240].mean(axis=0)) / seen[:240].std(axis=0)
        past = seen[:240]
        third = np.argsort(np.argsort(past[:, 1])) * 3 // len(past)
        model = GaussianHMM(3, "diag", n_iter=50, init_params="c")
        model.startprob_ = np.full(3, 1 / 3)
        model.transmat_ = 0.85 * np.eye(3) + 0.05
        model.means_ = np.array([past[third == each].mean(axis=0) for each in range(3)])
        model.fit(past)
        density = np.column_stack(
            [
                multivariate_normal(mean, covariance).pdf(seen)
                for mean, covariance in zip(model.means_, model.covars_, strict=True)
            ]
        )
        belief, names = model.startprob_, []
        for row in density:
            belief = belief @ model.transmat_ * (row + 1e-300)
            belief /= belief.sum()
            names.append(int(belief.argmax()))
        return float(
            adjusted_rand_score(sample.regimes["index"].to_numpy()[23::24][240:], names[240:])
        )

    assert np.median([score(seed) for seed in range(5)]) >= 0.6


def test_planted_edges_are_where_they_are_said_to_be_and_nowhere_else() -> None:
    rates = [hit_rates(sample_market(seed, START_NS, 120)) for seed in range(20)]
    ranked = 0
    for rate in rates:
        ranked += all(
            rate[good, name] > rate[useless, name]
            for name in REGIMES
            for good in SIGNALS
            for useless in SIGNALS
            if PLANTED_EDGES[good][name] > PLANTED_EDGES[useless][name] == 0
        )
    assert ranked >= 18
    for signal in SIGNALS:
        for name in REGIMES:
            mean = np.mean([rate[signal, name] for rate in rates])
            if PLANTED_EDGES[signal][name]:
                assert 0.54 < mean < 0.60, (signal, name)
            else:
                assert abs(mean - 0.5) < 0.02, (signal, name)


def test_without_edge_no_signal_predicts_and_the_noise_is_the_same() -> None:
    rates = [hit_rates(sample_market(seed, START_NS, 120, edge=0.0)) for seed in range(10)]
    for key in rates[0]:
        assert abs(np.mean([rate[key] for rate in rates]) - 0.5) < 0.025, key
    with_edge, without = (returns(market(0, edge=edge), "ETHUSDT") for edge in (1.0, 0.0))
    assert np.corrcoef(with_edge, without)[0, 1] > 0.99


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"start_ns": START_NS + 1}, "start_ns"),
        ({"start_ns": -DAY_NS}, "start_ns"),
        ({"days": 0}, "days"),
        ({"base_minutes": 2}, "base_minutes"),
        ({"edge": -0.1}, "edge"),
        ({"edge": float("nan")}, "edge"),
    ],
)
def test_impossible_arguments_are_refused_by_name(changed: dict[str, int], field: str) -> None:
    arguments = {"seed": 0, "start_ns": START_NS, "days": 1, "base_minutes": 5} | changed
    with pytest.raises(SettingsError, match=field):
        sample_market(**arguments)
