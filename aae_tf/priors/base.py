"""What a prior is."""

import numpy as np

from aae_tf.backend import tf
from aae_tf.config.registry import Registry
from aae_tf.errors import InputError
from aae_tf.utils.random import as_seed

PRIORS = Registry("prior", given=("dim", "weights", "means", "covariances"))


def heavy_tailed(squares, dim, freedom=3.0):
    """Return the log-density, up to a constant, of Student's t: logits that no distance makes sure of a class.

    Args:
        squares: float32 [...], squared distances in standard deviations.
        dim: dimensions that they are of.
        freedom: degrees of freedom.
    """
    return -0.5 * (freedom + dim) * tf.math.log1p(squares / freedom)


def square_of_codes(first, second, others):
    """Return codes at steps along two dimensions, float32 [S * S, D], row by row from the top left.

    Args:
        first: float [S], rising: z1, which grows rightwards.
        second: float [S], rising: z2, which grows upwards.
        others: float [D], the code elsewhere.
    """
    codes = np.tile(np.asarray(others, "float32"), (len(second), len(first), 1))
    if codes.shape[-1] > 1:
        codes[..., 1] = second[::-1, None]
    codes[..., 0] = first
    return codes.reshape(-1, codes.shape[-1])


def known_labels(labels, count, classes, least=-1):
    """Return labels as int32 [count], checked; of a graph's tensor, whose values are not there yet, as it is.

    Args:
        labels: int [count], or an int tensor.
        count: how many rows they are of, an int, or an int tensor.
        classes: K.
        least: -1 where a row may go without, else 0.

    Raises:
        InputError: another number of labels, or one that is not from `least` to K - 1.
    """
    values = tf.get_static_value(labels) if tf.is_tensor(labels) else np.asarray(labels)
    if values is None:
        return tf.cast(labels, tf.int32)
    count = tf.get_static_value(count) if tf.is_tensor(count) else count
    of_rows = values.ndim == 1 and count in (None, len(values))
    if not of_rows or values.dtype.kind not in "biuf" or not np.all(np.isin(values, range(least, classes))):
        raise InputError(f"labels were given for {count} rows; accepted: [{count}] of {least} to {classes - 1}")
    return values.astype("int32")


def choose_labels(n, seed, labels, classes):
    """Return labels, int32 [n], with every -1 (and all, if there are none) drawn uniformly from the classes.

    Args:
        n: how many rows, an int, or an int tensor.
        seed: int, or int32 [2].
        labels: int [n], or None.
        classes: K.

    Raises:
        InputError: another number of labels, or one that is not from -1 to K - 1.
    """
    drawn = tf.random.stateless_uniform([n], as_seed(seed), 0, classes, tf.int32)
    if labels is None:
        return drawn
    labels = known_labels(labels, n, classes)
    return tf.where(labels >= 0, labels, drawn)


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
            InputError: labels were given to a prior without classes, or are not its classes.
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

    def interpolate(self, start, end, share):
        """Return codes on the way from one code to another, float32 [N, dim]: here on the straight line.

        Args:
            start: float32 [N, dim], or [1, dim] for all.
            end: float32 [N, dim], or [1, dim] for all.
            share: float32 [N], how far: 0 at the start, 1 at the end.
        """
        return start + share[:, None] * (end - start)

    def negative_log_likelihood(self, z):
        """Return how little of the prior's mass lies at codes, float32 [N]: high for improbable ones.

        That is -log p(z) in nats; of a prior without a density the distance to the nearest of 2,000 samples.

        Args:
            z: float32 [N, dim].
        """
        if self.distribution is not None:
            return tf.cast(-self.log_prob(z), tf.float32)
        samples = tf.cast(self.sample(2000, 2016), tf.float32)
        squares = tf.reduce_sum(tf.square(samples), -1) - 2.0 * tf.linalg.matmul(z, samples, transpose_b=True)
        return tf.sqrt(tf.nn.relu(tf.reduce_sum(tf.square(z), -1) + tf.reduce_min(squares, -1)))

    def class_logits(self, z):
        """Return how much each code belongs to each class's part of the prior: logits, float32 tensor [N, classes].

        A code far from all parts should belong to all alike: it is none the surer for being far away (`heavy_tailed`).

        Args:
            z: float32 [N, dim].

        Raises:
            InputError: this prior has no classes, or does not say which parts they are.
        """
        lacks = "does not say where its classes are; define class_logits(z)" if self.classes else "has no classes"
        raise InputError(f"{type(self).__name__} {lacks}")

    def nearest_class(self, z):
        """Return the class to whose part of the prior each code belongs most, int array [N], of float [N, dim].

        Args:
            z: float [N, dim].

        Raises:
            InputError: as for `class_logits`.
        """
        z = np.asarray(z, "float32")
        pieces = np.array_split(z, -(-len(z) // 1000) or 1)
        return np.concatenate([np.argmax(self.class_logits(each), -1) for each in pieces])

    def manifold_codes(self, side):
        """Return codes at equal steps over the prior's first two dimensions (figure 2e), and what they are.

        In the plane these are equal distances, over all of the prior's reach; of more dimensions equal steps of the
        percentiles of its samples, the other dimensions at their medians.

        Args:
            side: codes along each dimension.

        Returns:
            (float32 [side * side, dim], row by row from the top left: z1 grows rightwards, z2 upwards; bool
            [side * side], False where there is hardly any prior mass, or None; a title).
        """
        drawn = self.sample(10_000, 0).numpy()
        if self.dim != 2:
            steps = np.quantile(drawn, (np.arange(side) + 0.5) / side, axis=0)
            codes = square_of_codes(steps[:, 0], steps[:, min(1, self.dim - 1)], np.median(drawn, 0))
            return codes, None, "decoded at equal steps of the prior's percentiles"
        reach = float(np.quantile(np.abs(drawn), 0.995))
        steps = np.linspace(-reach, reach, side)
        codes = square_of_codes(steps, steps, np.zeros(2))
        cell = 2 * reach / (side - 1)
        keep = np.array([(np.abs(drawn - code).max(1) < 0.5 * cell).sum() >= 2 for code in codes])
        return codes, keep, "decoded at equal steps over the plane, where the prior has mass"

    def class_axes(self, steps):
        """Return codes along each class's part of the prior (figures 4b and 4d), and what they are.

        Args:
            steps: codes for each class.

        Returns:
            (float32 [classes * steps, dim], class by class; a title), or None for a prior whose classes have no axis.
        """
        return None

    def get_config(self):
        """Return the arguments that make this prior again."""
        return {}

    @property
    def code_std(self):
        """Standard deviation of all coordinates together, float."""
        return float(np.std(self.sample(2000, 0)))

    @classmethod
    def from_config(cls, config):
        """Return the prior that `get_config` describes."""
        return cls(**config)

    def _refuse_labels(self, labels):
        if labels is not None:
            raise InputError(f"{type(self).__name__} has no classes: it cannot be sampled by label")
