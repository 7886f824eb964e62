"""A Claude advisor with everything real but the address: the loopback API stands in for the API."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from ocw_strategy.advisor import Advice, RulesAdvisor, RulesSettings, drive
from ocw_strategy.advisor.breaker import CircuitBreaker
from ocw_strategy.advisor.budget import Budget
from ocw_strategy.advisor.claude import ClaudeAdvisor
from ocw_strategy.advisor.client import ClaudeClient
from ocw_strategy.advisor.models import load_models
from ocw_strategy.advisor.recording import Recording
from ocw_strategy.advisor.request import build_request
from ocw_strategy.advisor.settings import ClaudeSettings
from ocw_strategy.advisor.shop import Shop
from ocw_strategy.journal import MEMORY, Journal
from ocw_strategy.market import MarketSnapshot
from tests.advisor.examples import RULES
from tests.claude import KEY
from tests.market.examples import NOW, make_snapshot

MODELS = load_models(Path(__file__).parents[2] / "configs" / "models.toml")
WALL_NS = 1_764_000_000_000_000_000
BASE = make_snapshot()


@dataclass
class Asking:
    """An advisor and what it works with."""

    advisor: ClaudeAdvisor
    budget: Budget
    breaker: CircuitBreaker
    journal: Journal
    recording: Recording | None

    def decide(self, minutes: int = 0, **changes: Any) -> Advice:
        """Return advice at a close so many minutes after the first one."""
        return drive(self.advisor.decide(at(minutes, **changes)))

    def spent(self) -> Decimal:
        return self.budget.spent_usd(NOW)[0]


def at(minutes: int = 0, **changes: Any) -> MarketSnapshot:
    now_ns = NOW + minutes * 60_000_000_000
    return BASE.model_copy(update={"now_ns": now_ns, **changes})


@contextmanager
def asking(
    url: str, *, recording: Path | None = None, replay: bool = False, key: str = KEY, **changes: Any
) -> Iterator[Asking]:
    """Yield an advisor; `changes` are settings. Without a URL there is no client."""
    settings = ClaudeSettings(timeout_seconds=changes.pop("timeout_seconds", 5.0), **changes)
    client = ClaudeClient(key, clock=time.monotonic_ns, base_url=url) if url else None
    kept = None
    if recording is not None:
        kept = (
            Recording.replay(recording)
            if replay
            else Recording.record(recording, created_wall_ns=WALL_NS, power_safe=False)
        )
    with Journal.open(MEMORY, run_id="r", created_wall_ns=WALL_NS, any_thread=True) as journal:
        budget = Budget(journal, settings.budget_usd_per_day, settings.budget_usd_per_month)
        breaker = CircuitBreaker(settings.breaker_failures)
        shop = Shop(
            client=client,
            budget=budget,
            breaker=breaker,
            recording=kept,
            may_buy=settings.on_miss == "call",
            timeout_s=settings.timeout_seconds,
            wall_clock=lambda: WALL_NS,
        )
        advisor = ClaudeAdvisor(
            settings,
            MODELS,
            lambda snapshot: build_request(snapshot, MODELS.get(settings.model), settings, RULES),
            shop,
            RulesAdvisor(RulesSettings()),
        )
        try:
            yield Asking(advisor, budget, breaker, journal, kept)
        finally:
            if client is not None:
                drive(client.close())
            if kept is not None:
                kept.close()
