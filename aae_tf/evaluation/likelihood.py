"""Parzen-window log-likelihood (§3, table 1): how probable held-out images are under a kernel density of samples.

Samples are streamed: a running log-sum-exp keeps one maximum and one sum for each held-out image, so ten million need
no more memory than ten thousand. It is a poor estimator in high dimension (Theis et al., 2016, arXiv 1511.01844) and a
lower bound; it is kept because the field compared with it.
"""

import math
from contextlib import contextmanager

import numpy as np

from aae_tf.backend import tf
from aae_tf.errors import InputError
from aae_tf.utils.images import to_unit

CHUNK = 2000  # rows of a block of distances: 2,000 x 2,000 float32, 16 MB
COARSE = np.geomspace(0.02, 2.0, 24)
LEAST = 1e-3  # where validation images are samples themselves, narrower is better without end
FINE = np.geomspace(0.75, 1.25, 26)  # steps of 2 %


def parzen_log_likelihood(images, chunks, validation, progress=None):
    """Return the log-likelihood of images under a Gaussian Parzen window on samples.

    The bandwidth is chosen on validation images alone: first on a coarse grid and the first chunk of samples, then on
    all samples in steps of 2 % around the best (further down where the best is the least).

    Args:
        images: float or uint8 [M, ...]; uint8 is scaled to [0, 1].
        chunks: function without arguments to an iterator over the samples, float arrays [c, ...] in the same units; it
            is called for each pass, and gives the same samples each time. An array [N, ...] will do.
        validation: float or uint8 [V, ...], other images than those measured; a thousand are enough.
        progress: function (what the pass is for, samples seen in it), called after each chunk.

    Returns:
        dict with 'mean' and 'standard_error' in nats (mean over images), 'bandwidth' in units of the images, and
        'samples', their number.

    Raises:
        InputError: no samples, no images, or samples of another dimension.

    Reference:
        Breuleux, Bengio and Vincent, 2011, Neural Computation 23; Goodfellow et al., 2014, arXiv 1406.2661.
    """
    stream = chunks if callable(chunks) else lambda: _rows(chunks)
    images, validation = _flat(images), _flat(validation)
    first = next(iter(stream()), None)
    if first is None or not len(first) or not len(images) or not len(validation):
        raise InputError("a log-likelihood needs samples, images and validation images; one of them is empty")
    coarse = COARSE
    while (best := np.argmax(_mean(log_density(validation, [first], coarse)))) == len(coarse) - 1:
        coarse = coarse * 50  # values in other units than [0, 1]
    grid = coarse[best] * FINE
    choosing, measuring = (_named(progress, text) for text in ("choosing the bandwidth", "measuring the likelihood"))
    found = _mean(log_density(validation, stream(), grid, choosing))
    while np.argmax(found) == 0 and grid[0] > LEAST:
        grid = grid * 0.8
        found = _mean(log_density(validation, stream(), grid, choosing))
    bandwidth = float(grid[np.argmax(found)])
    count = _Count(stream())
    densities = log_density(images, count, [bandwidth], measuring)[0]
    spread = densities.std(ddof=1) / math.sqrt(len(densities)) if len(densities) > 1 else 0.0
    return {
        "mean": float(densities.mean()),
        "standard_error": float(spread),
        "bandwidth": bandwidth,
        "samples": count.seen,
    }


@contextmanager
def float32_products():
    """Within it, matrix products of float32 are that: GPUs of Ampere and later round their factors to TF32 else."""
    settings = tf.config.experimental
    before = settings.tensor_float_32_execution_enabled()
    settings.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        settings.enable_tensor_float_32_execution(before)


@float32_products()
def log_density(points, chunks, bandwidths, progress=None):
    """Return the log-density, in nats, of points under Gaussian kernel densities on streamed samples.

    Products of points and samples are float32, as are sums within 2,000 samples; sums of those are float64.

    Args:
        points: float [M, ...].
        chunks: iterable of float arrays [c, ...]: the samples, in any number of chunks.
        bandwidths: [B] standard deviations of the kernel.
        progress: function (samples seen), called after each chunk.

    Returns:
        float64 array [B, M].

    Raises:
        InputError: samples of another dimension than the points.
    """
    points = _flat(points)
    centre = points.mean(0)  # smaller numbers, smaller rounding errors
    points = points - centre
    squares = np.square(bandwidths).astype("float64")
    greatest = np.full(len(points), -np.inf)
    sums = np.zeros((len(squares), len(points)))
    blocks = [tf.constant(block) for block in _rows(points)]
    scales = tf.constant(1.0 / squares, tf.float32)
    seen = 0
    for chunk in chunks:
        chunk = _flat(chunk)
        if chunk.shape[1] != points.shape[1]:
            raise InputError(f"samples of {chunk.shape[1]} values cannot be compared with images of {points.shape[1]}")
        for samples in _rows(chunk - centre):
            samples = tf.constant(samples)
            for number, block in enumerate(blocks):
                rows = slice(number * CHUNK, number * CHUNK + len(block))
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
def _block(points, samples, scales):
    """Return each point's greatest score x·s - |s|²/2, and sum exp(scale (score - greatest)) for each of the scales."""
    scores = tf.linalg.matmul(points, samples, transpose_b=True) - 0.5 * tf.reduce_sum(tf.square(samples), -1)
    greatest = tf.reduce_max(scores, -1)
    scores -= greatest[:, None]
    return greatest, tf.map_fn(lambda scale: tf.reduce_sum(tf.exp(scale * scores), -1), scales)


class _Count:
    """Counts the samples of the chunks it passes on."""

    def __init__(self, chunks):
        self.chunks, self.seen = chunks, 0

    def __iter__(self):
        for chunk in self.chunks:
            self.seen += len(chunk)
            yield chunk


def _named(progress, text):
    return None if progress is None else lambda seen: progress(text, seen)


def _mean(densities):
    return densities.mean(1)


def _rows(array):
    for start in range(0, len(array), CHUNK):
        yield array[start : start + CHUNK]


def _flat(images):
    return to_unit(images).reshape(len(images), math.prod(np.shape(images)[1:]))
