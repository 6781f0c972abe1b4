"""Anomaly detection from normal images alone: a threshold with a guaranteed false-positive rate, and its quality.

The guarantee of conformal anomaly detection (Bates et al., 2023, arXiv 2104.08279) holds for every distribution of
scores, because those of n held-out normal images and of a new one are exchangeable.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import beta, binom, binomtest
from sklearn.metrics import average_precision_score, roc_auc_score

from aae_tf.errors import InputError


def check_false_alarm(count: int, false_alarm: float) -> int:
    """Return how many of `count` normal scores may exceed a threshold with a false-positive rate, at least 0."""
    _check_share("false_alarm", false_alarm)
    above = int(np.floor(false_alarm * (count + 1) * (1 + 1e-9))) - 1
    if above < 0:
        raise InputError(
            f"{count} normal images are too few for false_alarm={false_alarm:g}; give at least "
            f"{int(np.ceil(1 / false_alarm * (1 - 1e-9))) - 1}, or accept {1 / (count + 1):.2g} or more"
        )
    return above


def _check_share(name: str, share: float) -> None:
    if not 0 < share < 1:
        raise InputError(f"{name}={share} is out of range; accepted: above 0 and below 1")


def conformal_threshold(scores: ArrayLike, false_alarm: float = 0.01, confidence: float = 0.95) -> dict:
    """Return the threshold that a new normal image exceeds with at most a given probability.

    It is the (r + 1)-th highest of n scores, with the largest r for which (r + 1) / (n + 1) is at most `false_alarm`.
    Given these scores, the false-positive rate follows Beta(r + 1, n - r).

    Args:
        scores: float [n], of normal images that were not trained on, high for unusual ones.
        false_alarm: highest accepted false-positive rate, in (0, 1).
        confidence: of the intervals, in (0, 1).

    Returns:
        dict with 'threshold', 'threshold_interval' (None for an end beyond all scores), 'expected' (false-positive
        rate), 'guaranteed_interval' (of this rate, given these scores), 'confidence' and 'n'.

    Raises:
        InputError: a rate outside (0, 1), scores that are not finite, or too few scores for this rate.
    """
    scores = np.sort(np.asarray(scores, "float64"))
    count = len(scores)
    _check_share("false_alarm", false_alarm)
    _check_share("confidence", confidence)
    if not np.isfinite(scores).all():
        raise InputError(f"{int((~np.isfinite(scores)).sum())} of {count} normal images have no finite score")
    above = check_false_alarm(count, false_alarm)
    tail = (1 - confidence) / 2
    low, high = (int(binom.ppf(share, count, 1 - false_alarm)) for share in (tail, 1 - tail))
    ends = [float(scores[low - 1]) if low > 0 else None, float(scores[high]) if high < count else None]
    return {
        "threshold": float(scores[count - 1 - above]),
        "threshold_interval": ends,
        "expected": (above + 1) / (count + 1),
        "guaranteed_interval": beta.ppf([tail, 1 - tail], above + 1, count - above).tolist(),
        "confidence": confidence,
        "n": count,
    }


def detection_quality(
    scores: ArrayLike, abnormal: ArrayLike, threshold: float | None = None, confidence: float = 0.95
) -> dict:
    """Return how well a score separates abnormal images from normal ones.

    It is a dict of 'auroc' and 'average_precision' where both kinds occur; with a threshold also 'false_positive_rate'
    and 'detection_rate' and, with the suffix '_interval', their exact intervals (Clopper and Pearson, 1934).

    Args:
        scores: float [N], high for abnormal images.
        abnormal: bool [N].
        threshold: score above which an image is classified as abnormal; None to evaluate the ranking alone.
        confidence: of the intervals, in (0, 1).
    """
    scores, abnormal = np.asarray(scores), np.asarray(abnormal, bool)
    found = {}
    if abnormal.any() and not abnormal.all():
        found["auroc"] = float(roc_auc_score(abnormal, scores))
        found["average_precision"] = float(average_precision_score(abnormal, scores))
    for name, kind in (("false_positive_rate", ~abnormal), ("detection_rate", abnormal)):
        if threshold is not None and kind.any():
            test = binomtest(int((scores[kind] > threshold).sum()), int(kind.sum()))
            ends = test.proportion_ci(confidence, "exact")
            found[name], found[f"{name}_interval"] = test.statistic, [float(ends.low), float(ends.high)]
    return found
