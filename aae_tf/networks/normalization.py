"""Batch normalisation (Ioffe and Szegedy, 2015, arXiv 1502.03167) of Keras, faster after convolutions."""

from typing import Any

from aae_tf.backend import keras, tf

_FUSED = (tf.float32, tf.bfloat16, tf.float16)


@keras.saving.register_keras_serializable("aae_tf")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's batch normalisation; for images it is one fused operation, where Keras has a dozen.

    Arguments, statistics, gradients and files are those of Keras's layer. Vectors, masks, other axes, `renorm`,
    `synchronized`, layers without scale or centre, and float64 use the implementation of Keras.
    """

    def call(self, inputs: "tf.Tensor", training: bool | None = None, mask: Any = None) -> "tf.Tensor":
        """Return inputs, [N, F] or [N, H, W, C], normalised."""
        if mask is not None or not self._fuses(inputs):
            return super().call(inputs, training=training, mask=mask)
        gamma, beta, *moving = (
            tf.cast(weight, tf.float32) for weight in (self.gamma, self.beta, self.moving_mean, self.moving_variance)
        )
        if not (training and self.trainable):
            return _fused(inputs, gamma, beta, moving, self.epsilon)[0]
        shift = tf.zeros([], inputs.dtype)
        if inputs.dtype == tf.float32:
            # XLA computes the variance as the difference of two moments, which cancel where the mean is far from 0.
            # A shift changes neither the output nor its gradients. Floats of 16 bits cannot hold such a mean.
            shift = tf.stop_gradient(tf.reduce_mean(inputs[:1], [0, 1, 2]))
        outputs, mean, variance = _fused(inputs - shift, gamma, beta, None, self.epsilon)
        count = tf.cast(tf.size(inputs) // inputs.shape[-1], tf.float32)
        now = mean + tf.cast(shift, tf.float32), variance * (count - 1) / count
        for variable, old, new in zip((self.moving_mean, self.moving_variance), moving, now, strict=True):
            variable.assign(old * self.momentum + new * (1 - self.momentum))
        return outputs

    def _fuses(self, inputs):
        plain = self.scale and self.center and not self.synchronized and not getattr(self, "renorm", False)
        return plain and len(inputs.shape) == 4 and self.axis in (-1, 3) and inputs.dtype in _FUSED


def _fused(inputs, gamma, beta, statistics, epsilon):
    """Return (outputs, mean, unbiased variance); the statistics are those of the mini-batch where None are given."""
    mean, variance = statistics or (tf.zeros([0]), tf.zeros([0]))
    options = {"epsilon": epsilon, "is_training": statistics is None}
    return tf.raw_ops.FusedBatchNormV3(x=inputs, scale=gamma, offset=beta, mean=mean, variance=variance, **options)[:3]
