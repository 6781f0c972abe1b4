"""Parzen-window log-likelihood (§3, table 1): how probable images are under a kernel density of samples."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import numpy as np

from aae_tf.backend import tf
from aae_tf.errors import InputError
from aae_tf.utils.images import flat_unit

CHUNK = 2000  # rows of a block of distances: 2,000 x 2,000 float32, 16 MB
COARSE = np.geomspace(0.02, 2.0, 24)
LEAST = 1e-3  # if samples are among the validation images, the likelihood grows without limit as the bandwidth falls
FINE = np.geomspace(0.75, 1.25, 26)  # steps of 2 %


def parzen_log_likelihood(
    images: np.ndarray,
    chunks: np.ndarray | Callable[[], Iterable[np.ndarray]],
    validation: np.ndarray,
    progress: Callable[[str, int], None] | None = None,
) -> dict[str, float]:
    """Return the log-likelihood of images under a Gaussian Parzen window on samples (Breuleux et al., 2011).

    It is a lower bound and poor in high dimension (Theis et al., 2016, arXiv 1511.01844). The bandwidth is chosen on
    the validation images: on a coarse grid with the first chunk of samples, then on all samples in steps of 2 % around
    the best. The dict has 'mean' and 'standard_error' in nats, 'bandwidth', and 'samples', their number.

    Args:
        images: float or uint8 [M, ...]; uint8 is scaled to [0, 1].
        chunks: samples [N, ...], or a function that returns an iterator over chunks [c, ...], the same in each call.
        validation: float or uint8 [V, ...], other images; a thousand are enough.
        progress: function (purpose of the pass, samples so far), called after each chunk.

    Raises:
        InputError: no samples, no images, or samples of another dimension.
    """
    stream = chunks if callable(chunks) else lambda: _rows(chunks)
    images, validation = flat_unit(images), flat_unit(validation)
    first = next(iter(stream()), None)
    if first is None or not len(first) or not len(images) or not len(validation):
        raise InputError("a log-likelihood needs samples, images and validation images; one of them is empty")
    seen = [0]

    def density(points: np.ndarray, bandwidths: np.ndarray | list[float], purpose: str) -> np.ndarray:
        def count(samples: int) -> None:
            seen[0] = samples
            if progress is not None:
                progress(purpose, samples)

        return log_density(points, stream(), bandwidths, count)

    coarse = COARSE
    while (best := np.argmax(log_density(validation, [first], coarse).mean(1))) == len(coarse) - 1:
        coarse = coarse * 50  # values in other units than [0, 1]
    grid = coarse[best] * FINE
    while np.argmax(found := density(validation, grid, "choosing the bandwidth").mean(1)) == 0 and grid[0] > LEAST:
        grid = grid * 0.8
    bandwidth = float(grid[np.argmax(found)])
    densities = density(images, [bandwidth], "measuring the likelihood")[0]
    error = densities.std(ddof=1) / math.sqrt(len(densities)) if len(densities) > 1 else 0.0
    return {"mean": float(densities.mean()), "standard_error": float(error), "bandwidth": bandwidth, "samples": seen[0]}


@contextmanager
def float32_products() -> Iterator[None]:
    """Compute matrix products of float32 in full precision; GPUs since Ampere otherwise round factors to TF32."""
    settings = tf.config.experimental
    before = settings.tensor_float_32_execution_enabled()
    settings.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        settings.enable_tensor_float_32_execution(before)


@float32_products()
def log_density(
    points: np.ndarray,
    chunks: Iterable[np.ndarray],
    bandwidths: np.ndarray | list[float],
    progress: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Return the log-density in nats, float64 [B, M], of points under Gaussian kernel densities on streamed samples.

    Args:
        points: float [M, ...].
        chunks: iterable of float arrays [c, ...], the samples.
        bandwidths: [B] standard deviations of the kernel.
        progress: function (samples so far), called after each chunk.

    Raises:
        InputError: samples of another dimension than the points.
    """
    points = flat_unit(points)
    centre = points.mean(0)  # smaller numbers, smaller rounding errors
    points = points - centre
    squares = np.square(bandwidths).astype("float64")
    greatest = np.full(len(points), -np.inf)
    sums = np.zeros((len(squares), len(points)))
    blocks = [tf.constant(block) for block in _rows(points)]
    scales = tf.constant(1.0 / squares, tf.float32)
    seen = 0
    for chunk in map(flat_unit, chunks):
        if chunk.shape[1] != points.shape[1]:
            raise InputError(f"samples of {chunk.shape[1]} values cannot be compared with images of {points.shape[1]}")
        for samples in _rows(chunk - centre):
            samples = tf.constant(samples)
            for number, block in enumerate(blocks):
                rows = slice(number * CHUNK, (number + 1) * CHUNK)
                peak, part = (array.numpy().astype("float64") for array in _block(block, samples, scales))
                top = np.maximum(greatest[rows], peak)
                with np.errstate(invalid="ignore"):
                    kept = np.exp((greatest[rows] - top) / squares[:, None])
                sums[:, rows] = sums[:, rows] * kept + part * np.exp((peak - top) / squares[:, None])
                greatest[rows] = top
        seen += len(chunk)
        if progress is not None:
            progress(seen)
    nearest = greatest - 0.5 * np.square(points, dtype="float64").sum(1)  # minus half the squared distance
    volume = 0.5 * points.shape[1] * np.log(2 * math.pi * squares)
    return nearest / squares[:, None] + np.log(sums) - math.log(seen) - volume[:, None]


@tf.function(
    autograph=False,
    input_signature=[tf.TensorSpec(shape, tf.float32) for shape in ([None, None], [None, None], [None])],
)
def _block(points: tf.Tensor, samples: tf.Tensor, scales: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the greatest score x·s - |s|²/2 of each point, and for each scale sum exp(scale (score - greatest))."""
    scores = tf.linalg.matmul(points, samples, transpose_b=True) - 0.5 * tf.reduce_sum(tf.square(samples), -1)
    greatest = tf.reduce_max(scores, -1)
    scores -= greatest[:, None]
    return greatest, tf.map_fn(lambda scale: tf.reduce_sum(tf.exp(scale * scores), -1), scales)


def _rows(array: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(array), CHUNK):
        yield array[start : start + CHUNK]
