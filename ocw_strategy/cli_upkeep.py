"""The commands that keep a journal for years: copy it, put it back, check, thin out, export."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ocw_strategy import console
from ocw_strategy.units import DAY_NS

if TYPE_CHECKING:
    from ocw_strategy.journal import JournalCopy

PANEL = "Upkeep"

journal_app = typer.Typer(help="Check a journal, thin it out, export it.", no_args_is_help=True)

JournalArgument = Annotated[Path, typer.Argument(help="A journal, such as live/demo.db.")]


def backup(
    journal: JournalArgument,
    destination: Annotated[Path, typer.Argument(help="A file that does not exist yet.")],
) -> None:
    """Copy a journal while a node writes it; the copy is verified before it gets its name."""
    from ocw_strategy.journal import backup_journal

    console.show(f"copied to {_described(backup_journal(journal, destination))}")


def restore(
    copy: Annotated[Path, typer.Argument(help="What `ocw backup` made.")],
    journal: Annotated[Path, typer.Argument(help="Where it goes.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Move a journal that is there to JOURNAL.replaced.")
    ] = False,
) -> None:
    """Put a copy in a journal's place; refused while a node has that journal."""
    from ocw_strategy.journal import restore_journal

    console.show(f"restored {_described(restore_journal(copy, journal, replace=replace))}")


@journal_app.command()
def check(journal: JournalArgument) -> None:
    """Read a journal whole and say what is wrong with it; exit code 1 if anything is."""
    from ocw_strategy.journal import Journal, check_journal

    with Journal.read_only(journal) as reader:
        found = check_journal(reader)
    for wrong in found:
        console.show(wrong)
    if found:
        raise typer.Exit(1)
    console.show(f"{journal} is whole")


@journal_app.command()
def export(
    journal: JournalArgument,
    folder: Annotated[Path, typer.Argument(help="A folder that does not exist yet.")],
) -> None:
    """Write every table as Parquet, for research elsewhere."""
    from ocw_strategy.journal import Journal, export_journal

    with Journal.read_only(journal) as reader:
        written = export_journal(reader, folder)
    console.show(f"{sum(written.values()):,} rows of {len(written)} tables in {folder}")


@journal_app.command()
def prune(
    journal: JournalArgument,
    keep_days: Annotated[
        int, typer.Option(min=1, help="Whole days whose skips are kept row by row.")
    ] = 90,
) -> None:
    """Fold older skips of the gate into daily counts; refused while a node has the journal."""
    from ocw_strategy.journal import Journal

    with Journal.read_only(journal) as reader:
        run_id = reader.meta()["run_id"]
    with Journal.open(journal, run_id=run_id) as writer:
        folded = writer.fold_skips(time.time_ns() - keep_days * DAY_NS)
    console.show(f"{folded:,} skips folded into daily counts; nothing else was touched")


def _described(copy: "JournalCopy") -> str:
    return (
        f"{copy.path}: {copy.rows:,} rows, {copy.size_bytes:,} bytes,"
        f" schema version {copy.version}, sha256 {copy.digest}"
    )
