"""How good samples are: distances and coverage between features of samples and of real images.

Each number needs a baseline, the same statistic between two sets of real images, and depends on the number of images.
"""

import numpy as np
from sklearn.metrics import pairwise_distances_argmin_min, pairwise_distances_chunked

from aae_tf.evaluation.prior_match import neighbour_radius, unbiased_mmd
from aae_tf.utils.images import to_unit


def frechet_distance(real, fake):
    """Return the Fréchet distance between Gaussians fitted to two sets of features; 0 for equal means and covariances.

    Args:
        real: float [N, F], N at least 2.
        fake: float [M, F], M at least 2.

    Returns:
        float: |m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^½). It falls with the number of images: compare equal numbers.

    Reference:
        Heusel et al., 2017, arXiv 1706.08500 (FID, there on Inception's features).
    """
    real, fake = np.asarray(real, "float64"), np.asarray(fake, "float64")
    gap = real.mean(0) - fake.mean(0)
    first, second = (np.atleast_2d(np.cov(features, rowvar=False)) for features in (real, fake))
    variances, axes = np.linalg.eigh(first)
    root = axes * np.sqrt(np.maximum(variances, 0)) @ axes.T
    # tr((C1 C2)^½) is the sum of the roots of the eigenvalues of the symmetric C1^½ C2 C1^½
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ second @ root), 0)).sum()
    return float(max(gap @ gap + np.trace(first) + np.trace(second) - 2 * cross, 0.0))


def kernel_distance(real, fake, block=1000):
    """Return the kernel distance (KID) between two sets of features, and its standard error.

    The unbiased squared MMD with the kernel (x·y / F + 1)³, averaged over blocks of images; about 0, and at times
    below, for features of one distribution, whatever their number.

    Args:
        real: float [N, F], N at least 2.
        fake: float [M, F], M at least 2.
        block: images in a block.

    Returns:
        (float, float): mean and standard error over blocks (0 for a single one).

    Reference:
        Bińkowski et al., 2018, arXiv 1801.01401.
    """
    count = min(len(real), len(fake))
    starts = range(0, max(count - count % block, 1), block)
    found = [_cubic_mmd(real[start : start + block], fake[start : start + block]) for start in starts]
    return float(np.mean(found)), float(np.std(found, ddof=1) / np.sqrt(len(found))) if len(found) > 1 else 0.0


def _cubic_mmd(x, y):
    x, y = np.asarray(x, "float64"), np.asarray(y, "float64")
    within_x, within_y, across = ((a @ b.T / x.shape[1] + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
    within = (kernel.sum() - np.trace(kernel) for kernel in (within_x, within_y))
    return unbiased_mmd(*within, across.sum(), len(x), len(y))


def precision_recall(real, fake, neighbours=5):
    """Return precision, recall, density and coverage of samples, from nearest-neighbour balls around features.

    Args:
        real: float [N, F], N above `neighbours`.
        fake: float [M, F], M above `neighbours`.
        neighbours: k; a ball reaches to the k-th nearest of its own set.

    Returns:
        dict with 'precision' (share of samples within a ball of a real image), 'recall' (share of real images within
        a ball of a sample), 'density' (mean number of real balls a sample is in, over k; 1 for equal distributions, and
        it may exceed 1) and 'coverage' (share of real balls with a sample inside; about 1 - 2^-k for equal ones).

    Reference:
        Kynkäänniemi et al., 2019, arXiv 1904.06991; Naeem et al., 2020, arXiv 2002.09797.
    """
    real, fake = np.asarray(real, "float32"), np.asarray(fake, "float32")
    real_radius, fake_radius = (neighbour_radius(features, neighbours) for features in (real, fake))
    inside_real, inside_fake = np.zeros(len(fake), int), np.zeros(len(real), bool)
    covered, start = np.zeros(len(real), bool), 0
    for distances in pairwise_distances_chunked(real, fake, working_memory=256):
        rows = slice(start, start + len(distances))
        within = distances <= real_radius[rows, None]
        inside_real += within.sum(0)
        covered[rows] = within.any(1)
        inside_fake[rows] = (distances <= fake_radius).any(1)
        start += len(distances)
    return {
        "precision": float((inside_real > 0).mean()),
        "recall": float(inside_fake.mean()),
        "density": float(inside_real.mean() / neighbours),
        "coverage": float(covered.mean()),
    }


def nearest(images, others, chunk=10_000):
    """Return which of others is nearest to each image, and the Euclidean distance to it.

    Args:
        images: float in [0, 1] or uint8 [N, ...]; uint8 is scaled to [0, 1].
        others: float in [0, 1] or uint8 [M, ...].
        chunk: others that are scaled and compared at a time.

    Returns:
        (int array [N], float32 array [N]).
    """
    images, found = _flat(images), []
    for start in range(0, len(others), chunk):
        part = _flat(others[start : start + chunk])
        where = pairwise_distances_argmin_min(images, part)[0]
        found.append((start + where, np.linalg.norm(images - part[where], axis=1)))
    indices, distances = (np.stack(each) for each in zip(*found, strict=True))
    best = distances.argmin(0), np.arange(len(images))
    return indices[best], distances[best]


def _flat(images):
    return to_unit(images).reshape(len(images), -1)


def copying(samples, train, held_out, seed=0):
    """Return how much nearer samples are to training images than images that were never seen are: the copying ratio.

    For each sample, the distance to the nearest training image is divided by that to the nearest of one half of the
    held-out images; the median over samples is then divided by that of the other half of the held-out images, for which
    nothing can have been memorised. Blurred samples are near to both sets, so blur does not pass for memorising.

    Args:
        samples: float [N, ...].
        train: float or uint8 [T, ...].
        held_out: float or uint8 [H, ...], H at least 2.
        seed: seed of the halves.

    Returns:
        float: about 1 (or above) without memorising, near 0 for copies; inf or NaN where most held-out images are
        themselves among the training images.

    Reference:
        After the three-sample test of Meehan, Chaudhuri and Dasgupta, 2020, arXiv 2004.05675.
    """
    order = np.random.default_rng(seed).permutation(len(held_out))
    unseen, honest = held_out[order[::2]], held_out[order[1::2]]

    def ratio(images):
        to_train, to_unseen = (nearest(images, others)[1] for others in (train, unseen))
        return np.median(to_train / np.maximum(to_unseen, 1e-12))

    with np.errstate(divide="ignore", invalid="ignore"):
        return float(ratio(samples) / ratio(honest[: max(len(samples), 1)]))
