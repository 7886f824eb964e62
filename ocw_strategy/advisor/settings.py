"""The knobs of the advisors."""

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ocw_strategy.model import Strict


class RulesSettings(Strict):
    """When the rules see a trend, when a range, and when they act. Scores are in [-1, 1]."""

    range_efficiency: float = Field(default=0.15, ge=0, lt=1)
    """Efficiency ratio of the last 24 hours at and below which the market is a range."""
    trend_efficiency: float = Field(default=0.40, gt=0, le=1)
    """Efficiency ratio at and above which it is a trend; in between, a mixture of both."""
    trend_distance_atr: float = Field(default=3.0, gt=0)
    """Distance from the two-day mean that makes a strong trend, in hourly average true ranges."""
    composite_weight: float = Field(default=0.30, ge=0, le=1)
    """Share of the derivatives composite in the score; the rest is that of the price rules."""
    entry_score: float = Field(default=0.35, gt=0, le=1)
    """Score at which a position is opened."""
    exit_score: float = Field(default=0.10, ge=0, lt=1)
    """Score in a position's own direction below which its reason is gone and it is closed."""
    full_score: float = Field(default=0.70, gt=0, le=1)
    """Score at which the whole allowed position is asked for; in proportion below it."""
    next_check_seconds: int = Field(default=14_400, ge=60, le=86_400)
    """When to be asked again at the latest."""

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.range_efficiency >= self.trend_efficiency:
            raise ValueError("range_efficiency must be below trend_efficiency")
        if self.exit_score >= self.entry_score:
            raise ValueError("exit_score must be below entry_score")
        return self


Dollars = Annotated[Decimal, Field(ge=0, le=10_000)]


class ClaudeSettings(Strict):
    """Which model decides, what it is shown, and what it may cost.

    No key stands here: it comes from the environment alone.
    """

    model: str = "claude-sonnet-4-6"
    """The model that decides, by its id in `models`."""
    effort: Literal["default", "low", "medium", "high", "xhigh", "max"] = "default"
    """How thoroughly it answers; ``default`` leaves it to the model and sends nothing."""
    max_tokens: int = Field(default=2_048, ge=512, le=32_000)
    """Longest answer bought, tokens; a longer one is cut off, which is a hold."""
    timeout_seconds: float = Field(default=60.0, gt=0, le=600)
    """How long an answer is waited for; later is a hold."""
    masked: bool = False
    """Hide dates, names and levels of prices: relative values only."""
    screen_model: str = ""
    """A cheap model asked first whether anything is worth deciding; empty asks none."""
    recording: str = ""
    """Journal file that keeps paid decisions and replays them; empty keeps none."""
    on_miss: Literal["hold", "rules", "call"] = "hold"
    """What becomes of a decision that the recording lacks; ``call`` buys it."""
    stand_in: Literal["rules", "hold"] = "rules"
    """Who decides once the money is spent."""
    budget_usd_per_day: Dollars = Decimal("1.0")
    """Most that may be spent in a UTC day, US dollars; the worst case of a call counts."""
    budget_usd_per_month: Dollars = Decimal("10.0")
    """Most that may be spent in a UTC month, US dollars."""
    allow_hindsight: bool = False
    """Run over a window that begins before the model's knowledge cutoff; results are marked."""
    reflections_tokens: int = Field(default=300, ge=0, le=1_000)
    """Most tokens of reflections on closed trades in a prompt, an estimate; 0 shows none."""
    reflection_model: str = ""
    """A model that writes what to take from each closed trade, paid; empty: rules do, free."""
    models: str = "configs/models.toml"
    """File with the models' prices, limits and knowledge cutoffs."""
    breaker_failures: int = Field(default=3, ge=1, le=100)
    """Failures in a row after which nothing is asked for a while."""
    breaker_minutes: float = Field(default=15.0, gt=0, le=1_440)
    """How long that is, before one call is tried."""

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        if not self.model:
            raise ValueError("model must name a model")
        if self.screen_model == self.model:
            raise ValueError("screen_model must be another model than model, or empty")
        if self.masked and self.reflection_model:
            raise ValueError("reflection_model must be empty where masked hides names and dates")
        if self.budget_usd_per_day > self.budget_usd_per_month:
            raise ValueError("budget_usd_per_day must not be above budget_usd_per_month")
        return self


class AdvisorSettings(Strict):
    """Who decides."""

    kind: Literal["rules", "claude"] = "rules"
    """``rules``: the rule-based advisor, deterministic and free. ``claude``: a Claude model."""
    rules: RulesSettings = RulesSettings()
    claude: ClaudeSettings = ClaudeSettings()
