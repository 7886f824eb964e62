"""Which stretches of time a walk-forward learns on and is judged on.

Each window is an in-sample part, a purge that nothing is chosen by, and an out-of-sample part that
begins where the one before ended: the parts to be judged never overlap and leave no hole. Only
whole windows are made; days left over at the end are not used, and `days_left` says how many.
"""

from ocw_strategy.backtest.walkforward.settings import WindowSettings
from ocw_strategy.errors import SettingsError
from ocw_strategy.model import Strict
from ocw_strategy.units import DAY_NS


class Window(Strict):
    """One window; times are UNIX nanoseconds, each part from its start to its end."""

    index: int
    is_start_ns: int
    is_end_ns: int
    """Nothing after this is known to any choice made for the window."""
    oos_start_ns: int
    oos_end_ns: int


def windows_of(settings: WindowSettings, first_ns: int, last_ns: int) -> tuple[Window, ...]:
    """Return the windows that fit into a span of data.

    Parameters
    ----------
    settings : WindowSettings
    first_ns, last_ns : int
        The span, UNIX nanoseconds.

    Raises
    ------
    SettingsError
        If not one window fits.
    """
    learn, purge, judge = (
        days * DAY_NS
        for days in (settings.in_sample_days, settings.purge_days, settings.out_of_sample_days)
    )
    fit = (last_ns - first_ns - learn - purge) // judge
    if fit < 1:
        needed, there = (learn + purge + judge) // DAY_NS, max(0, last_ns - first_ns) / DAY_NS
        raise SettingsError(
            "windows",
            f"{needed} days",
            f"one window is longer than the {there:.0f} days there are: shorten its parts, "
            "move run.start or run.end, or fetch more data (`ocw data info` shows what is there)",
        )
    found = []
    for index in range(fit):
        is_end_ns = first_ns + learn + index * judge
        is_start_ns = first_ns if settings.kind == "anchored" else is_end_ns - learn
        oos_start_ns = is_end_ns + purge
        found.append(
            Window(
                index=index,
                is_start_ns=is_start_ns,
                is_end_ns=is_end_ns,
                oos_start_ns=oos_start_ns,
                oos_end_ns=oos_start_ns + judge,
            )
        )
    return tuple(found)


def days_left(windows: tuple[Window, ...], last_ns: int) -> float:
    """Return the days after the last window that are not used."""
    return (last_ns - windows[-1].oos_end_ns) / DAY_NS
