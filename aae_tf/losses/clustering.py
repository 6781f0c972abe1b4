"""Losses of cluster centroids (§7)."""

from aae_tf.backend import tf


def centroid_distance_loss(centroids: "tf.Tensor", threshold: float) -> "tf.Tensor":
    """Return the sum over pairs of centroids, float32 [K, n], of max(0, threshold - Euclidean distance), a scalar."""
    count = centroids.shape[0]
    first, second = zip(*((i, j) for i in range(count) for j in range(i)), strict=True)
    gap = tf.gather(centroids, first) - tf.gather(centroids, second)
    distance = tf.sqrt(tf.reduce_sum(tf.square(gap), -1) + 1e-12)
    return tf.reduce_sum(tf.nn.relu(threshold - distance))
