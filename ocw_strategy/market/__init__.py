"""Market data as the decision logic sees it: bars, features, derivatives, indicators, snapshot."""

from ocw_strategy.market.bars import BarRing, BarWindow
from ocw_strategy.market.closes import CloseBarrier
from ocw_strategy.market.composite import SignalValues, composite, signal_values
from ocw_strategy.market.features import FeatureBook, FeatureSettings, SymbolFeatures
from ocw_strategy.market.indicators import (
    IndicatorBook,
    TechnicalIndicators,
    technical_indicators,
)
from ocw_strategy.market.reports import (
    DerivativesReport,
    GateReport,
    InstrumentReport,
    PortfolioReport,
    PositionReport,
    PosteriorReport,
    RegimeReport,
    SafetyReport,
    TradeReport,
)
from ocw_strategy.market.settings import MarketSettings, SignalSettings, StatisticsSettings
from ocw_strategy.market.signal_track import SignalTrack
from ocw_strategy.market.snapshot import MarketSnapshot, build_snapshot
from ocw_strategy.market.statistics import DerivativeBook, DerivativeStatistics

__all__ = [
    "BarRing",
    "BarWindow",
    "CloseBarrier",
    "DerivativeBook",
    "DerivativeStatistics",
    "DerivativesReport",
    "FeatureBook",
    "FeatureSettings",
    "GateReport",
    "IndicatorBook",
    "InstrumentReport",
    "MarketSettings",
    "MarketSnapshot",
    "PortfolioReport",
    "PositionReport",
    "PosteriorReport",
    "RegimeReport",
    "SafetyReport",
    "SignalSettings",
    "SignalTrack",
    "SignalValues",
    "StatisticsSettings",
    "SymbolFeatures",
    "TechnicalIndicators",
    "TradeReport",
    "build_snapshot",
    "composite",
    "signal_values",
    "technical_indicators",
]
