"""Priors fitted to the codes of a trained autoencoder: what an autoencoder without a prior is sampled from.

Ghosh et al., 2020 (arXiv 1903.12436) call this ex-post density estimation.
"""

import numpy as np

from aae_tf.backend import keras, tf, tfp
from aae_tf.errors import InputError
from aae_tf.priors.base import PRIORS, Prior
from aae_tf.utils.random import as_seed, split_seed

tfd = tfp.distributions


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

    def __init__(self, dim=2, components=10, weights=None, means=None, covariances=None):
        self.dim, self.components = dim, components
        plain = weights is None
        self._set(
            np.full(components, 1 / components) if plain else np.asarray(weights),
            np.zeros((components, dim)) if plain else np.asarray(means),
            np.tile(np.eye(dim), (components, 1, 1)) if plain else np.asarray(covariances),
        )

    def _set(self, weights, means, covariances):
        self.weights, self.means, self.covariances = weights, means, covariances
        self._scales = np.linalg.cholesky(covariances).astype("float32")
        self._log_weights = np.log(np.maximum(weights, 1e-12)).astype("float32")
        self.distribution = tfd.MixtureSameFamily(
            tfd.Categorical(logits=self._log_weights),
            tfd.MultivariateNormalTriL(means.astype("float32"), self._scales),
        )

    def fit(self, codes, seed=0):
        """Fit to codes.

        Args:
            codes: float [N, dim].
            seed: int, of the fit's start.

        Raises:
            InputError: fewer codes than components, or codes that are not finite.
        """
        from sklearn.mixture import GaussianMixture

        if len(codes) < self.components or not np.isfinite(codes).all():
            raise InputError(
                f"{len(codes)} codes cannot fit {self.components} Gaussians; accepted: finite codes, at least as many"
            )
        fitted = GaussianMixture(self.components, reg_covar=1e-5, random_state=seed).fit(np.asarray(codes, "float64"))
        self._set(fitted.weights_, fitted.means_, fitted.covariances_)

    def sample(self, n, seed, labels=None):
        """Draw codes; see `Prior.sample`."""
        self._refuse_labels(labels)
        choose, move = tf.unstack(split_seed(as_seed(seed), 2))
        component = tf.random.stateless_categorical(self._log_weights[None], n, choose, tf.int32)[0]
        steps = tf.random.stateless_normal([n, self.dim], move)
        means = tf.constant(self.means.astype("float32"))
        return tf.gather(means, component) + tf.linalg.matvec(tf.gather(self._scales, component), steps)

    def get_config(self):
        """Return the arguments that make this prior again, as fitted."""
        fitted = {"weights": self.weights, "means": self.means, "covariances": self.covariances}
        own = {"dim": self.dim, "components": self.components}
        return {**own, **{name: value.tolist() for name, value in fitted.items()}}


@PRIORS.register
def fitted_gaussian(dim=2):
    """Return a `FittedMixture` of one Gaussian.

    Args:
        dim: dimension of the code.
    """
    return FittedMixture(dim, 1)
