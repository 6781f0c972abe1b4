"""The training loop: takes the steps of any model, without knowing which model it trains.

An epoch is a few calls of one compiled function (`StepLoop`). A run that is killed and resumed from a checkpoint, in
the middle of an epoch too, ends with the same weights, bit for bit, as one that was never stopped.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from aae_tf.backend import keras, tf
from aae_tf.config.training import TrainingSettings
from aae_tf.errors import InputError
from aae_tf.training import checkpoints
from aae_tf.training.averaging import WeightAverage
from aae_tf.training.callbacks import Rates, restore_states, states_of
from aae_tf.training.checks import check_batch_size, check_finite, check_losses
from aae_tf.training.data_source import Chunk, source_of
from aae_tf.training.distribution import broadcast, is_chief, raising_worker_lost, read_by_chief, share_of
from aae_tf.training.interruption import interruptible
from aae_tf.training.optimizers import build_optimizers, make_optimizers
from aae_tf.training.step import check_order
from aae_tf.training.step_loop import StepLoop
from aae_tf.training.updates import configured

if TYPE_CHECKING:
    from aae_tf.data import Packed, Split, Stream
    from aae_tf.models import LatentModel

CHUNK_SECONDS = 1.0  # intended duration of one compiled call
CHECKPOINT_SECONDS = 10.0  # minimum time between the checkpoints of two epochs


class Progress(NamedTuple):
    """The finished part of an epoch: each phase's summed losses, float32 [P], and the number of steps."""

    totals: np.ndarray
    steps: int


class Trainer:
    """Trains a model by its updates on a dataset.

    Args:
        model: a built `LatentModel`.
        train: training data.
        settings: every number of the training.
        optimizers: Keras optimizers by optimizer key, in place of those of the settings, and without schedules.
        strategy: the `tf.distribute.Strategy` in whose scope the model was made; None for one device.
        checkpoint_folder: folder of the checkpoints; None for none.

    Attributes:
        names: names of the phases, in order.
        epoch: number of finished epochs.
        history: list of dicts, one an epoch.
        stopped: whether a callback has ended training early.
        other_rates: whether the learning rates differ from those of the checkpoint, whose changes of them are ignored.

    Raises:
        InputError: an unknown order or phase, an order that cannot apply the updates, an update without an optimizer,
            too few elements for a batch, or a model that needs views where none are set.
    """

    def __init__(
        self,
        model: "LatentModel",
        train: "Split | Packed | Stream",
        settings: TrainingSettings | None = None,
        *,
        optimizers: "dict[str, keras.optimizers.Optimizer] | None" = None,
        strategy: "tf.distribute.Strategy | None" = None,
        checkpoint_folder: Any = None,
    ):
        self.model, self.settings, self.checkpoint_folder = model, settings or TrainingSettings(), checkpoint_folder
        settings, self.strategy = self.settings, strategy or tf.distribute.get_strategy()
        self.updates = configured(
            model.updates(), settings.weights, settings.fused, settings.ramps, model.training_spec.disabled_phases
        )
        check_order(settings.order, self.updates)
        check_batch_size(model, settings.batch_size, self.strategy.num_replicas_in_sync)
        self.source = source_of(train, settings.batch_size, settings.seed, share_of(self.strategy))
        with self.strategy.scope():
            self.optimizers = make_optimizers(self.updates, settings) if optimizers is None else optimizers
            build_optimizers(self.updates, self.optimizers)
            self.average = WeightAverage(model, settings.weight_ema) if settings.weight_ema else None
        self.steps = StepLoop(
            model, self.updates, self.optimizers, settings, self.strategy, self.average, self.source.steps
        )
        kinds = {} if optimizers is not None else {each.optimizer_key: each.optimizer for each in self.updates}
        self._rates = Rates(self.optimizers, {key: settings.schedule(kind) for key, kind in kinds.items()})
        self.names, self.epoch, self.history, self._length = self.steps.names, 0, [], 1
        self.stopped, self.other_rates, self._stop_requested = False, False, False
        self._progress, self._callbacks, self._callback_states = None, (), []
        self._writer, self._saved = checkpoints.Writer(), time.monotonic()

    @property
    def variables(self) -> list:
        """Everything that changes in training, in a fixed order."""
        found = [variable.value for variable in self.model.variables]
        found += [variable.value for optimizer in self.optimizers.values() for variable in optimizer.variables]
        return found + (self.average.averages if self.average else [])

    def save(self) -> None:
        """Write a checkpoint in the background; of several workers, only the chief writes."""
        self._saved = time.monotonic()
        if self.checkpoint_folder is None or not is_chief(self.strategy):
            return
        state = {"stopped": self.stopped, "scales": self._rates.scales, "callbacks": states_of(self._callbacks)}
        state["progress"] = self._progress and self._progress._asdict()
        state["stop_training"] = bool(self.model.stop_training)
        arrays = checkpoints.as_arrays(self.variables, self.history, state)
        self._writer.write(self.checkpoint_folder, self.epoch, self._progress.steps if self._progress else 0, arrays)

    def restore(self) -> int:
        """Restore the newest checkpoint, if there is one; returns the number of finished epochs."""
        if self.checkpoint_folder is not None:
            self.epoch, self.history, state = read_by_chief(
                self.strategy, self.variables, lambda: checkpoints.restore(self.checkpoint_folder, self.variables)
            )
            self.stopped = state.get("stopped", False)
            self._rates.scales |= {} if self.other_rates else state.get("scales", {})
            self._callback_states = state.get("callbacks", [])
            self._stop_requested = bool(state.get("stop_training", False))
            self._progress = Progress(**state["progress"]) if state.get("progress") else None
        return self.epoch

    @property
    def begun(self) -> str:
        """The position of the training in words; empty at its beginning."""
        in_epoch = f"step {self._progress.steps:,} of epoch {self.epoch + 1}" if self._progress else ""
        return in_epoch or (f"epoch {self.epoch}" if self.epoch else "")

    def averaged(self) -> contextlib.AbstractContextManager:
        """Return a context in which the model has its averaged weights, where an average is kept."""
        return self.average.applied() if self.average else contextlib.nullcontext()

    def fit(
        self,
        epochs: int | None = None,
        callbacks: "Iterable[keras.callbacks.Callback]" = (),
        validate: Callable[[], dict[str, float]] | None = None,
        displays: "Iterable[keras.callbacks.Callback]" = (),
    ) -> list[dict]:
        """Train until `epochs` epochs are finished or a callback stops training, with checkpoints on the way.

        Callbacks see the weights that `validate` measured: the averaged weights, where an average is kept. The model
        ends with those, or with what a callback restores at the end of training.

        Args:
            epochs: total number of epochs, those of earlier runs included; by default those of the settings.
            callbacks: callbacks whose state is kept in checkpoints; a batch, for them, is a chunk of steps.
            validate: function to a dict of numbers, called after each epoch.
            displays: callbacks whose state is not kept.

        Returns:
            list of dicts, one an epoch: 'epoch', each phase's mean loss, the numbers of `validate`, 'seconds'.

        Raises:
            NonFiniteLossError: a loss, a validation number or a weight is not finite; the last good checkpoint is kept.
            KeyboardInterrupt: Ctrl-C; the current steps are finished and saved first.
            SystemExit: SIGTERM, likewise.
            WorkerLostError: another of several workers has ended.
        """
        epochs, model = self.settings.epochs if epochs is None else epochs, self.model
        self._callbacks, before = list(callbacks), getattr(model, "optimizer", None)
        if self.average:
            self.average.undo()
        model.stop_training, model.optimizer = self._progress is not None and self._stop_requested, self._rates
        try:
            with interruptible() as interruption, raising_worker_lost(self.strategy):
                return self._fit(epochs, validate or dict, displays, interruption)
        finally:
            model.optimizer = before
            self._writer.wait()

    def _fit(self, epochs, validate, displays, interruption):
        listeners = keras.callbacks.CallbackList(
            [*displays, *self._callbacks], model=self.model, epochs=epochs, steps=self.source.steps, verbose=0
        )
        listeners.on_train_begin()
        resumed = self._progress is not None
        if resumed:  # replay `on_epoch_begin` for new callbacks, then restore the learning rates that it changed
            with contextlib.nullcontext() if self.other_rates else self._rates.kept():
                self._rates.follow(self.epoch)
                listeners.on_epoch_begin(self.epoch)
        restore_states(self._callbacks, self._callback_states)
        self._saved = time.monotonic()
        while self.epoch < epochs and not self.stopped:
            if not resumed:
                self._rates.follow(self.epoch)
                listeners.on_epoch_begin(self.epoch)
            resumed, started = False, time.monotonic()
            row = {"epoch": self.epoch + 1, **self._run_epoch(listeners, interruption)}
            with self.averaged():
                row |= broadcast(self.strategy, validate)  # equal on all workers, to the last bit
                check_finite(self.model, row, self.epoch + 1)
                row["seconds"] = broadcast(self.strategy, lambda started=started: round(time.monotonic() - started, 3))
                self.history.append(row)
                self.epoch += 1
                listeners.on_epoch_end(self.epoch - 1, {name: row[name] for name in row if name != "epoch"})
            self.stopped = broadcast(self.strategy, lambda: bool(self.model.stop_training))
            due = time.monotonic() - self._saved > min(CHECKPOINT_SECONDS, 60 * self.settings.checkpoint_minutes)
            if due or interruption or self.epoch >= epochs or self.stopped:
                self.save()
            if interruption:
                interruption.end()
        if self.average:
            self.average.apply()
        listeners.on_train_end(self.history[-1] if self.history else {})
        return self.history

    def _run_epoch(self, listeners, interruption):
        """Run the rest of an epoch; returns each phase's mean loss."""
        totals, done = self._progress or Progress(np.zeros(len(self.names), "float32"), 0)
        for chunk in self._chunks(done):
            listeners.on_train_batch_begin(chunk.first)
            started = time.monotonic()
            totals, bad = self.steps(chunk, self.epoch, totals)
            check_losses(bad, self.updates, self.optimizers, self.epoch + 1)
            done += chunk.count
            logs = dict(zip(self.names, totals / done, strict=True))
            listeners.on_train_batch_end(chunk.first + chunk.count - 1, logs)
            rate = chunk.count / max(time.monotonic() - started, 1e-6)
            self._length = max(1, int(min(rate * CHUNK_SECONDS, 10 * chunk.count)))
            if done < self.source.steps:
                self._progress = Progress(totals, done)
                self._between_chunks(interruption)
        self._progress = None
        return {name: float(total / done) for name, total in zip(self.names, totals, strict=True)}

    def _chunks(self, done) -> Iterator[Chunk]:
        """Yield the remaining chunks of an epoch; where one cannot be read, a checkpoint is written first."""
        try:
            yield from self.source.chunks(self.epoch, lambda: self._length, done)
        except InputError:
            check_finite(self.model, {}, self.epoch + 1)
            self.save()
            raise

    def _between_chunks(self, interruption):
        """Save in the middle of an epoch where it is time to, and end after an interruption."""
        self._writer.raise_errors()
        if interruption or time.monotonic() - self._saved > 60 * self.settings.checkpoint_minutes:
            check_finite(self.model, {}, self.epoch + 1)
            self.save()
        if interruption:
            interruption.end()
