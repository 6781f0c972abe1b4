"""The second half of the notebooks runs; a file of its own, so that another process can take it."""

import pytest
from notebook_runs import NOTEBOOKS, run


@pytest.mark.e2e
@pytest.mark.parametrize("path", NOTEBOOKS[5:], ids=lambda path: path.stem)
def test_notebook_runs(path, tmp_path):
    kinds = [output.output_type for output in run(path, tmp_path)]
    assert "error" not in kinds
    assert "display_data" in kinds or "execute_result" in kinds
