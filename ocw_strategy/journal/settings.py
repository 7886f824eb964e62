"""The journal's knobs."""

from typing import Literal

from pydantic import Field

from ocw_strategy.model import Strict


class JournalSettings(Strict):
    """Where a run's journal lives and how often it is written."""

    storage: Literal["file", "memory"] = "file"
    """``file`` keeps the journal in the run's folder; ``memory`` forgets it with the process."""
    buffer_rows: int = Field(default=512, ge=1)
    """Rows held back before they are written together; a killed process loses at most these."""
