"""`compile`, `fit` and `evaluate` of Keras, by a model's own updates and validation metrics."""

from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from aae_tf.backend import keras, tf
from aae_tf.config.training import ORDERS
from aae_tf.data.dataset import Split
from aae_tf.errors import InputError
from aae_tf.models.batching import as_images, batches_of
from aae_tf.training.batches import make_batch
from aae_tf.training.callbacks import Rates
from aae_tf.training.checks import check_batch_size, check_labels
from aae_tf.training.data_source import Chunk, Pool
from aae_tf.training.optimizers import build_optimizers
from aae_tf.training.step import check_order
from aae_tf.training.updates import configured, phases_of
from aae_tf.utils.random import as_seed, fold

if TYPE_CHECKING:
    from aae_tf.networks.augmentation import Views

LABELLED = 10_000  # labelled images that are kept of a `tf.data.Dataset`
NOT_USED = ("loss", "loss_weights", "metrics", "weighted_metrics", "sample_weight", "class_weight")


class _Optimizers(Rates):
    """`model.optimizer` for callbacks: the rates of all optimizers."""

    built = True

    @property
    def variables(self):
        return [variable for each in self._optimizers.values() for variable in each.variables]


class KerasTraining:
    """The part of a model that Keras trains and evaluates."""

    _arguments = _step = None  # namespaces, as Keras would track their dicts and lists

    def compile(
        self,
        optimizer: "str | keras.optimizers.Optimizer | Mapping[str, Any]" = "adam",
        loss: None = None,
        *,
        order: str = "alternating",
        weights: Mapping[str, float] | None = None,
        fused: Sequence[str] = (),
        views: "Views | None" = None,
        seed: int = 0,
        **options: Any,
    ) -> None:
        """Set how `fit` trains: by the updates of the model, which define its losses.

        The optimizer, or its name, is cloned for each update; a dict has one for each kind of update
        ('reconstruction', 'regularization', 'classification'). `order`, `weights`, `fused` and `seed` are those of
        `aae_tf.config.training.TrainingSettings`, `views` are the augmentations, other options those of
        `keras.Model.compile`. Scales with statistics are fitted before: `model.image_scale.adapt(images)`.

        Raises:
            InputError: a loss or metrics, an unknown order, or missing views.
        """
        _refuse_unused({"loss": loss, **options}, f"{type(self).__name__} has its own losses and metrics")
        ORDERS.check("order", order)
        if "views" in self.training_spec.required_inputs and views is None:
            raise InputError(f"{type(self).__name__} needs augmentations: compile(views=aae_tf.Views(shift=2))")
        own = {"optimizer": optimizer, "order": order, "weights": weights, "fused": list(fused), "views": views}
        super().compile(optimizer=None, **options)
        self._arguments, self._step = SimpleNamespace(**own, seed=seed, **options), None
        if self.built:
            self._make_step()

    def get_compile_config(self) -> dict[str, Any] | None:
        """Return the arguments of `compile`; None before it."""
        return dict(vars(self._arguments)) if self.compiled else None

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile by what `get_compile_config` returned."""
        self.compile(**keras.saving.deserialize_keras_object(config))

    @property
    def optimizers(self) -> "dict[str, keras.optimizers.Optimizer]":
        """The optimizers of the updates by key, once the model is compiled and built."""
        return {} if self._step is None else self._step.optimizers

    @property
    def metrics(self) -> "list[keras.metrics.Metric]":
        """The mean loss of each phase, once the model is compiled and built."""
        return [] if self._step is None else list(self._step.losses.values())

    def _make_step(self):
        given, disabled = self._arguments, self.training_spec.disabled_phases
        updates = configured(self.updates(), given.weights, given.fused, None, disabled)
        check_order(given.order, updates)
        kinds = {update.optimizer_key: update.optimizer for update in updates}
        optimizers = {key: self._make_optimizer(kind) for key, kind in kinds.items()}
        build_optimizers(updates, optimizers)
        losses = {name: keras.metrics.Mean(name=name) for name in phases_of(updates)}
        steps = tf.Variable(1.0, trainable=False)  # of an epoch
        self._step = SimpleNamespace(updates=updates, optimizers=optimizers, losses=losses, steps=steps, labelled=None)
        self.optimizer = _Optimizers(optimizers, {})

    def _make_optimizer(self, kind):
        """Return a new optimizer for a kind of update."""
        given = self._arguments.optimizer
        if isinstance(given, Mapping):
            if kind not in given:
                raise InputError(f"there is no optimizer for updates of kind '{kind}'; given: {', '.join(given)}")
            given = given[kind]
        optimizer = keras.optimizers.get(given)
        optimizer = type(optimizer).from_config(optimizer.get_config())
        policies = {layer.dtype_policy.name for layer in self._flatten_layers()}
        scaled = "mixed_float16" in policies and not isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        return keras.optimizers.LossScaleOptimizer(optimizer) if scaled else optimizer

    def make_train_function(self, force: bool = False) -> Any:
        """Make the compiled training step, see `keras.Model`."""
        if not self.built:
            raise InputError(f"{type(self).__name__} is not built; use fit, or model.build((None, *shape)) first")
        if self._step is None:
            self._make_step()
        return super().make_train_function(force)

    def train_step(self, data: Any) -> "dict[str, tf.Tensor]":
        """Take one step by the model's updates; returns the mean loss of each phase so far in the epoch."""
        step = self._step
        count = next(iter(step.optimizers.values())).iterations
        seed = fold(as_seed(self._arguments.seed), tf.convert_to_tensor(count))
        batch = self._training_batch(data, seed, tf.cast(count, tf.float32) / step.steps)
        losses = ORDERS[self._arguments.order](self, step.updates, step.optimizers, batch, seed)
        for name, loss in losses.items():
            step.losses[name].update_state(loss)
        return {name: metric.result() for name, metric in step.losses.items()}

    def _training_batch(self, data, seed, epoch):
        """Return the batch of a step of the `Trainer`, of images or (images, labels)."""
        data = (*data, None) if isinstance(data, tuple | list) else (data, None)
        images, labels, pool = as_images(data[0]), data[1], self._step.labelled
        rows = tf.range(tf.shape(images)[0])
        labels = tf.fill(tf.shape(rows), -1) if labels is None else tf.cast(tf.reshape(labels, [-1]), tf.int32)
        labelled = "labelled" in self.training_spec.required_inputs
        if labelled and pool is None:
            raise InputError(f"{type(self).__name__} learns classes from labels: fit(images, labels)")
        chunk = Chunk(images, labels, pool, rows, 0, 0, 1)
        return make_batch(chunk, rows, seed, epoch, self._arguments.views, labelled)

    def fit(
        self,
        x: "ArrayLike | tf.data.Dataset",
        y: ArrayLike | None = None,
        batch_size: int | None = None,
        epochs: int = 1,
        *,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        **options: Any,
    ) -> "keras.callbacks.History":
        """Train the model by its own updates.

        Args:
            x: images or rows, an array or a `tf.data.Dataset` of batches of them or of pairs with labels.
            y: int [N], -1 for unlabelled images, for models that learn from labels.
            batch_size: images a step, by default 100; a smaller rest of an epoch is skipped.
            epochs: number of passes over the images.
            validation_split: share of the images, the last ones, to validate on.
            validation_data: images or (images, labels), see `evaluate`.
            shuffle: whether to shuffle arrays before each epoch.
            **options: further arguments of `keras.Model.fit`.

        Returns:
            `keras.callbacks.History`, with the mean loss of each phase and the validation metrics.

        Raises:
            InputError: a model that is not compiled, missing labels, or too few images for a batch.
        """
        if not self.compiled:
            raise InputError("the model is not compiled; call compile() before fit()")
        _refuse_unused(options, f"the losses of {type(self).__name__} are not weighted by example")
        if isinstance(x, tf.data.Dataset):
            dataset, sample = x, self._sample_of(x)
        else:
            sample = self._split(x, y)
            if validation_split:
                first = len(sample) - int(len(sample) * validation_split)
                held_out, sample = sample.take(slice(first, None)), sample.take(slice(first))
                validation_data = (held_out.images, held_out.labels)
            dataset = batches_of(sample, batch_size or 100, shuffle, self._arguments.seed)
        self._prepare(sample, dataset)
        history = super().fit(dataset, None, None, epochs, validation_data=validation_data, shuffle=False, **options)
        if self.needs_finalizing:
            self.finalize(sample.images, self._arguments.seed)
        return history

    def _prepare(self, sample, dataset):
        """Build the model for a sample of the images, and check that the batches have what training needs."""
        check_labels(self, sample)
        self.build((None, *sample.images.shape[1:]))
        size = tf.nest.flatten(dataset.element_spec)[0].shape[0]
        if size is not None:
            check_batch_size(self, size, 1)
        if self._step is None:
            self._make_step()
        self._step.steps.assign(max(1.0, float(dataset.cardinality())))
        if "labelled" in self.training_spec.required_inputs:
            found = sample.labelled()
            self._step.labelled = Pool(found.images, found.labels, np.arange(len(found), dtype="int32"), len(found))
            self.train_function = None  # the labelled images are constants of the compiled step

    def _sample_of(self, dataset):
        """Return the first images of a dataset, and as many labelled ones as there are, up to `LABELLED`."""
        rows = dataset.unbatch()
        if {"labels", "labelled"} & {*self.training_spec.required_inputs} and isinstance(dataset.element_spec, tuple):
            rows = rows.filter(lambda *row: tf.reshape(row[1], []) >= 0)
        found = list(rows.take(LABELLED).as_numpy_iterator())
        if not found:
            raise InputError("the dataset is empty, or has no labels; give batches of (images, labels)")
        return self._split(*map(np.stack, _columns(found)))

    def evaluate(
        self, x: Any, y: ArrayLike | None = None, *, return_dict: bool = False, **options: Any
    ) -> "dict[str, float] | list[float] | float":
        """Return the metrics of `validate`, without 'val_', of what `fit` takes; other options are ignored."""
        if isinstance(x, tf.data.Dataset):
            x, y = (*map(np.concatenate, _columns(x.as_numpy_iterator())), None)[:2]
        split = self._split(x, y)
        self.build((None, *split.images.shape[1:]))
        numbers = {name.removeprefix("val_"): value for name, value in self.validate(split).items()}
        values = list(numbers.values())
        return numbers if return_dict else values[0] if len(values) == 1 else values

    def _split(self, images, labels=None):
        """Return images and integer labels as a `Split`."""
        if isinstance(images, keras.utils.PyDataset | Iterator):
            raise InputError(f"a {type(images).__name__} was given; accepted: an array or a tf.data.Dataset of batches")
        images = self.element.check(images)
        images = images[..., None] if images.ndim == 3 else images
        if labels is None:
            return Split(images)
        labels = np.asarray(labels)
        if labels.shape not in ((len(images),), (len(images), 1)) or labels.dtype.kind not in "iu":
            raise InputError(
                f"labels {labels.dtype} {labels.shape} were given; accepted: integers [N], -1 for unlabelled, or none"
            )
        return Split(images, labels.reshape(-1).astype("int32"))


def _columns(rows):
    """Return the images, and the labels if any, of what a dataset yields."""
    return [*zip(*(row if isinstance(row, tuple) else (row,) for row in rows), strict=True)][:2]


def _refuse_unused(options, why):
    """Remove the arguments of Keras that are None and that no model uses; raise InputError for one that is given."""
    given = [name for name in NOT_USED if options.pop(name, None) is not None]
    if given:
        raise InputError(f"{given[0]} was given; {why}; leave it out")
