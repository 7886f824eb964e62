"""Fit the gate's numbers on past closes: once, on a window that nothing is judged by afterwards.

Two steps, both deterministic and rounded to two decimals so that they can be written into a
config and compared: the weights of the move to expect, from what followed each close; then, from
features made with those weights, the levels at which something stands out, each the level that a
stated share of closes of the noisiest instrument reaches. Levels are of scaled values (deviations),
which is why they carry over to times the fit has not seen.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from ocw_strategy.errors import OcwError
from ocw_strategy.market.features import DECISION_NS, HORIZON_NS, FeatureSettings, SymbolFeatures

_SHOCK_SHARE: Final = 0.006  # a little more than the half percent that must not be missed
_RETURN_SHARE: Final = 0.03
_VOLUME_SHARE: Final = 0.03
_MOVE_SHARE: Final = 0.25
_HORIZON: Final = HORIZON_NS // DECISION_NS
_STEPS: Final = 50

type Closes = Sequence[Mapping[str, SymbolFeatures]]


class CalibrationError(OcwError):
    """Too little history to fit anything on."""


def fit_weights(closes: Closes, settings: FeatureSettings) -> FeatureSettings:
    """Return the settings with the weights of the move to expect fitted.

    A gamma regression with log link of the absolute log return over the next four hours on the
    log volatilities of the last hour, day and week; what the hours ahead usually add is taken as
    it is. All instruments together.

    Parameters
    ----------
    closes : sequence of mapping of str to SymbolFeatures
        Features of consecutive decision closes, made with `settings`.
    settings : FeatureSettings
        Where the fit starts.

    Raises
    ------
    CalibrationError
        If fewer than 1,000 closes have known features and a known outcome.
    """
    weights = np.array([settings.hour_weight, settings.day_weight, settings.week_weight])
    logs, offsets, moves = [], [], []
    for now, later in zip(closes, closes[_HORIZON:], strict=False):
        for symbol, f in now.items():
            then = later[symbol]
            if _known(f) and not then.stale and then.now_ns - f.now_ns == HORIZON_NS:
                logs.append(
                    [math.log(v) for v in (f.volatility_1h, f.volatility_1d, f.volatility_1w)]
                )
                offsets.append(math.log(f.expected_move))
                moves.append(abs(math.log(then.price / f.price)))
    if len(moves) < 1_000:
        raise CalibrationError("closes to fit on", len(moves), "give a longer window")
    design = np.column_stack([np.array(logs), np.ones(len(moves))])
    move = np.array(moves)
    offset = np.array(offsets) - design[:, :3] @ weights
    fitted = np.append(weights, 0.0)
    for _ in range(_STEPS):
        ratio = move / np.exp(offset + design @ fitted) - 1.0
        fitted += np.linalg.solve(design.T @ design, design.T @ ratio)
    hour, day, week = (max(0.0, round(float(w), 2)) for w in fitted[:3])
    return settings.model_copy(update={"hour_weight": hour, "day_weight": day, "week_weight": week})


def fit_levels(closes: Closes) -> dict[str, float]:
    """Return the fitted levels of `GateSettings` by field name.

    Parameters
    ----------
    closes : sequence of mapping of str to SymbolFeatures
        Features of consecutive decision closes, made with fitted weights.

    Raises
    ------
    CalibrationError
        If an instrument has fewer than 1,000 closes with known features.
    """
    by_symbol: dict[str, list[SymbolFeatures]] = {}
    for close in closes:
        for symbol, f in close.items():
            if _known(f):
                by_symbol.setdefault(symbol, []).append(f)
    fewest = min((len(found) for found in by_symbol.values()), default=0)
    if fewest < 1_000:
        raise CalibrationError("closes to fit on", fewest, "give a longer window")

    def level(share: float, value: Any) -> float:
        reached = [
            float(np.quantile([value(f) for f in found], 1.0 - share))
            for found in by_symbol.values()
        ]
        return round(min(reached), 2)

    return {
        "shock_z": level(_SHOCK_SHARE, lambda f: abs(f.return_z)),
        "return_z": level(_RETURN_SHARE, lambda f: abs(f.return_z)),
        "volume_z": level(_VOLUME_SHARE, lambda f: f.volume_z),
        "move_z": level(_MOVE_SHARE, lambda f: f.expected_move_z),
    }


def _known(f: SymbolFeatures) -> bool:
    return f.ready and not f.stale
