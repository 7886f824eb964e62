"""The request that asks a model for a decision: its body, its identity and its size.

The body is exactly what is sent, and its key is the SHA-256 of its canonical JSON: model, prompt,
schema, limits and effort are all in it, so a decision is replayed only where everything that made
it is the same. Nothing in it depends on anything but the arguments. No sampling parameter is set
and no tool is forced: newer models refuse both.

Sizes are an ESTIMATE (`sizes`).
"""

import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any, Final

from ocw_strategy.advisor.decision import Advice, parse_decision
from ocw_strategy.advisor.masking import Mask
from ocw_strategy.advisor.models import Model
from ocw_strategy.advisor.prompt import AccountRules, render_snapshot, system_prompt
from ocw_strategy.advisor.schema import decision_schema
from ocw_strategy.advisor.settings import ClaudeSettings
from ocw_strategy.advisor.sizes import estimate_tokens
from ocw_strategy.errors import SettingsError
from ocw_strategy.market import MarketSnapshot

CACHE_MINUTES: Final = 5.0
"""How long the API keeps a cached prefix after its last use, at the price of ``cache_write``."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request for a decision."""

    body: dict[str, Any]
    """What is sent."""
    key: str
    """SHA-256 of the body's canonical JSON, 64 hexadecimal digits."""
    input_tokens_upper: int
    """ESTIMATE of the tokens of system prompt, message and schema."""
    mask: Mask
    """How its instruments are called."""

    def read(self, text: str) -> Advice:
        """Return the decision in an answer, by the instruments' own symbols, or a hold."""
        advice = parse_decision(text, self.mask.shown)
        if advice.decision is None:
            return advice
        return Advice(self.mask.unmask(advice.decision), advice.outcome, advice.detail, advice.raw)


def build_request(
    snapshot: MarketSnapshot, model: Model, settings: ClaudeSettings, rules: AccountRules
) -> Request:
    """Return the request for a decision on a snapshot.

    Parameters
    ----------
    model : Model
        The model asked; `settings.model` is not looked at, so that another may screen.
    rules : AccountRules
        What the run's settings demand of an advisor; see `AccountRules.of`.

    Raises
    ------
    SettingsError
        If `max_tokens` is more than the model can answer.
    """
    if settings.max_tokens > model.max_output_tokens:
        raise SettingsError(
            "advisor.claude.max_tokens",
            settings.max_tokens,
            f"set it to at most {model.max_output_tokens}, what {model.id} can answer",
        )
    mask = Mask.over(snapshot.instruments, masked=settings.masked)
    system = system_prompt(mask.shown, snapshot.safety, rules, masked=settings.masked)
    message = render_snapshot(snapshot, masked=settings.masked)
    schema = decision_schema(mask.shown, masked=settings.masked)
    block: dict[str, Any] = {"type": "text", "text": system}
    if cache_pays(model, estimate_tokens(system), rules.calls_per_day / 24):
        block["cache_control"] = {"type": "ephemeral"}
    output: dict[str, Any] = {"format": {"type": "json_schema", "schema": schema}}
    if settings.effort != "default":
        output["effort"] = settings.effort
    body = {
        "model": model.id,
        "max_tokens": settings.max_tokens,
        "system": [block],
        "messages": [{"role": "user", "content": [{"type": "text", "text": message}]}],
        "output_config": output,
    }
    return Request(
        body=body,
        key=hashlib.sha256(canonical_json(body).encode("ascii")).hexdigest(),
        input_tokens_upper=estimate_tokens(system + message + _compact(schema)),
        mask=mask,
    )


def canonical_json(body: dict[str, Any]) -> str:
    """Return a body as ASCII JSON with sorted keys, the same bytes for the same content."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)


def cache_pays(model: Model, prefix_tokens: int, calls_per_hour: float) -> bool:
    """Return whether marking a prefix for the cache lowers the expected bill.

    With calls at random times, the chance that one comes while the prefix is kept is
    ``1 - exp(-calls_per_hour * CACHE_MINUTES / 60)``. Then it is read at ``cache_read``, else
    written at ``cache_write``; without a mark it costs ``input``. A prefix below the model's floor
    is never kept.

    Parameters
    ----------
    model : Model
        Prices and the floor.
    prefix_tokens : int
        Size of the prefix.
    calls_per_hour : float
        Calls expected.
    """
    if prefix_tokens < model.cache_floor_tokens:
        return False
    hit = -math.expm1(-calls_per_hour * CACHE_MINUTES / 60)
    expected = hit * float(model.cache_read) + (1 - hit) * float(model.cache_write)
    return expected < float(model.input)


def _compact(schema: dict[str, Any]) -> str:
    return json.dumps(schema, separators=(",", ":"))
