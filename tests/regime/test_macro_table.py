from datetime import date
from pathlib import Path

import pytest

from ocw_strategy.errors import CatalogError
from ocw_strategy.regime import MacroObservation, read_macro_csv, write_macro_csv
from tests.regime.macro_rows import midnight_ns, rising_growth_falling_inflation

HEADER = "series_id,date,published,value\n"


def test_written_series_are_read_back_equal(tmp_path: Path) -> None:
    series = rising_growth_falling_inflation(date(2024, 6, 28))
    write_macro_csv(series, tmp_path / "macro.csv")
    assert read_macro_csv(tmp_path / "macro.csv").observations == series.observations
    assert [path.name for path in tmp_path.iterdir()] == ["macro.csv"]


def test_row_is_read_with_its_publication_time(tmp_path: Path) -> None:
    path = tmp_path / "macro.csv"
    path.write_text(HEADER + "UNRATE,2024-05-01,2024-06-07T12:30:00Z,4.0\n")
    published_ns = midnight_ns(date(2024, 6, 7)) + int(12.5 * 3600) * 10**9
    expected = MacroObservation("UNRATE", date(2024, 5, 1), published_ns, 4.0)
    assert read_macro_csv(path).observations == (expected,)


@pytest.mark.parametrize(
    "row",
    [
        "GDP,2024-05-01,2024-06-07T12:30:00Z,4.0",
        "UNRATE,May 2024,2024-06-07T12:30:00Z,4.0",
        "UNRATE,2024-05-01,2024-06-07T12:30:00,4.0",
        "UNRATE,2024-05-01,,4.0",
        "UNRATE,2024-05-01,2024-06-07T12:30:00Z,.",
        "UNRATE,2024-05-01,2024-06-07T12:30:00Z,nan",
        "UNRATE,2024-05-01,2024-06-07T12:30:00Z",
        "UNRATE,2024-05-01,2024-06-07T12:30:00Z,4.0,9",
    ],
)
def test_bad_row_refuses_the_file_and_is_named(tmp_path: Path, row: str) -> None:
    path = tmp_path / "macro.csv"
    path.write_text(HEADER + "UNRATE,2024-04-01,2024-05-03T12:30:00Z,3.9\n" + row + "\n")
    with pytest.raises(CatalogError, match=r"macro\.csv, line 3"):
        read_macro_csv(path)


def test_missing_column_refuses_the_file(tmp_path: Path) -> None:
    path = tmp_path / "macro.csv"
    path.write_text("series_id,date,value\nUNRATE,2024-05-01,4.0\n")
    with pytest.raises(CatalogError, match="make the columns"):
        read_macro_csv(path)
