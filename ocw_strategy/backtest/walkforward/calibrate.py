"""What is fitted on a window's in-sample closes: the gate's levels and the move to expect.

The settings given are those of an in-sample run: bars up to its end are read and none after it. A
level that the stated share of closes reaches only at or below zero (volatility fell all the while)
marks nothing that stands out: it is left out of the answer, and the configured one stays.
"""

from ocw_strategy.backtest.replay import Bars, Close, window_features
from ocw_strategy.backtest.walkforward.settings import CALIBRATED
from ocw_strategy.gate.calibration import fit_levels, fit_weights
from ocw_strategy.settings import Settings


def calibrate(settings: Settings, bars: Bars) -> dict[str, float]:
    """Return the fitted values by dotted key of the settings.

    Parameters
    ----------
    settings : Settings
        Of the in-sample run.
    bars : mapping of str to BarColumns
        The bars of its window and warm-up.

    Raises
    ------
    CalibrationError
        If the window has too few closes to fit on.
    """
    weights = fit_weights(_closes(settings, bars), settings.features)
    fitted = settings.model_copy(update={"features": weights})
    levels = {name: z for name, z in fit_levels(_closes(fitted, bars)).items() if z > 0}
    values = {**weights.model_dump(), **levels}
    found = {key: key.rpartition(".")[2] for key in CALIBRATED}
    return {key: values[name] for key, name in found.items() if name in values}


def _closes(settings: Settings, bars: Bars) -> list[Close]:
    # the warm-up makes the features known, but nothing is fitted on it
    found = window_features(settings.features, bars, settings.data.bar_minutes)
    return [close for now_ns, close in found.items() if now_ns >= settings.run.start_ns]
