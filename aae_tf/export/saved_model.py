"""A trained model as a TensorFlow SavedModel with named signatures, for TF Serving or TensorFlow alone.

All images are float32 [N, H, W, C] in [0, 1]; the batch size is free. `serving_default` is `encode` (`sample` for
models without an encoder).
"""

import contextlib
import os
import shutil
from pathlib import Path

import numpy as np

from aae_tf.backend import tf
from aae_tf.errors import InputError
from aae_tf.export.encoded_images import file_signatures
from aae_tf.export.model_card import model_card, signature_table
from aae_tf.export.serving_config import write_configuration
from aae_tf.export.storage import Storage
from aae_tf.export.warmup import example_inputs, write_warmup
from aae_tf.models import as_images
from aae_tf.utils.files import write_json


def signatures(model):
    """Return the serving functions of a built model: what it declares, and 'serving_default'.

    Args:
        model: a `LatentModel`.

    Returns:
        dict of signature name to (function of tensors to a dict of named tensors, list of `tf.TensorSpec`).
    """
    found = model.signatures()
    return {**found, "serving_default": found[model.default_signature]}


def export(model, dest, precision="float32", png=False, images=None, about=None, detector=None):
    """Write a model to `dest/<version>/`, the next integer, whole or not at all.

    Beside the graph lie model_card.md, signatures.json, class_names.json where labels have names, columns.json of a
    model of rows, and (with tensorflow-serving-api installed) warm-up requests for every signature; in `dest`
    models.config, batching.config and compose.yaml for TensorFlow Serving.

    Args:
        model: a built `LatentModel`.
        dest: folder of the served model; its name is the model's name there.
        precision: 'float32', or 'float16' to store matrices in half the size; the card then says what that changed.
        png: add `encode_png`, `classify_png` and `detect_png`, which take PNG or JPEG files.
        images: uint8 or float [N, H, W, C], N at least 2: real inputs for measuring that change; noise if there are
            none. They are not written down.
        about: dict for the model card, see `model_card`.
        detector: `aae_tf.Detector` of the model, to serve its verdicts as `detect`; None for none.

    Returns:
        Path of the new version.

    Raises:
        InputError: an unknown precision, images that PNG files cannot hold, `dest` is a file or cannot be written, or
            a signature of the user's own has an input or output without rows.
    """
    dest, shape = Path(dest), tuple(model.get_build_config()["input_shape"][1:])
    storage, found = Storage(model, precision), signatures(model)
    found |= {} if detector is None else {"detect": detector.signature()}
    if png:
        if len(shape) != 3 or shape[-1] not in (1, 3):
            raise InputError(
                f"PNG files cannot hold images of shape {shape}, of 1 or 3 channels alone; export without png"
            )
        found |= file_signatures(found, shape)
    final, partial = _next_version(dest)
    try:
        module = tf.Module()
        module.held = storage.variables
        module.functions = {
            name: tf.function(storage.wrap(function), input_signature=specs, autograph=False)
            for name, (function, specs) in found.items()
        }
        concrete = {name: function.get_concrete_function() for name, function in module.functions.items()}
        table = signature_table(concrete, model.element)
        _refuse_without_rows(table)
        with _quiet():
            tf.saved_model.save(module, str(partial), signatures=concrete)
        noise = np.random.default_rng(0).random((2, *shape), "float32")  # nobody's images are written into an export
        write_warmup(partial, _requests(model, found, noise))
        real = noise if images is None else as_images(images).numpy()
        changes = _changes(found, concrete, _requests(model, found, real)) if precision != "float32" else {}
        write_json(partial / "signatures.json", table)
        if about and about.get("class_names"):
            write_json(partial / "class_names.json", about["class_names"])
        if model.element.entries:
            write_json(partial / "columns.json", model.element.columns.get_config())
        card = model_card(model, table, precision, changes, about)
        (partial / "model_card.md").write_text(card)
        partial.rename(final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    write_configuration(dest)
    return final


def _refuse_without_rows(table):
    """A model server puts the rows of several requests into one batch, and the answer's rows apart again."""
    for name, sides in table.items():
        for key, described in (*sides["inputs"].items(), *sides["outputs"].items()):
            if described["shape"][:1] != [-1]:
                raise InputError(
                    f"signature '{name}' cannot be served: {key} has shape {described['shape']}; accepted: as many "
                    "rows in every input and output, [None, ...]"
                )


def _requests(model, found, images):
    return {name: example_inputs(specs, images, model.priors) for name, (_, specs) in found.items()}


@contextlib.contextmanager
def _quiet():
    """A context without TensorFlow's notes on what it writes, which notebooks would show."""
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel("WARNING")
    try:
        yield
    finally:
        logger.setLevel(level)


def _next_version(dest):
    """Return the folder of the next version and the (empty) one to write it in first."""
    try:
        dest.mkdir(parents=True, exist_ok=True)
        versions = [int(path.name) for path in dest.iterdir() if path.name.isdigit()]
        final = dest / str(max(versions, default=0) + 1)
        partial = dest / f".{final.name}.partial-{os.getpid()}"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
    except OSError as error:
        raise InputError(f"cannot export to '{dest}': {error.strerror or error}") from None
    return final, partial


def _changes(found, concrete, requests):
    """Return the greatest difference of each output between the stored weights and the model's own."""
    changes = {}
    for name, inputs in requests.items():
        tensors = {key: tf.constant(value) for key, value in inputs.items()}
        stored, own = concrete[name](**tensors), found[name][0](*tensors.values())
        for key, value in own.items():
            gap = tf.abs(tf.cast(value, tf.float32) - tf.cast(stored[key], tf.float32))
            changes[f"{name}.{key}"] = float(tf.reduce_max(gap))
    return changes
