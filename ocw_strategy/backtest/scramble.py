"""The signals of a run whose experiment scrambles them."""

import numpy as np

from ocw_strategy.backtest.replay import window_signals
from ocw_strategy.market import SignalTrack
from ocw_strategy.settings import Settings


def scrambled_signals(settings: Settings) -> SignalTrack | None:
    """Return the window's signals in blocks of another order; None where nothing is scrambled."""
    experiment = settings.experiment
    if not experiment.shuffle_signals_days:
        return None
    rng = np.random.default_rng((settings.run.seed, experiment.seed, 5))
    return window_signals(settings).shuffled(rng, experiment.shuffle_signals_days)
