"""Whether Claude can be asked: key, model, window, budget and recording, without buying a decision.

Each check is one line with its remedy. Nothing is sent anywhere unless the true number of a
prompt's tokens is asked for: that is free, and the only check that proves the key.
"""

import time
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from ocw_strategy.advisor import Model, drive, load_models
from ocw_strategy.advisor.recording import Recording
from ocw_strategy.advisors import KEY, hindsight_warning, make_client
from ocw_strategy.backtest.estimate import requests_of
from ocw_strategy.environment import secret
from ocw_strategy.errors import JournalError, OcwError, SettingsError
from ocw_strategy.journal import Answered, DecisionRow, Journal
from ocw_strategy.journal.ledger import read_ledger
from ocw_strategy.market import MarketSnapshot
from ocw_strategy.settings import Settings

_TOKENS_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    well: bool
    said: str
    """What was found, or what to do."""
    grave: bool = True
    """Whether, if it is not well, nothing should go on."""

    @property
    def failed(self) -> bool:
        """Whether it stands in the way."""
        return self.grave and not self.well


def advisor_checks(settings: Settings) -> list[Check]:
    """Return what stands in the way of asking the model that the settings name."""
    checks = model_checks(settings)
    if not checks[-1].well:
        return checks
    return [*checks, _window(settings), _budget(settings), _recording(settings)]


def model_checks(settings: Settings) -> list[Check]:
    """Return whether there is a key, and whether the model is known; the model comes last."""
    claude = settings.advisor.claude
    try:
        model = load_models(Path(claude.models)).get(claude.model)
    except SettingsError as error:
        return [_key(), Check("model", False, str(error))]
    return [_key(), _model(model)]


def _key() -> Check:
    if secret(KEY) is None:
        return Check("key", False, f"{KEY} is not set; put it in the environment or in .env")
    return Check("key", True, f"{KEY} is set; --count-tokens proves it")


def _model(model: Model) -> Check:
    basis = "assumed: its release" if model.cutoff_assumed else "published"
    return Check(
        "model",
        True,
        f"{model.id}: {model.input} USD in, {model.output} USD out per million tokens; knows of "
        f"days to {model.cutoff} ({basis})",
    )


def _window(settings: Settings) -> Check:
    try:
        warning = hindsight_warning(settings)
    except OcwError as error:
        return Check("window", False, str(error))
    return Check("window", not warning, warning or f"from {settings.run.start}: no hindsight")


def _budget(settings: Settings) -> Check:
    claude = settings.advisor.claude
    day, month = claude.budget_usd_per_day, claude.budget_usd_per_month
    limits = f"{day} USD a day, {month} USD a month"
    if not claude.recording or not Path(claude.recording).is_file():
        return Check("budget", day > 0, f"{limits}; nothing spent yet")
    with Journal.read_only(claude.recording) as journal:
        ledger = read_ledger(journal)
    spent = sum((entry.counted_usd for entry in ledger), Decimal(0))
    return Check("budget", day > 0, f"{limits}; {spent} USD spent in {len(ledger)} calls so far")


def _recording(settings: Settings) -> Check:
    path = settings.advisor.claude.recording
    if not path:
        return Check("recording", False, "none is named: a backtest needs one, `ocw record` does")
    if not Path(path).is_file():
        return Check("recording", True, f"{path} is made by `ocw record`")
    try:
        Recording.replay(path).close()
        with Journal.read_only(path) as journal:
            return Check("recording", True, f"{path}: {journal.count(Answered)} answers")
    except OcwError as error:
        return Check("recording", False, str(error))


def true_tokens(settings: Settings, journal: Path) -> Check:
    """Ask the API how many tokens the prompt of a run's last decision really has; it is free.

    Parameters
    ----------
    settings : Settings
        Which model, and how it is asked.
    journal : Path
        The journal of a run with a decision.

    Raises
    ------
    SettingsError
        If there is no key.
    JournalError
        If there is no journal, or no decision in it.
    """
    claude = settings.advisor.claude
    model = load_models(Path(claude.models)).get(claude.model)
    with Journal.read_only(journal) as reader:
        last = reader.rows(DecisionRow, order="ts_ns DESC", limit=1)
    if not last:
        raise JournalError("run", str(journal), "name one with a decision, as `ocw demo` makes")
    snapshot = MarketSnapshot.model_validate_json(last[0].snapshot)
    (request,) = requests_of([snapshot], settings, model)
    client = make_client(clock=time.monotonic_ns)
    try:
        counted = drive(client.count_tokens(request.body, _TOKENS_TIMEOUT_S))
    finally:
        drive(client.close())
    if isinstance(counted, int):
        estimate = request.input_tokens_upper
        said = f"{counted} tokens by the API, {estimate} by our ESTIMATE"
        return Check("tokens", counted <= estimate, said)
    return Check("tokens", False, f"{counted.outcome}: {counted.detail}")
