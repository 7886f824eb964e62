"""The folder of a walk-forward: what is finished, under names that say what it was made from.

Every file is written beside its place and renamed into it, so there is either all of it or none.
A window's result is kept under the hash of its task, the catalog's content and the code: asked for
again, it is read instead of computed, and anything that would change it gives another name. One
process works in a folder at a time. A catalog that changed since the folder was begun is refused.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from ocw_strategy.backtest.walkforward.fingerprint import (
    catalog_changes,
    catalog_files,
    code_fingerprint,
    content_hash,
)
from ocw_strategy.backtest.walkforward.task import Task, TaskResult
from ocw_strategy.errors import CatalogError, JournalError
from ocw_strategy.journal import WriterLock

PLAN_FILE: Final = "plan.json"
"""What the walk-forward was begun with: its settings and the catalog's content."""


class Store:
    """The results of one walk-forward, used as a context manager.

    Parameters
    ----------
    folder : Path
        Made where it is not.
    catalog : Path
        The catalog that the results depend on.
    settings : mapping
        What the walk-forward was made with, kept beside its results.

    Raises
    ------
    CatalogError
        If there is no catalog, or it changed since the folder was begun.
    JournalError
        If the folder cannot be written or another process works in it.
    """

    def __init__(self, folder: Path, catalog: Path, settings: Mapping[str, Any]) -> None:
        self.folder = folder
        self._results = folder / "results"
        files = catalog_files(catalog)
        self._made_from = (content_hash(files), code_fingerprint())
        try:
            self._results.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JournalError("walk.folder", str(folder), f"make it writable: {error}") from error
        self._lock = WriterLock(folder / PLAN_FILE)
        try:
            self._begin(files, settings)
        except BaseException:
            self._lock.release()
            raise

    def _begin(self, files: dict[str, str], settings: Mapping[str, Any]) -> None:
        plan = self.folder / PLAN_FILE
        if plan.is_file():
            before = json.loads(plan.read_text(encoding="utf-8"))["catalog"]
            changes = catalog_changes(before, files)
            if changes:
                raise CatalogError(
                    "catalog",
                    f"{len(changes)} files differ since this walk-forward began, {changes[0]}",
                    f"put them back to resume it, or remove {self.folder} to begin anew",
                )
            return
        self.write(PLAN_FILE, json.dumps({"settings": settings, "catalog": files}, indent=1))

    def key(self, task: Task) -> str:
        """Return the name of a task's result."""
        plain = task.model_dump(
            mode="json",
            # where things lie and where they are computed changes no result
            exclude={
                "journal": True,
                "walk": {"execute", "walk"},
                "base": {"data": {"catalog"}, "run": {"runs_dir"}},
            },
        )
        return content_hash(plain, *self._made_from)

    def get(self, task: Task) -> TaskResult | None:
        """Return the result of a task that was done before, or None."""
        path = self._results / f"{self.key(task)}.json"
        if not path.is_file():
            return None
        return TaskResult.model_validate_json(path.read_text(encoding="utf-8"))

    def put(self, task: Task, text: str) -> None:
        """Keep the result of a task.

        Raises
        ------
        JournalError
            If it cannot be written.
        """
        self.write(f"results/{self.key(task)}.json", text)

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file of the folder, all of it or nothing.

        Raises
        ------
        JournalError
            If it cannot be written; what was there before is still there.
        """
        path = self.folder / name
        partial = path.with_name(f".{path.name}.partial")
        data = content.encode() if isinstance(content, str) else content
        try:
            with partial.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except OSError as error:
            with suppress(OSError):
                partial.unlink()
            raise JournalError(
                "walk.folder", str(path), f"make it writable with space left: {error}"
            ) from error
        return path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release()
