"""What came of a trade, real or shadow, and what each signal earned by it.

Signals, regime and volatility are those at ENTRY, whatever the market said when the trade was
closed and whoever closed it. A positive signal expects the price to rise, for shorts too. The
signal is judged as if it had traded: one that agreed with the trade's direction earns its net
return, one that disagreed earns what the opposite trade would have, net of the same cost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, nan, tanh

from ocw_strategy.errors import OcwError


@dataclass(frozen=True, slots=True)
class Outcome:
    """A closed lot (or part of one), or a decision close looked back on.

    Raises
    ------
    OcwError
        If the direction is not 1 or -1, the returns are not finite, the share is not in (0, 1],
        or a real outcome has no ``trade_id``.
    """

    ts_ns: int
    """When it was known: the close of the trade, or the end of the shadow's horizon."""
    regime: str
    """The regime key at entry."""
    signals: Mapping[str, float]
    """Signal values at entry, in [-1, 1]; a missing one or NaN said nothing."""
    direction: int
    """1 long, -1 short."""
    gross_return: float
    """Profit before cost over entry notional: positive when the trade gained, shorts too."""
    cost: float
    """Fees and slippage less funding received, over entry notional."""
    volatility: float = nan
    """Standard deviation of log returns per 15-minute close at entry; NaN when unknown."""
    shadow: bool = False
    trade_id: str = ""
    """Identity of a real outcome; the same id is never credited twice."""
    share: float = 1.0
    """The part of its lot that this outcome closed: three thirds count as one trade."""

    def __post_init__(self) -> None:
        if self.direction not in (1, -1):
            raise OcwError("outcome.direction", self.direction, "give 1 (long) or -1 (short)")
        if not isfinite(self.gross_return):
            raise OcwError("outcome.gross_return", self.gross_return, "give a finite fraction")
        if not isfinite(self.cost):
            raise OcwError("outcome.cost", self.cost, "give a finite fraction")
        if not 0.0 < self.share <= 1.0:
            raise OcwError("outcome.share", self.share, "give a fraction in (0, 1]")
        if not self.shadow and not self.trade_id:
            raise OcwError("outcome.trade_id", self.trade_id, "give the id of the closed trade")

    def reward(self, value: float, horizon_closes: int) -> float:
        """Return what a signal earned, in [0, 1]; 0.5 is break-even after cost.

        ``(1 + tanh(net / (volatility * sqrt(horizon_closes)))) / 2``: a fractional Bernoulli
        trial of the net return in units of a usual move over the horizon, known at entry. The
        same percentage says more in a calm market than in a wild one, and a crash counts no more
        than one full loss. Against plain win or lose it keeps how much was won. Without a
        volatility it is plain win or lose, the limit of the same formula.

        Parameters
        ----------
        value : float
            The signal at entry; only its sign matters here.
        horizon_closes : int
            Length of the horizon in 15-minute closes.
        """
        side = self.direction if value > 0.0 else -self.direction
        net = side * self.gross_return - self.cost
        usual_move = self.volatility * horizon_closes**0.5
        if not usual_move > 0.0:
            return 0.5 + 0.5 * ((net > 0.0) - (net < 0.0))
        return 0.5 + 0.5 * tanh(net / usual_move)
