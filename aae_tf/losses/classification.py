"""Classification losses."""

from aae_tf.backend import tf


def cross_entropy(labels: "tf.Tensor", logits: "tf.Tensor") -> "tf.Tensor":
    """-E[log p(label)] in nats of labels, int [N], under logits, float [N, K]."""
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
