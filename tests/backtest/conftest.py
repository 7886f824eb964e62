from collections.abc import Iterator
from pathlib import Path

import pytest

from ocw_strategy.backtest import run_backtest, write_reports
from tests.backtest.market import Run, make_settings, sample_frames, write_catalog


@pytest.fixture(scope="session")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_catalog(tmp_path_factory.mktemp("market") / "catalog", sample_frames())


@pytest.fixture(scope="session")
def run(catalog: Path) -> Iterator[Run]:
    made = Run(make_settings(catalog), "reference")
    yield made
    made.close()


@pytest.fixture(scope="session")
def finished(catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a finished run with its reports."""
    runs = tmp_path_factory.mktemp("runs")
    settings = make_settings(catalog, run={"runs_dir": str(runs)})
    return run_backtest(settings, created_wall_ns=1, finish=write_reports).folder
