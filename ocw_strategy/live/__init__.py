"""The live node: the same actor and strategy on Binance, kept alive and stopped safely.

The room itself offers what others read of a node without the engine: its heartbeat and its halt
file. What runs one is imported from its module.
"""

from ocw_strategy.live.halt import HaltFile, HaltFileError, HaltNote
from ocw_strategy.live.heartbeat import (
    Heartbeat,
    InstrumentBeat,
    health,
    heartbeat_path,
    read_heartbeat,
    write_heartbeat,
)
from ocw_strategy.live.pulse import PULSE_S

__all__ = [
    "PULSE_S",
    "HaltFile",
    "HaltFileError",
    "HaltNote",
    "Heartbeat",
    "InstrumentBeat",
    "health",
    "heartbeat_path",
    "read_heartbeat",
    "write_heartbeat",
]
