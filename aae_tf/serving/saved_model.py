"""A trained model as a TensorFlow SavedModel with named signatures, for TF Serving or TensorFlow alone.

All images are float32 [N, H, W, C] in [0, 1]; the batch size is free. `serving_default` is `encode`.
"""

import os
import shutil
from pathlib import Path

from aae_tf.backend import keras, tf
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
    seed, count = tf.TensorSpec((), tf.int32, "seed"), tf.TensorSpec((), tf.int32, "count")

    def encode(images):
        return {"codes": model.codes({"images": images})["z"]}

    def decode(codes):
        return {"images": model.image_scale.invert(tf.cast(model.decoder(codes), tf.float32))}

    def reconstruct(images):
        return {"images": model(images)}

    def sample(seed, count):
        drawn = model.prior.sample(count, as_seed(tf.stack([0, seed])))
        return {**decode(drawn), "codes": drawn}

    def score(images):
        codes = model.codes({"images": images})
        error = tf.reduce_mean(tf.square(images - model(images)), [1, 2, 3])
        return {"reconstruction_error": error, "prior_logit": model.prior_logit(codes)}

    found = {
        "encode": (encode, [images]),
        "decode": (decode, [codes]),
        "reconstruct": (reconstruct, [images]),
        "sample": (sample, [seed, count]),
    }
    if hasattr(model, "prior_logit"):
        found["score"] = (score, [images])
    return {**found, "serving_default": (encode, [images])}


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
        archive = keras.export.ExportArchive()
        archive.track(model)
        for name, (function, specs) in signatures(model).items():
            archive.add_endpoint(name, function, input_signature=specs)
        archive.write_out(str(partial), verbose=False)
        partial.rename(final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return final
