"""What the parts of a node tell each other."""

from pathlib import Path

from ocw_strategy.live.desk import NodeDesk
from ocw_strategy.live.halt import HaltFile


def test_bars_are_counted_and_an_old_one_moves_no_clock_back(tmp_path: Path) -> None:
    desk = NodeDesk(HaltFile(tmp_path / "node.db"), replayed=False)
    for symbol, close_ns in (("BTC", 5), ("BTC", 10), ("ETH", 10), ("BTC", 5)):
        desk.see(symbol, close_ns)
    assert desk.bars == {"BTC": 3, "ETH": 1}
    assert (desk.bars_ns, desk.market_ns) == ({"BTC": 10, "ETH": 10}, 10)
