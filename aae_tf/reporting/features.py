"""Features for sample quality: the last hidden layer of a small classifier of the dataset's training images.

The classifier is trained once for a dataset and kept in the cache folder. Its accuracy is reported with every number
that uses it; numbers by different versions or features cannot be compared.
"""

import json
import logging
import zipfile
from pathlib import Path

import numpy as np

from aae_tf.backend import keras, tf
from aae_tf.data import Dataset, Split
from aae_tf.data.images.embedded import cache_folder
from aae_tf.losses import cross_entropy
from aae_tf.models import Phase, TrainingSpec, Update, as_images
from aae_tf.training import OptimizerSettings, Trainer, TrainingSettings
from aae_tf.utils.files import atomic_write
from aae_tf.utils.random import seeds

VERSION = 1
STEPS = 1000
UNITS = 64
MOST = 60_000  # training images at most


class FeatureClassifier(keras.Model):
    """Two convolutions and a hidden layer, whose outputs are the features, and logits of the classes."""

    training_spec = TrainingSpec()

    def __init__(self, classes: int, image_shape: tuple[int, ...]):
        super().__init__()
        self.image_shape = tuple(image_shape)
        first, second, third, last = (keras.initializers.GlorotUniform(seed) for seed in seeds(20161114, 4))
        convolution = keras.layers.Conv2D
        self.body = [
            convolution(16, 5, 2, "same", activation="relu", kernel_initializer=first, dtype="float32"),
            convolution(32, 3, 2, "same", activation="relu", kernel_initializer=second, dtype="float32"),
            keras.layers.Flatten(dtype="float32"),
            keras.layers.Dense(UNITS, "relu", kernel_initializer=third, dtype="float32"),
        ]
        self.head = keras.layers.Dense(classes, kernel_initializer=last, dtype="float32")

    def hidden(self, images: tf.Tensor) -> tf.Tensor:
        """Return the features, float32 [N, 64]."""
        for layer in self.body:
            images = layer(images)
        return images

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return logits."""
        return self.head(self.hidden(images))

    def updates(self) -> list[Update]:
        """Return the one update, by the cross-entropy of the labels."""

        def loss(batch: dict, codes: dict, seed: tf.Tensor) -> tf.Tensor:
            return cross_entropy(batch["labels"], self(batch["images"], training=True))

        phase = Phase("classification", loss, self.trainable_variables, uses_codes=False)
        return [Update(phase, optimizer="classification")]


class Features:
    """The features of a trained classifier, with its `accuracy` on labelled validation images, and a `name`."""

    def __init__(self, classifier: FeatureClassifier, split: Split):
        self._head = classifier.head
        specs = tf.TensorSpec((None, *classifier.image_shape), tf.float32)
        self._hidden = tf.function(classifier.hidden, input_signature=[specs], autograph=False).get_concrete_function()
        units = self._units(split.images)
        self._std = float(units.std(0).mean())
        self.accuracy = float(np.mean(self._classes(units) == split.labels))
        about = f"version {VERSION}, accuracy {self.accuracy:.3f}"
        self.name = f"{UNITS} features of a classifier of this dataset, {about}"

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return features of about unit variance, float32 [N, 64], of images, uint8 or float [N, H, W, C] in [0, 1]."""
        return self._units(images) / self._std

    def predict_labels(self, images: np.ndarray) -> np.ndarray:
        """Return the predicted classes, int [N]."""
        return self._classes(self._units(images))

    def _units(self, images: np.ndarray) -> np.ndarray:
        parts = [images[start : start + 1000] for start in range(0, len(images), 1000)]
        return np.concatenate([self._hidden(as_images(part)).numpy() for part in parts])

    def _classes(self, units: np.ndarray) -> np.ndarray:
        return self._head(units).numpy().argmax(-1)


class ColumnFeatures:
    """The features of rows: their scaled columns."""

    name = "the scaled columns"

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Return the scaled rows [N, D] unchanged."""
        return rows


def features_of(data: Dataset) -> Features | ColumnFeatures | None:
    """Return the features of a dataset; None for images with too few labels to train a classifier."""
    if not data.element.learned_features:
        return ColumnFeatures()
    if not data.classes:
        return None
    train, validation = data.training_images(MOST, 0).labelled(), data.validation.labelled()
    if len(train) < 20 or not len(validation):
        return None
    classifier = FeatureClassifier(data.classes, data.image_shape)
    classifier(tf.zeros((1, *data.image_shape)))
    kept = cache_folder() / "classifiers" / f"{data.fingerprint()}-v{VERSION}.npz"
    if not _restore(kept, classifier):
        _train(classifier, train)
        _keep(kept, classifier)
    return Features(classifier, validation)


def _train(classifier: FeatureClassifier, train: Split) -> None:
    size = min(100, len(train))
    adam = {"classification": OptimizerSettings("adam", 1e-3)}
    # not compiled: on a CPU, XLA's convolutions take three times as long as TensorFlow's
    settings = TrainingSettings(batch_size=size, optimizers=adam, jit_compile=False)
    Trainer(classifier, train, settings).fit(max(2, min(30, -(-STEPS // (len(train) // size)))))


def _restore(path: Path, classifier: FeatureClassifier) -> bool:
    """Return whether the kept weights all fit, after assigning them if they do."""
    variables = classifier.variables
    try:
        with np.load(path) as arrays:
            kept = [arrays[f"v{number}"] for number in range(len(variables))]
            fits = json.loads(str(arrays["version"])) == VERSION
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return False
    if not fits or any(array.shape != variable.shape for array, variable in zip(kept, variables, strict=True)):
        return False
    for variable, array in zip(variables, kept, strict=True):
        variable.assign(array)
    return True


def _keep(path: Path, classifier: FeatureClassifier) -> None:
    """Keep the weights; without a writable cache folder the classifier is trained again next time."""
    arrays = {f"v{number}": variable.numpy() for number, variable in enumerate(classifier.variables)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, lambda file: np.savez(file, version=json.dumps(VERSION), **arrays))
    except OSError as error:
        logging.getLogger(__name__).info("the classifier is not kept: %s", error)
