"""What one run hands to the next: everything learnt, and where the circuit breakers stand.

Positions are not handed on: a run starts flat. What market data says is warmed up anew.
"""

from dataclasses import dataclass
from typing import Any, Final, Self

from ocw_strategy.errors import JournalError
from ocw_strategy.journal import JournalReader

DESK_STATE: Final = "desk/1"
HALT_STATE: Final = "halt/1"
"""The names under which actor and strategy keep their states in the journal."""


@dataclass(frozen=True, slots=True)
class CarriedState:
    """The state of a run at its end, as JSON values."""

    desk: dict[str, Any]
    """Of the decision desk: gate, purse, posteriors, shadow outcomes, calls not yet settled."""
    halt: dict[str, Any] | None = None
    """Of the circuit breakers; None to start with an account that has no past."""

    @classmethod
    def of(cls, journal: JournalReader) -> Self:
        """Return what a run that came to its end left in its journal.

        Raises
        ------
        JournalError
            If it left none.
        """
        desk, halt = journal.load_state(DESK_STATE), journal.load_state(HALT_STATE)
        if desk is None:
            raise JournalError(DESK_STATE, None, "give the journal of a run that came to its end")
        return cls(desk, halt)

    def learnt(self) -> Self:
        """Return the state without the account's past."""
        return type(self)(self.desk)
