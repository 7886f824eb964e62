"""The assembly of whoever decides, from a run's settings: rules, or Claude with all it needs.

Claude buys answers only where they can be accounted for. With a recording, answers and the ledger
of what they cost live in its file: nothing is bought twice, and a stopped recording goes on where
it was. Without one, as in a live node, the ledger is the run's own journal. A backtest without a
recording is refused: it would pay for answers and forget them.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ocw_strategy.advisor import (
    AccountRules,
    Advisor,
    CircuitBreaker,
    ClaudeAdvisor,
    RulesAdvisor,
    Shop,
    build_request,
    check_hindsight,
    drive,
    load_models,
)
from ocw_strategy.advisor.budget import Budget
from ocw_strategy.advisor.recording import Recording
from ocw_strategy.catalog import is_synthetic
from ocw_strategy.environment import secret, variable
from ocw_strategy.errors import SettingsError
from ocw_strategy.journal import Journal
from ocw_strategy.settings import Settings
from ocw_strategy.units import MINUTE_NS

if TYPE_CHECKING:
    from ocw_strategy.advisor.client import ClaudeClient

KEY: Final = "ANTHROPIC_API_KEY"
"""The variable that holds the key; it stands nowhere else."""
URL: Final = "ANTHROPIC_BASE_URL"
"""The variable that names another address of the API."""
_BREAKER_STATE: Final = "breaker/1"


def hindsight_warning(settings: Settings) -> str:
    """Return the warning that a run carries whose model may remember its window; else nothing.

    No model remembers the built-in sample market: it was made up here.

    Raises
    ------
    SettingsError
        If a model is unknown.
    HindsightError
        If the settings do not allow such a window.
    """
    claude = settings.advisor.claude
    if settings.advisor.kind != "claude" or is_synthetic(Path(settings.data.catalog)):
        return ""
    models = load_models(Path(claude.models))
    named = (claude.model, claude.screen_model, claude.reflection_model)
    asked = [models.get(name) for name in named if name]
    return check_hindsight(asked, settings.run.start_ns, allowed=claude.allow_hindsight)


def recording_settings(settings: Settings) -> Settings:
    """Return the settings of a run that buys what its recording lacks.

    A recording that is not named is called after the run.
    """
    claude = settings.advisor.claude
    path = claude.recording or f"recordings/{settings.run.name}.db"
    buying = claude.model_copy(update={"recording": path, "on_miss": "call"})
    advisor = settings.advisor.model_copy(update={"kind": "claude", "claude": buying})
    return settings.model_copy(update={"advisor": advisor})


def make_advisor(
    settings: Settings, journal: Journal, *, live: bool = False
) -> tuple[Advisor, Callable[[], None] | None]:
    """Return who decides in a run, and what lets go of its files at the end, if there are any.

    Parameters
    ----------
    settings : Settings
    journal : Journal
        The run's own, open for writing.
    live : bool, default False
        Whether the clock is that of the wall: answers are then bought without a recording.

    Raises
    ------
    SettingsError
        If the recording, the key or a model is not there.
    JournalError
        If the recording cannot be read, or another process records into it.
    """
    rules = RulesAdvisor(settings.advisor.rules)
    if settings.advisor.kind == "rules":
        return rules, None
    claude = settings.advisor.claude
    models = load_models(Path(claude.models))
    buys = not claude.recording or claude.on_miss == "call"
    client = make_client(clock=time.monotonic_ns) if buys else None
    recording = _recording(settings, live=live)
    ledger = recording.journal if recording is not None and recording.journal else journal
    files = ExitStack()
    if recording is not None:
        files.callback(recording.close)
    if client is not None and not live:  # connections belong to the loop that asks
        files.callback(lambda: drive(client.close()))
    shop = Shop(
        client=client,
        budget=Budget(
            ledger,
            claude.budget_usd_per_day,
            claude.budget_usd_per_month,
            simulated_clock=not live,
        ),
        breaker=_breaker(settings, journal),
        recording=recording,
        may_buy=buys,
        timeout_s=claude.timeout_seconds,
        wall_clock=time.time_ns,
    )
    demands = AccountRules.of(settings.gate, settings.market, settings.risk)
    advisor = ClaudeAdvisor(
        claude,
        models,
        lambda snapshot: build_request(snapshot, models.get(claude.model), claude, demands),
        shop,
        rules,
    )
    return advisor, files.close


def _recording(settings: Settings, *, live: bool) -> Recording | None:
    claude = settings.advisor.claude
    if not claude.recording:
        if live:
            return None
        raise SettingsError(
            "advisor.claude.recording",
            claude.recording,
            "name the file of a recording; `ocw record` makes one and says first what it costs",
        )
    path = Path(claude.recording)
    if claude.on_miss != "call":
        return Recording.replay(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    return Recording.record(path, created_wall_ns=time.time_ns())


def make_client(*, clock: Callable[[], int]) -> "ClaudeClient":
    """Return a client with the key and the address of the environment.

    Parameters
    ----------
    clock : callable
        A monotonic clock, nanoseconds: latency is measured with it.

    Raises
    ------
    SettingsError
        If there is no key.
    """
    # the SDK takes long to import, and only those who buy answers need it
    from ocw_strategy.advisor.client import API_URL, ClaudeClient

    key = secret(KEY)
    if key is None:
        raise SettingsError(KEY, None, "set it in the environment or in .env; nothing was asked")
    return ClaudeClient(key, clock=clock, base_url=variable(URL) or API_URL)


def _breaker(settings: Settings, journal: Journal) -> CircuitBreaker:
    claude = settings.advisor.claude
    breaker = CircuitBreaker(
        claude.breaker_failures,
        round(claude.breaker_minutes * MINUTE_NS),
        keep=lambda state: journal.save_state(_BREAKER_STATE, state),
    )
    kept = journal.load_state(_BREAKER_STATE)
    if kept is not None:
        breaker.restore(kept)
    return breaker
