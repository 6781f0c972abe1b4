"""Scripts in benchmarks/ whose whole run takes a machine that is not here."""

import subprocess
import sys
from pathlib import Path

import pytest

from aae_tf.backend import tf

GPU = Path(__file__).parents[1] / "benchmarks" / "gpu.py"


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="a GPU is here")
def test_without_a_gpu_its_script_says_so():
    done = subprocess.run([sys.executable, GPU], capture_output=True, text=True)
    assert done.returncode == 2
    assert "no GPU is here" in done.stderr and not done.stdout
