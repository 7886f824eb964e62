"""The command line. Every command is a few lines over a function that a notebook can call too.

A fault that a person can act on is one sentence and exit code 2; anything else is a defect and
keeps its traceback.
"""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ocw_strategy import (
    cli_alerts,
    cli_dashboard,
    cli_live,
    cli_positions,
    cli_serve,
    cli_upkeep,
    console,
)
from ocw_strategy.environment import load_environment, redact, secret, secret_from_file
from ocw_strategy.errors import OcwError, SettingsError
from ocw_strategy.units import SECOND_NS

app = typer.Typer(
    name="ocw",
    help="Decide when a trading decision is worth buying, buy it, carry it out, learn from it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
data_app = typer.Typer(help="Fill and inspect the Parquet data catalog.", no_args_is_help=True)
app.add_typer(data_app, name="data", rich_help_panel="Data")
for _node in (cli_live.live, cli_live.halt, cli_live.resume, cli_live.status):
    app.command(rich_help_panel=cli_live.PANEL)(_node)
for _position in (cli_positions.flatten, cli_positions.adopt):
    app.command(rich_help_panel=cli_live.PANEL)(_position)
for _beside in (cli_dashboard.dashboard, cli_alerts.alerts, cli_serve.serve):
    app.command(rich_help_panel=cli_live.PANEL)(_beside)
for _command in (cli_upkeep.backup, cli_upkeep.restore):
    app.command(rich_help_panel=cli_upkeep.PANEL)(_command)
app.add_typer(cli_upkeep.journal_app, name="journal", rich_help_panel=cli_upkeep.PANEL)

CatalogOption = Annotated[Path, typer.Option("--catalog", help="Folder of the data catalog.")]
RunsOption = Annotated[Path, typer.Option("--runs", help="Folder that keeps the runs.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Put a value over the file's, such as run.seed=7; repeatable."),
]
DEMO_CONFIG = Path("configs/demo-backtest.toml")
ARCHIVE_URL = "https://data.binance.vision"
FRED_URL = "https://api.stlouisfed.org"


@app.command(rich_help_panel="Backtest")
def demo(
    seed: Annotated[int, typer.Option(help="Seed of the sample market.")] = 1,
) -> None:
    """Make the built-in sample market (synthetic), backtest on it and write the report."""
    from ocw_strategy.settings import load_settings

    settings = load_settings(DEMO_CONFIG)
    sample(catalog=Path(settings.data.catalog), seed=seed)
    _backtest(settings)


@app.command(rich_help_panel="Backtest")
def backtest(
    config: Annotated[Path, typer.Argument(help="A file such as configs/backtest.toml.")],
    set_: SetOption = None,
) -> None:
    """Run a backtest over the catalog and write its journal and report."""
    from ocw_strategy.settings import load_settings, parse_overrides

    _backtest(load_settings(config, parse_overrides(set_ or [])))


@app.command(rich_help_panel="Claude")
def record(
    config: Annotated[Path, typer.Argument(help="A file such as configs/claude-backtest.toml.")],
    set_: SetOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before money is spent.")] = False,
) -> None:
    """Buy Claude's decisions over a window, once: says what it takes, asks, resumes, replays."""
    from ocw_strategy.advisors import hindsight_warning, make_client, recording_settings
    from ocw_strategy.backtest.estimate import estimate_calls
    from ocw_strategy.console_claude import print_estimate
    from ocw_strategy.settings import load_settings, parse_overrides

    settings = recording_settings(load_settings(config, parse_overrides(set_ or [])))
    hindsight_warning(settings)
    make_client(clock=time.monotonic_ns)  # refused here where there is no key
    with console.run_progress(settings) as progress:
        estimate = estimate_calls(settings, progress=progress)
    print_estimate(estimate, Path(settings.advisor.claude.recording))
    if not yes and not typer.confirm("Buy what is not recorded yet?"):
        raise typer.Exit(1)
    _backtest(settings)


@app.command(rich_help_panel="Claude")
def doctor(
    config: Annotated[Path, typer.Argument(help="The config to look at; [live] or not.")] = Path(
        "configs/claude-backtest.toml"
    ),
    set_: SetOption = None,
    count_tokens: Annotated[
        bool, typer.Option("--count-tokens", help="Ask the API for a prompt's true size (free).")
    ] = False,
    run: Annotated[
        Path | None, typer.Option(help="Folder of the run whose last prompt is counted.")
    ] = None,
) -> None:
    """Tell whether Claude can be asked, or a live node can run; buys nothing, sends nothing.

    It looks at a node where the config has a [live] table.
    """
    from ocw_strategy.backtest import newest_run
    from ocw_strategy.console_claude import print_checks
    from ocw_strategy.doctor import advisor_checks, true_tokens
    from ocw_strategy.settings import load_settings, parse_overrides, read_toml

    overrides = parse_overrides(set_ or [])
    if "live" in read_toml(config):
        if not print_checks(cli_live.node_checks(config, overrides)):
            raise typer.Exit(1)
        return
    settings = load_settings(config, overrides)
    checks = advisor_checks(settings)
    if count_tokens:
        folder = run or newest_run(Path(settings.run.runs_dir))
        checks.append(true_tokens(settings, folder / "journal.db"))
    if not print_checks(checks):
        raise typer.Exit(1)


def _backtest(settings: Any) -> None:
    from ocw_strategy.backtest import run_backtest, summarise, write_reports

    with console.run_progress(settings) as progress:
        result = run_backtest(
            settings,
            created_wall_ns=time.time_ns(),
            progress=progress,
            finish=write_reports,
        )
    console.print_summary(summarise(result.folder))
    console.say_where(result.folder)


@app.command("walk-forward", rich_help_panel="Backtest")
def walk_forward_(
    config: Annotated[Path, typer.Argument(help="A file such as configs/walkforward.toml.")],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Put a value over the file's or the backtest's; repeatable."),
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Windows at the same time.")] = None,
    executor: Annotated[str | None, typer.Option(help="processes, inline or ray.")] = None,
    nulls: Annotated[
        bool, typer.Option(help="Run every window as its nulls too: ten more runs a window.")
    ] = True,
) -> None:
    """Choose on one stretch of time, be judged on the next, again and again; resumes itself."""
    from ocw_strategy.backtest import load_walk_forward, walk_forward
    from ocw_strategy.backtest.walkforward import walk_forward_nulls, write_walk_forward_report
    from ocw_strategy.backtest.walkforward.executor import make_executor
    from ocw_strategy.backtest.walkforward.nulls import run_null_task
    from ocw_strategy.settings import parse_overrides

    chosen = {"execute.workers": workers, "execute.executor": executor}
    given = {key: value for key, value in chosen.items() if value is not None}
    walk, base = load_walk_forward(config, {**parse_overrides(set_ or []), **given})
    with console.walk_progress(walk.walk.name) as progress:
        result = walk_forward(walk, base, progress=progress)
    found = None
    if nulls:
        with console.walk_progress("nulls") as progress:
            running = make_executor(walk.execute, run_null_task)
            found = walk_forward_nulls(result, executor=running, progress=progress)
    assessment = write_walk_forward_report(result, found)
    console.print_walk_forward(result)
    console.print_assessment(result, assessment, found)


@app.command("nulls", rich_help_panel="Backtest")
def nulls_(
    config: Annotated[Path, typer.Argument(help="A file such as configs/backtest.toml.")],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Put a value over the file's, such as run.seed=7; repeatable."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=0, help="Random gates.")] = 5,
) -> None:
    """Run a backtest beside what it must beat: holding, and itself with a part left out."""
    from ocw_strategy.backtest.walkforward import backtest_nulls
    from ocw_strategy.settings import load_settings, parse_overrides

    settings = load_settings(config, parse_overrides(set_ or []))
    console.print_nulls(backtest_nulls(settings, seeds=seeds))


@app.command(rich_help_panel="Backtest")
def runs(
    compare: Annotated[
        list[str] | None, typer.Argument(help="Runs to set side by side; none lists all.")
    ] = None,
    folder: RunsOption = Path("runs"),
) -> None:
    """List the runs made here, or compare some of them."""
    from ocw_strategy.backtest import list_runs

    console.print_runs(list_runs(folder, compare or []))


JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
RunOption = Annotated[str | None, typer.Option("--run", help="A run; the newest by default.")]


@app.command(rich_help_panel="Decisions")
def explain(
    decision: Annotated[
        str, typer.Argument(help="Its id or the start of one, `last`, or an ISO time.")
    ] = "last",
    run: RunOption = None,
    as_json: JsonOption = False,
    folder: RunsOption = Path("runs"),
) -> None:
    """Show everything about one decision: what was seen, said, done, and what it came to."""
    from ocw_strategy.console_explain import print_explanation
    from ocw_strategy.explain import explain_decision
    from ocw_strategy.journal import Journal
    from ocw_strategy.journals import find_journal

    with Journal.read_only(find_journal(run, folder)) as journal:
        found = explain_decision(journal, decision)
    print(found.model_dump_json(indent=2)) if as_json else print_explanation(found)


@app.command(rich_help_panel="Decisions")
def spend(
    run: RunOption = None,
    journal: Annotated[
        Path | None, typer.Option(help="A journal or a recording, in place of a run.")
    ] = None,
    as_json: JsonOption = False,
    folder: RunsOption = Path("runs"),
) -> None:
    """Show what calls have cost, by day, model and outcome, and what is left of the budget."""
    from ocw_strategy.console_spend import print_spend
    from ocw_strategy.journals import find_journal
    from ocw_strategy.spend import report_spend

    report = report_spend(journal or find_journal(run, folder))
    print(report.model_dump_json(indent=2)) if as_json else print_spend(report)


@data_app.command()
def sample(
    catalog: CatalogOption = Path("catalog/sample"),
    seed: Annotated[int, typer.Option(help="Seed of everything random in it.")] = 1,
    start: Annotated[str, typer.Option(help="First day, ISO date.")] = "2024-01-01",
    days: Annotated[int, typer.Option(min=1, help="Length in days.")] = 180,
    minutes: Annotated[int, typer.Option(help="Base bar: 1, 5 or 15 minutes.")] = 5,
    edge: Annotated[float, typer.Option(help="Strength of the planted edges; 0 for noise.")] = 1.0,
) -> None:
    """Make the built-in sample market: SYNTHETIC data with known truth."""
    from ocw_strategy.catalog import write_sample

    with console.steps("sample market (synthetic)") as progress:
        write_sample(
            catalog, seed=seed, start=start, days=days, base_minutes=minutes, edge=edge,
            progress=progress,
        )  # fmt: skip


@data_app.command("import")
def import_(
    directory: Annotated[Path, typer.Argument(help="Frames as DIR/<kind>/<SYMBOL>.parquet|csv.")],
    catalog: CatalogOption = Path("catalog"),
) -> None:
    """Import Parquet or CSV frames: all of them, or on the first fault none."""
    from ocw_strategy.catalog import import_directory

    with console.steps("import") as progress:
        reports = import_directory(
            directory, catalog, progress=lambda report, total: progress(report.source, total)
        )
    console.print_import(reports)


@data_app.command()
def fetch(
    start: Annotated[str, typer.Option(help="First day, ISO date, UTC.")],
    end: Annotated[str, typer.Option(help="Day after the last one, ISO date, UTC.")],
    catalog: CatalogOption = Path("catalog"),
    symbols: Annotated[
        str, typer.Option(help="Venue symbols, separated by commas.")
    ] = "BTCUSDT,ETHUSDT,SOLUSDT",
    kinds: Annotated[
        str, typer.Option(help="Kinds of frames, separated by commas.")
    ] = "bars_5m,bars_15m,bars_1h,mark_1h,funding,metrics_5m",
    cache: Annotated[
        Path, typer.Option(help="Folder that keeps the downloads, so that a rerun resumes.")
    ] = Path("build/archive"),
    url: Annotated[str, typer.Option(help="Address of the archive.")] = ARCHIVE_URL,
) -> None:
    """Fetch Binance's public archive into the catalog: verified, resumable, idempotent."""
    from ocw_strategy.catalog import FetchRequest, write_frame
    from ocw_strategy.catalog import fetch as fetch_archive
    from ocw_strategy.settings import time_option

    request = FetchRequest(
        symbols=symbols.split(","),
        kinds=kinds.split(","),
        start_ns=time_option("--start", start),
        end_ns=time_option("--end", end),
    )
    with console.fetch_progress() as progress:
        report = fetch_archive(
            request,
            cache_dir=cache,
            ingest=lambda kind, symbol, table, source: write_frame(
                catalog, kind, symbol, table, source=source
            ),
            now_ns=time.time_ns(),
            base_url=url,
            progress=progress,
        )
    console.print_fetch(report)


@data_app.command()
def macro(
    start: Annotated[str, typer.Option(help="First day of publication, ISO date, UTC.")],
    catalog: CatalogOption = Path("catalog"),
    key_file: Annotated[
        Path | None, typer.Option(help="File with the FRED key; else FRED_API_KEY, also in .env.")
    ] = None,
    url: Annotated[str, typer.Option(help="Address of the service.")] = FRED_URL,
) -> None:
    """Fetch the macro series from FRED with their publication dates into the catalog."""
    from ocw_strategy.regime import FredClient, fetch_macro_csv
    from ocw_strategy.settings import time_option

    first = datetime.fromtimestamp(time_option("--start", start) // SECOND_NS, UTC).date()
    key = secret_from_file(key_file) if key_file else secret("FRED_API_KEY")
    if key is None:
        raise SettingsError("FRED_API_KEY", None, "set it, or name a file with --key-file")
    client = FredClient(key, Path("build/fred"), base_url=url)
    console.print_macro(fetch_macro_csv(client, catalog, first, time.time_ns()))


@data_app.command()
def info(
    catalog: CatalogOption = Path("catalog"),
    gaps: Annotated[bool, typer.Option("--gaps", help="List every gap.")] = False,
) -> None:
    """Show coverage, gaps, duplicates and OHLC violations per instrument and type."""
    from ocw_strategy.catalog import coverage

    console.print_coverage(coverage(catalog), gaps=gaps)


def main() -> None:
    """Run the command line; a fault a person can act on is one sentence."""
    try:
        load_environment()
        app()
    except OcwError as error:
        console.fail(redact(str(error)))
        sys.exit(2)


if __name__ == "__main__":
    main()
