"""What the parts of one live node tell each other: why nothing is entered, and the market's time.

Actor, strategy and keeper run on one event loop and share one of these. A reason that blocks
entries has a name (``halt``, ``stale_data``, ``unexplained:BTCUSDT-PERP``, ``fault:on_bar``); each
begins and ends by itself, and entries are free only when none is left.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, cast

from ocw_strategy.live.halt import HaltFile


@dataclass(slots=True)
class NodeDesk:
    """The shared state of a node."""

    halt_file: HaltFile
    replayed: bool
    """Whether the market's time is not the wall's, as at a venue on loopback."""
    blocks: dict[str, str] = field(default_factory=dict)
    """Why nothing is entered: reasons and what a person should know of each."""
    market_ns: int = 0
    """The last close that was seen."""
    bars_ns: dict[str, int] = field(default_factory=dict)
    """Close of the last base bar by symbol."""
    bars: dict[str, int] = field(default_factory=dict)
    """Base bars that have come since the start, by symbol."""
    marks: dict[str, tuple[float, int]] = field(default_factory=dict)
    """The market's mark price by symbol, and when it arrived, wall time."""
    last_decision: tuple[int, str] = (0, "")
    """Close and outcome of the last decision."""
    warm: bool = False
    """Whether the history has been taken in."""

    def see(self, symbol: str, close_ns: int) -> None:
        """Take in that a bar has come."""
        self.market_ns = max(self.market_ns, close_ns)
        self.bars_ns[symbol] = max(self.bars_ns.get(symbol, 0), close_ns)
        self.bars[symbol] = self.bars.get(symbol, 0) + 1

    def blocked(self) -> str | None:
        """Return a reason why nothing may be entered now, or None."""
        if self.halt_file.halted():
            return "halt"
        return next(iter(self.blocks), None)


def guarded[H: Callable[..., None]](handler: H) -> H:
    """Keep a fault of a handler from the engine, which would end the process on it.

    The component's ``on_handler_fault(where, error)`` is told.
    """

    @wraps(handler)
    def call(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            handler(self, *args, **kwargs)
        except Exception as error:  # whatever it is, the position stays guarded
            self.on_handler_fault(handler.__name__, error)

    return cast("H", call)


type Work = Coroutine[Any, Any, None]
