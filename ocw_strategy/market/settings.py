"""The knobs of the derivative statistics and of the four signals made from them."""

from pydantic import Field

from ocw_strategy.model import Strict


class StatisticsSettings(Strict):
    """Windows of the derived statistics. All are finite: nothing older has any influence."""

    open_interest_window_hours: int = Field(default=4, ge=1, le=24)
    """Span over which the change of open interest is measured."""
    flow_window_hours: int = Field(default=4, ge=1, le=24)
    """Span over which buying and selling by takers is netted (cumulative volume delta)."""
    long_short_window_hours: int = Field(default=168, ge=24, le=720)
    """Past that the long/short ratio is compared with."""
    funding_window_hours: int = Field(default=336, ge=96, le=2160)
    """Past that says how large an unusual funding rate typically is."""
    funding_neutral_rate: float = Field(default=0.0001, ge=-0.01, le=0.01)
    """Funding per 8 hours at which nobody is crowded: Binance's interest component, 0.01 %."""


class SignalSettings(Strict):
    """How statistics become signals: each is tanh(statistic / scale), so a scale says ``a lot``."""

    funding_scale: float = Field(default=2.0, gt=0)
    """Funding beyond neutral, in multiples of its typical distance."""
    flow_scale: float = Field(default=0.05, gt=0)
    """Net taker buying as a share of all volume."""
    long_short_scale: float = Field(default=2.0, gt=0)
    """Long/short ratio, in deviations from its recent mean."""
    open_interest_scale: float = Field(default=0.02, gt=0)
    """Change of open interest, a fraction."""
    metrics_stale_seconds: float = Field(default=3600.0, gt=0)
    """Age beyond which open interest, ratios and taker flow no longer speak."""
    funding_stale_seconds: float = Field(default=32_400.0, gt=0)
    """Age beyond which the last settled funding rate no longer speaks."""


class MarketSettings(Strict):
    """Everything the market room can be told, apart from the feature book's own."""

    statistics: StatisticsSettings = StatisticsSettings()
    signals: SignalSettings = SignalSettings()
