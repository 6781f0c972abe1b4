"""Batch normalisation (Ioffe and Szegedy, 2015, arXiv 1502.03167) as Keras has it, faster behind convolutions."""

from aae_tf.backend import keras, tf

_FUSED = (tf.float32, tf.bfloat16, tf.float16)


@keras.saving.register_keras_serializable("aae_tf")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's batch normalisation; of images it is one operation, where Keras has a dozen.

    Arguments, statistics, gradients and files are those of Keras's layer, which does what the one operation does not:
    vectors, a mask, another axis, `renorm`, `synchronized`, no scale or no centre, float64.

    Call arguments:
        inputs: float [N, F], or [N, H, W, C] of channels each normalised over N, H and W. Returns the same shape.
        training: whether by the mini-batch's statistics, which the moving ones then follow.
        mask: as for Keras's layer.
    """

    def call(self, inputs, training=None, mask=None):
        """Return normalised inputs."""
        if mask is not None or not self._fuses(inputs):
            return super().call(inputs, training=training, mask=mask)
        gamma, beta, *moving = (
            tf.cast(weight, tf.float32) for weight in (self.gamma, self.beta, self.moving_mean, self.moving_variance)
        )
        if not (training and self.trainable):
            return _fused(inputs, gamma, beta, moving, self.epsilon)[0]
        shift = tf.zeros([], inputs.dtype)
        if inputs.dtype == tf.float32:
            # A mean far from 0 would leave nothing of the variance where XLA takes it as the difference of two moments;
            # what is normalised does not change with a shift, nor do its gradients. 16 bits hold no such mean.
            shift = tf.stop_gradient(tf.reduce_mean(inputs[:1], [0, 1, 2]))
        outputs, mean, variance = _fused(inputs - shift, gamma, beta, None, self.epsilon)
        count = tf.cast(tf.size(inputs) // inputs.shape[-1], tf.float32)
        now = mean + tf.cast(shift, tf.float32), variance * (count - 1) / count  # of the mini-batch, not of a sample
        for variable, old, new in zip((self.moving_mean, self.moving_variance), moving, now, strict=True):
            variable.assign(old * self.momentum + new * (1 - self.momentum))
        return outputs

    def _fuses(self, inputs):
        plain = self.scale and self.center and not self.synchronized and not getattr(self, "renorm", False)
        return plain and len(inputs.shape) == 4 and self.axis in (-1, 3) and inputs.dtype in _FUSED


def _fused(inputs, gamma, beta, statistics, epsilon):
    """Return (outputs, mean, a sample's variance), by the mini-batch's statistics where none are given."""
    mean, variance = statistics or (tf.zeros([0]), tf.zeros([0]))
    return tf.raw_ops.FusedBatchNormV3(
        x=inputs,
        scale=gamma,
        offset=beta,
        mean=mean,
        variance=variance,
        epsilon=epsilon,
        is_training=statistics is None,
    )[:3]
