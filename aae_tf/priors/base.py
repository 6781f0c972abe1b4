"""What a prior is."""

import numpy as np

from aae_tf.errors import InputError
from aae_tf.registry import Registry

PRIORS = Registry("prior", given=("dim", "weights", "means", "covariances"))


class Prior:
    """A distribution over codes that can be sampled.

    Subclasses give `dim` and `sample`; `classes` is the number of classes `sample` accepts labels for (0: none),
    `distribution` the tfp distribution where a density exists (else None). A prior with `fitted_after` also has
    `fit(codes)`.
    """

    dim = None
    classes = 0
    distribution = None
    fitted_after = False  # whether `fit` adapts it to the codes of a trained model

    def sample(self, n, seed, labels=None):
        """Draw `n` codes.

        Args:
            n: number of codes, an int or a scalar int tensor.
            seed: int, or int32 tensor [2].
            labels: optional int32 [n]; class of each row, -1 for the whole prior.

        Returns:
            float32 [n, dim].

        Raises:
            InputError: labels were given to a prior without classes.
        """
        raise InputError(f"{type(self).__name__} does not say how to sample; define sample(n, seed, labels=None)")

    def log_prob(self, z):
        """Return the log-density in nats, float32 [...], of codes z, float32 [..., dim].

        Args:
            z: float32 [..., dim].

        Raises:
            InputError: this prior is given by its sampler only and has no density.
        """
        if self.distribution is None:
            raise InputError(f"{type(self).__name__} is known by its samples only: it has no log_prob")
        return self.distribution.log_prob(z)

    def nearest_class(self, z):
        """Return the class to whose part of the prior each code belongs most, int array [N], of float [N, dim].

        Args:
            z: float [N, dim].

        Raises:
            InputError: this prior has no classes.
        """
        raise InputError(f"{type(self).__name__} has no classes")

    def get_config(self):
        """Return the arguments that make this prior again."""
        return {}

    @property
    def spread(self):
        """Standard deviation of a coordinate, float."""
        return float(np.std(self.sample(2000, 0)))

    @classmethod
    def from_config(cls, config):
        """Return the prior that `get_config` describes."""
        return cls(**config)

    def _refuse_labels(self, labels):
        if labels is not None:
            raise InputError(f"{type(self).__name__} has no classes: it cannot be sampled by label")
