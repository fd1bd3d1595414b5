"""The notebook runs from top to bottom, says what is true, and is kept without outputs."""

import re
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "tour.ipynb"


class ThisPython(KernelManager):
    """A kernel of the interpreter that runs the tests, whatever Jupyter finds installed."""

    @property
    def kernel_spec(self):
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="Python 3", language="python")


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    place = {"metadata": {"path": str(tmp_path_factory.mktemp("tour"))}}
    NotebookClient(notebook, timeout=600, kernel_manager_class=ThisPython, resources=place).execute()
    return notebook


def printed(notebook, code):
    """What the first cell that holds `code` prints."""
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code" and code in cell.source)
    return "".join(output.get("text", "") for output in cell.outputs)


def test_the_notebook_recognises_coins(executed):
    assert printed(executed, "recognizer = ").count("  known") == 3


def test_a_turned_photo_has_nearly_the_same_code(executed):
    said = printed(executed, "np.rot90")
    assert float(re.search(r"codes: (\S+)", said)[1]) > 0.9
    first, _, second = said.splitlines()[1].partition(" = ")
    assert first == second


def test_every_engine_is_compared(executed):
    shares = dict(re.findall(r"^(\w+) +finds the nearest row for ([\d.]+)%", printed(executed, "open_engine"), re.M))
    assert (shares["plain"], shares["faiss"]) == ("100.0", "100.0") and float(shares["hnsw"]) > 99


def test_each_picture_is_drawn(executed):
    kinds = [output.data for cell in executed.cells for output in cell.get("outputs", ()) if "data" in output]
    assert sum("image/png" in data for data in kinds) == 4


def test_the_notebook_is_kept_without_outputs_and_small():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in notebook.cells)
    assert NOTEBOOK.stat().st_size < 20_000
