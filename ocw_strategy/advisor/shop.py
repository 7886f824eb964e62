"""Get one answer from a model, paid for or replayed: the steps that money depends on, in order.

1. The recording: an answer that was paid for is never bought again.
2. The circuit breaker: a service that fails is left alone for a while.
3. The budget: the worst case is set aside, durably, before anything leaves.
4. The call.
5. The bill: settled from the usage the service states, if it can be believed; at nothing if nothing
   was bought for certain; else the worst case stays.
6. The recording again, whatever came of it.

What the text is worth is judged by the caller's function, so that ledger and recording can say it.
A journal that cannot be written raises, and what was set aside stays set aside.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ocw_strategy.advisor.answer import ANSWERED, Answer
from ocw_strategy.advisor.breaker import CircuitBreaker
from ocw_strategy.advisor.budget import Budget
from ocw_strategy.advisor.decision import Advice
from ocw_strategy.advisor.models import Model
from ocw_strategy.advisor.outcomes import (
    ADVISOR_FAULT,
    BREAKER_OPEN,
    BUDGET_SPENT,
    EMPTY,
    NOT_RECORDED,
    REFUSED,
    SETTLED,
    TRUNCATED,
)
from ocw_strategy.advisor.recording import Recorded, Recording
from ocw_strategy.advisor.request import Request, canonical_json
from ocw_strategy.advisor.usage import Usage

if TYPE_CHECKING:  # the SDK takes seconds to import: a replay does without
    from ocw_strategy.advisor.client import ClaudeClient

_WITHOUT_ANSWER: Final = frozenset({REFUSED, TRUNCATED, EMPTY})
"""Settled, but not by a text that could be judged."""

Judge = Callable[[str], Advice]
"""Reads a whole answer; total."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What an answer cost, if anything is known of it."""

    cost_usd: Decimal | None
    """None where it is not known: the worst case stays."""
    usage: Usage | None
    detail: str = ""


_NOTHING: Final = Bill(Decimal(0), None)


class Shop:
    """Where answers come from.

    Parameters
    ----------
    client : ClaudeClient or None
        None where there is no key: then nothing is ever bought.
    budget : Budget
        What may be spent.
    breaker : CircuitBreaker
        Whether the service may be asked.
    recording : Recording or None
        Answers kept from before, and where new ones are kept.
    may_buy : bool
        Whether an answer that the recording lacks is bought.
    timeout_s : float
        Time for a call, seconds.
    wall_clock : Callable[[], int]
        Wall time of the ledger, UNIX nanoseconds.
    """

    def __init__(
        self,
        *,
        client: "ClaudeClient | None",
        budget: Budget,
        breaker: CircuitBreaker,
        recording: Recording | None,
        may_buy: bool,
        timeout_s: float,
        wall_clock: Callable[[], int],
    ) -> None:
        self._client = client
        self._budget = budget
        self._breaker = breaker
        self._recording = recording
        # what cannot be kept would be bought again at every run
        self._may_buy = may_buy and (recording is None or recording.journal is not None)
        self._timeout_s = timeout_s
        self._wall_clock = wall_clock

    async def obtain(self, request: Request, model: Model, now_ns: int, judge: Judge) -> Advice:
        """Return advice from a model's answer, or a hold that says why there is none.

        Parameters
        ----------
        request : Request
            What is asked.
        model : Model
            Who is asked: its prices.
        now_ns : int
            The close that is decided on, UNIX nanoseconds.
        judge : Judge
            Reads the text of a whole answer.

        Raises
        ------
        JournalError
            If the ledger or the recording cannot be read or written.
        ValueError
            If the model's prices do not hold for the request.
        """
        advice = self._replayed(request, judge)
        if advice is None and self._client is not None:
            advice = await self._bought(self._client, request, model, now_ns, judge)
        elif advice is None:
            advice = Advice(None, NOT_RECORDED, "there is no key to buy it with")
        return replace(advice, request_key=request.key, model=model.id)

    def _replayed(self, request: Request, judge: Judge) -> Advice | None:
        """Return what the recording has, None if it is to be bought."""
        if self._recording is None:
            return None
        kept = self._recording.get(request.key)
        if kept is None:
            return None if self._may_buy else Advice(None, NOT_RECORDED, "not in the recording")
        if self._may_buy and not kept.stands:
            return None  # there was no answer: try again
        return _advice(kept, judge)

    async def _bought(
        self, client: "ClaudeClient", request: Request, model: Model, now_ns: int, judge: Judge
    ) -> Advice:
        worst = model.worst_case_usd(request.input_tokens_upper, request.body["max_tokens"])
        if self._breaker.allows(now_ns):
            answer, bill = await self._called(client, request, model, now_ns, worst, judge)
        else:
            answer, bill = Answer(BREAKER_OPEN, detail="not asked"), _NOTHING
        advice = _judged(answer, judge)
        said = dict.fromkeys(filter(None, (advice.detail, answer.detail, bill.detail)))
        recorded = Recorded(
            request_key=request.key,
            close_ns=now_ns,
            model=model.id,
            outcome=advice.outcome,
            text=answer.text,
            detail="; ".join(said),
            request_id=answer.request_id,
            usage=bill.usage,
            cost_usd=worst if bill.cost_usd is None else bill.cost_usd,
            latency_ns=answer.latency_ns,
            wall_ns=self._wall_clock(),
            body=canonical_json(request.body),
        )
        if self._recording is not None:
            recorded = self._recording.put(recorded)
        return _advice(recorded, judge)

    async def _called(
        self,
        client: "ClaudeClient",
        request: Request,
        model: Model,
        now_ns: int,
        worst: Decimal,
        judge: Judge,
    ) -> tuple[Answer, Bill]:
        """Make a call within the budget, book it, and tell the breaker whatever happens."""
        ended, wait = ADVISOR_FAULT, None
        try:
            reservation = self._budget.reserve(
                now_ns, worst, model=model.id, request_key=request.key, prices=model.prices
            )
            if reservation is None:
                ended = BUDGET_SPENT
                why = f"a worst case of {worst.normalize():f} USD would exceed the budget"
                return Answer(BUDGET_SPENT, detail=why), _NOTHING
            answer = await client.ask(request.body, self._timeout_s)
            bill = _bill(answer, model, request.body["max_tokens"])
            ended, wait = _judged(answer, judge).outcome, answer.retry_after_s
            self._budget.settle(reservation, bill.cost_usd, bill.usage, ended, self._wall_clock())
            return answer, bill
        finally:  # also where the call was cancelled: a probe must not be lost
            self._breaker.record(ended, now_ns, wait)


def _judged(answer: Answer, judge: Judge) -> Advice:
    if answer.outcome == ANSWERED:
        return judge(answer.text)
    return Advice(None, answer.outcome, answer.detail, answer.text)


def _advice(recorded: Recorded, judge: Judge) -> Advice:
    """Return the advice in an answer, the same when it is bought and when it is replayed."""
    if recorded.outcome in SETTLED - _WITHOUT_ANSWER:
        advice = judge(recorded.text)
    else:
        advice = Advice(None, recorded.outcome)
    return replace(
        advice,
        detail=recorded.detail,
        raw=recorded.text,
        cost_usd=recorded.cost_usd,
        usage=recorded.usage,
        latency_ns=recorded.latency_ns,
    )


def _bill(answer: Answer, model: Model, longest: int) -> Bill:
    """Return what a call cost, as far as it is believed."""
    if answer.unbilled:
        return Bill(Decimal(0), None)
    if answer.usage is None:
        return Bill(None, None, "the worst case stays reserved")
    if not model.believes(answer.usage, longest):
        return Bill(None, None, "usage is impossible: the worst case stays reserved")
    return Bill(model.cost_usd(answer.usage), answer.usage)
