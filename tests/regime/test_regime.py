from pathlib import Path

import pytest

import ocw_strategy.regime
from ocw_strategy.regime import (
    ASSUMED_MACRO,
    Macro,
    RegimeSettings,
    VolatilityRegimeModel,
    VolatilityState,
    join_regime,
    regime_key,
)

CALM = VolatilityState("calm", 0.9, 0.25, exposure_scale=0.8, expires_ns=1)


def test_regime_joins_both_halves_and_their_scales() -> None:
    macro = Macro("stagflation", 0.6, assumed=False, growth=-1, inflation=1)
    regime = join_regime(CALM, macro)
    assert (regime.volatility, regime.macro) == ("calm", "stagflation")
    assert (regime.exposure_scale, regime.macro_scale) == (0.8, 0.6)
    assert (regime.probability, regime.annualised_volatility) == (0.9, 0.25)
    assert not regime.macro_assumed


def test_without_macro_data_goldilocks_is_marked_as_assumed_and_neutral() -> None:
    regime = join_regime(CALM, ASSUMED_MACRO)
    assert regime.key == "calm_goldilocks"
    assert regime.macro_assumed
    assert regime.macro_scale == 1.0


def test_b13_unknown_regime_has_a_key_of_its_own() -> None:
    model = VolatilityRegimeModel(RegimeSettings())
    assert join_regime(model.current, ASSUMED_MACRO).key == "unknown_goldilocks"


@pytest.mark.parametrize("name", ["calm", "unknown"])
def test_b12_every_key_is_built_by_the_one_function(name: str) -> None:
    state = VolatilityState(name, 0.5, 0.5, 1.0, 0)
    regime = join_regime(state, ASSUMED_MACRO)
    assert regime.key == regime_key(name, ASSUMED_MACRO.quadrant)


def test_b12_the_symbol_of_the_regime_is_written_in_one_place() -> None:
    room = Path(ocw_strategy.regime.__file__).parent
    sources = [path.read_text(encoding="utf-8") for path in room.glob("*.py")]
    assert sum(source.count("BTC") for source in sources) == 1
    assert RegimeSettings().symbol == "BTCUSDT-PERP"
