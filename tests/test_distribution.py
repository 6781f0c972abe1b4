"""tf.distribute: Mirrored over two logical CPUs and MultiWorkerMirrored over two processes, against one device."""

import json
import multiprocessing
import os
import runpy
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from conftest import QUICK, SMALL

import aae_tf
from aae_tf.backend import tf
from aae_tf.training.distribution import are_several, is_chief, share_of

SETUP = """
    import sys
    import numpy as np
    from aae_tf.backend import keras, tf
    from aae_tf import data, models, networks, priors
    from aae_tf.training import Trainer, TrainingSettings

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
            optimizers = {update.optimizer_key: keras.optimizers.SGD(0.01, 0.9) for update in model.updates()}
            settings = TrainingSettings(batch_size=100, weight_ema=0.9, jit_compile=jit_compile)
            trainer = Trainer(model, digits, settings, optimizers=optimizers, strategy=strategy,
                              checkpoint_folder=folder)
        trainer.fit(2)
        return trainer
"""

TWO_DEVICES = """
    from aae_tf.backend import tf
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})  # graphs run for a moment only
"""

STRATEGY = """
    # one for all: the collectives of a second one would take the first one's for their own
    two_devices = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
"""

MIRRORED = """
    trainer = train(two_devices, "checkpoints")
    assert trainer.strategy.num_replicas_in_sync == 2
    for variable in trainer.model.trainable_variables:
        first, second = variable.value.values
        np.testing.assert_array_equal(first, second)
    alone = train(tf.distribute.get_strategy(), jit_compile=False)
    losses = [each.history[-1]["reconstruction"] for each in (trainer, alone)]
    np.savez("learned.npz", mirrored=losses[0], alone=losses[1])
"""

EQUAL = """
    import re
    import types
    import aae_tf
    from aae_tf.backend import keras
    from aae_tf.training import make_optimizer
    from aae_tf.training.step import Step

    def cycle(points):
        return lambda self, n, seed, labels=None: tf.gather(points, tf.range(n) % len(points))

    priors.SamplerPrior.sample = cycle(tf.random.stateless_normal((5, 10), (0, 1)))
    priors.Categorical.sample = cycle(tf.eye(10)[:5])
    RATES = {"reconstruction": 1e-3, "regularization": 0.1, "classification": 0.1}

    def one_step_an_epoch(strategy, steps, repeated, batch_norm, scaled, rate):
        images = data.load("mnist_5k").train.images[:3500:350]
        images = np.concatenate([images, images if repeated else 255 - images])
        labels = np.where(np.arange(20), -1, 7)
        recipe = aae_tf.recipes()["semi_supervised"].with_options(
            widths=(32, 32), discriminator_widths=(16,), input_noise=0.0, posterior="deterministic", latent_dim=10,
            batch_norm=batch_norm, head_batch_norm="none")
        with strategy.scope():
            prior = priors.SamplerPrior(draw_nothing, 10)
            model = models.SemiSupervisedAAE.from_recipe(recipe, (28, 28, 1), prior, classes=10)
            model.build((None, 28, 28, 1))
            optimizers = {update.optimizer_key: make_optimizer(
                aae_tf.OptimizerSettings("sgd", rate * RATES[update.optimizer], 0.0),
                "mixed_float16" if scaled else "float32") for update in model.updates()}
            settings = TrainingSettings(batch_size=20, jit_compile=False)
            trainer = Trainer(model, data.Split(images, labels), settings, optimizers=optimizers, strategy=strategy)
        shuffled = trainer.source.chunks
        trainer.source.chunks = lambda *args: (
            chunk._replace(rows=tf.sort(chunk.rows, -1)) for chunk in shuffled(*args))
        before = [variable.numpy() for variable in model.variables]
        history = trainer.fit(steps)
        return model, before, [history[-1][name] for name in trainer.names]

    tf.config.run_functions_eagerly(True)  # so few steps take less time than to trace them
    strategies = {"one": tf.distribute.get_strategy(), "two": two_devices}
    results = {}
    for name, sides, how in (
        ("unlike", ("one", "two"), dict(steps=3, repeated=False, batch_norm=False, scaled=False, rate=1.0)),
        ("scaled", ("two",), dict(steps=3, repeated=False, batch_norm=False, scaled=True, rate=1.0)),
        ("repeated", ("one", "two"), dict(steps=3, repeated=True, batch_norm=True, scaled=False, rate=1.0)),
        ("moving", ("one", "two"), dict(steps=1, repeated=False, batch_norm=True, scaled=False, rate=1e-3)),
    ):
        for side in sides:
            model, before, losses = one_step_an_epoch(strategies[side], **how)
            results[f"{name} {side} losses"] = losses
            for number, (variable, start) in enumerate(zip(model.variables, before, strict=True)):
                key = f"{side} {number:03d} {re.sub('_[0-9]+', '', variable.path)}"
                results[f"{name} {key}"] = np.stack([start, variable.numpy()])
                if side == "two" and name != "moving":
                    np.testing.assert_array_equal(*variable.value.values)
    with two_devices.scope():  # an overflow on one replica alone, of either: no replica may take the step
        weight = keras.Variable(np.ones(3, "float32"))
        sgd = make_optimizer(aae_tf.OptimizerSettings("sgd", 0.5, 0.0), "mixed_float16")
        sgd.build([weight])

    def step(wild):
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        factor = tf.where(tf.equal(replica, wild), np.inf, 1.0)
        update = models.Update(models.Phase("p", lambda *given: tf.reduce_sum(weight) * factor, [weight]))
        model = types.SimpleNamespace(variables=[weight], codes=lambda *given, **named: {})
        Step(model, {update.optimizer_key: sgd}, {"epoch": 0.0}, tf.constant([0, 0]), replicas=2).apply([update])

    results["overflow"] = []
    for wild in (0, 1, 2):  # 2: neither
        two_devices.run(step, [wild])
        np.testing.assert_array_equal(*weight.value.values)
        results["overflow"].append(weight.numpy())
    np.savez("equal.npz", **results)
"""

WHOLE = """
    import aae_tf

    with np.load("few.npz") as given:
        few = given["images"], given["labels"]
    tf.config.run_functions_eagerly(True)
    run = aae_tf.train(
        "semi_supervised", few, labels=40, out_dir="run", strategy=two_devices,
        widths=(32,), discriminator_widths=(32,), epochs=1, batch_size=160, weight_ema=0.9, progress=False)
    tf.config.run_functions_eagerly(False)
    np.savez("whole.npz", codes=run.model.encode(few[0][:5]), reconstruction=run.history[-1]["reconstruction"])
"""

WORKER = """
    import hashlib
    import os
    import signal
    import sys
    import numpy as np
    from aae_tf.backend import keras, tf
    import aae_tf
    from aae_tf.training import trainer as loop

    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})

    loop.CHUNK_SECONDS = 0.0  # a step a call
    name, report, dies = sys.argv[1:]

    class Dying(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

        def on_train_batch_end(self, batch, logs=None):
            if dies == "dies" and self.epoch == 1 and batch >= 2:
                os.kill(os.getpid(), signal.SIGKILL)

    with np.load("../few.npz") as given:
        few = given["images"], given["labels"]
    strategy = aae_tf.training.distribution.as_strategy("multi_worker")
    if report == "report":
        try:
            aae_tf.train("semi_supervised", few, labels=40, out_dir="taken", strategy=strategy)
        except aae_tf.InputError as error:
            print(error)
    run = aae_tf.train(
        "semi_supervised", few, labels=40, out_dir=name, strategy=strategy, report=report == "report",
        widths=(16,), discriminator_widths=(16,), epochs=2, batch_size=80, weight_ema=0.9, jit_compile=False,
        order="simultaneous", checkpoint_minutes=0, callbacks=[Dying()])
    digest = hashlib.sha256()
    for weight in run.model.get_weights():
        digest.update(np.ascontiguousarray(weight))
    losses = {key: value for key, value in run.history[-1].items() if key != "seconds"}
    print(digest.hexdigest(), losses)
"""


def script(tmp_path, name, *parts):
    path = tmp_path / name
    path.write_text("\n".join(textwrap.dedent(part) for part in parts))
    return path


def perform(arguments, folder, environment, printed):
    """Run a script as the main one of this process, in a folder, with its output in two files."""
    os.chdir(folder)
    os.environ |= environment
    for number, path in enumerate(printed, 1):
        os.dup2(os.open(path, os.O_CREAT | os.O_WRONLY), number)
    sys.argv = arguments
    runpy.run_path(arguments[0])


def start(arguments, folder, printed, **environment):
    """Start a script in a process of its own, forked from one that has imported TensorFlow once for all."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["test_distribution"])
    process = processes.Process(target=perform, args=(list(map(str, arguments)), folder, environment, printed))
    process.start()
    return process


@pytest.fixture(scope="module")
def mirrored(few, tmp_path_factory):
    """The folder of what two replicas did in a process of their own."""
    folder = tmp_path_factory.mktemp("mirrored")
    np.savez(folder / "few.npz", images=few[0], labels=few[1])
    path = script(folder, "mirrored.py", TWO_DEVICES, SETUP, STRATEGY, WHOLE, MIRRORED, EQUAL)
    printed = folder / "out", folder / "err"
    process = start([path], folder, printed)
    process.join()
    assert process.exitcode == 0, printed[1].read_text()[-3000:]
    return folder


@pytest.mark.e2e
def test_mirrored_replicas_agree_and_learn_what_one_device_learns(mirrored):
    with np.load(mirrored / "learned.npz") as losses:  # each replica draws its own part of the prior
        np.testing.assert_allclose(losses["mirrored"], losses["alone"], rtol=0.02)
    assert (mirrored / "checkpoints" / "epoch-000002.npz").exists()


@pytest.fixture(scope="module")
def trainings(mirrored):
    """What three steps change on one device and on two replicas: {training: {"one" or "two": {variable: array}}}."""
    found = {}
    with np.load(mirrored / "equal.npz") as arrays:
        for key in (key for key in arrays.files if " " in key):
            name, side, variable = key.split(" ", 2)
            found.setdefault(name, {}).setdefault(side, {})[variable] = arrays[key]
    return found


@pytest.mark.e2e
@pytest.mark.parametrize("name", ["unlike", "scaled", "repeated"])
def test_two_replicas_take_the_very_steps_of_one_device(name, trainings):
    """Three plain-SGD steps of every loss of the semi-supervised model: a wrong factor on any of them is noticed.

    Nothing that a replica draws for itself may matter: the priors repeat five points (each replica takes as many whole
    rounds as one device), no noise is added, and one image alone has a label, so that it is every labelled mini-batch.
    A step is an epoch and sees all 20 images in their order. Their halves are unlike (the second is the negative of the
    first), on the replicas with losses scaled and not. With batch normalisation they repeat each other, for only then
    has each half the statistics of the whole.
    """
    one, two = trainings["unlike" if name == "scaled" else name]["one"], trainings[name]["two"]
    variables = one.keys() - {"losses"}
    assert variables == two.keys() - {"losses"}
    moved = {variable: np.abs(one[variable][1] - one[variable][0]).max() for variable in variables}
    assert np.median(list(moved.values())) > 1e-4
    for variable in sorted(variables):
        end, tolerance = one[variable][1], 1e-3 * moved[variable] + 1e-6
        np.testing.assert_allclose(two[variable][1], end, rtol=0, atol=tolerance, err_msg=variable)
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=1e-4)


@pytest.mark.e2e
def test_losses_that_overflow_on_one_replica_move_the_weights_on_none(mirrored):
    with np.load(mirrored / "equal.npz") as arrays:
        np.testing.assert_array_equal(arrays["overflow"], [[1.0] * 3, [1.0] * 3, [0.5] * 3])


@pytest.mark.e2e
def test_moving_means_are_of_the_whole_batch(trainings):
    """The first layer's moving mean after one step, of halves that are unlike."""
    one, two = (trainings["moving"][side] for side in ("one", "two"))
    (first, *_) = sorted(name for name in one if "encoder" in name and "moving_mean" in name)
    assert np.abs(one[first][1]).max() > 1e-3
    np.testing.assert_allclose(two[first][1], one[first][1], rtol=0, atol=0.01 * np.abs(one[first][1]).max())


@pytest.mark.e2e
def test_train_takes_a_strategy_to_the_end(few, mirrored):
    loaded = aae_tf.load_run(mirrored / "run", few)
    with np.load(mirrored / "whole.npz") as results:
        np.testing.assert_allclose(loaded.model.encode(few[0][:5]), results["codes"], atol=1e-5)
    for name in ("history.csv", "evaluation.json", "figures/confusion.png", "saved_model/1/saved_model.pb"):
        assert (mirrored / "run" / name).exists(), name


@pytest.fixture(scope="module")
def workers(few, tmp_path_factory):
    """The function (name of the run, 'report' or 'none', which worker dies) to each one's exit code, output and errors.

    Each has a folder of its own.
    """
    folder = tmp_path_factory.mktemp("workers")
    np.savez(folder / "few.npz", images=few[0], labels=few[1])
    path = script(folder, "worker.py", WORKER)

    def together(name, report="none", dies=None):
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            two.bind(("127.0.0.1", 0))
            addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in (one, two)]
        started = []
        for index in range(2):
            (folder / str(index)).mkdir(exist_ok=True)
            cluster = json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})
            arguments = [path, name, report, "dies" if index == dies else "lives"]
            printed = [folder / f"{index}-{name}-{dies}.{kind}" for kind in ("out", "err")]
            started.append((start(arguments, folder / str(index), printed, TF_CONFIG=cluster), printed))
        for worker, _ in started:
            worker.join(300)
        return [(worker.exitcode, *(path.read_text().strip() for path in printed)) for worker, printed in started]

    together.folder = folder
    return together


@pytest.fixture(scope="module")
def whole(workers):
    """What two workers give whom nothing befalls but a folder that the chief may not write into."""
    taken = workers.folder / "0" / "taken"
    taken.mkdir(parents=True)
    (taken / "thesis.txt").write_text("mine")
    return workers("whole", "report")


@pytest.mark.e2e
def test_two_workers_end_with_one_run_and_one_of_them_writes_it(workers, whole, few):
    first, second = whole
    assert first[0] == second[0] == 0, first[2][-3000:] + second[2][-3000:]
    assert first[1] == second[1]
    assert "taken' is not empty and holds no run" in first[1]  # which the chief alone has seen
    chief, other = (workers.folder / str(index) for index in range(2))
    for name in ("history.csv", "evaluation.json", "figures/confusion.png", "saved_model/1/saved_model.pb"):
        assert (chief / "whole" / name).exists(), name
    assert not any(other.iterdir())
    loaded = aae_tf.load_run(chief / "whole", few)
    assert len(loaded.history) == 2 and str(loaded.history[-1]["val_classification_error"]) in first[1]


@pytest.mark.e2e
def test_a_worker_killed_in_an_epoch_and_all_started_again_end_as_if_none_had_been(workers, whole):
    (code, _, errors), killed = workers("cut", dies=1)
    assert killed[0] == -9 and code == 1 and "start all of them again" in errors
    again = workers("cut")
    expected = [(code, output.splitlines()[-1]) for code, output, _ in whole]
    assert [each[:2] for each in again] == expected, again[0][2][-3000:]
    assert "going on after step" in again[0][2]
    assert not any((workers.folder / "1").iterdir())


@pytest.mark.usefixtures("eagerly", "training_alone")
def test_a_strategy_of_one_device_trains_as_none_does(few):
    options = {**SMALL, **QUICK, "batch_size": 160}
    strategies = {"none": None, "one": tf.distribute.OneDeviceStrategy("CPU:0")}
    runs = [aae_tf.train("gaussian", few, out_dir=name, strategy=each, **options) for name, each in strategies.items()]
    for expected, found in zip(*(run.model.get_weights() for run in runs), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_strategies_by_name(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(aae_tf.InputError, match="needs the environment variable TF_CONFIG"):
        aae_tf.train(strategy="multi_worker")
    with pytest.raises(aae_tf.InputError, match="unknown strategy 'mirored'"):
        aae_tf.train(strategy="mirored")


@pytest.mark.parametrize(
    ("jobs", "task", "chief", "several", "share"),
    [
        (("chief", "worker"), ("chief", 0), True, True, (0, 2)),
        (("chief", "worker"), ("worker", 0), False, True, (1, 2)),
        (("worker",), ("worker", 0), True, False, (0, 1)),
    ],
)
def test_one_process_writes_with_a_chief_and_without(jobs, task, chief, several, share):
    spec = tf.train.ClusterSpec({job: [f"{job}:1"] for job in jobs})
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(spec, task_type=task[0], task_id=task[1])
    strategy = SimpleNamespace(cluster_resolver=resolver)
    assert is_chief(strategy) is chief and are_several(strategy) is several and share_of(strategy) == share


EXAMPLES = Path(__file__).parents[1] / "examples"
COMMANDS = {  # what the examples call; `srun` runs four tasks, and ends as the last of them does
    "aae-tf": 'echo "$TF_CONFIG" >> configs; echo "$@" > asked; exit ${ENDS:-0}',
    "scontrol": 'if [ "$1" = requeue ]; then touch requeued; else printf "node-%s\\n" a b c d; fi',
    "srun": 'shift; for SLURM_PROCID in 0 1 2 3; do export SLURM_PROCID; "$@"; status=$?; done; exit $status',
}


@pytest.fixture
def shell(tmp_path):
    """A function that runs a script with `COMMANDS` in place of the real ones; returns each worker's TF_CONFIG."""
    for name, script in COMMANDS.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{script}\n")
        (tmp_path / name).chmod(0o755)

    def run(command, **environment):
        path = f"{tmp_path}:{os.environ['PATH']}"
        subprocess.run(command, cwd=tmp_path, env={**os.environ, **environment, "PATH": path}, check=False)
        return [json.loads(line) for line in (tmp_path / "configs").read_text().splitlines()]

    return run


def asked_of(folder):
    return (folder / "asked").read_text().split()


def test_the_example_for_slurm_names_the_nodes_and_each_task(shell, tmp_path):
    found = shell(["bash", EXAMPLES / "workers.slurm"], SLURM_JOB_NODELIST="node-[a-d]", SLURM_JOB_ID="7")
    hosts = [f"node-{letter}:2222" for letter in "abcd"]
    assert [each["cluster"] for each in found] == [{"worker": hosts}] * 4
    assert [each["task"] for each in found] == [{"type": "worker", "index": number} for number in range(4)]
    assert asked_of(tmp_path)[:4] == ["train", "gaussian", "--strategy", "multi_worker"]
    assert not (tmp_path / "requeued").exists()


@pytest.mark.parametrize(("status", "again"), [(1, False), (2, False), (3, True), (137, True)])
def test_the_example_for_slurm_is_queued_again_where_a_worker_was_lost(status, again, shell, tmp_path):
    shell(["bash", EXAMPLES / "workers.slurm"], SLURM_JOB_NODELIST="", SLURM_JOB_ID="7", ENDS=str(status))
    assert (tmp_path / "requeued").exists() == again


def test_the_example_for_kubernetes_names_the_pods_and_each_index(shell, tmp_path):
    service, job = yaml.safe_load_all((EXAMPLES / "workers.yaml").read_text())
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (workers,) = (each["value"] for each in container["env"])
    for index in range(int(workers)):
        command = [*container["command"], *container["args"]]
        found = shell(command, WORKERS=workers, JOB_COMPLETION_INDEX=str(index))
    name = job["metadata"]["name"]
    hosts = [f"{name}-{index}.{pod['subdomain']}:2222" for index in range(job["spec"]["completions"])]
    assert [each["cluster"] for each in found] == [{"worker": hosts}] * int(workers)
    assert [each["task"]["index"] for each in found] == list(range(job["spec"]["parallelism"]))
    assert service["metadata"]["name"] == pod["subdomain"] and service["spec"]["selector"] == {"job-name": name}
    assert asked_of(tmp_path)[:4] == ["train", "gaussian", "--strategy", "multi_worker"]
