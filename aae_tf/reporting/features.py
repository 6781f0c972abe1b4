"""Features for sample quality: the last hidden layer of a small classifier trained on the dataset's training images.

The field's usual features are a downloaded Inception's, made for photographs of objects; these need no network and fit
the data. The classifier is trained once a dataset by the project's own loop, kept in the cache folder under the
dataset's fingerprint, and its accuracy is reported with every number that rests on it. Numbers of different versions,
or of other features, must not be compared.
"""

import json
import zipfile

import numpy as np

from aae_tf.backend import keras, tf
from aae_tf.data.images.embedded import cache_folder
from aae_tf.losses import cross_entropy
from aae_tf.models import Phase, Update, as_images
from aae_tf.training import OptimizerSettings, Trainer, TrainingSettings
from aae_tf.utils.files import atomic_write
from aae_tf.utils.random import seeds

VERSION = 1
STEPS = 1000
UNITS = 64
MOST = 60_000  # training images at most


class FeatureClassifier(keras.Model):
    """Two convolutions and a hidden layer, whose outputs are the features.

    Args:
        classes: number of classes.
        image_shape: (H, W, C).

    Call arguments:
        images: float32 [N, H, W, C] in [0, 1]. Returns logits, float32 [N, classes].
    """

    required_inputs = ()
    absent = ()

    def __init__(self, classes, image_shape):
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

    def hidden(self, images):
        """Return features, float32 [N, 64]."""
        for layer in self.body:
            images = layer(images)
        return images

    def call(self, images, training=False):
        """Return logits."""
        return self.head(self.hidden(images))

    def codes(self, batch, seed=None, training=False):
        """Return the logits, as the loop asks for what its phases share."""
        return {"logits": self(batch["images"], training=training)}

    def updates(self):
        """Return the one update: cross-entropy of the labels."""

        def loss(batch, codes, seed):
            return cross_entropy(batch["labels"], codes["logits"])

        return [Update(Phase("classification", loss, self.trainable_variables, uses_codes=False))]


class Features:
    """A trained classifier's features.

    Args:
        classifier: a trained `FeatureClassifier`.
        split: labelled validation images, a `Split`.

    Attributes:
        accuracy: share of the validation images it classifies rightly.
        name: what they are, for reports.
    """

    def __init__(self, classifier, split):
        self._head = classifier.head
        specs = tf.TensorSpec((None, *classifier.image_shape), tf.float32)
        self._hidden = tf.function(classifier.hidden, input_signature=[specs], autograph=False).get_concrete_function()
        units = self._units(split.images)
        self.spread = float(units.std(0).mean())
        self.accuracy = float(np.mean(self._classes(units) == split.labels))
        about = f"version {VERSION}, accuracy {self.accuracy:.3f}"
        self.name = f"{UNITS} features of a classifier of this dataset, {about}"

    def __call__(self, images):
        """Return float32 [N, 64], of about unit variance, of images, uint8 or float [N, H, W, C] in [0, 1]."""
        return self._units(images) / self.spread

    def predict_labels(self, images):
        """Return the classifier's classes, int [N], of images as above."""
        return self._classes(self._units(images))

    def _units(self, images):
        parts = [images[start : start + 1000] for start in range(0, len(images), 1000)]
        return np.concatenate([self._hidden(as_images(part)).numpy() for part in parts])

    def _classes(self, units):
        return self._head(units).numpy().argmax(-1)


class ColumnFeatures:
    """The features of rows: their scaled columns themselves, as they are given."""

    name = "the scaled columns"

    def __call__(self, rows):
        """Return rows [N, D] as they are."""
        return rows


def features_of(data):
    """Return the features of a dataset: of rows the columns; of images `Features`, trained now or kept from before, or
    None where it has too few labels.

    Args:
        data: `aae_tf.data.Dataset` with labelled training and validation images.
    """
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


def _train(classifier, train):
    size = min(100, len(train))
    steps = len(train) // size
    adam = {"classification": OptimizerSettings("adam", 1e-3)}
    # not compiled: on a CPU, XLA's convolutions take three times as long as TensorFlow's
    settings = TrainingSettings(batch_size=size, optimizers=adam, jit_compile=False)
    Trainer(classifier, train, settings).fit(max(2, min(30, -(-STEPS // steps))))


def _restore(path, classifier):
    """Assign what is kept, all of it or nothing, and return whether it was."""
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


def _keep(path, classifier):
    """Write beside and rename; without a writable cache folder the classifier is trained again next time."""
    arrays = {f"v{number}": variable.numpy() for number, variable in enumerate(classifier.variables)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, lambda file: np.savez(file, version=json.dumps(VERSION), **arrays))
    except OSError as error:
        import logging

        logging.getLogger(__name__).info("the classifier is not kept: %s", error)
