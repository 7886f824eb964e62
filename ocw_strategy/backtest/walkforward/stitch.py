"""The out-of-sample pieces as one equity curve, as an account would have lived through them.

Each piece's return is put on what the piece before it ended with. What a piece left open is taken
as closed at its end for the fees and slippage of doing so, since the next piece starts flat; a
result that only holds between the seams would be none. The last piece pays that too.
"""

from collections.abc import Sequence

import numpy as np

from ocw_strategy.backtest.statistics import Times, Values
from ocw_strategy.backtest.walkforward.result import OutOfSample


def stitch(pieces: Sequence[OutOfSample], start_usd: float) -> tuple[Times, Values]:
    """Return the times and the equity of the stitched curve, US dollars.

    Parameters
    ----------
    pieces : sequence of OutOfSample
        In order of time; each begins where the one before ended.
    start_usd : float
        What the account starts with.
    """
    times, values = [], []
    money = start_usd
    for index, piece in enumerate(pieces):
        own = piece.hourly.values
        scaled = own * (money / own[0])
        scaled[-1] -= piece.seam_cost_usd * (money / own[0])
        first = 0 if index == 0 else 1  # its first sample is the last one of the piece before
        times.append(piece.hourly.times[first:])
        values.append(scaled[first:])
        money = float(scaled[-1])
    return np.concatenate(times), np.concatenate(values)


def end_usd(piece: OutOfSample) -> float:
    """Return what a piece leaves to the account after it."""
    return piece.hourly.equity[-1] - piece.seam_cost_usd
