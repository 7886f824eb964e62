"""The JSON of the page: an overview, the equity curve, one decision whole, lists page by page."""

from collections.abc import Callable
from typing import Annotated, Any, Final, Protocol

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from ocw_strategy.dashboard.answers import Answers
from ocw_strategy.dashboard.decisions import DecisionView, decision_views
from ocw_strategy.dashboard.equity import EquityCurve, equity_curve, first_sample_ns
from ocw_strategy.dashboard.listing import EventView, TradeView, event_views, trade_views
from ocw_strategy.dashboard.node import NodeView
from ocw_strategy.dashboard.overview import Overview, build_overview
from ocw_strategy.explain import explain_decision
from ocw_strategy.explanation import Explanation
from ocw_strategy.journal import JournalReader
from ocw_strategy.model import Strict

_MOST_ROWS: Final = 100
_MOST_DAYS: Final = 3660

Before = Annotated[int | None, Query(ge=1, lt=2**63, description="Row id to go on before.")]
Limit = Annotated[int, Query(ge=1, le=_MOST_ROWS)]
Days = Annotated[
    float, Query(ge=0, le=_MOST_DAYS, allow_inf_nan=False, description="0 is all there is.")
]
DecisionId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class _Row(Protocol):
    @property
    def row_id(self) -> int: ...


class Page[R](Strict):
    """Rows of a kind, the newest first."""

    rows: tuple[R, ...]
    before: int | None
    """Where to go on; None where these are the last."""


class Decisions(Page[DecisionView]):
    """Decisions, the newest first."""


class Trades(Page[TradeView]):
    """Closed trades, the newest first."""


class Events(Page[EventView]):
    """Events, the newest first."""


def data_router(answers: Answers) -> APIRouter:
    """Return the routes that read the journal."""
    router = APIRouter(prefix="/api")

    @router.get("/overview", response_model=Overview)
    def overview(request: Request) -> Response:
        """Everything at a glance."""
        return answers.give(request, build_overview)

    @router.get("/equity", response_model=EquityCurve)
    def equity(request: Request, days: Days = 30) -> Response:
        """Return equity against holding over the last days before the newest sample."""

        def build(journal: JournalReader, node: NodeView, _now_ns: int) -> EquityCurve:
            config: dict[str, Any] = journal.meta().get("config", {})
            first_ns = first_sample_ns(journal, config, live=node.live)
            return equity_curve(journal, config, first_ns, days)

        return answers.give(request, build)

    @router.get("/decisions", response_model=Decisions)
    def decisions(request: Request, before: Before = None, limit: Limit = 20) -> Response:
        """Return decisions, the newest first."""
        return answers.give(request, _page(Decisions, decision_views, before, limit))

    @router.get("/decisions/{decision_id}", response_model=Explanation)
    def decision(request: Request, decision_id: DecisionId) -> Response:
        """Everything about one decision: what was seen, said, done, and what it came to."""

        def build(journal: JournalReader, _node: NodeView, _now_ns: int) -> Explanation:
            return explain_decision(journal, decision_id)

        return answers.give(request, build)

    @router.get("/trades", response_model=Trades)
    def trades(request: Request, before: Before = None, limit: Limit = 20) -> Response:
        """Return closed trades, the newest first."""
        return answers.give(request, _page(Trades, trade_views, before, limit))

    @router.get("/events", response_model=Events)
    def events(request: Request, before: Before = None, limit: Limit = 20) -> Response:
        """Return events, the newest first."""
        return answers.give(request, _page(Events, event_views, before, limit))

    return router


def _page[R: _Row, P: Page[Any]](
    page: type[P],
    views: Callable[[JournalReader, int | None, int], tuple[R, ...]],
    before: int | None,
    limit: int,
) -> Callable[[JournalReader, NodeView, int], P]:
    def build(journal: JournalReader, _node: NodeView, _now_ns: int) -> P:
        rows = views(journal, before, limit)
        return page(rows=rows, before=rows[-1].row_id if len(rows) == limit else None)

    return build
