"""Market data into and out of the Nautilus Parquet catalog."""

from ocw_strategy.catalog.archive import (
    ARCHIVE_URL,
    DamagedFilesError,
    FetchProgress,
    FetchReport,
    FetchRequest,
    fetch,
)
from ocw_strategy.catalog.checks import Coverage, Gap, coverage, verify_files
from ocw_strategy.catalog.frames import check_frame, parse_kind
from ocw_strategy.catalog.importer import import_directory
from ocw_strategy.catalog.instruments import SYMBOLS, bar_type, instrument_id, perpetual
from ocw_strategy.catalog.reader import (
    BarColumns,
    DerivativeColumns,
    NoDataError,
    bar_minutes,
    hourly_closes,
    read_bars,
    read_derivatives,
    read_funding,
    read_known_funding,
    read_marks,
)
from ocw_strategy.catalog.sample_catalog import is_synthetic, write_sample
from ocw_strategy.catalog.store import recover
from ocw_strategy.catalog.types import OcwDerivatives, OcwFundingRate, OcwTakerFlow
from ocw_strategy.catalog.writer import PUBLICATION_DELAY_NS, WriteReport, write_frame

__all__ = [
    "ARCHIVE_URL",
    "PUBLICATION_DELAY_NS",
    "SYMBOLS",
    "BarColumns",
    "Coverage",
    "DamagedFilesError",
    "DerivativeColumns",
    "FetchProgress",
    "FetchReport",
    "FetchRequest",
    "Gap",
    "NoDataError",
    "OcwDerivatives",
    "OcwFundingRate",
    "OcwTakerFlow",
    "WriteReport",
    "bar_minutes",
    "bar_type",
    "check_frame",
    "coverage",
    "fetch",
    "hourly_closes",
    "import_directory",
    "instrument_id",
    "is_synthetic",
    "parse_kind",
    "perpetual",
    "read_bars",
    "read_derivatives",
    "read_funding",
    "read_known_funding",
    "read_marks",
    "recover",
    "verify_files",
    "write_frame",
    "write_sample",
]
