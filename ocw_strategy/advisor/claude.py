"""The advisor that asks a Claude model, and what is done when it cannot be asked.

Snapshot, request, perhaps a cheap model's opinion whether it is worth deciding, answer, checks:
each step's fault is a hold with an outcome of its own. Nothing but cancellation is raised. Only
two things are decided by somebody else, where the settings say so: decisions that the money no
longer reaches, and decisions that a recording lacks. The rules then stand in, under a name that
says so, and the outcome says why.

What a person should know (the money is spent, the service is down, the key is refused) is said
once a UTC day in ``Advice.notice``, not at every close.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ocw_strategy.advisor.decision import Advice
from ocw_strategy.advisor.lesson import Lesson, lesson_request, lesson_text, read_lesson
from ocw_strategy.advisor.models import ModelTable
from ocw_strategy.advisor.outcomes import (
    ADVISOR_FAULT,
    AUTH,
    BAD_REQUEST,
    BREAKER_OPEN,
    BUDGET_SPENT,
    DECIDED,
    NOT_RECORDED,
)
from ocw_strategy.advisor.protocol import Advisor
from ocw_strategy.advisor.request import Request
from ocw_strategy.advisor.screening import read_screening, screening_request
from ocw_strategy.advisor.settings import ClaudeSettings
from ocw_strategy.advisor.shop import Shop
from ocw_strategy.market.snapshot import MarketSnapshot
from ocw_strategy.units import DAY_NS

_NOTICES: Final = {
    ADVISOR_FAULT: "the advisor failed",
    AUTH: "the key was refused",
    BAD_REQUEST: "the API refuses what it is asked",
    BREAKER_OPEN: "the API failed too often or told us to wait: it is not asked for now",
    BUDGET_SPENT: "the advisor's money is spent",
}
_MAX_DETAIL: Final = 300


class ClaudeAdvisor:
    """A Claude model as the advisor.

    Parameters
    ----------
    settings : ClaudeSettings
        Which model decides, and who stands in for it.
    models : ModelTable
        Prices and limits.
    build : Callable[[MarketSnapshot], Request]
        Makes the request that a snapshot is asked with.
    shop : Shop
        Where answers come from.
    rules : Advisor
        Who stands in.

    Raises
    ------
    SettingsError
        If a model is not in the table.
    """

    name = "claude"

    def __init__(
        self,
        settings: ClaudeSettings,
        models: ModelTable,
        build: Callable[[MarketSnapshot], Request],
        shop: Shop,
        rules: Advisor,
    ) -> None:
        self._settings = settings
        self._model = models.get(settings.model)
        self._screen = models.get(settings.screen_model) if settings.screen_model else None
        named = settings.reflection_model
        self._writer = models.get(named) if named else None
        self._build = build
        self._shop = shop
        self._rules = rules
        self._told: dict[str, int] = {}

    async def decide(self, snapshot: MarketSnapshot) -> Advice:
        """Return advice on a snapshot; whatever goes wrong is a hold with an outcome."""
        try:
            advice = await self._instead(snapshot, await self._ask(snapshot))
        except Exception as fault:  # the edge: a fault of ours must not become a guess
            why = f"{type(fault).__name__}: {fault}"[:_MAX_DETAIL]
            advice = Advice(None, ADVISOR_FAULT, why)
        return replace(advice, notice=self._notice(advice, snapshot.now_ns))

    async def lesson(self, draft: str, now_ns: int) -> Lesson | None:
        """Return what to take from a closed trade; None where the settings name no writer."""
        if self._writer is None:
            return None
        try:
            advice = await self._shop.obtain(
                lesson_request(draft, self._writer), self._writer, now_ns, read_lesson
            )
        except Exception as fault:  # the edge, as in `decide`
            advice = Advice(None, ADVISOR_FAULT, f"{type(fault).__name__}: {fault}"[:_MAX_DETAIL])
        text = lesson_text(advice.raw) if advice.outcome == DECIDED else ""
        return Lesson(text, self._writer.id, advice.outcome, advice.cost_usd)

    async def _ask(self, snapshot: MarketSnapshot) -> Advice:
        request = self._build(snapshot)
        screened = None
        if self._screen is not None:
            screened = await self._shop.obtain(
                screening_request(request, self._screen),
                self._screen,
                snapshot.now_ns,
                read_screening,
            )
            if screened.outcome != DECIDED:
                detail = f"screening: {screened.detail}" if screened.detail else "screening"
                return replace(screened, detail=detail)
        advice = await self._shop.obtain(request, self._model, snapshot.now_ns, request.read)
        if screened is None:
            return advice
        return replace(
            advice,
            cost_usd=advice.cost_usd + screened.cost_usd,
            latency_ns=advice.latency_ns + screened.latency_ns,
        )

    async def _instead(self, snapshot: MarketSnapshot, advice: Advice) -> Advice:
        """Return the advice, or the rules' decision where the settings let them stand in."""
        standing_in = (advice.outcome == BUDGET_SPENT and self._settings.stand_in == "rules") or (
            advice.outcome == NOT_RECORDED and self._settings.on_miss == "rules"
        )
        if not standing_in:
            return advice
        instead = await self._rules.decide(snapshot)
        return replace(
            advice,
            decision=instead.decision,
            advisor=f"{self._rules.name} for {self.name}",
        )

    def _notice(self, advice: Advice, now_ns: int) -> str:
        """Return what a person should be told, the first time in a day that it is so."""
        said = _NOTICES.get(advice.outcome)
        day = now_ns // DAY_NS
        if said is None or self._told.get(advice.outcome) == day:
            return ""
        self._told[advice.outcome] = day
        instead = f"; {advice.advisor}" if advice.advisor else "; holding"
        return f"{said} ({advice.detail}){instead}" if advice.detail else f"{said}{instead}"
