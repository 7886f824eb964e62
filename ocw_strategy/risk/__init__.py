"""Limits, sizing, exits, halts and the position review: what stands between a wish and an order."""

from ocw_strategy.risk.exits import ExitRules, ExitSignal, StopLevel
from ocw_strategy.risk.halt import HaltEvent, HaltGuard, measures_equity
from ocw_strategy.risk.limits import RiskLimits
from ocw_strategy.risk.lots import ClosedLot, Lot, LotBook, trade_row
from ocw_strategy.risk.order_ids import PREFIX, LegBook, client_order_id, unended
from ocw_strategy.risk.plan import ClampEvent, Dropped, Leg, Plan
from ocw_strategy.risk.portfolio import (
    TRAIL_SCALES,
    Costs,
    Listing,
    PortfolioView,
    PositionError,
    PositionView,
    maintenance_margin,
    round_down,
)
from ocw_strategy.risk.review import ReviewAction, review
from ocw_strategy.risk.review_book import ReviewBook
from ocw_strategy.risk.settings import ExitSettings, HaltSettings, ReviewSettings, RiskSettings
from ocw_strategy.risk.sizing import InvalidTargetError, TargetExposure, wanted_fraction

__all__ = [
    "PREFIX",
    "TRAIL_SCALES",
    "ClampEvent",
    "ClosedLot",
    "Costs",
    "Dropped",
    "ExitRules",
    "ExitSettings",
    "ExitSignal",
    "HaltEvent",
    "HaltGuard",
    "HaltSettings",
    "InvalidTargetError",
    "Leg",
    "LegBook",
    "Listing",
    "Lot",
    "LotBook",
    "Plan",
    "PortfolioView",
    "PositionError",
    "PositionView",
    "ReviewAction",
    "ReviewBook",
    "ReviewSettings",
    "RiskLimits",
    "RiskSettings",
    "StopLevel",
    "TargetExposure",
    "client_order_id",
    "maintenance_margin",
    "measures_equity",
    "review",
    "round_down",
    "trade_row",
    "unended",
    "wanted_fraction",
]
