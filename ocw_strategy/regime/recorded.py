"""A precomputed track of regimes, for backtests that are run many times over the same hours.

The track is what `VolatilityRegimeModel` said after each hour and what `macro_at` said at each
moment it could change: looking it up at a time equals asking the online model then. Before the
first complete period, and once the last one has grown stale, the volatility is unknown.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise

from ocw_strategy.regime.bands import VolatilityState, unknown_state
from ocw_strategy.regime.macro import Macro, MacroSeries, macro_at
from ocw_strategy.regime.regime import Regime, join_regime
from ocw_strategy.regime.settings import RegimeSettings
from ocw_strategy.regime.volatility import FitReport, VolatilityRegimeModel
from ocw_strategy.units import DAY_NS


class RecordedRegimes:
    """Regimes by time, from two tracks of changes.

    Parameters
    ----------
    volatility : sequence of (int, VolatilityState)
        Moments, ascending UNIX nanoseconds, from which each state holds until the next or until it
        expires.
    macro : sequence of (int, Macro)
        The same for the macro quadrant; the first also holds before its moment.
    settings : RegimeSettings
        What unknown means.
    fits : sequence of FitReport
        The refits behind the track.
    """

    def __init__(
        self,
        volatility: Sequence[tuple[int, VolatilityState]],
        macro: Sequence[tuple[int, Macro]],
        settings: RegimeSettings,
        fits: Sequence[FitReport] = (),
    ) -> None:
        self.fits = tuple(fits)
        self._volatility_ns = [moment for moment, _ in volatility]
        self._volatility = [state for _, state in volatility]
        self._macro_ns = [moment for moment, _ in macro[1:]]
        self._macro = [quadrant for _, quadrant in macro]
        self._unknown = unknown_state(settings)

    def at(self, now_ns: int) -> Regime:
        """Return the regime as known at `now_ns`, an hour that closes then included."""
        found = bisect_right(self._volatility_ns, now_ns) - 1
        state = self._volatility[found] if found >= 0 else self._unknown
        if now_ns >= state.expires_ns:
            state = self._unknown
        return join_regime(state, self._macro[bisect_right(self._macro_ns, now_ns)])


def record_regimes(
    close_ns: Sequence[int],
    close: Sequence[float],
    settings: RegimeSettings,
    macro: MacroSeries | None = None,
) -> RecordedRegimes:
    """Run the online model over hourly closes and keep what it said.

    Parameters
    ----------
    close_ns : sequence of int
        END of each hour, UNIX nanoseconds, ascending; the hours before the window of interest back
        to `first_hour_ns` belong in it.
    close : sequence of float
        Closing prices of ``settings.symbol``.
    settings : RegimeSettings
        Settings of the model.
    macro : MacroSeries, optional
        Macro series with their publication times; without them the quadrant is assumed.

    Returns
    -------
    RecordedRegimes
        Valid up to the last hour; after it the volatility holds until it is stale.
    """
    model = VolatilityRegimeModel(settings)
    track: list[tuple[int, VolatilityState]] = []
    for moment, price in zip(close_ns, close, strict=True):
        before = model.current
        if model.add_hour(int(moment), float(price)) and model.current is not before:
            track.append((int(moment), model.current))
    window = (int(close_ns[0]), int(close_ns[-1])) if len(close_ns) else (0, 0)
    quadrants = [
        (moment, macro_at(macro, moment, settings.macro)) for moment in _moments(macro, *window)
    ]
    changes = [quadrants[0]] + [new for old, new in pairwise(quadrants) if new[1] != old[1]]
    return RecordedRegimes(track, changes, settings, model.fits)


def _moments(macro: MacroSeries | None, first_ns: int, last_ns: int) -> Iterable[int]:
    """Return when the quadrant can change: with a publication, or by growing stale at midnight."""
    if macro is None:
        return [first_ns]
    midnights = range(first_ns - first_ns % DAY_NS + DAY_NS, last_ns + 1, DAY_NS)
    published = (each for each in macro.publications_ns if first_ns < each <= last_ns)
    return sorted({first_ns, *midnights, *published})
