"""Priors fitted to the codes of a trained autoencoder (ex-post density estimation: Ghosh et al., 2020)."""

import numpy as np
from numpy.typing import ArrayLike

from aae_tf.backend import keras, tf, tfp
from aae_tf.errors import InputError
from aae_tf.priors.base import PRIORS, Labels, Prior
from aae_tf.utils.random import Seed, split_seed

tfd = tfp.distributions
Array = ArrayLike | None


@PRIORS.register("fitted_mixture")
@keras.saving.register_keras_serializable("aae_tf")
class FittedMixture(Prior):
    """A mixture of Gaussians with full covariances, fitted by expectation maximisation; N(0, I) until then.

    Args:
        dim: dimension of the code.
        components: number of Gaussians; 1 fits mean and covariance.
        weights: [components], the share of each; as `fit` sets them.
        means: [components, dim].
        covariances: [components, dim, dim].
    """

    fitted_after = True

    def __init__(
        self, dim: int = 2, components: int = 10, weights: Array = None, means: Array = None, covariances: Array = None
    ):
        self.dim, self.components = dim, components
        if weights is None:
            weights = np.full(components, 1 / components)
            means, covariances = np.zeros((components, dim)), np.tile(np.eye(dim), (components, 1, 1))
        self._set(np.asarray(weights), np.asarray(means), np.asarray(covariances))

    def _set(self, weights: np.ndarray, means: np.ndarray, covariances: np.ndarray) -> None:
        self.weights, self.means, self.covariances = weights, means, covariances
        self._scales = np.linalg.cholesky(covariances).astype("float32")
        self._log_weights = np.log(np.maximum(weights, 1e-12)).astype("float32")
        self.distribution = tfd.MixtureSameFamily(
            tfd.Categorical(logits=self._log_weights), tfd.MultivariateNormalTriL(means.astype("float32"), self._scales)
        )

    def fit(self, codes: np.ndarray, seed: int = 0) -> None:
        """Fit the mixture to codes [N, dim]; the seed is that of the initial means.

        Raises:
            InputError: fewer codes than components, or codes that are not finite.
        """
        from sklearn.mixture import GaussianMixture

        if len(codes) < self.components or not np.isfinite(codes).all():
            given = f"{len(codes)} codes cannot fit {self.components} Gaussians"
            raise InputError(f"{given}; accepted: finite codes, at least as many")
        fitted = GaussianMixture(self.components, reg_covar=1e-5, random_state=seed).fit(np.asarray(codes, "float64"))
        self._set(fitted.weights_, fitted.means_, fitted.covariances_)

    def sample(self, n: int | tf.Tensor, seed: Seed, labels: Labels = None) -> tf.Tensor:
        """Return codes; see `Prior.sample`."""
        self._refuse_labels(labels)
        choose, move = tf.unstack(split_seed(seed, 2))
        component = tf.random.stateless_categorical(self._log_weights[None], n, choose, tf.int32)[0]
        steps = tf.random.stateless_normal([n, self.dim], move)
        means = tf.constant(self.means.astype("float32"))
        return tf.gather(means, component) + tf.linalg.matvec(tf.gather(self._scales, component), steps)

    def get_config(self) -> dict:
        """Return the constructor's arguments, as fitted."""
        arrays = {name: getattr(self, name).tolist() for name in ("weights", "means", "covariances")}
        return {"dim": self.dim, "components": self.components, **arrays}


@PRIORS.register
def fitted_gaussian(dim: int = 2) -> FittedMixture:
    """Return a `FittedMixture` of one Gaussian."""
    return FittedMixture(dim, 1)
