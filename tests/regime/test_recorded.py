from datetime import date

import numpy as np
import pytest

from ocw_strategy.regime import (
    UNKNOWN,
    MacroObservation,
    MacroSeries,
    RegimeSettings,
    VolatilityRegimeModel,
    join_regime,
    macro_at,
    record_regimes,
)
from ocw_strategy.units import DAY_NS, HOUR_NS
from tests.regime.macro_rows import rising_growth_falling_inflation
from tests.regime.market import QUICK, START_NS, hours, turns

VOLATILITY = turns([0.15, 0.8], stay_days=9, days=150)


def with_holes() -> tuple[list[int], list[float]]:
    close_ns, close = hours(VOLATILITY)
    kept = [i for i in range(len(close)) if not 2500 <= i < 2640 and i % 97]
    return [close_ns[i] for i in kept], [close[i] for i in kept]


@pytest.mark.parametrize("settings", [QUICK, QUICK.model_copy(update={"refit": "weekly"})])
def test_record_equals_the_online_model_at_every_hour(settings: RegimeSettings) -> None:
    close_ns, close = with_holes()
    macro = rising_growth_falling_inflation(date(2023, 2, 10))  # stale in May
    record = record_regimes(close_ns, close, settings, macro)
    model = VolatilityRegimeModel(settings)
    position, seen = 0, set()
    for now_ns in range(START_NS, close_ns[-1] + 1, HOUR_NS // 2):
        while position < len(close_ns) and close_ns[position] <= now_ns:
            model.add_hour(close_ns[position], close[position])
            position += 1
        online = join_regime(model.at(now_ns), macro_at(macro, now_ns, settings.macro))
        assert record.at(now_ns) == online
        seen.add(online.key)
    assert {"unknown_goldilocks", "calm_goldilocks", "turbulent_unknown"} <= seen
    assert record.fits == tuple(model.fits)


def test_record_is_unknown_before_its_first_hour_and_when_grown_stale() -> None:
    close_ns, close = hours(VOLATILITY)
    record = record_regimes(close_ns, close, QUICK)
    assert record.at(START_NS - DAY_NS).volatility == UNKNOWN
    stale_ns = close_ns[-1] + QUICK.stale_hours * HOUR_NS
    assert record.at(stale_ns - 1).volatility != UNKNOWN
    assert record.at(stale_ns).volatility == UNKNOWN


def test_record_of_no_hours_is_unknown() -> None:
    record = record_regimes([], [], QUICK)
    assert record.at(START_NS).volatility == UNKNOWN
    assert record.at(START_NS).macro_assumed


@pytest.mark.parametrize("cut", [1500, 2304, 2999])
def test_changing_closes_after_a_time_changes_no_regime_up_to_it(cut: int) -> None:
    close_ns, close = hours(VOLATILITY)
    rng = np.random.default_rng(cut)
    other = close[: cut + 1] + (30_000 * np.exp(rng.standard_normal(len(close)))).tolist()
    before = record_regimes(close_ns, close, QUICK)
    after = record_regimes(close_ns, other[: len(close)], QUICK)
    until = close_ns[: cut + 1]
    assert [before.at(now) for now in until] == [after.at(now) for now in until]
    later = close_ns[cut + 1 :]
    assert [before.at(now) for now in later] != [after.at(now) for now in later]


def test_macro_published_after_a_time_changes_no_regime_up_to_it() -> None:
    close_ns, close = hours(VOLATILITY)
    macro = rising_growth_falling_inflation(date(2023, 5, 1))
    middle = close_ns[2000]
    past = [each for each in macro.observations if each.published_ns <= middle]
    upset = [
        MacroObservation(each.series_id, each.date, middle + 1, each.value + 5) for each in past
    ]
    full = record_regimes(close_ns, close, QUICK, macro)
    other = record_regimes(close_ns, close, QUICK, MacroSeries([*past, *upset]))
    assert [full.at(now) for now in close_ns[:2001]] == [other.at(now) for now in close_ns[:2001]]
