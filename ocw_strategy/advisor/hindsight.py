"""No hindsight: a model is not tested on days it may have read about.

A model that was trained on a window knows how it ended, whatever its prompt leaves out. A backtest
that asks one over a window that begins before its knowledge ends is refused. Where the settings
allow it all the same, the run carries a warning, and every table and report of it shows it.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from ocw_strategy.advisor.models import Model
from ocw_strategy.errors import OcwError
from ocw_strategy.units import SECOND_NS


class HindsightError(OcwError):
    """A window that the model may remember."""


def check_hindsight(models: Iterable[Model], start_ns: int, *, allowed: bool) -> str:
    """Return the warning that a run over a window carries; empty where the window is clean.

    Parameters
    ----------
    models : iterable of Model
        All that are asked.
    start_ns : int
        The window's start, UNIX nanoseconds.
    allowed : bool
        Whether a window that the model may remember is run with the warning.

    Raises
    ------
    HindsightError
        If a model may remember the window and that is not allowed.
    """
    start = datetime.fromtimestamp(start_ns // SECOND_NS, UTC).date()
    knowing = [model for model in models if start <= model.cutoff]
    if not knowing:
        return ""
    latest = max(knowing, key=lambda model: model.cutoff)
    basis = (
        "its release: no cutoff is published" if latest.cutoff_assumed else "its knowledge cutoff"
    )
    if not allowed:
        raise HindsightError(
            "run.start",
            str(start),
            f"begin after {latest.cutoff}, {latest.id}'s {basis.removeprefix('its ')}; or use a "
            "model with an earlier one, or set advisor.claude.allow_hindsight and read the result "
            "with that in mind",
        )
    return (
        f"HINDSIGHT: the window begins on {start}, before {latest.id}'s memory of the market ends "
        f"({latest.cutoff}, {basis}). It may know what came; this result proves nothing."
    )
