"""The pieces as one curve."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocw_strategy.backtest.statistics import performance
from ocw_strategy.backtest.walkforward import Curve, OutOfSample
from ocw_strategy.backtest.walkforward.stitch import end_usd, stitch
from ocw_strategy.units import HOUR_NS


def piece(first_hour: int, equity: list[float], seam_cost_usd: float = 0.0) -> OutOfSample:
    times = tuple((first_hour + i) * HOUR_NS for i in range(len(equity)))
    curve = Curve(ts_ns=times, equity=tuple(equity))
    return OutOfSample(
        performance=performance(curve.times, curve.values), hourly=curve, daily=curve, trades=0,
        calls=0, open_positions=0, seam_cost_usd=seam_cost_usd, digest="", settings={},
    )  # fmt: skip


def test_returns_are_compounded_and_seams_are_paid() -> None:
    pieces = [piece(0, [100.0, 90.0, 110.0], 1.0), piece(2, [50.0, 60.0], 0.5)]
    times, equity = stitch(pieces, 1_000.0)
    assert times.tolist() == [0, HOUR_NS, 2 * HOUR_NS, 3 * HOUR_NS]
    assert equity.tolist() == pytest.approx([1_000.0, 900.0, 1_090.0, 1_090.0 * 59.5 / 50.0])


def test_an_account_that_lives_on_is_stitched_as_it_was() -> None:
    first = piece(0, [1_000.0, 1_100.0], 2.0)
    second = piece(1, [end_usd(first), 1_200.0])
    _, equity = stitch([first, second], 1_000.0)
    assert equity.tolist() == pytest.approx([1_000.0, 1_098.0, 1_200.0])


@given(
    st.lists(st.lists(st.floats(1.0, 1e6), min_size=2, max_size=6), min_size=1, max_size=5),
    st.floats(1.0, 1e6),
)
def test_the_whole_return_is_the_product_of_the_pieces(
    curves: list[list[float]], start_usd: float
) -> None:
    hour, pieces = 0, []
    for equity in curves:
        pieces.append(piece(hour, equity))
        hour += len(equity) - 1
    times, equity_found = stitch(pieces, start_usd)
    product = np.prod([equity[-1] / equity[0] for equity in curves])
    assert equity_found[-1] / equity_found[0] == pytest.approx(product)
    assert np.all(np.diff(times) == HOUR_NS)
