"""How good samples are: distances and coverage between features of samples and of real images."""

import numpy as np
from sklearn.metrics import pairwise_distances_argmin_min, pairwise_distances_chunked

from aae_tf.evaluation.prior_match import neighbour_radius, unbiased_mmd
from aae_tf.utils.images import flat_unit


def frechet_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """Return the Fréchet distance between Gaussians fitted to features [N, F] and [M, F] (FID: Heusel et al., 2017).

    It is |m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^½). It falls with the number of images: compare equal numbers.
    """
    real, fake = np.asarray(real, "float64"), np.asarray(fake, "float64")
    gap = real.mean(0) - fake.mean(0)
    first, second = (np.atleast_2d(np.cov(features, rowvar=False)) for features in (real, fake))
    variances, axes = np.linalg.eigh(first)
    root = axes * np.sqrt(np.maximum(variances, 0)) @ axes.T
    # tr((C1 C2)^½) is the sum of the roots of the eigenvalues of the symmetric C1^½ C2 C1^½
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ second @ root), 0)).sum()
    return float(max(gap @ gap + np.trace(first) + np.trace(second) - 2 * cross, 0.0))


def kernel_distance(real: np.ndarray, fake: np.ndarray, block: int = 1000) -> tuple[float, float]:
    """Return the kernel distance (KID) between features [N, F] and [M, F], and its standard error (0 for one block).

    It is the unbiased squared MMD with the kernel (x·y / F + 1)³, averaged over blocks of images (Bińkowski et al.,
    2018, arXiv 1801.01401). For features of one distribution it is about 0 and may be negative.
    """
    count = min(len(real), len(fake))
    starts = range(0, max(count - count % block, 1), block)
    found = [_cubic_mmd(real[start : start + block], fake[start : start + block]) for start in starts]
    return float(np.mean(found)), float(np.std(found, ddof=1) / np.sqrt(len(found))) if len(found) > 1 else 0.0


def _cubic_mmd(x: np.ndarray, y: np.ndarray) -> float:
    x, y = np.asarray(x, "float64"), np.asarray(y, "float64")
    within_x, within_y, across = ((a @ b.T / x.shape[1] + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
    within = (kernel.sum() - np.trace(kernel) for kernel in (within_x, within_y))
    return unbiased_mmd(*within, across.sum(), len(x), len(y))


def precision_recall(real: np.ndarray, fake: np.ndarray, neighbours: int = 5) -> dict[str, float]:
    """Return precision, recall, density and coverage of samples, from balls around features [N, F] and [M, F].

    The radius of a ball is the distance to the k-th nearest other row of its set. Precision and recall are the shares
    of samples in a ball of a real image and of real images in a ball of a sample (Kynkäänniemi et al., 2019, arXiv
    1904.06991). Density is the mean number of real balls around a sample, divided by k, and coverage the share of real
    balls that contain a sample (Naeem et al., 2020, arXiv 2002.09797; 1 and 1 - 2^-k for equal distributions).
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


def nearest(images: np.ndarray, others: np.ndarray, chunk: int = 10_000) -> tuple[np.ndarray, np.ndarray]:
    """Return the index of the nearest other image, int [N], and the Euclidean distance to it, float32 [N].

    Images are [N, ...] and others [M, ...], float in [0, 1] or uint8, which is scaled to [0, 1].
    """
    images, found = flat_unit(images), []
    for start in range(0, len(others), chunk):
        part = flat_unit(others[start : start + chunk])
        where = pairwise_distances_argmin_min(images, part)[0]
        found.append((start + where, np.linalg.norm(images - part[where], axis=1)))
    indices, distances = (np.stack(each) for each in zip(*found, strict=True))
    best = distances.argmin(0), np.arange(len(images))
    return indices[best], distances[best]


def copying(samples: np.ndarray, train: np.ndarray, held_out: np.ndarray, seed: int = 0) -> float:
    """Return the copying ratio of samples [N, ...]: about 1 or more without copies, near 0 for copies.

    The distance to the nearest training image is divided by that to the nearest of one half of the held-out images. The
    median of this ratio over samples is divided by its median over the other half, so that blur does not count as
    copying. It is inf or NaN if most held-out images are training images (after Meehan et al., 2020, arXiv 2004.05675).
    """
    order = np.random.default_rng(seed).permutation(len(held_out))
    one_half, other_half = held_out[order[::2]], held_out[order[1::2]]

    def ratio(images: np.ndarray) -> float:
        to_train, to_unseen = (nearest(images, others)[1] for others in (train, one_half))
        return np.median(to_train / np.maximum(to_unseen, 1e-12))

    with np.errstate(divide="ignore", invalid="ignore"):
        return float(ratio(samples) / ratio(other_half[: max(len(samples), 1)]))
