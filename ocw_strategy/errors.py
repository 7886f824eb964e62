"""Typed errors: each names the field, the value that was found and what to do about it."""

from typing import Any


class OcwError(Exception):
    """A fault that a person can act on.

    Parameters
    ----------
    field : str
        What was wrong: a configuration key, a file, a column, an instrument.
    value : object
        What was found there.
    remedy : str
        What to do about it, as a short imperative sentence.
    """

    def __init__(self, field: str, value: object, remedy: str) -> None:
        self.field = field
        self.value = value
        self.remedy = remedy
        super().__init__(f"{field}: was {value!r}; {remedy}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Survive the way out of a worker process, which the default does not."""
        return _rebuilt, (type(self), self.field, self.value, self.remedy)


class SettingsError(OcwError):
    """A configuration that cannot be run."""


class CatalogError(OcwError):
    """Market data that is missing, damaged or not what it says."""


class JournalError(OcwError):
    """A journal that cannot be read, written or trusted."""


class JournalHeldError(JournalError):
    """A journal that another process writes, such as a live node."""


class AccountBlownError(OcwError):
    """Equity fell to the maintenance margin: the venue would have liquidated the account."""


def _rebuilt(kind: type[OcwError], field: str, value: object, remedy: str) -> OcwError:
    error = kind.__new__(kind)
    OcwError.__init__(error, field, value, remedy)
    return error
