"""Several workers train one model: one of them, the chief, reads and writes the run directory, and tells the others.

Workers need no file system in common: what the chief has read goes to the others as the gradients do. With one worker
nothing here does anything.
"""

import contextlib
import functools
import json
import math
import os

import numpy as np

from aae_tf.backend import tf
from aae_tf.errors import InputError, WorkerLostError, check_choice
from aae_tf.training import checkpoints

STRATEGIES = ("mirrored", "multi_worker")


def as_strategy(strategy):
    """Return a `tf.distribute.Strategy`.

    Args:
        strategy: one; 'mirrored' (all GPUs of this machine), 'multi_worker' (all workers that the environment variable
            TF_CONFIG names, of which this process is one), or None for the strategy of the scope.

    Raises:
        InputError: another name, 'multi_worker' without TF_CONFIG, or after TensorFlow has computed something.
    """
    if not isinstance(strategy, str):
        return strategy or tf.distribute.get_strategy()
    check_choice("strategy", strategy, STRATEGIES)
    if strategy == "mirrored":
        return tf.distribute.MirroredStrategy()
    if not os.environ.get("TF_CONFIG"):
        raise InputError(
            "strategy 'multi_worker' needs the environment variable TF_CONFIG, which says what workers there are and "
            "which of them this is: "
            '\'{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}\''
        )
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except (RuntimeError, ValueError, KeyError) as error:
        raise InputError(f"strategy 'multi_worker' cannot begin: {error}") from None


def is_chief(strategy):
    """Return whether this process is the one that writes: the chief, or worker 0 where no task is called so.

    Args:
        strategy: `tf.distribute.Strategy`.
    """
    task, tasks = _cluster(strategy)
    return task is None or task == ("chief" if "chief" in tasks else "worker", 0)


def are_several(strategy):
    """Return whether several processes train together.

    Args:
        strategy: `tf.distribute.Strategy`.
    """
    _, tasks = _cluster(strategy)
    return sum(len(tasks.get(job, ())) for job in ("chief", "worker")) > 1


def share_of(strategy):
    """Return which of the workers this process is, in the order of their replicas, and how many there are.

    Args:
        strategy: `tf.distribute.Strategy`.
    """
    task, tasks = _cluster(strategy)
    together = [(job, number) for job in ("chief", "worker") for number in range(len(tasks.get(job, ())))]
    return (together.index(task), len(together)) if task in together else (0, 1)


def _cluster(strategy):
    """Return (this process's task, as (job, number), and the tasks by job), or (None, {}) outside of a cluster."""
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.task_type:
        return None, {}
    return (resolver.task_type, resolver.task_id), resolver.cluster_spec().as_dict()


@contextlib.contextmanager
def raising_worker_lost(strategy):
    """A context in which the end of another worker is said as such.

    Args:
        strategy: `tf.distribute.Strategy`.

    Raises:
        WorkerLostError: one has ended.
    """
    try:
        yield
    except tf.errors.OpError as error:
        if not (
            are_several(strategy) and ("Collective" in str(error) or isinstance(error, tf.errors.UnavailableError))
        ):
            raise
        raise WorkerLostError(
            "another worker has ended, or cannot be reached; start all of them again with the same out_dir to go on "
            "from the last checkpoint"
        ) from error


def broadcast(strategy, say):
    """Return what the chief says, on every worker; all of them have to call it, at the same place.

    Args:
        strategy: `tf.distribute.Strategy`.
        say: function without arguments to JSON values or bytes, called on the chief alone.

    Raises:
        InputError: the chief's, raised on every worker.
        WorkerLostError: another worker has ended, or whatever else has gone wrong on the chief.
    """
    if not are_several(strategy):
        return say()
    message, error = b"", None
    if is_chief(strategy):
        try:
            said = say()
            message = b"b" + said if isinstance(said, bytes) else b"j" + json.dumps(said).encode()
        except InputError as raised:
            message, error = b"e" + str(raised).encode(), raised
        except Exception as raised:  # the others would wait for it until this process has ended
            message, error = b"x" + repr(raised).encode(), raised
    with raising_worker_lost(strategy):
        size = int(_summed(strategy, np.array([len(message)], np.int32))[0])
        words = np.zeros(-(-size // 4), np.int32)
        words.view(np.uint8)[: len(message)] = np.frombuffer(message, np.uint8)
        message = _summed(strategy, words).tobytes()[:size]
    if error is not None:
        raise error
    kind, rest = message[:1], message[1:]
    if kind == b"e":
        raise InputError(rest.decode())
    if kind == b"x":
        raise WorkerLostError(f"the chief has ended: {rest.decode()}")
    return rest if kind == b"b" else json.loads(rest)


def read_by_chief(strategy, variables, read):
    """Set variables to what the chief reads into its own, on every worker.

    Args:
        strategy: `tf.distribute.Strategy`.
        variables: list of variables.
        read: function without arguments that sets them and returns (epochs finished, history, state), see
            `checkpoints.restore`; called on the chief alone.

    Returns:
        What `read` returned.
    """
    if not are_several(strategy):
        return read()

    def packed():
        epoch, history, state = read()
        return checkpoints.to_bytes(epoch, variables, history, state)

    return checkpoints.from_bytes(broadcast(strategy, packed), variables)


def _summed(strategy, words):
    """Return the sum of int32 words over workers, each of which counts once; those that have nothing to say give 0."""
    words = words if is_chief(strategy) else np.zeros_like(words)
    return _sum(strategy)(tf.constant(words)).numpy()


@functools.cache
def _sum(strategy):
    def on_replica(words):
        context = tf.distribute.get_replica_context()
        mine = tf.where(context.replica_id_in_sync_group == 0, words, tf.zeros_like(words))
        return context.all_reduce(tf.distribute.ReduceOp.SUM, mine)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)], autograph=False)
    def over_workers(words):
        return strategy.experimental_local_results(strategy.run(on_replica, args=(words,)))[0]

    return over_workers


def infinite_everywhere(gradients: list) -> list:
    """Return gradients that are infinite on all replicas where one has an infinite gradient, for loss scaling."""
    finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(each)) for each in gradients if each is not None])
    bad = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, 1.0 - tf.cast(finite, tf.float32))
    return [each if each is None else tf.where(bad > 0, tf.cast(math.inf, each.dtype), each) for each in gradients]


def mean_over_replicas(value: "tf.Tensor") -> "tf.Tensor":
    """Return the mean of a floating-point statistic over replicas; other values as they are."""
    if not value.dtype.is_floating:
        return value
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, value)
