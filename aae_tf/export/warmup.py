"""Warm-up requests: TensorFlow Serving runs them before a version takes traffic, so that no first request is slow."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aae_tf.backend import tf

if TYPE_CHECKING:
    from aae_tf.priors.base import Prior


def example_inputs(
    specs: Sequence["tf.TensorSpec"], images: np.ndarray, priors: Mapping[str, "Prior"], count: int = 2
) -> dict[str, np.ndarray]:
    """Return `count` rows of inputs of a signature by name, from images in [0, 1] (or rows) and the model's priors."""
    known = {
        "images": lambda: images[:count],
        "inputs": lambda: images[:count],
        "codes": lambda: priors["z"].sample(count, 0).numpy(),
        "labels": lambda: np.arange(count, dtype=np.int32) % priors["y"].dim,
        "inputs_to": lambda: images[:count][::-1],
        "images_to": lambda: images[:count][::-1],
        "share": lambda: np.linspace(0, 1, count, dtype=np.float32),
        "seeds": lambda: np.arange(count, dtype=np.int32),
        "image_bytes": lambda: np.array([_png(image) for image in images[:count]], object),
        **{name: lambda prior=prior: prior.sample(count, 0).numpy() for name, prior in priors.items()},
    }
    return {spec.name: known[spec.name]() if spec.name in known else _zeros(spec, count) for spec in specs}


def _zeros(spec, count):
    return np.zeros([count if size is None else size for size in spec.shape], spec.dtype.as_numpy_dtype)


def _png(image):
    return tf.io.encode_png(tf.cast(image[..., :3] * 255.0, tf.uint8)).numpy()


def write_warmup(folder: Path, requests: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Write a request for each signature into a version's folder, if tensorflow-serving-api is installed."""
    try:
        from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_log_pb2
    except ImportError:
        return
    extra = folder / "assets.extra"
    extra.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(extra / "tf_serving_warmup_requests")) as writer:
        for signature, inputs in requests.items():
            spec = model_pb2.ModelSpec(signature_name=signature)
            tensors = {name: tf.make_tensor_proto(array) for name, array in inputs.items()}
            request = predict_pb2.PredictRequest(model_spec=spec, inputs=tensors)
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            writer.write(log.SerializeToString())
