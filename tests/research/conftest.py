from pathlib import Path

import pytest

from ocw_strategy.catalog import write_sample
from ocw_strategy.research import Run, backtest
from tests.backtest.market import make_settings


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small sample catalog."""
    catalog = tmp_path_factory.mktemp("market") / "catalog"
    write_sample(catalog, seed=1, start="2024-01-01", days=60, base_minutes=15, edge=1.0)
    return catalog


@pytest.fixture(scope="session")
def run(market: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a run kept on disk."""
    runs = tmp_path_factory.mktemp("runs")
    window = {"start": "2024-02-10", "end": "2024-02-20", "warmup_days": 30, "runs_dir": str(runs)}
    return backtest(make_settings(market, run=window), keep=True)
