"""docs/determinism.md, claim by claim: what is the same bit for bit, in another process too, and what only close."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import QUICK, SMALL

import aae_tf

OPTIONS = {**SMALL, **QUICK, "epochs": 1, "batch_size": 160, "report": False}

pytestmark = pytest.mark.usefixtures("training_alone")

SCRIPT = """
import json, sys
import numpy as np
import aae_tf
from aae_tf.backend import tf

options = json.loads(sys.argv[1])
tf.config.threading.set_intra_op_parallelism_threads(options.pop("threads"))
images = aae_tf.data.load("mnist_5k").train.images[:400]
run = aae_tf.train("gaussian", images, out_dir="run", **options)
np.savez(sys.argv[2], *run.model.get_weights())
"""


def weights_of(folder, options, threads, hash_seed):
    """Train in a process of its own; return the weights."""
    folder.mkdir()
    given = json.dumps({**options, "threads": threads})
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        environment.pop(name, None)
    command = [sys.executable, "-c", SCRIPT, given, str(folder / "weights.npz")]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(folder / "weights.npz") as arrays:
        return list(arrays.values())


def same(ours, theirs):
    return all(np.array_equal(mine, other) for mine, other in zip(ours, theirs, strict=True))


def distance(ours, theirs):
    """Return the largest difference between weights."""
    return max(np.abs(mine - other).max() for mine, other in zip(ours, theirs, strict=True))


@pytest.mark.e2e
def test_another_process_with_other_hashes_and_threads_ends_with_the_same_bits(tmp_path, digits):
    options = {**OPTIONS, "batch_size": 50}  # larger products are divided over threads, and rounded otherwise
    here = aae_tf.train("gaussian", digits.train.images[:400], **options).model.get_weights()
    assert same(here, weights_of(tmp_path / "other", options, threads=2, hash_seed="1"))


def test_bytes_and_floats_of_the_same_images_end_with_the_same_bits(few):
    as_bytes = aae_tf.train("gaussian", few[0], **OPTIONS)
    as_floats = aae_tf.train("gaussian", few[0] / 255.0, out_dir="floats", **OPTIONS)
    assert same(as_bytes.model.get_weights(), as_floats.model.get_weights())


def train(few, **options):
    return aae_tf.train("gaussian", few[0], **{**OPTIONS, **options}).model.get_weights()


def test_another_seed_is_another_run(few):
    assert distance(train(few), train(few, seed=1)) > 0.05


@pytest.mark.e2e
def test_another_compilation_is_another_run(few):
    compiled = train(few, jit_compile=True)
    assert distance(train(few), compiled) > 1e-3  # XLA draws other random numbers
    assert same(compiled, train(few, jit_compile=True, out_dir="again"))
