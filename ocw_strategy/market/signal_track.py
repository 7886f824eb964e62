"""The four signals of a whole window, known beforehand: only for runs that scramble them.

`shuffled` puts whole blocks of the track in another order, all instruments alike, the warm-up
included. Every value a signal ever took is still taken as often, and instruments still move
together; only the relation to what the price does next is gone. A shuffled track tells the future
on purpose and is of no use but as a null.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ocw_strategy.market.composite import SignalValues
from ocw_strategy.market.features import DECISION_NS
from ocw_strategy.units import DAY_NS, SIGNALS

_SILENT: Final = SignalValues(dict.fromkeys(SIGNALS, 0.0), SIGNALS)


class SignalTrack:
    """Signals by instrument and decision close.

    Parameters
    ----------
    first_ns : int
        The first decision close.
    values : mapping of str to ndarray, shape (n, 4)
        By instrument, one row a decision close from the first on, in the order of ``SIGNALS``; NaN
        where a signal has no opinion.
    """

    def __init__(self, first_ns: int, values: Mapping[str, NDArray[np.float64]]) -> None:
        self.first_ns = first_ns
        self.values = dict(values)

    def at(self, symbol: str, now_ns: int) -> SignalValues:
        """Return an instrument's signals at the last decision close up to `now_ns`."""
        slot = (now_ns - self.first_ns) // DECISION_NS
        rows = self.values[symbol]
        if not 0 <= slot < len(rows):
            return _SILENT
        row = rows[slot].tolist()
        known = {name: value for name, value in zip(SIGNALS, row, strict=True) if value == value}
        missing = tuple(name for name in SIGNALS if name not in known)
        return SignalValues({name: known.get(name, 0.0) for name in SIGNALS}, missing)

    def shuffled(self, rng: np.random.Generator, block_days: int) -> "SignalTrack":
        """Return the track with its blocks in a drawn order; the last one may be shorter.

        Parameters
        ----------
        rng : numpy.random.Generator
            Draws the order.
        block_days : int
            Length of a block, days. Within one, signals keep their own course in time.
        """
        length = min(len(rows) for rows in self.values.values())
        per_block = block_days * DAY_NS // DECISION_NS
        starts = np.arange(0, length, per_block)
        order = np.concatenate(
            [np.arange(start, min(start + per_block, length)) for start in rng.permutation(starts)]
        )
        return SignalTrack(self.first_ns, {s: rows[order] for s, rows in self.values.items()})
