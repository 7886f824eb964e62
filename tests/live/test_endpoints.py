"""How answers of the statistics endpoints are read."""

import math

import pytest

from ocw_strategy.catalog import OcwDerivatives, OcwFundingRate
from ocw_strategy.catalog.frames import STATISTICS
from ocw_strategy.live import endpoints
from ocw_strategy.live.endpoints import ENDPOINTS, PERIOD_MS, number

T = 1_704_067_200_000


def test_the_endpoints_feed_every_column_once() -> None:
    fed = [name for endpoint in endpoints.of(OcwDerivatives) for name in endpoint.columns.values()]
    assert sorted(fed) == sorted(STATISTICS)
    assert [e.name for e in endpoints.of(OcwFundingRate)] == ["fundingRate"]


def test_rows_are_read_whether_times_come_as_text_or_as_numbers() -> None:
    interest = ENDPOINTS[0]
    for ts in (T, str(T)):
        row = {"sumOpenInterest": "1.5", "sumOpenInterestValue": "3", "timestamp": ts}
        assert interest.read([row]) == {
            "open_interest": {T: 1.5},
            "open_interest_value": {T: 3.0},
        }


@pytest.mark.parametrize("row", [{}, {"timestamp": "soon"}, {"timestamp": T + 1}, None, 7])
def test_what_is_no_row_is_left_out(row: object) -> None:
    assert ENDPOINTS[1].read([row]) == {"toptrader_account_ls_ratio": {}}


def test_an_answer_that_is_no_list_has_no_rows() -> None:
    assert ENDPOINTS[1].read({"code": -1}) == {"toptrader_account_ls_ratio": {}}


def test_a_settlement_falls_on_its_minute() -> None:
    row = {"fundingTime": T + 7, "fundingRate": "0.0001"}
    assert ENDPOINTS[-1].read([row]) == {"rate": {T: 0.0001}}


def test_labels_that_are_starts_are_moved_to_the_end() -> None:
    row = {"timestamp": T, "longShortRatio": "2"}
    assert ENDPOINTS[1].read([row], PERIOD_MS) == {
        "toptrader_account_ls_ratio": {T + PERIOD_MS: 2.0}
    }


@pytest.mark.parametrize("value", [None, "", "n/a", "inf", "nan", []])
def test_what_is_no_number_is_unknown(value: object) -> None:
    assert math.isnan(number(value))
