"""What a recording will take before it is bought: calls, tokens and dollars, all an ESTIMATE.

The window is walked once with the rules in the model's place. The gate wakes where it would, each
snapshot becomes the request that would be sent, and nothing is sent. The model will decide
otherwise than the rules, so that its path, and with it the number of calls, will differ somewhat;
what may be spent is bounded by the budget, not by this.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from statistics import fmean

from ocw_strategy.advisor import AccountRules, Model, Request, Usage, build_request, load_models
from ocw_strategy.backtest.node import run_config, run_node
from ocw_strategy.journal import MEMORY, DecisionRow, Journal
from ocw_strategy.market import MarketSnapshot
from ocw_strategy.settings import Settings
from ocw_strategy.units import DAY_NS

OUTPUT_TOKENS = 300
"""Tokens that an answer is assumed to have."""


@dataclass(frozen=True, slots=True)
class CallEstimate:
    """What the calls of a window will take. All figures are an ESTIMATE."""

    model: str
    days: float
    calls: int
    mean_input_tokens: float
    max_input_tokens: int
    expected_usd: Decimal
    """With `OUTPUT_TOKENS` an answer and nothing read from a cache."""
    worst_usd: Decimal
    """If every call came to its worst case."""
    budget_usd: Decimal
    """Most that the settings allow over the window: the tighter of the daily and monthly limit."""


def walked_snapshots(
    settings: Settings, *, progress: Callable[[int], None] | None = None
) -> list[MarketSnapshot]:
    """Return the snapshot of every decision that the gate buys when rules decide."""
    rules = settings.advisor.model_copy(update={"kind": "rules"})
    run_id = f"estimate-{settings.run.name}"
    journal = Journal.open(MEMORY, run_id=run_id, power_safe=False)
    try:
        walked = settings.model_copy(update={"advisor": rules})
        run_node(run_config(walked, run_id), progress=progress)
        return [
            MarketSnapshot.model_validate_json(row.snapshot) for row in journal.rows(DecisionRow)
        ]
    finally:
        journal.close()


def requests_of(
    snapshots: Sequence[MarketSnapshot], settings: Settings, model: Model
) -> list[Request]:
    """Return the requests that a model would be asked with."""
    rules = AccountRules.of(settings.gate, settings.market, settings.risk)
    return [
        build_request(snapshot, model, settings.advisor.claude, rules) for snapshot in snapshots
    ]


def estimate_calls(
    settings: Settings, *, progress: Callable[[int], None] | None = None
) -> CallEstimate:
    """Return what deciding over a window by the settings' model will take.

    Raises
    ------
    SettingsError
        If the model is unknown.
    """
    claude = settings.advisor.claude
    model = load_models(Path(claude.models)).get(claude.model)
    requests = requests_of(walked_snapshots(settings, progress=progress), settings, model)
    sizes = [request.input_tokens_upper for request in requests]
    days = (settings.run.end_ns - settings.run.start_ns) / DAY_NS
    in_days = claude.budget_usd_per_day * Decimal(-(-days // 1))
    in_months = claude.budget_usd_per_month * Decimal(1 + -(-days // 28))
    return CallEstimate(
        model=model.id,
        days=days,
        calls=len(sizes),
        mean_input_tokens=fmean(sizes) if sizes else 0.0,
        max_input_tokens=max(sizes, default=0),
        expected_usd=sum(
            (
                model.cost_usd(Usage(input_tokens=size, output_tokens=OUTPUT_TOKENS))
                for size in sizes
            ),
            Decimal(0),
        ),
        worst_usd=sum(
            (model.worst_case_usd(size, claude.max_tokens) for size in sizes), Decimal(0)
        ),
        budget_usd=min(in_days, in_months),
    )
