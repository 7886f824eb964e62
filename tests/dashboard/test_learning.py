"""The newest posterior of each signal and regime, and the regime in force."""

import math

import pytest

from ocw_strategy.dashboard.learning import posteriors, regime_now
from ocw_strategy.journal import MEMORY, Journal, Posterior, RegimeRow
from tests.backtest.runs import OPENED_NS, evaluated


def test_of_each_signal_in_each_regime_the_newest_posterior_counts() -> None:
    with Journal.open(MEMORY, run_id="learning") as journal:
        for row in (
            Posterior(1, "calm", "funding", 2.0, 2.0, 0),
            Posterior(2, "calm", "open_interest", 5.0, 5.0, 6),
            Posterior(3, "wild", "funding", 2.0, 6.0, 4),
            Posterior(4, "calm", "funding", 6.0, 2.0, 4),
        ):
            journal.append(row)
        found = posteriors(journal)
    assert [(each.regime, each.signal, each.mean, each.outcomes) for each in found] == [
        ("calm", "funding", 0.75, 4),
        ("calm", "open_interest", 0.5, 6),
        ("wild", "funding", 0.25, 4),
    ]
    assert found[0].deviation == pytest.approx(math.sqrt(6 * 2 / (64 * 9)))


def test_the_regime_is_the_last_that_began() -> None:
    with Journal.open(MEMORY, run_id="learning") as journal:
        assert regime_now(journal) is None
        journal.append(evaluated(0, "quiet", wake=False))
        seen = regime_now(journal)
        journal.append(RegimeRow(OPENED_NS, "wild_reflation", "wild", "reflation", 0.9, math.nan))
        began = regime_now(journal)
    assert seen is not None
    assert (seen.regime, seen.macro, seen.since_ns) == ("calm_goldilocks", "goldilocks", None)
    assert began is not None
    assert (began.regime, began.since_ns) == ("wild_reflation", OPENED_NS)
    assert (began.probability, began.annualised_volatility) == (0.9, None)
