"""Scripts in benchmarks/ whose whole run takes a machine that is not here."""

import runpy
import sys
from pathlib import Path

import pytest

from aae_tf.backend import tf

GPU = Path(__file__).parents[1] / "benchmarks" / "gpu.py"


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="a GPU is here")
def test_without_a_gpu_its_script_says_so(monkeypatch, capsys):
    monkeypatch.syspath_prepend(GPU.parent)
    monkeypatch.setattr(sys, "argv", [str(GPU)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(GPU), run_name="__main__")
    printed = capsys.readouterr()
    assert ended.value.code == 2
    assert "no GPU is here" in printed.err and not printed.out
