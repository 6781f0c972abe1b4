"""Priors p(z): what the aggregated posterior q(z) is made to look like (paper §2, §2.3).

An adversarial autoencoder needs only *samples* of its prior, so a prior here is anything with
`sample(n, seed, labels=None)`. Where a density exists it is a TensorFlow Probability distribution and `log_prob`
gives it in nats. All sampling is stateless: the same seed gives the same numbers, in eager mode as in a graph (XLA has
random numbers of its own, the same ones each time).

Class-conditional sampling (§2.3): with `labels`, row i comes from the part of the prior that belongs to class
`labels[i]` (a mixture component, a stretch of the swiss roll), or from the whole prior where `labels[i]` is -1.
"""

from aae_tf.priors.base import PRIORS, Prior
from aae_tf.priors.custom import DistributionPrior, SamplerPrior, as_prior, prior_options
from aae_tf.priors.fitted import FittedMixture, fitted_gaussian
from aae_tf.priors.named import Categorical, Gaussian, PetalMixture, SwissRoll, Uniform
from aae_tf.utils.random import as_seed, fold, split_seed

__all__ = [
    "PRIORS",
    "Categorical",
    "DistributionPrior",
    "FittedMixture",
    "Gaussian",
    "PetalMixture",
    "Prior",
    "SamplerPrior",
    "SwissRoll",
    "Uniform",
    "as_prior",
    "as_seed",
    "fitted_gaussian",
    "fold",
    "prior_options",
    "split_seed",
]
