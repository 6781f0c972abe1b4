"""Many training steps in one compiled call, on one device or on the replicas of a strategy."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from aae_tf.backend import tf
from aae_tf.config.training import ORDERS, TrainingSettings
from aae_tf.errors import InputError
from aae_tf.networks.augmentation import Views
from aae_tf.training.averaging import WeightAverage
from aae_tf.training.batches import make_batch
from aae_tf.training.data_source import Chunk
from aae_tf.training.updates import Update, phases_of
from aae_tf.utils.random import as_seed, fold

if TYPE_CHECKING:
    from aae_tf.models import LatentModel


class StepLoop:
    """The step loop of an epoch inside the graph. Each random number is a function of (seed, epoch, step)."""

    def __init__(
        self,
        model: "LatentModel",
        updates: Sequence[Update],
        optimizers: dict,
        settings: TrainingSettings,
        strategy: "tf.distribute.Strategy",
        average: WeightAverage | None,
        steps: int,
    ):
        self.model, self.updates, self.optimizers, self.settings = model, updates, optimizers, settings
        self.strategy, self.average, self.steps = strategy, average, steps
        self.replicas, self.seed = strategy.num_replicas_in_sync, as_seed(settings.seed)
        phases = sorted(phases_of(updates).values(), key=lambda phase: phase.number)  # in the model's order
        self.names = [phase.name for phase in phases]
        self.take_step = ORDERS[settings.order]
        self.views = Views(**settings.views) if settings.views else None
        if "views" in model.training_spec.required_inputs and self.views is None:
            raise InputError(f"{type(model).__name__} is trained on views of the images; set some: views.shift=2")
        # No Python here branches on tensors, so AutoGraph has nothing to convert, and converting takes seconds.
        compiled = settings.jit_compile and self.replicas == 1
        self.compiled = tf.function(self._run, jit_compile=compiled, autograph=False)

    def __call__(self, chunk: Chunk, epoch: int, totals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Take the steps of a chunk; returns the summed losses, and each phase's first step not finite, or -1."""
        totals, bad = self.compiled(chunk.as_tensors(), tf.constant(epoch, tf.int32), tf.constant(totals))
        return totals.numpy(), bad.numpy()

    def _run(self, chunk, epoch, totals):
        """Take the steps; the sums pass from call to call, so they do not depend on how many steps a call has."""

        def one(step, totals, bad):
            seed = fold(fold(self.seed, epoch), step)
            rows = tf.gather(chunk.rows, step - chunk.offset)
            done = tf.cast(epoch, tf.float32) + tf.cast(step, tf.float32) / self.steps
            losses = self._step(chunk, rows, seed, done)
            if self.average is not None:
                self.average.update(epoch * self.steps + step)
            bad = tf.where((bad < 0) & ~tf.math.is_finite(losses), step, bad)
            return step + 1, totals + losses, bad

        # A while loop, not tf.range: XLA would compile anew for each pair of a range's ends.
        start = (chunk.first, totals, tf.fill([len(self.names)], -1))
        _, totals, bad = tf.while_loop(lambda step, *_: step < chunk.first + chunk.count, one, start)
        return totals, bad

    def _step(self, chunk, rows, seed, done):
        """Take one step; returns the losses of the phases, float32 [P]."""

        def take(chunk, rows, seed, done, **options):
            labelled = "labelled" in self.model.training_spec.required_inputs
            batch = make_batch(chunk, rows, seed, done, self.views, labelled)
            losses = self.take_step(self.model, self.updates, self.optimizers, batch, seed, **options)
            return tf.stack([losses[name] for name in self.names])

        if self.replicas == 1:
            return take(chunk, rows, seed, done)
        share = self.settings.batch_size // self.replicas

        def on_replica(chunk, rows, seed, done):
            number = tf.distribute.get_replica_context().replica_id_in_sync_group
            own = rows[number * share : (number + 1) * share]
            options = {"replicas": self.replicas, "compile_gradient": self._compile_gradient}
            return take(chunk, own, fold(seed, number), done, **options)

        losses = self.strategy.run(on_replica, args=(chunk, rows, seed, done))
        return self.strategy.reduce(tf.distribute.ReduceOp.MEAN, losses, axis=None)

    def _compile_gradient(self, gradient):
        """Compile a gradient computation alone: with several replicas a collective must stay outside XLA."""
        return tf.function(gradient, jit_compile=True, autograph=False) if self.settings.jit_compile else gradient
