"""The bench of the signals feeds a desk what an actor would be told, and counts what it says."""

from contextlib import closing
from dataclasses import replace
from typing import Any

import pyarrow.compute as pc
import pytest

from ocw_strategy.bandit import BetaPosterior
from ocw_strategy.catalog.sample import REGIMES, SampleMarket, sample_market
from ocw_strategy.desk import DecisionDesk
from ocw_strategy.journal import Journal
from ocw_strategy.regime import record_regimes
from ocw_strategy.units import DAY_NS, HOUR_NS, MILLISECOND_NS, MINUTE_NS
from tests.bench.signals import (
    PAIRS,
    SETTINGS,
    START_NS,
    Learnt,
    Ranking,
    drawn_higher,
    figures,
    key_of,
    learn,
    told,
)


def market(days: int, edge: float = 1.0) -> SampleMarket:
    """Return a market whose true regimes are withheld: whoever reads them fails."""
    made = sample_market(1, START_NS, days, 15, edge=edge)
    return replace(made, regimes=None)


def ranking(calm: float = 0.1, normal: float = 0.1, turbulent: float = 0.1) -> Ranking:
    """Return a ranking whose last gap in each regime is as given, the others 0.1."""
    last = {"calm": calm, "normal": normal, "turbulent": turbulent}
    gaps = {regime: [0.1] * (len(PAIRS[regime]) - 1) + [last[regime]] for regime in REGIMES}
    drawn = {regime: [0.75] * len(PAIRS[regime]) for regime in REGIMES}
    return Ranking(gaps, drawn, {"calm": 40, "normal": 30, "turbulent": 50})


def test_pairs_are_those_of_the_planted_truth() -> None:
    assert set(PAIRS["calm"]) == set(PAIRS["normal"])
    assert set(PAIRS["calm"]) == {
        ("funding", "long_short"),
        ("funding", "open_interest"),
        ("cumulative_volume_delta", "long_short"),
        ("cumulative_volume_delta", "open_interest"),
    }
    assert set(PAIRS["turbulent"]) == {
        ("long_short", "funding"),
        ("long_short", "cumulative_volume_delta"),
        ("long_short", "open_interest"),
    }


def test_true_regimes_are_looked_up_under_the_keys_that_the_desk_files_them_by() -> None:
    assert [key_of(regime, SETTINGS.regime) for regime in REGIMES] == [
        "calm_goldilocks",
        "normal_goldilocks",
        "turbulent_goldilocks",
    ]


def test_desk_is_told_everything_once_and_when_it_becomes_known() -> None:
    made = market(days=2)
    with closing(Journal.open(":memory:", run_id="told", power_safe=False)) as journal:
        desk = DecisionDesk(SETTINGS, journal, record_regimes([], [], SETTINGS.regime).at)
        events = list(told(made, desk))
    times = [known_ns for known_ns, _, _ in events]
    assert times == sorted(times)
    by_call: dict[str, list[tuple[int, tuple[Any, ...]]]] = {}
    for known_ns, call, about in events:
        by_call.setdefault(call.__name__, []).append((known_ns, about))
    assert {name: len(found) for name, found in by_call.items()} == {
        "add_funding": 3 * 2 * 3,
        "add_metrics": 3 * 2 * 288,
        "add_bar": 3 * 2 * 96,
        "close": 2 * 96,
    }
    for name in ("add_funding", "add_metrics"):
        for known_ns, (_, event_ns, init_ns, *_) in by_call[name]:
            assert init_ns == known_ns == event_ns + 5 * MINUTE_NS
    assert [about for _, about in by_call["close"]] == [
        (START_NS + n * HOUR_NS // 4,) for n in range(1, 2 * 96 + 1)
    ]
    for at, (known_ns, call, _) in enumerate(events):
        if call.__name__ == "close":  # all that closes then has been told, and nothing later
            assert events[at + 1 : at + 2] == [] or events[at + 1][0] > known_ns


def test_look_knows_nothing_of_later_days() -> None:
    whole = market(days=24)
    end_ms = (START_NS + 20 * DAY_NS) // MILLISECOND_NS
    cut = {key: table.filter(pc.field("ts") < end_ms) for key, table in whole.frames.items()}
    early = learn(whole, [20, 24]).by_day[20]
    assert early == learn(SampleMarket(cut, whole.regimes), [20]).last
    assert any(gap != 0 for gap in early.gaps["calm"])


def test_strong_edges_are_ranked_right_though_the_true_regimes_are_withheld() -> None:
    learnt = learn(market(days=105, edge=3.0), [105])
    assert min(learnt.last.outcomes.values()) >= 50
    assert learnt.last.all_right()
    assert learnt.own.all_right()


def test_one_wrong_pair_makes_its_regime_and_its_seed_wrong() -> None:
    right, wrong, tie = ranking(), ranking(normal=-0.01), ranking(turbulent=0.0)
    found = figures(
        [
            Learnt({150: wrong, 180: right}, own=wrong),
            Learnt({150: right, 180: wrong}, own=right),
            Learnt({150: right, 180: tie}, own=right),
            Learnt({150: right, 180: right}, own=right),
        ]
    )
    assert found == {
        "ranked_right": 2,
        "by_regime": {"calm": 4, "normal": 3, "turbulent": 3},
        "pairs_right": round(42 / 44, 3),
        "by_day": {"150": 3, "180": 2},
        "throughout": 1,
        "drawn_right": 0.75,
        "own_ranked_right": 3,
        "own_pairs_right": round(43 / 44, 3),
        "least_outcomes": 30,
    }


def test_drawn_higher_is_a_half_between_equals_and_near_the_exact_probability() -> None:
    one = BetaPosterior(40.0, 40.0, 0, 0)
    assert drawn_higher(one, one) == 0.5
    # exact, by quadrature of pdf(45, 35) * cdf(40, 40) with scipy: 0.78727
    assert drawn_higher(BetaPosterior(45.0, 35.0, 0, 0), one) == pytest.approx(0.78727, abs=0.001)
