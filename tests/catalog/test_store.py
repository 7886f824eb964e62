import fcntl

import pytest

from ocw_strategy.catalog.store import part_files, read_table, recover, transaction
from ocw_strategy.catalog.types import OcwDerivatives
from ocw_strategy.catalog.writer import write_frame
from ocw_strategy.errors import CatalogError
from tests.catalog import market

DERIVATIVES = "BTCUSDT-PERP.BINANCE"


def fill(folder, days: int) -> None:
    write_frame(folder, "metrics_5m", "BTCUSDT", market.metrics(288 * days), source="x")


def test_a_failure_inside_a_transaction_leaves_nothing_behind(tmp_path):
    fill(tmp_path, 1)
    before = market.contents(tmp_path)
    (path,) = part_files(tmp_path, OcwDerivatives, DERIVATIVES)

    def fail() -> None:
        with transaction(tmp_path) as opened:
            opened.write(path.relative_to(tmp_path), read_table(path).slice(5))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert market.contents(tmp_path) == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [".lock", "data"]


def test_a_transaction_reads_what_it_has_written(tmp_path):
    fill(tmp_path, 1)
    (path,) = part_files(tmp_path, OcwDerivatives, DERIVATIVES)
    with transaction(tmp_path) as opened:
        opened.write(path.relative_to(tmp_path), read_table(path).slice(5))
        assert len(opened.read(path.relative_to(tmp_path))) == 283
        assert len(read_table(path)) == 288
    assert len(read_table(path)) == 283


def test_recovery_waits_for_no_one(tmp_path):
    fill(tmp_path, 1)
    staging = tmp_path / ".staging"
    staging.mkdir()
    with (tmp_path / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        recover(tmp_path)
        assert staging.exists()
    recover(tmp_path)
    assert not staging.exists()


def test_a_window_opens_only_the_months_it_meets(tmp_path):
    fill(tmp_path, 40)
    day_ns = market.DAY_MS * 1_000_000
    start_ns = market.JANUARY_MS * 1_000_000
    everything = part_files(tmp_path, OcwDerivatives, DERIVATIVES)
    assert len(everything) == 2
    window = start_ns + 31 * day_ns
    assert part_files(tmp_path, OcwDerivatives, DERIVATIVES, window) == everything[1:]
    assert part_files(tmp_path, OcwDerivatives, DERIVATIVES, None, window - 1) == everything[:1]
    assert part_files(tmp_path, OcwDerivatives, DERIVATIVES, window - 1, window) == everything


def test_a_truncated_file_is_named_with_the_remedy(tmp_path):
    fill(tmp_path, 1)
    (path,) = part_files(tmp_path, OcwDerivatives, DERIVATIVES)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(
        CatalogError, match=f"{path}: was .*; delete this file and import its month"
    ):
        read_table(path)
    with pytest.raises(CatalogError, match=f"{path}: was "):
        fill(tmp_path, 1)


def test_no_catalog_is_one_sentence_and_is_not_created_by_reading(tmp_path):
    with pytest.raises(CatalogError, match=r"catalog: was .*absent'; build it: `ocw data sample`"):
        part_files(tmp_path / "absent", OcwDerivatives, DERIVATIVES)
    assert not (tmp_path / "absent").exists()
