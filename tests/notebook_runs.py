"""How the tests run a notebook: from top to bottom, on the embedded data, in its quick settings."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def run(path, folder, monkeypatch):
    """Run a notebook in a folder; return what its cells gave out (a cell that fails raises)."""
    monkeypatch.setenv("AAE_TF_QUICK", "1")
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
