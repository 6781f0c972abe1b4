"""A trained model as a TensorFlow SavedModel with named signatures, for TensorFlow Serving or TensorFlow alone.

Images are float32 [N, H, W, C] in [0, 1], rows float32 [N, D]; the batch size is free.
"""

import contextlib
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from aae_tf.backend import keras, tf
from aae_tf.errors import InputError, check_choice
from aae_tf.export.encoded_images import file_signatures
from aae_tf.export.model_card import model_card, signature_table
from aae_tf.export.serving_config import write_configuration
from aae_tf.export.warmup import example_inputs, write_warmup
from aae_tf.models import as_images
from aae_tf.utils.files import write_json

if TYPE_CHECKING:
    from aae_tf.anomaly.detector import Detector
    from aae_tf.models import LatentModel

PRECISIONS = ("float32", "float16")


def signatures(model: "LatentModel") -> dict[str, tuple[Callable, list["tf.TensorSpec"]]]:
    """Return the serving functions of a built model, by name: (function of tensors to named tensors, `tf.TensorSpec`s).

    'serving_default' is 'encode', or 'sample' without an encoder.
    """
    found = model.signatures()
    return {**found, "serving_default": found.get("encode", found["sample"])}


def export(
    model: "LatentModel",
    dest: str | Path,
    precision: str = "float32",
    png: bool = False,
    images: ArrayLike | None = None,
    about: Mapping[str, Any] | None = None,
    detector: "Detector | None" = None,
) -> Path:
    """Write a model to `dest/<version>/`, the next integer. A failed export leaves nothing.

    The version holds the graph, model_card.md, signatures.json, class_names.json if labels have names, columns.json of
    a model of rows, and warm-up requests for each signature if tensorflow-serving-api is installed. `dest` holds
    models.config, batching.config and compose.yaml for TensorFlow Serving.

    Args:
        model: a built `LatentModel`.
        dest: folder of the served model; its name is the model's name there.
        precision: 'float32', or 'float16' to store matrices in half the size; the card then has the change of outputs.
        png: add `encode_png`, `classify_png` and `detect_png`, which take PNG or JPEG files.
        images: [N, H, W, C] or rows [N, D], N > 1, to measure this change on; noise by default. They are not stored.
        about: 'recipe', 'data', 'epochs', 'metrics' and 'class_names' of the run, for the model card.
        detector: `aae_tf.Detector` of the model, served as `detect`.

    Returns:
        The version's folder.

    Raises:
        InputError: an unknown precision, images that PNG files cannot hold, a `dest` that is a file or cannot be
            written, or a custom signature with an input or output without rows.
    """
    dest, shape = Path(dest), tuple(model.get_build_config()["input_shape"][1:])
    (variables, wrap), found = _stored_weights(model, precision), signatures(model)
    found |= {} if detector is None else {"detect": detector.signature()}
    if png:
        if not model.element.in_files:
            raise InputError(f"PNG files hold images of 1 or 3 channels, not of shape {shape}; export without png")
        found |= file_signatures(found, shape)
    noise = np.random.default_rng(0).random((2, *shape), "float32")  # an export holds no image of the user's
    with _new_version(dest) as partial:
        module = tf.Module()
        module.stored = variables
        concrete = {
            name: tf.function(wrap(function), autograph=False).get_concrete_function(*specs)
            for name, (function, specs) in found.items()
        }
        table = signature_table(concrete, model.element)
        _refuse_without_rows(table)
        with _quiet():
            tf.saved_model.save(module, str(partial), signatures=concrete)
        write_warmup(partial, _requests(model, found, noise))
        changes = {}
        if precision != "float32":
            real = noise if images is None else as_images(images).numpy()
            changes = _changes(found, concrete, _requests(model, found, real))
        write_json(partial / "signatures.json", table)
        if about and about.get("class_names"):
            write_json(partial / "class_names.json", about["class_names"])
        if model.element.entries:
            write_json(partial / "columns.json", model.element.columns.get_config())
        (partial / "model_card.md").write_text(model_card(model, table, precision, changes, about))
        final = _publish(partial, dest)
    write_configuration(dest)
    return final


def _refuse_without_rows(table):
    """Refuse signatures that a model server cannot batch: it joins the rows of several requests."""
    for name, sides in table.items():
        for key, described in (*sides["inputs"].items(), *sides["outputs"].items()):
            if described["shape"][:1] != [-1]:
                raise InputError(
                    f"signature '{name}' cannot be served: {key} has shape {described['shape']}; accepted: the same "
                    "number of rows in each input and output, [None, ...]"
                )


def _requests(model, found, images):
    return {name: example_inputs(specs, images, model.priors) for name, (_, specs) in found.items()}


def _stored_weights(model, precision):
    """Return the variables to save, matrices in this precision, and a wrapper of functions that computes with them."""
    check_choice("precision", precision, PRECISIONS)
    if precision == "float32":
        return [variable.value for variable in model.variables], lambda function: function
    stored = []
    for each in model.variables:
        dtype = tf.float16 if len(each.shape) >= 2 and each.dtype == "float32" else each.dtype
        stored.append(tf.Variable(tf.cast(each.value, dtype), trainable=False))

    def wrap(function):
        def on_stored(*arguments, **named):
            cast = [(each, tf.cast(half, each.dtype)) for each, half in zip(model.variables, stored, strict=True)]
            with keras.StatelessScope(state_mapping=cast):
                return function(*arguments, **named)

        return on_stored

    return stored, wrap


@contextlib.contextmanager
def _quiet():
    """A context without TensorFlow's messages about what it writes."""
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel("WARNING")
    try:
        yield
    finally:
        logger.setLevel(level)


@contextlib.contextmanager
def _new_version(dest):
    """Yield a new folder in `dest`, removed at the end unless it was published."""
    partial = dest / f".partial-{os.getpid()}"
    try:
        dest.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
    except OSError as error:
        raise InputError(f"cannot export to '{dest}': {error.strerror or error}") from None
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _publish(partial, dest):
    """Return a complete version, renamed to the next number; another export may take a number meanwhile."""
    while True:
        final = dest / str(max((int(path.name) for path in dest.iterdir() if path.name.isdigit()), default=0) + 1)
        try:
            return partial.rename(final)
        except OSError:
            if not final.exists():
                raise


def _changes(found, concrete, requests):
    """Return the largest difference of each output between the stored weights and those of the model."""
    changes = {}
    for name, inputs in requests.items():
        tensors = {key: tf.constant(value) for key, value in inputs.items()}
        stored, own = concrete[name](**tensors), found[name][0](*tensors.values())
        for key, value in own.items():
            gap = tf.abs(tf.cast(value, tf.float32) - tf.cast(stored[key], tf.float32))
            changes[f"{name}.{key}"] = float(tf.reduce_max(gap))
    return changes
