"""Priors p(z), which the aggregated posterior q(z) is matched to (paper §2, §2.3).

A prior is anything with `sample(n, seed, labels=None)`; sampling is stateless, so a seed always gives the same numbers
(under XLA other numbers than in eager mode). Where a density exists, it is a TensorFlow Probability distribution. With
`labels`, row i is sampled from the part of class `labels[i]` (a mixture component, a section of the swiss roll), or
from the whole prior where `labels[i]` is -1 (§2.3).
"""

from aae_tf.priors.base import PRIORS, Prior
from aae_tf.priors.custom import DistributionPrior, SamplerPrior, as_prior, prior_options
from aae_tf.priors.fitted import FittedMixture, fitted_gaussian
from aae_tf.priors.named import Categorical, Gaussian, PetalMixture, SwissRoll, Uniform
from aae_tf.utils.random import as_seed, fold, split_seed

__all__ = ["PRIORS", "DistributionPrior", "Prior", "SamplerPrior", "as_prior", "prior_options"]
__all__ += ["Categorical", "FittedMixture", "Gaussian", "PetalMixture", "SwissRoll", "Uniform", "fitted_gaussian"]
__all__ += ["as_seed", "fold", "split_seed"]
