"""Where a run's regime comes from: its hours, a given track, or nowhere."""

from pathlib import Path
from typing import Any

from ocw_strategy.regime import NEUTRAL_REGIME, UNKNOWN, record_regimes
from ocw_strategy.regimes import RegimeWatch
from ocw_strategy.settings import settings_from
from ocw_strategy.units import HOUR_NS
from tests.regime.market import QUICK, hours, turns

CLOSES, PRICES = hours(turns([0.15, 0.8], stay_days=9, days=90))


def watch(catalog: Path, **tables: Any) -> RegimeWatch:
    return RegimeWatch(
        settings_from(
            {
                "run": {"start": "2024-02-10", "end": "2024-02-28"},
                "data": {"catalog": str(catalog)},
                "regime": QUICK.model_dump(mode="json"),
                **tables,
            }
        )
    )


def test_hours_one_by_one_and_all_at_once_give_the_same_regime(tmp_path: Path) -> None:
    told, warmed = watch(tmp_path), watch(tmp_path)
    for close_ns, price in zip(CLOSES, PRICES, strict=True):
        told.add_hour(QUICK.symbol, close_ns, price)
    warmed.warm(zip(CLOSES, PRICES, strict=True))
    assert told.at(CLOSES[-1]) == warmed.at(CLOSES[-1])
    assert told.at(CLOSES[-1]).volatility != UNKNOWN


def test_only_the_instrument_of_the_settings_says_the_regime(tmp_path: Path) -> None:
    other = watch(tmp_path)
    for close_ns, price in zip(CLOSES, PRICES, strict=True):
        other.add_hour("SOLUSDT-PERP", close_ns, price)
    assert other.at(CLOSES[-1]).volatility == UNKNOWN


def test_a_given_track_is_what_it_says_and_no_hour_changes_it(tmp_path: Path) -> None:
    given = watch(tmp_path)
    given.recorded = record_regimes(CLOSES, PRICES, QUICK)
    assert not given.fits
    given.add_hour(QUICK.symbol, CLOSES[-1] + HOUR_NS, 10 * PRICES[-1])
    assert given.at(CLOSES[-1]) == given.recorded.at(CLOSES[-1])


def test_the_neutral_regime_needs_no_hours(tmp_path: Path) -> None:
    neutral = watch(tmp_path, experiment={"regime": "neutral"})
    assert not neutral.fits
    assert neutral.at(CLOSES[-1]) is NEUTRAL_REGIME


def test_a_catalog_without_hours_leaves_the_regime_unknown(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    cold = watch(tmp_path)
    cold.warm_from_catalog(CLOSES[-1])
    assert cold.at(CLOSES[-1]).volatility == UNKNOWN
