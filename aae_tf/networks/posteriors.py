"""Posteriors q(z|x): how a code is drawn from the encoder's features (paper §2).

Each is a Keras layer, called as `posterior(features, seed=None)`. With a seed the code is a sample of q(z|x). Without
one it is the representative of q(z|x) (the mean, or the code of zero noise), which evaluation and serving use. Codes
are float32 under any dtype policy of the backbone.
"""

from typing import Annotated, Any

from aae_tf.backend import keras, tf
from aae_tf.config.registry import Registry
from aae_tf.config.schema import Range, arguments_of
from aae_tf.networks.layers import initializer
from aae_tf.utils.random import normal, seeds

POSTERIORS = Registry("posterior", given=("kernel_initializer", "seed", "batch_norm", "norm_std"))


class _Posterior(keras.layers.Layer):
    """A head on the encoder's features; subclasses define `build` and `call`.

    Args:
        dim: dimension of the code.
        kernel_initializer: Keras name, or 'normal' for N(0, 0.01).
        seed: seed of the initializers.
        **kwargs: `name` and `dtype`.
    """

    random: bool = True  # whether a seed changes the code

    def __init__(self, dim: int, kernel_initializer: str = "glorot_uniform", seed: int = 0, **kwargs: Any):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.dim, self.kernel_initializer, self.seed = dim, kernel_initializer, seed

    def _dense(self, input_shape, units, seed, name, activation=None):
        start = initializer(self.kernel_initializer, seed)
        dense = keras.layers.Dense(units, activation, kernel_initializer=start, dtype=self.dtype_policy, name=name)
        dense.build(input_shape)
        return dense

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Return the shape of the codes."""
        return (*input_shape[:-1], self.dim)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), **{name: getattr(self, name) for name in arguments_of(type(self))}}


@POSTERIORS.register("deterministic")
@keras.saving.register_keras_serializable("aae_tf")
class DeterministicPosterior(_Posterior):
    """z = f(x): a linear layer. The only randomness of q(z) is that of the data.

    Args:
        batch_norm: whether to normalise the code over the batch (crucial for clustering, §6).
        norm_std: standard deviation of each dimension of a normalised code; None to learn it and the mean. A fixed one
            keeps logits of y from shrinking until their softmax is 0 and has no gradient.
        **kwargs: `kernel_initializer` (Keras name or 'normal'), `seed` of it, `name` and `dtype`.
    """

    random = False

    def __init__(self, dim: int, batch_norm: bool = False, norm_std: float | None = None, **kwargs: Any):
        super().__init__(dim, **kwargs)
        self.batch_norm, self.norm_std = batch_norm, norm_std
        norm = {"center": norm_std is None, "scale": norm_std is None, "dtype": self.dtype_policy}
        self.norm = keras.layers.BatchNormalization(**norm) if batch_norm else None

    def build(self, input_shape: tuple) -> None:
        """Make the linear layer."""
        self.code = self._dense(input_shape, self.dim, self.seed, "code")
        if self.norm is not None:
            self.norm.build((None, self.dim))

    def call(self, features: Any, seed: Any = None, training: bool = False) -> "tf.Tensor":
        """Return codes, float32 [N, dim], of features [N, F]; the seed is ignored."""
        codes = self.code(features)
        if self.norm is None:
            return codes
        codes = self.norm(codes, training=training)
        return codes if self.norm_std is None else codes * self.norm_std


@POSTERIORS.register("constant_variance")
@keras.saving.register_keras_serializable("aae_tf")
class ConstantVariancePosterior(DeterministicPosterior):
    """z ~ N(f(x), s² I): a linear layer and noise of one standard deviation (Ghosh et al., 2020, arXiv 1903.12436).

    Noise fills the dimensions of a large code that the encoder does not use. Without it the codes lie on a thin
    surface, whose position reveals the class of an image (§4) and whose gaps the discriminator misses.

    Args:
        posterior_std: s, in units of the code; smaller than the prior's standard deviation.
        **kwargs: as for `DeterministicPosterior`.
    """

    random = True

    def __init__(self, dim: int, posterior_std: Annotated[float, Range(0.0)] = 0.5, **kwargs: Any):
        super().__init__(dim, **kwargs)
        self.posterior_std = posterior_std

    def call(self, features: Any, seed: Any = None, training: bool = False) -> "tf.Tensor":
        """Return sampled codes, float32 [N, dim], of features [N, F] and a seed, int32 [2]; f(x) without a seed."""
        codes = super().call(features, training=training)
        return codes if seed is None else codes + self.posterior_std * normal(tf.shape(codes), seed)


@POSTERIORS.register("gaussian")
@keras.saving.register_keras_serializable("aae_tf")
class GaussianPosterior(_Posterior):
    """z ~ N(mu(x), diag sigma(x)²), sampled by reparameterization (Kingma and Welling, arXiv 1312.6114)."""

    def build(self, input_shape: tuple) -> None:
        """Make the layers of mean and log-variance."""
        first, second = seeds(self.seed, 2)
        self.mean = self._dense(input_shape, self.dim, first, "mean")
        self.log_variance = self._dense(input_shape, self.dim, second, "log_variance")

    def parameters(self, features: "tf.Tensor") -> "tuple[tf.Tensor, tf.Tensor]":
        """Return mean and log-variance of q(z|x), float32 [N, dim], of features [N, F]; the latter is in [-10, 10]."""
        return self.mean(features), 10.0 * tf.tanh(self.log_variance(features) / 10.0)

    def call(self, features: Any, seed: Any = None, training: bool = False) -> "tf.Tensor":
        """Return sampled codes, float32 [N, dim], of features [N, F] and a seed, int32 [2]; means without a seed."""
        mean, log_variance = self.parameters(features)
        return mean if seed is None else self.draw(mean, log_variance, seed)

    @staticmethod
    def draw(mean: "tf.Tensor", log_variance: "tf.Tensor", seed: Any) -> "tf.Tensor":
        """Return one sample of each row's Gaussian, float32 [N, dim]; `seed` is int32 [2]."""
        return mean + tf.exp(0.5 * log_variance) * normal(tf.shape(mean), seed)


@POSTERIORS.register("universal")
@keras.saving.register_keras_serializable("aae_tf")
class UniversalPosterior(_Posterior):
    """z = f(x, eta), eta ~ N(0, I): the universal approximator posterior of §2.

    The noise joins the backbone's features before one more hidden layer, so q(z|x) can take any shape.

    Args:
        noise_dim: dimension of eta.
        units: units of the hidden layer over features and noise.
        **kwargs: as for `DeterministicPosterior`.
    """

    def __init__(self, dim: int, noise_dim: int = 16, units: int = 256, **kwargs: Any):
        super().__init__(dim, **kwargs)
        self.noise_dim, self.units = noise_dim, units

    def build(self, input_shape: tuple) -> None:
        """Make the hidden and the linear layer."""
        first, second = seeds(self.seed, 2)
        self.mix = self._dense((None, input_shape[-1] + self.noise_dim), self.units, first, "mix", activation="relu")
        self.code = self._dense((None, self.units), self.dim, second, "code")

    def call(self, features: Any, seed: Any = None, training: bool = False) -> "tf.Tensor":
        """Return codes, float32 [N, dim], of features [N, F] and a seed, int32 [2]; those of eta = 0 without a seed."""
        shape = [tf.shape(features)[0], self.noise_dim]
        noise = tf.zeros(shape) if seed is None else normal(shape, seed)
        return self.code(self.mix(tf.concat([tf.cast(features, tf.float32), noise], -1)))
