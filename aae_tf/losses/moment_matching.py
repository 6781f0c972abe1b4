"""Moment matching: distances between samples of two distributions."""

from collections.abc import Sequence

from aae_tf.backend import tf
from aae_tf.evaluation import unbiased_mmd


def maximum_mean_discrepancy(
    codes: "tf.Tensor", real: "tf.Tensor", scales: Sequence[float] = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
) -> "tf.Tensor":
    """Return the unbiased squared maximum mean discrepancy, a scalar, of codes [N, D] and prior samples [N, D].

    It is summed over the kernels C / (C + |a - b|^2), C the mean squared distance of prior samples times each scale.
    Reference: Tolstikhin et al., 2018, arXiv 1711.01558, section 4.
    """
    count = tf.cast(tf.shape(codes)[0], tf.float32)
    within_codes, within_real = _square_distances(codes, codes), _square_distances(real, real)
    across = _square_distances(codes, real)
    width = tf.reduce_sum(within_real) / (count * (count - 1))
    total = 0.0
    for scale in scales:
        sums = [tf.reduce_sum(scale * width / (scale * width + each)) for each in (within_codes, within_real, across)]
        # the diagonals, all 1, are left out
        total += unbiased_mmd(sums[0] - count, sums[1] - count, sums[2], count, count)
    return total


def _square_distances(a, b):
    square = tf.reduce_sum(tf.square(a), -1)[:, None] + tf.reduce_sum(tf.square(b), -1)
    return tf.nn.relu(square - 2 * tf.linalg.matmul(a, b, transpose_b=True))
