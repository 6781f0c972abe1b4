"""Losses of classes, and of cluster centroids (§7)."""

from aae_tf.backend import tf


def cross_entropy(labels: "tf.Tensor", logits: "tf.Tensor") -> "tf.Tensor":
    """-E[log p(label)] in nats of labels, int [N], under logits, float [N, K]."""
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))


def centroid_distance_loss(centroids: "tf.Tensor", threshold: float) -> "tf.Tensor":
    """Return the sum over pairs of centroids, float32 [K, n], of max(0, threshold - Euclidean distance), a scalar."""
    count = centroids.shape[0]
    first, second = zip(*((i, j) for i in range(count) for j in range(i)), strict=True)
    gap = tf.gather(centroids, first) - tf.gather(centroids, second)
    distance = tf.sqrt(tf.reduce_sum(tf.square(gap), -1) + 1e-12)
    return tf.reduce_sum(tf.nn.relu(threshold - distance))
