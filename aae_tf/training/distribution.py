"""Training on several workers: the chief reads and writes the run directory and broadcasts to the others.

Workers need no shared file system: what the chief reads reaches the others as gradients do. With one worker nothing
here has an effect.
"""

import contextlib
import functools
import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from aae_tf.backend import tf
from aae_tf.errors import InputError, WorkerLostError, check_choice
from aae_tf.training import checkpoints

STRATEGIES = ("mirrored", "multi_worker")


def as_strategy(strategy: "str | tf.distribute.Strategy | None") -> "tf.distribute.Strategy":
    """Return a strategy by name ('multi_worker': the workers in TF_CONFIG); None for the strategy of the scope."""
    if not isinstance(strategy, str):
        return strategy or tf.distribute.get_strategy()
    check_choice("strategy", strategy, STRATEGIES)
    if strategy == "mirrored":
        return tf.distribute.MirroredStrategy()
    if not os.environ.get("TF_CONFIG"):
        raise InputError(
            "strategy 'multi_worker' needs the environment variable TF_CONFIG, which lists the workers and the index "
            "of this one: "
            '\'{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}\''
        )
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except (RuntimeError, ValueError, KeyError) as error:
        raise InputError(f"strategy 'multi_worker' cannot begin: {error}") from None


def is_chief(strategy: "tf.distribute.Strategy") -> bool:
    """Return whether this process writes: the chief, or worker 0 where no task has that name."""
    task, tasks = _cluster(strategy)
    return task is None or task == ("chief" if "chief" in tasks else "worker", 0)


def are_several(strategy: "tf.distribute.Strategy") -> bool:
    """Return whether several processes train together."""
    _, tasks = _cluster(strategy)
    return sum(len(tasks.get(job, ())) for job in ("chief", "worker")) > 1


def share_of(strategy: "tf.distribute.Strategy") -> tuple[int, int]:
    """Return the index of this worker, in the order of the replicas, and the number of workers."""
    task, tasks = _cluster(strategy)
    together = [(job, number) for job in ("chief", "worker") for number in range(len(tasks.get(job, ())))]
    return (together.index(task), len(together)) if task in together else (0, 1)


def _cluster(strategy):
    """Return this process's task, as (job, number), and the tasks by job; (None, {}) outside of a cluster."""
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.task_type:
        return None, {}
    return (resolver.task_type, resolver.task_id), resolver.cluster_spec().as_dict()


@contextlib.contextmanager
def raising_worker_lost(strategy: "tf.distribute.Strategy") -> Iterator[None]:
    """A context that raises `WorkerLostError` where TensorFlow reports the end of another worker."""
    try:
        yield
    except tf.errors.OpError as error:
        if not (
            are_several(strategy) and ("Collective" in str(error) or isinstance(error, tf.errors.UnavailableError))
        ):
            raise
        raise WorkerLostError(
            "another worker has ended, or cannot be reached; start all of them again with the same out_dir to continue "
            "from the last checkpoint"
        ) from error


def broadcast(strategy: "tf.distribute.Strategy", value_of: Callable[[], Any]) -> Any:
    """Return the chief's value, JSON or bytes, on every worker; all workers must call this at the same point.

    Raises:
        InputError: the chief's, raised on every worker.
        WorkerLostError: another worker has ended, or any other error of the chief.
    """
    if not are_several(strategy):
        return value_of()
    message, error = b"", None
    if is_chief(strategy):
        try:
            value = value_of()
            message = b"b" + value if isinstance(value, bytes) else b"j" + json.dumps(value).encode()
        except InputError as raised:
            message, error = b"e" + str(raised).encode(), raised
        except Exception as raised:  # otherwise the others would wait for this process to end
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


def read_by_chief(
    strategy: "tf.distribute.Strategy", variables: Sequence, read: Callable[[], tuple[int, list, dict]]
) -> tuple[int, list, dict]:
    """Set variables on every worker to what the chief reads into its own; returns the value of `read`, as `restore`."""
    if not are_several(strategy):
        return read()

    def as_bytes():
        epoch, history, state = read()
        return checkpoints.to_bytes(epoch, variables, history, state)

    return checkpoints.from_bytes(broadcast(strategy, as_bytes), variables)


def _summed(strategy, words):
    """Return the sum of int32 words over workers; all but the chief contribute 0."""
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
