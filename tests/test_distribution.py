"""tf.distribute: Mirrored over two logical CPUs and MultiWorkerMirrored over two processes, against one device."""

import json
import os
import socket
import subprocess
import sys
import textwrap

import numpy as np
import pytest

SETUP = """
    import sys
    import numpy as np
    from aae_tf.backend import keras, tf
    from aae_tf import data, models, networks, priors
    from aae_tf.training import Trainer

    def draw_nothing(n, seed):
        angle = tf.cast(tf.range(n), tf.float32)
        return tf.stack([tf.cos(angle), tf.sin(angle)], -1)

    def train(strategy, folder=None, jit_compile=True):
        digits = data.load("mnist_5k").train.take(slice(0, 3500, 5))
        with strategy.scope():
            recipe = __import__("aae_tf").recipes()["gaussian"].with_options(
                widths=(32,), discriminator_widths=(32,), posterior="deterministic")
            model = models.AdversarialAutoencoder.from_recipe(recipe, (28, 28, 1), priors.SamplerPrior(draw_nothing, 2))
            model.build((None, 28, 28, 1))
            optimizers = {phase.name: keras.optimizers.SGD(0.01, 0.9) for phase in model.phases()}
            trainer = Trainer(model, digits, optimizers, batch_size=100, strategy=strategy, weight_average=0.9,
                              checkpoint_folder=folder, jit_compile=jit_compile)
        trainer.fit(2)
        return trainer
"""

TWO_DEVICES = """
    from aae_tf.backend import tf
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
"""

MIRRORED = """
    trainer = train(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]), sys.argv[1])
    assert trainer.replicas == 2
    for variable in trainer.model.trainable_variables:
        first, second = variable.value.values
        np.testing.assert_array_equal(first, second)
    alone = train(tf.distribute.get_strategy())
    print("reconstruction", trainer.history[-1]["reconstruction"], alone.history[-1]["reconstruction"])
"""

WORKER = """
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    trainer = train(strategy, sys.argv[1])
    assert trainer.replicas == 2
    print("reconstruction", trainer.history[-1]["reconstruction"], trainer.history[0]["reconstruction"])
"""


def script(tmp_path, name, *parts):
    path = tmp_path / name
    path.write_text("\n".join(textwrap.dedent(part) for part in parts))
    return path


def reported(output):
    return [float(word) for word in output.splitlines()[-1].split()[1:]]


@pytest.mark.slow
def test_mirrored_replicas_agree_and_learn_what_one_device_learns(tmp_path):
    path = script(tmp_path, "mirrored.py", TWO_DEVICES, SETUP, MIRRORED)
    done = subprocess.run([sys.executable, path, tmp_path / "checkpoints"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    mirrored, alone = reported(done.stdout)
    np.testing.assert_allclose(mirrored, alone, rtol=0.02)  # each replica draws its own part of the prior
    assert (tmp_path / "checkpoints" / "epoch-000002.npz").exists()


@pytest.mark.slow
def test_two_workers_learn_and_one_of_them_writes(tmp_path):
    path = script(tmp_path, "worker.py", SETUP, WORKER)
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in (one, two)]
    workers = []
    for index in range(2):
        cluster = json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})
        workers.append(
            subprocess.Popen(
                [sys.executable, path, tmp_path / f"checkpoints-{index}"],
                env={**os.environ, "TF_CONFIG": cluster},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    outputs = [worker.communicate(timeout=300) for worker in workers]
    for worker, (_, errors) in zip(workers, outputs, strict=True):
        assert worker.returncode == 0, errors[-3000:]
    last, first = reported(outputs[0][0])
    assert last < first
    assert reported(outputs[1][0]) == [last, first]
    assert list((tmp_path / "checkpoints-0").glob("*.npz"))
    assert not (tmp_path / "checkpoints-1").exists()
