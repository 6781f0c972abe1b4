"""A trained model as a TensorFlow SavedModel with named signatures, for TF Serving or TensorFlow alone.

All images are float32 [N, H, W, C] in [0, 1]; the batch size is free. `serving_default` is `encode` (`sample` for
models without an encoder).
"""

import os
import shutil
from pathlib import Path

from aae_tf.backend import tf
from aae_tf.errors import InputError
from aae_tf.priors import as_seed


def signatures(model):
    """Return the serving functions of a built model.

    Args:
        model: a `LatentModel`.

    Returns:
        dict of signature name to (function of named tensors to a dict of named tensors, list of `tf.TensorSpec`).
    """
    shape = model.get_build_config()["input_shape"]
    images = tf.TensorSpec((None, *shape[1:]), tf.float32, "images")
    codes = tf.TensorSpec((None, model.prior.dim), tf.float32, "codes")
    labels = tf.TensorSpec((None,), tf.int32, "labels")
    seed, count = tf.TensorSpec((), tf.int32, "seed"), tf.TensorSpec((), tf.int32, "count")
    with_image = [images, labels] if model.reads_labels else [images]

    def encode(images):
        found = model.encoder(model.image_scale(images))
        probabilities = {"label_probabilities": tf.nn.softmax(found["y_logits"])} if "y_logits" in found else {}
        return {"codes": found["z"], **probabilities}

    def decode(codes, labels=None):
        return {"images": model.decode_graph(codes, labels)}

    def reconstruct(*inputs):
        return {"images": model(inputs if model.reads_labels else inputs[0])}

    def sample(seed, count):
        codes, _ = model.draw(count, as_seed(tf.stack([0, seed])))
        return {"images": model.decode_graph(codes), "codes": codes}

    def sample_labels(seed, labels):
        codes, labels = model.draw(tf.size(labels), as_seed(tf.stack([0, seed])), labels)
        return {"images": model.decode_graph(codes, labels), "codes": codes, "labels": labels}

    def classify(images):
        probabilities = encode(images)["label_probabilities"]
        return {"probabilities": probabilities, "labels": tf.argmax(probabilities, -1, tf.int32)}

    def score(*inputs):
        outputs = reconstruct(*inputs)["images"]
        error = tf.reduce_mean(tf.square(inputs[0] - outputs), [1, 2, 3])
        return {"reconstruction_error": error, "prior_logit": model.prior_logit({"z": encode(inputs[0])["codes"]})}

    found = {
        "decode": (decode, [codes, labels] if model.classes else [codes]),
        "sample": (sample_labels, [seed, labels]) if model.classes else (sample, [seed, count]),
    }
    if not model.encodes:
        return {**found, "serving_default": found["sample"]}
    found |= {
        "encode": (encode, [images]),
        "reconstruct": (reconstruct, with_image),
        "serving_default": (encode, [images]),
    }
    if hasattr(model, "classify"):
        found["classify"] = (classify, [images])
    if hasattr(model, "prior_logit"):
        found["score"] = (score, with_image)
    return found


def export(model, dest):
    """Write a model to `dest/<version>/`, the next whole number, whole or not at all.

    Args:
        model: a built `LatentModel`.
        dest: folder of the served model.

    Returns:
        Path of the new version.

    Raises:
        InputError: `dest` is a file or cannot be written.
    """
    dest = Path(dest)
    try:
        dest.mkdir(parents=True, exist_ok=True)
        versions = [int(path.name) for path in dest.iterdir() if path.name.isdigit()]
        final = dest / str(max(versions, default=0) + 1)
        partial = dest / f".{final.name}.partial-{os.getpid()}"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
    except OSError as error:
        raise InputError(f"cannot export to '{dest}': {error.strerror or error}") from None
    try:
        module = tf.Module()
        module.held = [variable.value for variable in model.variables]
        module.functions = {
            name: tf.function(function, input_signature=specs) for name, (function, specs) in signatures(model).items()
        }
        tf.saved_model.save(module, str(partial), signatures=dict(module.functions))
        partial.rename(final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return final
