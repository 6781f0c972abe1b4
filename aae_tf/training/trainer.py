"""The training loop: takes the steps of any model, without knowing which model it trains.

An epoch is a few calls of one compiled function with the step loop inside the graph. Everything random in it is a
function of (seed, epoch, step), so a run that is killed and resumed from a checkpoint, in the middle of an epoch too,
ends with the same weights, bit for bit, as one that never stopped.
"""

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from aae_tf.backend import keras, tf
from aae_tf.errors import InputError, NonFiniteLossError
from aae_tf.training import checkpoints
from aae_tf.training.averaging import WeightAverage
from aae_tf.training.callbacks import Rates, restore_states, states_of
from aae_tf.training.data_source import source_of
from aae_tf.training.distribution import broadcast, is_chief, raising_worker_lost, read_by_chief, share_of
from aae_tf.training.interruption import interruptible
from aae_tf.training.updates import ORDERS, check_order, configured, phases_of, unique
from aae_tf.utils.images import max_pixel_value
from aae_tf.utils.random import as_seed, fold

CHUNK_SECONDS = 1.0
CHECKPOINT_SECONDS = 10.0  # from one checkpoint at the end of an epoch to the next
CHECKPOINT_MINUTES = 10.0  # from one in the middle of an epoch to the next


class UnderWay(NamedTuple):
    """What is done of an epoch.

    Attributes:
        totals: float32 array [P], each phase's summed losses.
        steps: how many.
    """

    totals: Any
    steps: int


class Trainer:
    """Trains a model by its updates on a dataset.

    Args:
        model: a built model with `updates()`, `codes(batch, seed, training)`, `required_inputs` and `absent`, and with
            `least_batch` where its losses need more than one image on each replica.
        train: `aae_tf.data.Split`, `Packed` or `Stream`.
        optimizers: dict of an update's `state` (by default its first phase's name) to a Keras optimizer.
        batch_size: images a step, over all replicas.
        seed: seed of shuffles and draws.
        order: a name in `ORDERS`: 'alternating' or 'simultaneous'.
        weights: dict of phase name to a factor on its loss, over the phase's own.
        fused: names of phases that are joined in one update.
        ramps: dict of phase name to the epochs in which its weight rises from 0.
        views: function (images float32 [N, H, W, C] in [0, 1], seed int32 [2]) to random views of them; None for none.
            With views a batch has 'views', and its labelled images are seen through them.
        weight_ema: decay of the moving average of the weights, 0 for none.
        rates: function from an epoch (from 0) to a dict of an update's `state` to learning rate; those it leaves out
            keep theirs. None: no schedules.
        jit_compile: whether XLA compiles the steps.
        strategy: a `tf.distribute.Strategy` within whose scope the model was made; None for one device.
        checkpoint_folder: where to keep checkpoints; None for none.
        checkpoint_minutes: how long an epoch goes on without one.

    Raises:
        InputError: an unknown order or phase, an order that cannot take the updates, updates without an optimizer, too
            few images for a batch, a model that needs views and none given.
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
        fused=(),
        ramps=None,
        views=None,
        weight_ema=0.0,
        rates=None,
        jit_compile=True,
        strategy=None,
        checkpoint_folder=None,
        checkpoint_minutes=CHECKPOINT_MINUTES,
    ):
        self.model, self.optimizers, self.views = model, optimizers, views
        self.step = ORDERS[order]
        updates = model.updates()
        self.names = list(phases_of(updates))
        self.updates = configured(updates, weights, fused, ramps, model.absent)
        check_order(order, self.updates)
        for update in self.updates:
            if update.state not in optimizers:
                given = ", ".join(optimizers) or "none"
                raise InputError(f"update '{update.name}' has no optimizer '{update.state}'; given: {given}")
        if "views" in model.required_inputs and views is None:
            raise InputError(f"{type(model).__name__} is trained on views of the images; set some: views.shift=2")
        self.strategy = strategy or tf.distribute.get_strategy()
        self.replicas = self.strategy.num_replicas_in_sync
        if batch_size % self.replicas:
            raise InputError(f"batch_size {batch_size} does not divide over {self.replicas} replicas")
        if batch_size == self.replicas and any(map(_needs_several, model._flatten_layers())):
            raise InputError("batch normalisation of one image a replica cannot tell images apart; use a larger batch")
        least = getattr(model, "least_batch", 1)
        if batch_size < self.replicas * least:
            raise InputError(
                f"{type(model).__name__} compares the images of a mini-batch with each other and needs {least} of them "
                "a replica; use a larger batch"
            )
        self.batch_size, self.seed = batch_size, as_seed(seed)
        self.source = source_of(train, batch_size, seed, share_of(self.strategy))
        self.checkpoint_folder, self.checkpoint_minutes = checkpoint_folder, checkpoint_minutes
        self.epoch, self.history, self.length = 0, [], 1
        self._under_way, self._to_stop = None, False  # what is done of an epoch, and whether a callback ends it there
        self._saved, self._writer, self._writing = time.monotonic(), ThreadPoolExecutor(1), None
        self.stopped = False  # by a callback, before the last epoch
        self._rates = Rates(optimizers, lambda name: (rates(self.epoch) if rates else {}).get(name))
        self._callback_states, self.other_rates = [], False  # whether rates are others than those of the checkpoint
        with self.strategy.scope():
            self._build_optimizers()
            self.average = WeightAverage(model, weight_ema) if weight_ema else None
        self.jit_compile = jit_compile
        # No Python here branches on tensors, so AutoGraph has nothing to convert, and converting takes seconds.
        compiled = jit_compile and self.replicas == 1
        self._chunk = tf.function(self._run_chunk, jit_compile=compiled, autograph=False)

    # State --------------------------------------------------------------------------------------------------

    @property
    def variables(self):
        """Everything that changes in training, in a fixed order."""
        found = [variable.value for variable in self.model.variables]
        found += [variable.value for optimizer in self.optimizers.values() for variable in optimizer.variables]
        return found + (self.average.averages if self.average else [])

    def save(self, callbacks=()):
        """Write a checkpoint of what is done, in a thread of its own; only the chief of several workers writes.

        Args:
            callbacks: whose state is kept beside.
        """
        self._saved = time.monotonic()
        if self.checkpoint_folder is None or not is_chief(self.strategy):
            return
        state = {"stopped": self.stopped, "scales": self._rates.scales, "callbacks": states_of(callbacks)}
        state["under_way"] = self._under_way and self._under_way._asdict()
        state["stop_training"] = bool(self.model.stop_training)
        step = self._under_way.steps if self._under_way else 0
        self._written()
        held = checkpoints.taken(self.variables, self.history, state)
        self._writing = self._writer.submit(checkpoints.write, self.checkpoint_folder, self.epoch, step, held)

    def _written(self):
        """Wait until the last checkpoint is on the disk; what went wrong there is raised here."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def restore(self):
        """Go on from the newest checkpoint, if there is one; returns the epochs finished."""
        if self.checkpoint_folder is not None:
            self.epoch, self.history, state = read_by_chief(
                self.strategy, self.variables, lambda: checkpoints.restore(self.checkpoint_folder, self.variables)
            )
            self.stopped = state.get("stopped", False)
            self._rates.scales |= {} if self.other_rates else state.get("scales", {})
            self._callback_states = state.get("callbacks", [])
            self._to_stop = bool(state.get("stop_training", False))
            under_way = state.get("under_way")
            self._under_way = UnderWay(**under_way) if under_way else None
        return self.epoch

    @property
    def begun(self):
        """What is done, in words; empty where nothing is."""
        under_way = f"step {self._under_way.steps:,} of epoch {self.epoch + 1}" if self._under_way else ""
        return under_way or (f"epoch {self.epoch}" if self.epoch else "")

    def averaged(self):
        """Return a context in which the model has its averaged weights, where it keeps an average."""
        return self.average.applied() if self.average else contextlib.nullcontext()

    def _build_optimizers(self):
        moved = {}
        for update in self.updates:
            moved.setdefault(update.state, []).extend(update.variables)
        for state, variables in moved.items():
            if not self.optimizers[state].built:
                self.optimizers[state].build(unique(variables))

    # Epochs -------------------------------------------------------------------------------------------------

    def fit(self, epochs, callbacks=(), validate=None, displays=()):
        """Train until `epochs` epochs are finished or a callback stops it, checkpointing on the way.

        Callbacks see the weights that `validate` measured: the averaged ones, where there is an average. The model is
        left with those, or with what a callback has restored at the end of training.

        Args:
            epochs: the total, epochs of earlier runs included.
            callbacks: `keras.callbacks.Callback` objects; a batch, for them, is a chunk of steps. What they have
                noted is kept in checkpoints.
            validate: function to a dict of numbers, called after each epoch.
            displays: callbacks of which nothing is kept.

        Returns:
            list of dicts, one an epoch: 'epoch', each phase's mean loss, what `validate` gave, 'seconds'.

        Raises:
            NonFiniteLossError: a loss, a validation number or a weight is not finite; the last good checkpoint is kept.
            KeyboardInterrupt: Ctrl-C; the steps under way are finished and kept, so that training goes on from there.
            SystemExit: SIGTERM, likewise.
            WorkerLostError: another of several workers has ended.
        """
        if self.average:
            self.average.undo()
        self.model.stop_training, self.model.optimizer = self._under_way is not None and self._to_stop, self._rates
        try:
            with interruptible() as interruption, raising_worker_lost(self.strategy):
                return self._fit(epochs, callbacks, validate, displays, interruption)
        finally:
            self.model.optimizer = None
            self._written()

    def _fit(self, epochs, callbacks, validate, displays, interruption):
        listeners = keras.callbacks.CallbackList(
            [*displays, *callbacks], model=self.model, epochs=epochs, steps=self.source.steps, verbose=0
        )
        listeners.on_train_begin()
        resumed = self._under_way is not None
        if resumed:  # its beginning is told again to those that have come anew, and what it changes is put back
            held = self._rates.held()
            self._rates.follow()
            listeners.on_epoch_begin(self.epoch)
            if not self.other_rates:
                self._rates.put_back(held)
        restore_states(callbacks, self._callback_states)
        self._saved = time.monotonic()

        def between():
            """Keep what is done of an epoch, where it is time to."""
            if self._writing is not None and self._writing.done():
                self._written()
            if interruption or time.monotonic() - self._saved > 60 * self.checkpoint_minutes:
                self._check_sane({})
                self.save(callbacks)
            if interruption:
                interruption.end()

        while self.epoch < epochs and not self.stopped:
            if not resumed:
                self._rates.follow()
                listeners.on_epoch_begin(self.epoch)
            resumed = False
            started = time.monotonic()
            row = {"epoch": self.epoch + 1, **self._run_epoch(listeners, between, callbacks)}
            with self.averaged():
                validated = validate or dict
                row.update(broadcast(self.strategy, validated))  # by one processor's rounding on every worker
                self._check_sane(row)
                row["seconds"] = broadcast(self.strategy, lambda started=started: round(time.monotonic() - started, 3))
                self.history.append(row)
                self.epoch += 1
                listeners.on_epoch_end(self.epoch - 1, {name: row[name] for name in row if name != "epoch"})
            self.stopped = broadcast(self.strategy, lambda: bool(self.model.stop_training))
            late = time.monotonic() - self._saved > min(CHECKPOINT_SECONDS, 60 * self.checkpoint_minutes)
            if late or interruption or self.epoch >= epochs or self.stopped:
                self.save(callbacks)
            if interruption:
                interruption.end()
        if self.average:
            self.average.apply()
        listeners.on_train_end(self.history[-1] if self.history else {})
        return self.history

    def _chunks(self, done, callbacks):
        """Yield the chunks of what is left of an epoch; where one cannot be read, what is done is kept first."""
        try:
            yield from self.source.chunks(self.epoch, lambda: self.length, done)
        except InputError:
            self._check_sane({})
            self.save(callbacks)
            raise

    def _run_epoch(self, listeners, between, callbacks):
        """Run what is left of an epoch, `between` after each chunk but the last; returns each phase's mean loss."""
        totals, done = self._under_way or UnderWay(np.zeros(len(self.names), "float32"), 0)
        for chunk in self._chunks(done, callbacks):
            listeners.on_train_batch_begin(chunk.first)
            started = time.monotonic()
            totals, bad = self.run_chunk(chunk, totals)
            self._check_finite(bad)
            done += chunk.count
            logs = dict(zip(self.names, totals / done, strict=True))
            listeners.on_train_batch_end(chunk.first + chunk.count - 1, logs)
            rate = chunk.count / max(time.monotonic() - started, 1e-6)
            self.length = max(1, int(min(rate * CHUNK_SECONDS, 10 * chunk.count)))
            if done < self.source.steps:
                self._under_way = UnderWay(totals, done)
                between()
        self._under_way = None
        return {name: float(total / done) for name, total in zip(self.names, totals, strict=True)}

    def run_chunk(self, chunk, totals):
        """Run the steps of a `Chunk` in one compiled call.

        Args:
            chunk: from `self.source`.
            totals: float32 array [P], each phase's summed losses so far in the epoch.

        Returns:
            (float32 array [P], int32 array [P]): the sums with these steps', and each phase's first step whose loss is
            not finite (-1: none).
        """
        scalars = (chunk.offset, chunk.first, chunk.count, self.epoch)
        arrays = (chunk.images, chunk.labels, chunk.pool, chunk.rows)
        totals, bad = self._chunk(*arrays, *(tf.constant(value, tf.int32) for value in scalars), tf.constant(totals))
        return totals.numpy(), bad.numpy()

    def _check_finite(self, bad):
        updates = {phase.name: update for update in self.updates for phase in update.phases}
        for name, step in zip(self.names, bad, strict=True):
            if step >= 0:
                update = updates[name]
                lower = float(keras.ops.convert_to_numpy(self.optimizers[update.state].learning_rate)) / 10
                advice = f"{update.optimizer}.learning_rate={lower:.1g}"
                raise NonFiniteLossError(name, self.epoch + 1, int(step) + 1, advice)

    def _check_sane(self, row):
        """Refuse what a finite loss in the last step does not show: weights, validation numbers that are not finite."""
        bad = [name for name, value in row.items() if not np.isfinite(value)]
        floats = [weight for weight in self.model.weights if "float" in weight.dtype]
        bad += [weight.path for weight in floats if not tf.reduce_all(tf.math.is_finite(weight))]
        if bad:
            raise NonFiniteLossError(bad[0], self.epoch + 1)

    # Steps, in the graph ------------------------------------------------------------------------------------

    def _run_chunk(self, images, labels, pool, rows, offset, first, count, epoch, totals):
        """Run steps first .. first + count; returns the epoch's summed losses and each phase's first non-finite step.

        The sums go from call to call (float32 [P], -1 for "all finite" in the second), so that they do not depend on
        how the steps are grouped into calls, which depends on the clock.
        """

        def one(step, totals, bad):
            seed = fold(fold(self.seed, epoch), step)
            chosen = tf.gather(rows, step - offset)
            done = tf.cast(epoch, tf.float32) + tf.cast(step, tf.float32) / self.source.steps
            losses = self._run_step(images, labels, pool, chosen, seed, done)
            if self.average is not None:
                self.average.update(epoch * self.source.steps + step)
            bad = tf.where((bad < 0) & ~tf.math.is_finite(losses), step, bad)
            return step + 1, totals + losses, bad

        # A while loop, not tf.range: XLA would compile anew for each pair of a range's ends.
        start = (first, totals, tf.fill([len(self.names)], -1))
        _, totals, bad = tf.while_loop(lambda step, *_: step < first + count, one, start)
        return totals, bad

    def _run_step(self, images, labels, pool, rows, seed, done):
        if self.replicas == 1:
            batch = self._batch(images, labels, pool, rows, seed, done)
            return self._stacked(self.step(self.model, self.updates, self.optimizers, batch, seed))
        share = self.batch_size // self.replicas

        def on_replica(images, labels, pool, rows, seed, done):
            number = tf.distribute.get_replica_context().replica_id_in_sync_group
            own = rows[number * share : (number + 1) * share]
            seed = fold(seed, number)
            batch = self._batch(images, labels, pool, own, seed, done)
            how = {"replicas": self.replicas, "compute": self._compile_gradient}
            return self._stacked(self.step(self.model, self.updates, self.optimizers, batch, seed, **how))

        losses = self.strategy.run(on_replica, args=(images, labels, pool, rows, seed, done))
        return self.strategy.reduce(tf.distribute.ReduceOp.MEAN, losses, axis=None)

    def _stacked(self, losses):
        return tf.stack([losses[name] for name in self.names])

    def _compile_gradient(self, gradient):
        """Compile a gradient computation: with several replicas a collective must stay outside XLA."""
        return tf.function(gradient, jit_compile=True, autograph=False) if self.jit_compile else gradient

    def _batch(self, images, labels, pool, rows, seed, done):
        """Gather and scale a batch (a gather, not a slice: XLA would fuse a slice into the matrix product)."""
        batch = {"images": _scaled(tf.gather(images, rows)), "labels": tf.gather(labels, rows), "epoch": done}
        if self.views is not None:
            batch["views"] = self.views(batch["images"], fold(seed, 102))
        if "labelled" in self.model.required_inputs:
            drawn = tf.random.stateless_uniform(tf.shape(rows), fold(seed, 101), 0, pool.count, tf.int32)
            chosen = tf.gather(pool.rows, drawn)
            labelled = _scaled(tf.gather(pool.images, chosen))
            batch["labelled_images"] = labelled if self.views is None else self.views(labelled, fold(seed, 103))
            batch["labelled_labels"] = tf.gather(pool.labels, chosen)
        return batch


def _scaled(images):
    return tf.cast(images, tf.float32) / max_pixel_value(images.dtype.as_numpy_dtype)


def _needs_several(layer):
    """Return whether a layer normalises by the mini-batch's statistics alone, which of one image are the image."""
    if not isinstance(layer, keras.layers.BatchNormalization) or not layer.built:
        return False  # one that is not built is not called
    statistics_of_batch = layer.trainable and not layer.synchronized
    return statistics_of_batch and layer.input_spec.ndim == 2  # of images they are of their height and width besides
