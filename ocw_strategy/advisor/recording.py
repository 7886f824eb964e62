"""Answers kept by what was asked, so that a decision is bought once and replayed for nothing.

A recording is a journal file of its own. The key of an answer is the SHA-256 of the canonical
request, so that model, prompt, schema, limits and effort are all in it. An answer that was paid for
stands for ever; a failure of the service is kept too, since a replay fails where the recording did,
and gives way to a later answer. Each row is sealed by a hash of its own: a file that is damaged, is
no recording, or contradicts itself is refused with a typed error and never half believed.

A replay opens the file read-only, writes nothing beside or into it, and runs beside others; the
one process that records holds the writer's lock.
"""

import hashlib
from dataclasses import astuple, dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from pydantic import ValidationError

from ocw_strategy.advisor.outcomes import TRANSIENT
from ocw_strategy.advisor.usage import Usage
from ocw_strategy.errors import JournalError, SettingsError
from ocw_strategy.journal import Answered, Journal, JournalReader, canonical_json

RECORDING_RUN_ID: Final = "recording"
"""What the file of every recording says it is of, in place of a run."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An answer, and what it was the answer to."""

    request_key: str
    """SHA-256 of `body`."""
    close_ns: int
    """The close it was asked at."""
    model: str
    outcome: str
    text: str
    """The answer as it came."""
    detail: str
    request_id: str
    usage: Usage | None
    """None where nothing is known to have been used."""
    cost_usd: Decimal
    latency_ns: int
    wall_ns: int
    body: str
    """Canonical JSON of the request."""

    @property
    def stands(self) -> bool:
        """Return whether the model answered; a failure may be asked again."""
        return self.outcome not in TRANSIENT


class Recording:
    """The answers in a file; opened by `replay` or `record`."""

    def __init__(self, reader: JournalReader, journal: Journal | None) -> None:
        self._reader = reader
        self._journal = journal
        self.hits = 0
        """Requests that were found."""
        self.misses = 0
        """Requests that were not."""

    @classmethod
    def replay(cls, path: str | Path) -> Self:
        """Open a recording to replay it.

        Raises
        ------
        SettingsError
            If there is no such file.
        JournalError
            If it is no recording, of another version or damaged.
        """
        if not Path(path).is_file():
            raise SettingsError(
                "advisor.claude.recording",
                str(path),
                "no such file; make it with `ocw record`, or name one that is there",
            )
        # the private loop that drives advisors may run in a thread beside the caller
        reader = Journal.read_only(path, any_thread=True)
        try:
            owner = reader.meta().get("run_id")
            if owner != RECORDING_RUN_ID:
                raise JournalError(
                    "advisor.claude.recording", str(path), f"is the journal of run {owner}"
                )
            reader.check_pages()
        except BaseException:
            reader.close()
            raise
        return cls(reader, None)

    @classmethod
    def record(cls, path: str | Path, *, created_wall_ns: int, power_safe: bool = True) -> Self:
        """Open a recording to add to it, making it where there is none.

        Parameters
        ----------
        path : str or Path
            The file, in a folder that exists.
        created_wall_ns : int
            Wall time, for a new file.
        power_safe : bool, default True
            Wait for the disk at each answer: they were paid for.

        Raises
        ------
        JournalError
            If another process records into it, or as for `replay`.
        """
        journal = Journal.open(
            path,
            run_id=RECORDING_RUN_ID,
            created_wall_ns=created_wall_ns,
            power_safe=power_safe,
            any_thread=True,
        )
        try:
            journal.check_pages()
        except BaseException:
            journal.close()
            raise
        return cls(journal, journal)

    @property
    def journal(self) -> Journal | None:
        """The file while it is recorded into, for the ledger of what that cost; else None."""
        return self._journal

    def get(self, key: str) -> Recorded | None:
        """Return what was answered to a request, and count whether it was found.

        Raises
        ------
        JournalError
            If the row was changed since it was written.
        """
        found = self._find(key)
        if found is None:
            self.misses += 1
        else:
            self.hits += 1
        return found

    def put(self, answer: Recorded) -> Recorded:
        """Keep an answer durably and return the one that stands.

        That is the given one, unless an earlier one was paid for: a replay must say what the
        recording run went by, so go by what is returned.

        Raises
        ------
        JournalError
            If the recording is only replayed, the key is not that of the request, or the answer
            could not be made durable.
        """
        if self._journal is None:
            raise JournalError(
                "advisor.claude.recording", self._reader.path, "is replayed; open it to record"
            )
        row = _row(answer)
        _check_key(row)
        earlier = self._find(answer.request_key)
        if earlier is not None and (earlier.stands or not answer.stands):
            return earlier
        self._journal.replace(row)
        return answer

    def close(self) -> None:
        """Close the file, letting the next writer in."""
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _find(self, key: str) -> Recorded | None:
        found = self._reader.rows(Answered, "request_key = ?", (key,))
        return read_answer(found[0]) if found else None


def read_answer(row: Answered) -> Recorded:
    """Return the answer in a row.

    Raises
    ------
    JournalError
        If the row was changed since it was written, or its key is not that of its request.
    """
    if row.seal != _seal(row):
        raise _damaged(row, "was changed since it was written")
    _check_key(row)
    try:
        usage = Usage.model_validate_json(row.usage) if row.usage else None
        cost_usd = Decimal(row.cost_usd)
    except (ValidationError, InvalidOperation) as error:
        raise _damaged(row, "has no usage or cost that can be read") from error
    return Recorded(
        request_key=row.request_key,
        close_ns=row.close_ns,
        model=row.model,
        outcome=row.outcome,
        text=row.text,
        detail=row.detail,
        request_id=row.request_id,
        usage=usage,
        cost_usd=cost_usd,
        latency_ns=row.latency_ns,
        wall_ns=row.wall_ns,
        body=row.body,
    )


def _row(answer: Recorded) -> Answered:
    unsealed = Answered(
        request_key=answer.request_key,
        close_ns=answer.close_ns,
        model=answer.model,
        outcome=answer.outcome,
        text=answer.text,
        detail=answer.detail,
        request_id=answer.request_id,
        usage=canonical_json(answer.usage.model_dump()) if answer.usage else "",
        cost_usd=format(answer.cost_usd, "f"),
        latency_ns=answer.latency_ns,
        wall_ns=answer.wall_ns,
        body=answer.body,
        seal="",
    )
    return replace(unsealed, seal=_seal(unsealed))


def _seal(row: Answered) -> str:
    content = canonical_json(astuple(replace(row, seal="")))
    return hashlib.sha256(content.encode()).hexdigest()


def _check_key(row: Answered) -> None:
    if hashlib.sha256(row.body.encode()).hexdigest() != row.request_key:
        raise _damaged(row, "is not under the key of its request")


def _damaged(row: Answered, fault: str) -> JournalError:
    return JournalError(f"recording, answer {row.request_key[:12]}", row.outcome, fault)
