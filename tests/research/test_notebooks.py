"""The notebooks run from top to bottom on the sample market, and are kept without outputs."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder they are run in; markets and runs made by one are there for the next."""
    folder = tmp_path_factory.mktemp("notebooks")
    (folder / "build").mkdir()
    return folder


def test_they_are_all_there() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "01_tour", "02_gate", "03_bandit", "04_decision", "05_walk_forward",
    ]  # fmt: skip


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    for cell in book.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_to_its_end(path: Path, place: Path) -> None:
    book = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(place)}}
    NotebookClient(book, timeout=300, kernel_name="python3", resources=resources).execute()
    outputs = [out for cell in book.cells for out in cell.get("outputs", ())]
    assert [out.text for out in outputs if out.get("name") == "stderr"] == []
    shown = {kind for out in outputs for kind in out.get("data", ())}
    assert {"text/html", "application/vnd.plotly.v1+json"} <= shown
