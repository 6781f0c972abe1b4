"""Every notebook is stored with its outputs; the first half of them runs (the others in test_notebooks_further.py)."""

import nbformat
import pytest
from notebook_runs import NOTEBOOKS, run


def test_there_is_a_notebook_for_every_section():
    assert [path.stem[:2] for path in NOTEBOOKS] == [f"{number:02d}" for number in range(13)]


@pytest.mark.e2e
@pytest.mark.parametrize("path", NOTEBOOKS[:5], ids=lambda path: path.stem)
def test_notebook_runs(path, tmp_path):
    kinds = [output.output_type for output in run(path, tmp_path)]
    assert "error" not in kinds
    assert "display_data" in kinds or "execute_result" in kinds


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_written_for_its_reader(path):
    sources = "".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
    assert "environ" not in sources and "QUICK" not in sources  # how tests hurry it is not in its cells


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_stored_with_its_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells)
    assert any("image/png" in output.get("data", {}) for cell in cells for output in cell.outputs)
    assert path.stat().st_size < 2 * 2**20
