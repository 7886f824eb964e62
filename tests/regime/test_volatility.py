import json
import math

import numpy as np
import pytest

from ocw_strategy.regime import (
    UNKNOWN,
    RegimeSettings,
    VolatilityRegimeModel,
    first_hour_ns,
)
from ocw_strategy.units import DAY_NS, HOUR_NS
from tests.regime.market import QUICK, QUIET_AND_WILD, START_NS, fed, market, names, turns

WEEKLY = QUICK.model_copy(update={"refit": "weekly"})
JUNE_NS = START_NS + 151 * DAY_NS  # 2023-06-01


def test_b13_too_little_history_is_unknown_with_reduced_exposure() -> None:
    model = fed(QUICK, market(QUIET_AND_WILD)[: 59 * 24])
    assert model.current.name == UNKNOWN
    assert model.current.probability == 0
    assert model.current.exposure_scale == QUICK.unknown_exposure_scale < 1
    assert "fewer than 60 days" in model.fits[-1].refused


def test_b13_refused_fit_is_unknown_with_reduced_exposure() -> None:
    pairs = [(START_NS + i * HOUR_NS, 100 * 1.001 ** (i % 2)) for i in range(1, 24 * 100)]
    model = fed(QUICK, pairs)  # the same move every hour: every period is like every other
    assert model.fits[-1].periods > 100
    assert model.fits[-1].refused == "no candidate converged to a sound model"
    assert model.current.name == UNKNOWN
    assert model.current.exposure_scale == QUICK.unknown_exposure_scale


def test_b13_failed_fit_after_a_good_one_does_not_keep_the_old_name() -> None:
    model = fed(WEEKLY, market(QUIET_AND_WILD)[: 120 * 24])
    assert model.current.name != UNKNOWN
    last_ns, price = START_NS + 120 * DAY_NS, 100.0
    for hour in range(1, 24 * 100):
        model.add_hour(last_ns + hour * HOUR_NS, price * 1.001 ** (hour % 2))
    assert model.fits[-1].refused
    assert model.current.name == UNKNOWN


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([0.15, 0.8], {"calm", "turbulent"}),
        ([0.45, 1.5], {"normal", "extreme"}),
        ([0.15, 0.45], {"calm", "normal"}),
    ],
)
def test_b13_names_say_the_volatility_itself_not_its_rank(
    levels: list[float], expected: set[str]
) -> None:
    settings = QUICK.model_copy(update={"state_counts": (2,)})
    found = names(settings, market(turns(levels, stay_days=9, days=130)))
    assert set(found) - {UNKNOWN} == expected


def test_b13_name_keeps_its_meaning_across_refits() -> None:
    volatility = np.concatenate(
        (turns([0.2, 0.45], stay_days=9, days=180), turns([0.45, 0.8], stay_days=9, days=180))
    )
    found = np.array(names(QUICK, market(volatility)))
    known = (found != UNKNOWN) & (np.arange(len(found)) > 92 * 24)
    for name, low, high in (("calm", 0, 0.3), ("normal", 0.3, 0.6), ("turbulent", 0.6, 1.0)):
        at_name = volatility[known & (found == name)]
        assert np.mean((at_name >= low) & (at_name < high)) > 0.75


def test_regime_follows_a_change_of_volatility_within_two_days() -> None:
    pairs = market(QUIET_AND_WILD)
    turn = 18 * 6 * 24 + 9 * 24  # a turn to the wild level, after the first fit
    assert QUIET_AND_WILD[turn - 1] < QUIET_AND_WILD[turn]
    found = names(QUICK, pairs)
    assert found[turn - 1] == "calm"
    assert found[turn + 47] == "turbulent"


@pytest.mark.parametrize("settings", [QUICK, WEEKLY], ids=["monthly", "weekly"])
@pytest.mark.parametrize("with_gaps", [False, True])
def test_warm_start_equals_a_run_that_arrives(settings: RegimeSettings, with_gaps: bool) -> None:
    pairs = market(QUIET_AND_WILD)
    if with_gaps:
        rng = np.random.default_rng(3)
        gone = {*range(2400, 2440), 3599, 3600, 3601, *rng.integers(len(pairs), size=150).tolist()}
        pairs = [pair for i, pair in enumerate(pairs) if i not in gone]
    arriving = VolatilityRegimeModel(settings)
    checks = {2300, 2900, 3625, 4100, len(pairs) - 1}
    for i, (close_ns, close) in enumerate(pairs):
        arriving.add_hour(close_ns, close)
        if i in checks:
            first = first_hour_ns(settings, close_ns)
            warm = VolatilityRegimeModel(settings)
            warm.warm(pair for pair in pairs[: i + 1] if pair[0] >= first)
            assert warm.current == arriving.current
            assert len(warm.fits) == 1
            assert warm.current.name != UNKNOWN


def test_warm_model_goes_on_as_if_its_hours_had_been_added_singly() -> None:
    pairs = market(QUIET_AND_WILD)
    singly = fed(QUICK, pairs[:2500])
    warm = VolatilityRegimeModel(QUICK)
    warm.warm(pairs[:2500])
    for close_ns, close in pairs[2500:]:
        singly.add_hour(close_ns, close)
        warm.add_hour(close_ns, close)
        assert warm.current == singly.current
    assert warm.state() == singly.state()


def test_warming_with_no_hours_changes_nothing() -> None:
    pairs = market(QUIET_AND_WILD)[: 100 * 24]
    model = VolatilityRegimeModel(QUICK)
    model.warm([])
    assert model.current.name == UNKNOWN
    for close_ns, close in pairs:
        model.add_hour(close_ns, close)
    assert model.current == fed(QUICK, pairs).current
    assert model.current.name != UNKNOWN


def test_model_restored_from_json_continues_to_the_bit() -> None:
    pairs = market(QUIET_AND_WILD)
    cut = 100 * 24 + 7
    model = fed(QUICK, pairs[:cut])
    other = VolatilityRegimeModel(QUICK)
    other.restore(json.loads(json.dumps(model.state())))
    assert other.current == model.current
    for close_ns, close in pairs[cut:]:
        model.add_hour(close_ns, close)
        other.add_hour(close_ns, close)
        assert other.current == model.current
    assert other.state() == model.state()


def test_state_of_a_model_without_hours_round_trips() -> None:
    model = VolatilityRegimeModel(QUICK)
    model.restore(json.loads(json.dumps(model.state())))
    assert model.current.name == UNKNOWN
    assert model.add_hour(START_NS, 100.0)


@pytest.mark.parametrize(
    "close", [0.0, -1.0, math.nan, math.inf], ids=["zero", "negative", "nan", "infinite"]
)
def test_price_that_is_none_is_rejected_and_counted(close: float) -> None:
    pairs = market(QUIET_AND_WILD)[: 100 * 24]
    model = fed(QUICK, pairs)
    before = model.state()
    assert not model.add_hour(pairs[-1][0] + HOUR_NS, close)
    assert model.rejected == 1
    assert model.state() == before | {"rejected": 1}


def test_late_doubled_and_broken_hours_are_rejected_and_counted() -> None:
    model = fed(QUICK, market(QUIET_AND_WILD)[:50])
    last_ns = START_NS + 50 * HOUR_NS
    moments = (last_ns, last_ns - HOUR_NS, last_ns + HOUR_NS // 2)
    assert [model.add_hour(moment, 100.0) for moment in moments] == [False] * 3
    assert model.rejected == 3


def test_gap_of_a_day_is_skipped_and_counted_and_the_regime_goes_on() -> None:
    pairs = market(QUIET_AND_WILD)
    model = fed(QUICK, pairs[: 100 * 24] + pairs[101 * 24 : 102 * 24])
    assert model.skipped_periods == 2
    assert model.current.name != UNKNOWN


def test_regime_grown_stale_is_unknown_until_a_period_completes() -> None:
    pairs = market(QUIET_AND_WILD)
    model = fed(QUICK, pairs[: 100 * 24])
    last_ns = pairs[100 * 24 - 1][0]
    stale_ns = last_ns + QUICK.stale_hours * HOUR_NS
    assert model.at(stale_ns - 1) == model.current
    assert model.at(stale_ns).name == UNKNOWN
    assert model.at(stale_ns).exposure_scale == QUICK.unknown_exposure_scale
    for close_ns, close in pairs[105 * 24 : 106 * 24]:
        model.add_hour(close_ns, close)
    assert model.at(model.current.expires_ns - 1).name != UNKNOWN


def test_refits_happen_on_calendar_boundaries_and_see_nothing_after_them() -> None:
    pairs = market(QUIET_AND_WILD)
    model = fed(QUICK, pairs)
    boundaries = [fit.boundary_ns for fit in model.fits]
    assert boundaries[0] == START_NS
    assert JUNE_NS in boundaries
    assert len(boundaries) == 7
    until_june = fed(QUICK, [pair for pair in pairs if pair[0] <= JUNE_NS])
    assert until_june.fits == model.fits[: len(until_june.fits)]
    assert until_june.fits[-1].boundary_ns == JUNE_NS


def test_fit_window_is_the_days_of_history_before_the_boundary() -> None:
    model = fed(QUICK, market(QUIET_AND_WILD))
    assert model.fits[-1].periods == 90 * 24 // QUICK.period_hours
    volatilities = model.fits[-1].volatilities
    assert list(volatilities) == sorted(volatilities)


def test_boundary_inside_a_gap_is_refitted_at_the_first_hour_after_it() -> None:
    pairs = market(QUIET_AND_WILD)
    june = JUNE_NS
    kept = [pair for pair in pairs if not june - DAY_NS < pair[0] <= june + 5 * HOUR_NS]
    model = fed(QUICK, [pair for pair in kept if pair[0] <= june + 6 * HOUR_NS])
    assert model.fits[-1].boundary_ns == june
    assert model.fits[-1].periods == 89 * 24 // QUICK.period_hours
