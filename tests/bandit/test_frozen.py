"""The bandit that never learns."""

from ocw_strategy.bandit import BanditSettings, FrozenBandit
from ocw_strategy.units import SIGNALS
from tests.bandit.test_bandit import CALM, shadow, trade


def test_nothing_moves_it_from_its_prior() -> None:
    bandit = FrozenBandit(BanditSettings())
    assert not any(bandit.record(trade(index)) for index in range(60))
    assert not bandit.record(shadow(0))
    assert {(p.alpha, p.beta) for p in bandit.report(CALM).values()} == {(2.0, 2.0)}
    assert bandit.scale(CALM, dict.fromkeys(SIGNALS, 1.0), 1) == 1.0
    weights = bandit.mean_weights(CALM)
    assert all(abs(weights[s] - BanditSettings().base_weights[s]) < 1e-12 for s in SIGNALS)
