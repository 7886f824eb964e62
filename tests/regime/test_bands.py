from itertools import pairwise

import numpy as np
import pytest

from ocw_strategy.regime import VolatilityBand
from tests.regime.market import QUICK, QUIET_AND_WILD, fed, market, names, turns


def test_two_states_in_one_band_share_its_name_and_add_their_probabilities() -> None:
    bands = (
        VolatilityBand(name="calm", below=5.0, exposure_scale=1.0),
        VolatilityBand(name="extreme", exposure_scale=0.4),
    )
    settings = QUICK.model_copy(update={"bands": bands})
    model = fed(settings, market(QUIET_AND_WILD)[: 120 * 24])
    assert model.fits[-1].states >= 2
    assert model.current.name == "calm"
    assert model.current.probability == pytest.approx(1)


def test_expected_volatility_lies_near_the_true_one() -> None:
    pairs = market(QUIET_AND_WILD)
    wild_end = 18 * 7 * 24 - 1
    model = fed(QUICK, pairs[:wild_end])
    assert QUIET_AND_WILD[wild_end] == 0.8
    assert model.current.annualised_volatility == pytest.approx(0.8, rel=0.25)


def test_name_is_kept_while_it_is_plausible() -> None:
    volatility = turns([0.27, 0.34], stay_days=4, days=200)  # two levels hardly told apart
    keen = QUICK.model_copy(update={"keep_probability": 0.5})
    switches = [
        sum(a != b for a, b in pairwise(found))
        for found in (names(each, market(volatility)) for each in (keen, QUICK))
    ]
    assert 0 < switches[1] < switches[0]


def test_quiet_weekends_are_no_regime() -> None:
    hour = np.arange(150 * 24)
    weekend = (hour // 24 + 6) % 7 >= 5  # the market starts on a Sunday
    volatility = np.where(weekend, 0.25, 0.5)
    found = np.array(names(QUICK, market(volatility, seed=2)))[92 * 24 :]
    weekend = weekend[92 * 24 :]
    assert np.mean(found[weekend] == "normal") == pytest.approx(
        np.mean(found[~weekend] == "normal"), abs=0.1
    )
