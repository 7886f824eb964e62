"""The market regime: a hidden Markov volatility regime, a macro quadrant, and the key of both."""

from ocw_strategy.regime.bands import VolatilityState
from ocw_strategy.regime.fred import FredClient, fetch_macro_csv
from ocw_strategy.regime.macro import (
    ASSUMED_MACRO,
    MACRO_SERIES,
    Macro,
    MacroObservation,
    MacroSeries,
    macro_at,
)
from ocw_strategy.regime.macro_table import MACRO_FILE, read_macro_csv, write_macro_csv
from ocw_strategy.regime.recorded import RecordedRegimes, record_regimes
from ocw_strategy.regime.regime import NEUTRAL_REGIME, Regime, join_regime, regime_key
from ocw_strategy.regime.settings import (
    UNKNOWN,
    MacroSettings,
    RegimeSettings,
    VolatilityBand,
)
from ocw_strategy.regime.volatility import FitReport, VolatilityRegimeModel, first_hour_ns

__all__ = [
    "ASSUMED_MACRO",
    "MACRO_FILE",
    "MACRO_SERIES",
    "NEUTRAL_REGIME",
    "UNKNOWN",
    "FitReport",
    "FredClient",
    "Macro",
    "MacroObservation",
    "MacroSeries",
    "MacroSettings",
    "RecordedRegimes",
    "Regime",
    "RegimeSettings",
    "VolatilityBand",
    "VolatilityRegimeModel",
    "VolatilityState",
    "fetch_macro_csv",
    "first_hour_ns",
    "join_regime",
    "macro_at",
    "read_macro_csv",
    "record_regimes",
    "regime_key",
    "write_macro_csv",
]
