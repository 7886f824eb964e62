"""The walls of the house: who may import what, and what may not be found anywhere."""

import ast
import importlib
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "ocw_strategy"
PURE_ROOMS = ("advisor", "bandit", "gate", "journal", "market", "regime", "risk")
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
MODULES = sorted(PACKAGE.rglob("*.py"))
PURE_MODULES = [path for path in MODULES if path.relative_to(PACKAGE).parts[0] in PURE_ROOMS]
VALUE_TYPES = ("nautilus_trader.indicators", "nautilus_trader.model")
MARKET_DATA = (".parquet", ".feather", ".arrow", ".zip", ".csv", ".gz", ".db")
GENERATORS = {"Generator", "default_rng", "PCG64", "SeedSequence", "BitGenerator"}
CLOCKS = {
    "time.time", "time.time_ns", "time.monotonic", "time.perf_counter",
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "Timestamp.now",
    "Timestamp.utcnow",
}  # fmt: skip

ENVIRONMENT = {"os.environ", "os.getenv"}
DOORS = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}


def offenders(
    paths: Sequence[Path], faults: Callable[[ast.Module], list[str]]
) -> dict[str, list[str]]:
    """Return what is wrong with each module in which something is."""
    found = {
        str(path.relative_to(PACKAGE)): faults(ast.parse(path.read_text(encoding="utf-8")))
        for path in paths
    }
    return {name: wrong for name, wrong in found.items() if wrong}


def imports(code: ast.AST) -> Iterator[str]:
    """Yield every module imported anywhere, and every name imported from one."""
    for node in ast.walk(code):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def engine_imports(code: ast.AST) -> list[str]:
    """Return what of the engine is imported beyond its indicators and value types."""
    return [
        name
        for name in imports(code)
        if name.split(".")[0] == "nautilus_trader"
        and not any(f"{name}.".startswith(f"{allowed}.") for allowed in VALUE_TYPES)
    ]


def hidden_inputs(code: ast.AST) -> list[str]:
    """Return wall clocks, global randomness and environment reads."""
    found = [name for name in imports(code) if name.split(".")[0] in {"random", "secrets"}]
    found += [name for name in imports(code) if name in CLOCKS | ENVIRONMENT]
    for node in ast.walk(code):
        if isinstance(node, ast.Attribute):
            dotted = ast.unparse(node).split(".")
            legacy = dotted[:-1] in (["np", "random"], ["numpy", "random"])
            dice = legacy and dotted[-1] not in GENERATORS
            if dice or ".".join(dotted[-2:]) in CLOCKS | ENVIRONMENT:
                found.append(".".join(dotted))
    return found


def environment_reads(code: ast.AST) -> list[str]:
    """Return every way to the process environment: os, python-dotenv, and Typer's `envvar`."""
    found = [name for name in imports(code) if name.split(".")[0] == "dotenv"]
    found += [name for name in imports(code) if name in {f"os.{each}" for each in DOORS}]
    for node in ast.walk(code):
        if isinstance(node, ast.Attribute) and node.attr in DOORS:
            found.append(ast.unparse(node))
        elif isinstance(node, ast.keyword) and node.arg == "envvar":
            found.append("envvar")
    return found


def test_pure_rooms_know_nothing_of_the_engine_but_its_value_types() -> None:
    assert offenders(PURE_MODULES, engine_imports) == {}


def test_pure_rooms_have_no_clock_no_dice_and_no_environment() -> None:
    assert offenders(PURE_MODULES, hidden_inputs) == {}


def test_the_environment_is_read_in_one_module_and_live_only() -> None:
    elsewhere = [
        path
        for path in MODULES
        if path != PACKAGE / "environment.py" and PACKAGE / "live" not in path.parents
    ]
    assert offenders(elsewhere, environment_reads) == {}


@pytest.mark.parametrize(
    "code",
    [
        "import os\nos.environ['X']",
        "import os as o\no.getenv('X')",
        "from os import environ",
        "from os import getenv as g",
        "os.environb[b'X']",
        "from dotenv import load_dotenv",
        "import dotenv.main",
        "typer.Option(envvar='X')",
    ],
)
def test_an_environment_read_would_be_found(code: str) -> None:
    assert environment_reads(ast.parse(code))


def test_the_rest_of_os_may_be_used() -> None:
    assert environment_reads(ast.parse("import os\nos.fsync(os.open('x', os.O_RDONLY))")) == []


def test_the_pure_rooms_are_there_to_be_checked() -> None:
    assert {path.relative_to(PACKAGE).parts[0] for path in PURE_MODULES} == set(PURE_ROOMS)


@pytest.mark.parametrize(
    "code",
    [
        "import nautilus_trader",
        "import nautilus_trader.common.actor",
        "from nautilus_trader import backtest",
        "from nautilus_trader.core.data import Data",
        "def f():\n    from nautilus_trader.modelling import X",
    ],
)
def test_an_engine_import_would_be_found(code: str) -> None:
    assert engine_imports(ast.parse(code))


def test_value_types_and_indicators_may_be_imported() -> None:
    code = "from nautilus_trader.model.data import Bar\nfrom nautilus_trader.indicators import X"
    assert engine_imports(ast.parse(code)) == []


@pytest.mark.parametrize(
    "code",
    [
        "import time\ntime.time()",
        "from time import time",
        "datetime.now(UTC)",
        "datetime.datetime.utcnow()",
        "pd.Timestamp.now()",
        "import random",
        "from random import choice",
        "np.random.seed(1)",
        "numpy.random.rand()",
        "os.environ['X']",
        "os.getenv('X')",
    ],
)
def test_a_hidden_input_would_be_found(code: str) -> None:
    assert hidden_inputs(ast.parse(code))


def test_generators_that_are_handed_in_may_be_used() -> None:
    code = "def f(rng: np.random.Generator): return rng.normal()\nnp.random.default_rng(7)"
    assert hidden_inputs(ast.parse(code)) == []


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_names_what_it_offers(room: str) -> None:
    module = importlib.import_module(f"ocw_strategy.{room}")
    offered = module.__all__
    assert len(set(offered)) == len(offered)
    assert all(hasattr(module, name) for name in offered)
    # sorted as ruff sorts: constants, then classes, then functions
    kinds = [(not name.isupper(), not name[0].isupper(), name) for name in offered]
    assert kinds == sorted(kinds)


def test_no_module_is_longer_than_can_be_read() -> None:
    lengths = {str(p.relative_to(ROOT)): p.read_bytes().count(b"\n") for p in MODULES}
    assert {name: length for name, length in lengths.items() if length > 500} == {}


def test_every_module_begins_with_what_it_is_for() -> None:
    assert offenders(MODULES, lambda code: [] if ast.get_docstring(code) else ["none"]) == {}


def test_every_folder_of_tests_mirrors_a_room() -> None:
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/__init__.py")}
    assert folders - {"bench", "venue", "claude"} <= set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_tests(room: str) -> None:
    assert list((ROOT / "tests" / room).glob("test_*.py"))


def test_no_market_data_is_committed() -> None:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout")
    listed = subprocess.run(
        [git, "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert listed
    assert [name for name in listed if name.lower().endswith(MARKET_DATA)] == []


@pytest.mark.parametrize("name", ["README.md", "pyproject.toml", "Makefile", "requirements.lock"])
def test_no_package_host_is_written_down(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not re.search(r"--(extra-)?index-url|--find-links|pypi\.|/simple\b|registry\.", text)
