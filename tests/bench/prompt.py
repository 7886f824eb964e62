"""How large prompts are and what a month of gated decisions costs, both as an ESTIMATE.

``python -m tests.bench.prompt`` runs a backtest with the rules advisor, takes the snapshot of every
decision the gate bought, and builds the request that would have been sent. Nothing is sent. With
``--data DIR`` (frames as ``ocw data import`` takes them) it runs on those at 15 minutes, with
``--catalog DIR`` on a catalog, else on the sample market, which is SYNTHETIC.

Tokens are UTF-8 bytes over three. A call is priced at its own estimated input, nothing read from a
cache, and ``--output-tokens`` of output, an assumption; beside it the worst case the budget sets
aside. A month has 365 / 12 days. Ends with one line of JSON.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.table import Table

from ocw_strategy.advisor import Request
from ocw_strategy.advisor.models import Model, load_models
from ocw_strategy.advisor.sizes import estimate_tokens
from ocw_strategy.advisor.usage import Usage
from ocw_strategy.backtest.estimate import requests_of, walked_snapshots
from ocw_strategy.catalog import import_directory, write_sample
from ocw_strategy.settings import Settings, load_settings
from ocw_strategy.units import DAY_NS

MONTH_DAYS = 365 / 12
KINDS = ("bars_15m", "bars_1h", "funding", "metrics_5m")
SAMPLE_START = "2024-01-01"


@dataclass(frozen=True)
class Sizes:
    """The size of one request, ESTIMATE tokens."""

    total: int
    system: int
    message: int
    schema: int


def import_frames(data: Path, catalog: Path) -> None:
    """Import the kinds that a run at 15 minutes reads."""
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            if (data / kind).is_dir():
                (Path(folder) / kind).symlink_to((data / kind).resolve())
        import_directory(Path(folder), catalog)


def sizes(request: Request) -> Sizes:
    body = request.body
    schema = json.dumps(body["output_config"]["format"]["schema"], separators=(",", ":"))
    return Sizes(
        total=request.input_tokens_upper,
        system=estimate_tokens(body["system"][0]["text"]),
        message=estimate_tokens(body["messages"][0]["content"][0]["text"]),
        schema=estimate_tokens(schema),
    )


def figures(
    found: Sequence[Sizes], days: float, model: Model, *, output_tokens: int, max_tokens: int
) -> dict[str, Any]:
    """Return the bench's figures: sizes in tokens, money in US dollars, all ESTIMATE."""
    a_month = MONTH_DAYS / days
    paid = sum(
        (
            model.cost_usd(Usage(input_tokens=each.total, output_tokens=output_tokens))
            for each in found
        ),
        Decimal(0),
    )
    worst = sum((model.worst_case_usd(each.total, max_tokens) for each in found), Decimal(0))
    return {
        "bench": "prompt",
        "max_input_tokens": max(each.total for each in found),
        "mean_input_tokens": round(fmean(each.total for each in found), 1),
        "usd_per_month": round(float(paid) * a_month, 2),
        "calls_per_day": round(len(found) / days, 2),
        "worst_case_usd_per_month": round(float(worst) * a_month, 2),
        "output_tokens_assumed": output_tokens,
        "calls": len(found),
        "days": round(days, 2),
        "model": model.id,
    }


def show(console: Console, result: dict[str, Any], found: Sequence[Sizes], title: str) -> None:
    table = Table(title=title, title_justify="left")
    table.add_column("ESTIMATE tokens")
    table.add_column("mean", justify="right")
    table.add_column("largest", justify="right")
    for name in ("system", "message", "schema", "total"):
        values = [getattr(each, name) for each in found]
        table.add_row(name, f"{fmean(values):,.0f}", f"{max(values):,}")
    console.print(table)
    console.print(
        f"{result['calls']} calls in {result['days']:g} days, {result['calls_per_day']} a day. "
        f"ESTIMATE of a month with {result['model']}: {result['usd_per_month']:.2f} USD with "
        f"{result['output_tokens_assumed']} output tokens a call (assumed), "
        f"{result['worst_case_usd_per_month']:.2f} USD if every call came to its worst case."
    )


def settings_for(options: argparse.Namespace, catalog: Path) -> Settings:
    overrides: dict[str, object] = {
        "data.catalog": str(options.catalog or catalog),
        "advisor.kind": "rules",
        "advisor.claude.masked": options.masked,
    }
    if options.model:
        overrides["advisor.claude.model"] = options.model
    start, end = options.start, options.end
    if not options.data and not options.catalog:  # the sample market
        start, end = start or "2024-04-05", end or "2024-06-29"
        overrides["data.bar_minutes"] = 5
    overrides |= {"run.start": start} if start else {}
    overrides |= {"run.end": end} if end else {}
    return load_settings(options.config, overrides)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.prompt")
    parser.add_argument("--config", type=Path, default=Path("configs/backtest.toml"))
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--data", type=Path, help="folder of frames, such as bars_15m")
    where.add_argument("--catalog", type=Path, help="a Parquet data catalog")
    parser.add_argument("--start", help="first decision; the config's where left out")
    parser.add_argument("--end", help="end of the window")
    parser.add_argument("--model", help="an id of the models file; the config's where left out")
    parser.add_argument("--masked", action="store_true", help="measure masked prompts")
    parser.add_argument("--output-tokens", type=int, default=300, help="assumed for each answer")
    options = parser.parse_args()
    began = time.perf_counter()
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        catalog = Path(folder) / "catalog"
        settings = settings_for(options, catalog)
        title = f"Prompts, {settings.run.start} to {settings.run.end}"
        if options.data:
            with console.status("import"):
                import_frames(options.data, catalog)
        elif not options.catalog:
            title += ", sample market (SYNTHETIC)"
            with console.status("sample market"):
                write_sample(
                    catalog, seed=1, start=SAMPLE_START, days=180, base_minutes=5, edge=1.0
                )
        with console.status("backtest"):
            snapshots = walked_snapshots(settings)
    model = load_models(Path(settings.advisor.claude.models)).get(settings.advisor.claude.model)
    found = [sizes(request) for request in requests_of(snapshots, settings, model)]
    result = figures(
        found,
        (settings.run.end_ns - settings.run.start_ns) / DAY_NS,
        model,
        output_tokens=options.output_tokens,
        max_tokens=settings.advisor.claude.max_tokens,
    )
    show(console, result, found, title)
    print(json.dumps({**result, "seconds": round(time.perf_counter() - began, 1)}))


if __name__ == "__main__":
    main()
