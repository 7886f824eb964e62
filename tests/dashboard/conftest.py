from pathlib import Path

import pytest

from ocw_strategy.backtest import run_backtest
from ocw_strategy.catalog import write_sample
from ocw_strategy.journals import JOURNAL_FILE
from tests.backtest.market import make_settings


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the journal of a finished run on the sample market."""
    folder = tmp_path_factory.mktemp("demo")
    catalog = folder / "catalog"
    write_sample(catalog, seed=1, start="2024-01-01", days=60, base_minutes=15, edge=1.0)
    runs = {"start": "2024-02-10", "end": "2024-02-25", "warmup_days": 30, "runs_dir": str(folder)}
    settings = make_settings(catalog, run=runs)
    return run_backtest(settings, created_wall_ns=1).folder / JOURNAL_FILE
