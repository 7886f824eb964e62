"""Market data as frames: by the time it was known, and what is not there is said."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ocw_strategy.catalog import read_bars, read_derivatives
from ocw_strategy.catalog.reader import NoDataError, read_known_funding
from ocw_strategy.errors import CatalogError, SettingsError
from ocw_strategy.research import load_bars, load_metrics


def test_bars_are_those_of_the_catalog_by_their_close(market: Path) -> None:
    bars = load_bars("BTCUSDT-PERP", catalog=market, start="2024-02-01", end="2024-02-02")
    assert len(bars) == 97
    assert bars.index[0] == pd.Timestamp("2024-02-01", tz="UTC")
    assert bars.index[-1] == pd.Timestamp("2024-02-02", tz="UTC")
    whole = read_bars(market, "BTCUSDT", 15)
    everything = load_bars("BTCUSDT-PERP", catalog=market)
    assert everything.close.tolist() == whole.close.tolist()
    assert everything.index.astype("int64").tolist() == whole.close_ns.tolist()


def test_metrics_stand_at_the_time_they_were_known(market: Path) -> None:
    found = load_metrics("ETHUSDT-PERP", catalog=market, end="2024-01-20")
    raw = read_derivatives(market, "ETHUSDT")
    assert found.open_interest.tolist() == raw.open_interest[: len(found)].tolist()
    assert (found.index > found.measured).all()
    assert found.index[-1] <= pd.Timestamp("2024-01-20", tz="UTC")


def test_the_funding_rate_is_the_last_one_that_was_known(market: Path) -> None:
    found = load_metrics("ETHUSDT-PERP", catalog=market)
    _, known_ns, rates = read_known_funding(market, "ETHUSDT")
    for moment, rate in list(zip(found.index, found.funding_rate, strict=True))[::500]:
        before = known_ns <= moment.value
        assert (rate == rates[before][-1]) if before.any() else np.isnan(rate)
    assert found.funding_rate.notna().sum() > 1_000


def test_what_is_not_there_is_said(market: Path, tmp_path: Path) -> None:
    with pytest.raises(NoDataError):
        load_bars("BTCUSDT-PERP", catalog=market, start="2030-01-01")
    with pytest.raises(CatalogError):
        load_bars("BTCUSDT-PERP", catalog=tmp_path)
    with pytest.raises(SettingsError, match="ISO date"):
        load_metrics("BTCUSDT-PERP", catalog=market, start="yesterday")
