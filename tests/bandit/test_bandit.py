import json
from dataclasses import replace
from math import exp, isfinite, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocw_strategy.bandit import BanditSettings, BetaPosterior, Outcome, SignalBandit
from ocw_strategy.errors import OcwError
from ocw_strategy.units import MINUTE_NS, SIGNALS
from tests.bandit.strategies import REGIMES, outcomes, signals

SETTINGS = BanditSettings()
CALM, NORMAL, WILD = REGIMES
WON = 1.0 / (1.0 + exp(-2.0))
"""The reward of a net gain of one usual move."""


def trade(index: int, *, value: float = 0.8, net: float = 0.01, direction: int = 1) -> Outcome:
    """A closed trade in the calm regime whose usual move is 0.01, all signals at one value."""
    return Outcome(
        ts_ns=index,
        regime=CALM,
        signals=dict.fromkeys(SIGNALS, value),
        direction=direction,
        gross_return=net + 0.001,
        cost=0.001,
        volatility=0.0025,
        trade_id=f"T{index}",
    )


def shadow(close: int, *, value: float = 0.8, gross: float = 0.01, regime: str = CALM) -> Outcome:
    return Outcome(
        ts_ns=close * 15 * MINUTE_NS,
        regime=regime,
        signals=dict.fromkeys(SIGNALS, value),
        direction=1,
        gross_return=gross,
        cost=0.0,
        volatility=0.0025,
        shadow=True,
    )


def learnt(*trades: Outcome, **changes: object) -> SignalBandit:
    bandit = SignalBandit(BanditSettings.model_validate(changes))
    for outcome in trades:
        bandit.record(outcome)
    return bandit


def reports(bandit: SignalBandit) -> list[dict[str, BetaPosterior]]:
    return [bandit.report(regime) for regime in (*REGIMES, "never seen")]


# posteriors


def test_nothing_known_is_beta_2_2_everywhere() -> None:
    assert learnt().report(CALM) == dict.fromkeys(SIGNALS, BetaPosterior(2.0, 2.0, 0, 0))


def test_one_trade_adds_one_outcome() -> None:
    posterior = learnt(trade(1)).posterior(CALM, "funding")
    assert posterior.alpha == pytest.approx(2.0 + WON)
    assert posterior.beta == pytest.approx(3.0 - WON)
    assert posterior.outcomes == 1


def test_new_regime_starts_from_the_pool() -> None:
    bandit = learnt(*(replace(trade(index), volatility=nan) for index in range(20)))
    calm, wild = bandit.posterior(CALM, "funding"), bandit.posterior(WILD, "funding")
    assert (calm.alpha, calm.beta, calm.outcomes) == pytest.approx((22.0, 2.0, 20))
    # twenty wins elsewhere, of which pool_strength = 10 are borrowed
    assert (wild.alpha, wild.beta, wild.outcomes) == pytest.approx((12.0, 2.0, 0))


def test_regime_with_evidence_of_its_own_leaves_the_pool() -> None:
    elsewhere = [replace(trade(index), volatility=nan) for index in range(20)]
    own = [
        replace(trade(100 + index, net=-0.01), volatility=nan, regime=WILD) for index in range(30)
    ]
    means = [
        learnt(*elsewhere, *own[:count]).posterior(WILD, "funding").mean for count in (0, 3, 30)
    ]
    assert means == pytest.approx([12 / 14, 12 / 17, 12 / 44])


@settings(max_examples=25)
@given(trades=outcomes())
def test_unseen_regime_is_the_pool_of_all_regimes(trades: list[Outcome]) -> None:
    apart, pooled = learnt(*trades, pool_strength=0.0), learnt(*trades)
    for signal in SIGNALS:
        own = [apart.posterior(regime, signal) for regime in REGIMES]
        wins, losses = (sum(p.alpha - 2.0 for p in own), sum(p.beta - 2.0 for p in own))
        share = min(1.0, SETTINGS.pool_strength / (wins + losses)) if wins + losses else 0.0
        unseen = pooled.posterior("never seen", signal)
        assert unseen.alpha == pytest.approx(2.0 + share * wins)
        assert unseen.beta == pytest.approx(2.0 + share * losses)


@settings(max_examples=25)
@given(trades=outcomes(largest=40), shuffle=st.randoms(use_true_random=False))
def test_order_of_arrival_leaves_no_trace(trades: list[Outcome], shuffle: object) -> None:
    shuffled = list(trades)
    shuffle.shuffle(shuffled)  # type: ignore[attr-defined]
    assert reports(learnt(*trades, window=4)) == reports(learnt(*shuffled, window=4))


@settings(max_examples=25)
@given(trades=outcomes(largest=40))
def test_posteriors_are_finite_and_bounded_by_the_windows(trades: list[Outcome]) -> None:
    bound = 4.0 + 5.0 + SETTINGS.pool_strength
    for report in reports(learnt(*trades, window=5)):
        for posterior in report.values():
            assert posterior.alpha >= 2.0
            assert posterior.beta >= 2.0
            assert posterior.alpha + posterior.beta <= bound + 1e-9
            assert posterior.outcomes <= 5


@settings(max_examples=25)
@given(trades=outcomes(largest=30), pick=st.integers(0, 29), better=st.floats(0.0, 0.2))
def test_better_outcome_never_hurts_who_agreed_nor_helps_who_disagreed(
    trades: list[Outcome], pick: int, better: float
) -> None:
    if not trades:
        return
    pick %= len(trades)
    chosen = trades[pick]
    improved = list(trades)
    improved[pick] = replace(chosen, gross_return=chosen.gross_return + better)
    before, after = learnt(*trades).report(WILD), learnt(*improved).report(WILD)
    for signal in SIGNALS:
        gain = after[signal].mean - before[signal].mean
        agreed = (chosen.signals[signal] > 0.0) == (chosen.direction > 0)
        assert gain >= -1e-12 if agreed else gain <= 1e-12


@settings(max_examples=25)
@given(trades=outcomes(largest=30))
def test_market_upside_down_teaches_the_same(trades: list[Outcome]) -> None:
    flipped = [
        replace(
            outcome,
            direction=-outcome.direction,
            signals={name: -value for name, value in outcome.signals.items()},
        )
        for outcome in trades
    ]
    assert reports(learnt(*trades)) == reports(learnt(*flipped))


def test_b4_gross_winner_that_loses_after_costs_lowers_the_posterior() -> None:
    loser = replace(trade(1), gross_return=0.001, cost=0.003)
    assert learnt(loser).posterior(CALM, "funding").mean < 0.5


def test_b5_winning_longs_train_their_entry_signals_and_entry_regime_up() -> None:
    bandit = learnt(*(trade(index) for index in range(20)), pool_strength=0.0)
    assert bandit.posterior(CALM, "funding").mean == pytest.approx((2 + 20 * WON) / 24)
    assert bandit.posterior(WILD, "funding").mean == 0.5


def test_b6_winning_shorts_train_supporting_signals_up_as_longs_do() -> None:
    shorts = learnt(*(trade(index, value=-0.8, direction=-1) for index in range(20)))
    longs = learnt(*(trade(index) for index in range(20)))
    assert shorts.posterior(CALM, "funding").mean == pytest.approx((2 + 20 * WON) / 24)
    assert reports(shorts) == reports(longs)


def test_b16_posterior_after_any_history_is_that_of_the_last_fifty() -> None:
    history = [trade(index) for index in range(300)]
    recent = [trade(1000 + index, net=-0.005) for index in range(50)]
    assert reports(learnt(*history, *recent)) == reports(learnt(*recent))
    assert learnt(*history, *recent).posterior(CALM, "funding").outcomes == 50


def test_b33_trade_is_credited_however_much_happened_since_its_entry() -> None:
    bandit = learnt(*(shadow(close) for close in range(2_000)))
    assert bandit.record(trade(10**18))
    assert bandit.posterior(CALM, "funding").outcomes == 1


def test_faint_or_unknown_signal_is_not_credited() -> None:
    faint = replace(trade(1), signals={"funding": 0.04, "long_short": nan, "other": 1.0})
    bandit = SignalBandit(SETTINGS)
    assert not bandit.record(faint)
    assert bandit.report(CALM) == SignalBandit(SETTINGS).report(CALM)


def test_unknown_signal_name_is_refused() -> None:
    with pytest.raises(OcwError, match="signal: was 'cvd'"):
        SignalBandit(SETTINGS).posterior(CALM, "cvd")


# one trade, one credit


def test_trade_is_never_credited_twice() -> None:
    bandit = learnt(trade(1), trade(2))
    before = reports(bandit)
    assert not bandit.record(trade(1))
    assert not bandit.record(replace(trade(2), ts_ns=99, gross_return=0.5))
    assert reports(bandit) == before


def test_trade_is_never_credited_twice_across_a_restart_nor_after_leaving_the_window() -> None:
    bandit = learnt(*(trade(index) for index in range(80)))
    restored = SignalBandit(SETTINGS)
    restored.restore(json.loads(json.dumps(bandit.state())))
    assert not any(restored.record(trade(index)) for index in range(80))
    assert reports(restored) == reports(bandit)


# shadow outcomes


def test_shadow_horizon_counts_as_shadow_weight_of_a_trade() -> None:
    bandit = learnt(*(shadow(close) for close in range(16)))
    posterior = bandit.posterior(CALM, "funding")
    assert posterior.alpha == pytest.approx(2.0 + SETTINGS.shadow_weight * WON)
    assert posterior.beta == pytest.approx(2.0 + SETTINGS.shadow_weight * (1.0 - WON))
    assert (posterior.outcomes, posterior.shadow_outcomes) == (0, 1)


def test_b19_shadow_outcomes_neither_age_nor_evict_nor_count_as_trades() -> None:
    trades = [trade(index, net=-0.01) for index in range(50)]
    crowd = [shadow(close) for close in range(3_000)]
    muted = learnt(*trades, *crowd, shadow_weight=0.0)
    for regime in REGIMES:
        for signal, posterior in muted.report(regime).items():
            alone = learnt(*trades).posterior(regime, signal)
            assert (posterior.alpha, posterior.beta) == (alone.alpha, alone.beta)
            assert posterior.outcomes == alone.outcomes


def test_b19_every_signal_that_spoke_is_credited_not_only_the_first() -> None:
    report = learnt(shadow(1), trade(1)).report(CALM)
    assert len(set(report.values())) == 1
    assert report["open_interest"].outcomes == 1
    assert report["open_interest"].shadow_outcomes == 1


# what the posteriors do


def test_weights_are_the_base_weights_until_something_is_learnt() -> None:
    weights = learnt().mean_weights(CALM)
    assert weights == pytest.approx(SETTINGS.base_weights)


def test_weights_follow_the_odds_of_the_means() -> None:
    informed = [
        replace(trade(index), signals={"open_interest": 1.0}, volatility=nan) for index in range(8)
    ]
    weights = learnt(*informed, odds_exponent=1.0).mean_weights(CALM)
    # Beta(10, 2): odds 5, so 0.10 * 5 beside 0.35, 0.30 and 0.25
    assert weights == pytest.approx(
        {
            "funding": 0.35 / 1.4,
            "cumulative_volume_delta": 0.30 / 1.4,
            "long_short": 0.25 / 1.4,
            "open_interest": 0.50 / 1.4,
        }
    )


def test_cost_that_falls_on_every_signal_leaves_the_base_weights() -> None:
    bandit = learnt(*(trade(index, net=-0.002) for index in range(50)))
    assert bandit.posterior(CALM, "funding").mean < 0.5
    assert bandit.mean_weights(CALM) == pytest.approx(SETTINGS.base_weights)


def test_signal_that_always_loses_goes_toward_zero_and_not_below() -> None:
    losses = [replace(trade(index, net=-0.02), signals={"funding": 0.9}) for index in range(50)]
    weight = learnt(*losses).mean_weights(CALM)["funding"]
    assert 0.0 < weight < 0.001


@settings(max_examples=25)
@given(trades=outcomes(), seed=st.integers(0, 2**32))
def test_weights_are_positive_and_sum_to_one(trades: list[Outcome], seed: int) -> None:
    bandit = learnt(*trades)
    rng = np.random.default_rng(seed)
    for weights in (bandit.mean_weights(CALM), bandit.sample_weights(CALM, rng)):
        assert list(weights) == list(SIGNALS)
        assert all(weight >= 0.0 and isfinite(weight) for weight in weights.values())
        assert sum(weights.values()) == pytest.approx(1.0)


def test_sampled_weights_repeat_with_the_generator_and_settle_with_evidence() -> None:
    def spread(bandit: SignalBandit) -> float:
        rng = np.random.default_rng(5)
        return float(np.std([bandit.sample_weights(CALM, rng)["funding"] for _ in range(300)]))

    new, old = learnt(), learnt(*(trade(index, net=0.0) for index in range(50)))
    assert spread(new) == spread(learnt())
    assert spread(old) < 0.75 * spread(new)


def test_b15_posteriors_turn_the_composite_and_move_the_size() -> None:
    values = {"funding": 0.5, "open_interest": -0.5}
    history = [
        replace(trade(index), direction=-1, signals=values, volatility=nan) for index in range(20)
    ]
    bandit = learnt(*history)

    def composite(weights: dict[str, float]) -> float:
        return sum(weights[name] * value for name, value in values.items())

    assert composite(learnt().mean_weights(CALM)) > 0.0 > composite(bandit.mean_weights(CALM))
    assert bandit.scale(CALM, values, 1) < 1.0 < bandit.scale(CALM, {"open_interest": -0.5}, -1)


def test_scale_is_one_plus_slope_times_weighted_edge() -> None:
    bandit = learnt(trade(1))
    edge = (2.0 + WON) / 5.0 - 0.5
    assert bandit.scale(CALM, {"funding": 0.6, "long_short": 0.2}, 1) == pytest.approx(
        1.0 + SETTINGS.scale_slope * edge
    )
    # funding agrees with weight 0.35 * 0.6, long_short opposes with 0.25 * 0.2
    assert bandit.scale(CALM, {"funding": 0.6, "long_short": -0.2}, 1) == pytest.approx(
        1.0 + SETTINGS.scale_slope * edge * (0.21 - 0.05) / 0.26
    )


def test_poor_signal_against_the_trade_does_not_speak_for_it() -> None:
    bandit = learnt(*(trade(index, net=-0.01) for index in range(20)))
    assert bandit.scale(CALM, {"funding": -0.8}, 1) == 1.0
    assert bandit.scale(CALM, {"funding": 0.8}, 1) == SETTINGS.scale_minimum


def test_scale_is_neutral_when_no_signal_speaks() -> None:
    bandit = learnt(*(trade(index) for index in range(20)))
    assert bandit.scale(CALM, {}, 1) == 1.0
    assert bandit.scale(CALM, {"funding": nan, "long_short": 0.01}, -1) == 1.0


@settings(max_examples=25)
@given(trades=outcomes(), values=signals, direction=st.sampled_from((1, -1)))
def test_scale_stays_within_its_caps_and_ignores_which_way_is_up(
    trades: list[Outcome], values: dict[str, float], direction: int
) -> None:
    bandit = learnt(*trades)
    scale = bandit.scale(CALM, values, direction)
    assert SETTINGS.scale_minimum <= scale <= SETTINGS.scale_maximum
    flipped = {name: -value for name, value in values.items()}
    assert bandit.scale(CALM, flipped, -direction) == pytest.approx(scale)


# state


@settings(max_examples=25)
@given(trades=outcomes(), later=outcomes(largest=10), closes=st.integers(0, 60))
def test_b17_restored_bandit_is_the_saved_one_and_goes_on_like_it(
    trades: list[Outcome], later: list[Outcome], closes: int
) -> None:
    bandit = learnt(*trades, *(shadow(close, regime=NORMAL) for close in range(closes)))
    saved = json.loads(json.dumps(bandit.state(), sort_keys=True))
    restored = SignalBandit(SETTINGS)
    restored.record(trade(1))  # forgotten: restoring replaces
    restored.restore(saved)
    assert restored.state() == bandit.state()
    assert reports(restored) == reports(bandit)
    for outcome in later:
        renamed = replace(outcome, trade_id=f"later {outcome.trade_id}")
        assert bandit.record(renamed) == restored.record(renamed)
    assert reports(restored) == reports(bandit)


def test_smaller_window_keeps_the_latest_of_a_saved_state() -> None:
    saved = learnt(*(trade(index, net=-0.01 if index < 40 else 0.01) for index in range(50)))
    smaller = SignalBandit(BanditSettings(window=10))
    smaller.restore(saved.state())
    assert reports(smaller) == reports(learnt(*(trade(index) for index in range(40, 50))))


def test_state_of_another_version_is_refused() -> None:
    with pytest.raises(OcwError, match="bandit state version: was None"):
        SignalBandit(SETTINGS).restore({})


def test_regimes_are_listed_once_seen() -> None:
    bandit = learnt(trade(1), replace(trade(2), regime=WILD))
    assert bandit.regimes == (CALM, WILD)


def test_horizon_sets_the_unit_of_a_reward() -> None:
    hour = learnt(trade(1), horizon_hours=1).posterior(CALM, "funding").mean
    assert hour > learnt(trade(1)).posterior(CALM, "funding").mean
