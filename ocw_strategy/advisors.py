"""The assembly of whoever decides, from a run's settings: rules, or Claude with all it needs."""

from pathlib import Path

from ocw_strategy.advisor import check_hindsight, load_models
from ocw_strategy.catalog import is_synthetic
from ocw_strategy.settings import Settings


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
    asked = [models.get(name) for name in (claude.model, claude.screen_model) if name]
    return check_hindsight(asked, settings.run.start_ns, allowed=claude.allow_hindsight)
