"""The training loop: runs the phases of any model, without knowing which model it trains.

An epoch is a few calls of one compiled function with the step loop inside the graph. Everything random in it is a
function of (seed, epoch, step), so a run that is killed and resumed from a checkpoint ends with the same weights,
bit for bit, as one that never stopped.
"""

import contextlib
import time
from dataclasses import replace

import numpy as np

from aae_tf.backend import keras, tf
from aae_tf.data import Stream
from aae_tf.errors import InputError, NonFiniteLossError, check_choice
from aae_tf.models.phases import ORDERS
from aae_tf.priors import as_seed, fold
from aae_tf.training import checkpoints
from aae_tf.training.averaging import WeightAverage
from aae_tf.training.optimizers import set_learning_rate
from aae_tf.training.sources import InMemory, Streamed

STRETCH_SECONDS = 1.0
CHECKPOINT_SECONDS = 10.0


class Trainer:
    """Trains a model's phases on a dataset.

    Args:
        model: a built model with `phases()` and `codes(batch, seed, training)`.
        train: `aae_tf.data.Split` or `Stream`.
        optimizers: dict of phase name to Keras optimizer; one object under two names is shared by those phases, which
            then share one update.
        batch_size: images a step, over all replicas.
        seed: seed of shuffles and draws.
        order: 'alternating' or 'simultaneous'.
        weights: dict of phase name to a factor on its loss, over the phase's own.
        weight_average: decay of the moving average of the weights, 0 for none.
        rates: function from an epoch (from 0) to a dict of phase name to learning rate; phases it leaves out keep
            theirs. None: no schedules.
        jit_compile: whether XLA compiles the steps.
        strategy: a `tf.distribute.Strategy` within whose scope the model was made; None for one device.
        checkpoint_folder: where to keep checkpoints; None for none.

    Raises:
        InputError: an unknown order, phases without an optimizer, too few images for a batch.
    """

    def __init__(
        self,
        model,
        train,
        optimizers,
        batch_size=100,
        seed=0,
        order="alternating",
        weights=None,
        weight_average=0.0,
        rates=None,
        jit_compile=True,
        strategy=None,
        checkpoint_folder=None,
    ):
        self.model, self.optimizers, self.rates = model, optimizers, rates
        self.step = ORDERS[check_choice("order", order, ORDERS)]
        self.phases = [
            replace(phase, weight=phase.weight * (weights or {}).get(phase.name, 1)) for phase in model.phases()
        ]
        self.names = [phase.name for phase in self.phases]
        for name in self.names:
            if name not in optimizers:
                raise InputError(f"phase '{name}' has no optimizer; given: {', '.join(optimizers) or 'none'}")
        self.strategy = strategy or tf.distribute.get_strategy()
        self.replicas = self.strategy.num_replicas_in_sync
        if batch_size % self.replicas:
            raise InputError(f"batch_size {batch_size} does not divide over {self.replicas} replicas")
        self.batch_size, self.seed = batch_size, as_seed(seed)
        stream = isinstance(train, Stream)
        self.source = Streamed(train, batch_size) if stream else InMemory(train, batch_size, seed)
        self.checkpoint_folder = checkpoint_folder
        self.epoch, self.history, self.length = 0, [], 1
        with self.strategy.scope():
            self._build_optimizers()
            self.average = WeightAverage(model, weight_average) if weight_average else None
        self.jit_compile = jit_compile
        self._stretch = tf.function(self._run_stretch, jit_compile=jit_compile and self.replicas == 1)

    # State --------------------------------------------------------------------------------------------------

    @property
    def variables(self):
        """Everything that changes in training, in a fixed order."""
        unique = {id(optimizer): optimizer for optimizer in self.optimizers.values()}.values()
        found = [variable.value for variable in self.model.variables]
        found += [variable.value for optimizer in unique for variable in optimizer.variables]
        return found + (self.average.averages if self.average else [])

    def save(self):
        """Write a checkpoint of the epochs finished; only the chief of several workers writes."""
        if self.checkpoint_folder is not None and _is_chief(self.strategy):
            checkpoints.save(self.checkpoint_folder, self.epoch, self.variables, self.history)

    def restore(self):
        """Go on from the newest checkpoint, if there is one; returns the epochs finished."""
        if self.checkpoint_folder is not None:
            self.epoch, self.history = checkpoints.restore(self.checkpoint_folder, self.variables)
        return self.epoch

    def averaged(self):
        """Return a context in which the model has its averaged weights, where it keeps an average."""
        return self.average.applied() if self.average else contextlib.nullcontext()

    def _build_optimizers(self):
        moved = {}
        for phase in self.phases:
            moved.setdefault(id(self.optimizers[phase.name]), []).extend(phase.variables)
        for optimizer in self.optimizers.values():
            if not optimizer.built and id(optimizer) in moved:
                unique = {id(variable): variable for variable in moved[id(optimizer)]}
                optimizer.build(list(unique.values()))

    # Epochs -------------------------------------------------------------------------------------------------

    def fit(self, epochs, callbacks=(), validate=None):
        """Train until `epochs` epochs are finished, checkpointing on the way.

        Args:
            epochs: the total, epochs of earlier runs included.
            callbacks: `keras.callbacks.Callback` objects; a batch, for them, is a stretch of steps.
            validate: function to a dict of numbers, called after each epoch with averaged weights in place.

        Returns:
            list of dicts, one an epoch: 'epoch', each phase's mean loss, what `validate` gave, 'seconds'.

        Raises:
            NonFiniteLossError: a loss became NaN or infinite; the last good checkpoint is kept.
        """
        steps = self.source.steps
        listeners = keras.callbacks.CallbackList(
            list(callbacks), model=self.model, epochs=epochs, steps=steps, verbose=0
        )
        self.model.stop_training = False
        listeners.on_train_begin()
        saved = time.monotonic()
        while self.epoch < epochs and not self.model.stop_training:
            listeners.on_epoch_begin(self.epoch)
            started = time.monotonic()
            row = {"epoch": self.epoch + 1, **self._run_epoch(listeners)}
            if validate is not None:
                with self.averaged():
                    row.update(validate())
            row["seconds"] = round(time.monotonic() - started, 3)
            self.history.append(row)
            self.epoch += 1
            listeners.on_epoch_end(self.epoch - 1, {name: row[name] for name in row if name != "epoch"})
            if time.monotonic() - saved > CHECKPOINT_SECONDS or self.epoch >= epochs or self.model.stop_training:
                self.save()
                saved = time.monotonic()
        listeners.on_train_end(self.history[-1] if self.history else {})
        return self.history

    def _run_epoch(self, listeners):
        if self.rates is not None:
            for name, rate in self.rates(self.epoch).items():
                set_learning_rate(self.optimizers[name], rate)
        totals, done = np.zeros(len(self.names), "float32"), 0
        for stretch in self.source.stretches(self.epoch, lambda: self.length):
            listeners.on_train_batch_begin(stretch.first)
            started = time.monotonic()
            totals, bad = self.run_stretch(stretch, totals)
            self._check_finite(bad)
            done += stretch.count
            logs = dict(zip(self.names, totals / done, strict=True))
            listeners.on_train_batch_end(stretch.first + stretch.count - 1, logs)
            rate = stretch.count / max(time.monotonic() - started, 1e-6)
            self.length = max(1, int(min(rate * STRETCH_SECONDS, 10 * stretch.count)))
        return {name: float(total / done) for name, total in zip(self.names, totals, strict=True)}

    def run_stretch(self, stretch, totals):
        """Run the steps of a `Stretch` in one compiled call.

        Args:
            stretch: from `self.source`.
            totals: float32 array [P], each phase's summed losses so far in the epoch.

        Returns:
            (float32 array [P], int32 array [P]): the sums with these steps', and each phase's first step whose loss is
            not finite (-1: none).
        """
        scalars = (stretch.offset, stretch.first, stretch.count, self.epoch)
        arrays = (stretch.images, stretch.labels, stretch.labelled, stretch.rows)
        totals, bad = self._stretch(*arrays, *(tf.constant(value, tf.int32) for value in scalars), tf.constant(totals))
        return totals.numpy(), bad.numpy()

    def _check_finite(self, bad):
        for phase, step in zip(self.phases, bad, strict=True):
            if step >= 0:
                lower = float(self.optimizers[phase.name].learning_rate) / 10
                advice = f"{phase.kind}.learning_rate={lower:.1g}"
                raise NonFiniteLossError(phase.name, self.epoch + 1, int(step) + 1, advice)

    # Steps, in the graph ------------------------------------------------------------------------------------

    def _run_stretch(self, images, labels, labelled, rows, offset, first, count, epoch, totals):
        """Run steps first .. first + count; returns the epoch's summed losses and each phase's first non-finite step.

        The sums go from call to call (float32 [P], -1 for "all finite" in the second), so that they do not depend on
        how the steps are grouped into calls, which depends on the clock.
        """

        def one(step, totals, bad):
            seed = fold(fold(self.seed, epoch), step)
            chosen = tf.gather(rows, step - offset)
            losses = self._run_step(images, labels, labelled, chosen, seed)
            if self.average is not None:
                self.average.update(epoch * self.source.steps + step)
            bad = tf.where((bad < 0) & ~tf.math.is_finite(losses), step, bad)
            return step + 1, totals + losses, bad

        # A while loop, not tf.range: XLA would compile anew for each pair of a range's ends.
        start = (first, totals, tf.fill([len(self.names)], -1))
        _, totals, bad = tf.while_loop(lambda step, *_: step < first + count, one, start)
        return totals, bad

    def _run_step(self, images, labels, labelled, rows, seed):
        if self.replicas == 1:
            batch = self._batch(images, labels, labelled, rows, seed)
            return tf.stack(self.step(self.model, self.phases, self.optimizers, batch, seed))
        share = self.batch_size // self.replicas

        def on_replica(images, labels, labelled, rows, seed):
            number = tf.distribute.get_replica_context().replica_id_in_sync_group
            own = rows[number * share : (number + 1) * share]
            seed = fold(seed, number)
            batch = self._batch(images, labels, labelled, own, seed)
            losses = self.step(
                self.model, self.phases, self.optimizers, batch, seed, self.replicas, self._compile_gradient
            )
            return tf.stack(losses)

        losses = self.strategy.run(on_replica, args=(images, labels, labelled, rows, seed))
        return self.strategy.reduce(tf.distribute.ReduceOp.MEAN, losses, axis=None)

    def _compile_gradient(self, gradient):
        """Compile a gradient computation: with several replicas a collective must stay outside XLA."""
        return tf.function(gradient, jit_compile=True) if self.jit_compile else gradient

    def _batch(self, images, labels, labelled, rows, seed):
        """Gather and scale a batch (a gather, not a slice: XLA would fuse a slice into the matrix product)."""
        batch = {"images": _scaled(tf.gather(images, rows)), "labels": tf.gather(labels, rows)}
        if self.model.wants_labelled:
            drawn = tf.random.stateless_uniform(tf.shape(rows), fold(seed, 101), 0, tf.size(labelled), tf.int32)
            chosen = tf.gather(labelled, drawn)
            batch["labelled_images"] = _scaled(tf.gather(images, chosen))
            batch["labelled_labels"] = tf.gather(labels, chosen)
        return batch


def _scaled(images):
    return tf.cast(images, tf.float32) / 255.0


def _is_chief(strategy):
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.task_type:
        return True
    return resolver.task_type in ("chief", "worker") and resolver.task_id == 0
