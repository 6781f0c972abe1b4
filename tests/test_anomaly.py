"""Anomaly detection: the threshold's guarantee, whatever the distribution of scores."""

import numpy as np
import pytest
from scipy.stats import lognorm

import aae_tf
from aae_tf import evaluation


@pytest.mark.parametrize(("count", "false_alarm"), [(99, 0.01), (150, 0.01), (400, 0.05), (10, 0.3)])
def test_the_threshold_keeps_its_guarantee_on_other_normal_images(count, false_alarm):
    """Of many detectors, each on normal images of its own: the mean share of false alarms, and the interval's."""
    chance = np.random.default_rng(0)
    found = [evaluation.conformal_threshold(chance.lognormal(size=count), false_alarm) for _ in range(2000)]
    shares = lognorm.sf([each["threshold"] for each in found], 1)
    expected = found[0]["expected"]
    assert false_alarm / 2 < expected <= false_alarm + 1e-12
    assert abs(shares.mean() - expected) < 4 * shares.std() / np.sqrt(len(shares))
    low, high = found[0]["guaranteed_interval"]
    assert abs(np.mean((low < shares) & (shares < high)) - 0.95) < 0.02  # sd of the mean of 2,000: 0.005
    ends = np.array([each["threshold_interval"] for each in found], float)  # None is nan
    true = lognorm.isf(false_alarm, 1)
    held = (np.nan_to_num(ends[:, 0], nan=-np.inf) <= true) & (true <= np.nan_to_num(ends[:, 1], nan=np.inf))
    assert held.mean() > 0.94


def test_normal_images_alone_do_not_make_everything_abnormal():
    """With normal images alone other software takes the lowest score as threshold, or none at all."""
    scores = np.random.default_rng(0).gamma(2.0, size=500)
    found = evaluation.conformal_threshold(scores, 0.02)
    assert (scores > found["threshold"]).sum() == 9  # and a new one is among the ten highest of 501 one time in fifty
    assert found["expected"] == 10 / 501


def test_equal_scores_give_no_alarm():
    assert evaluation.conformal_threshold(np.ones(200), 0.05)["threshold"] == 1.0


@pytest.mark.parametrize(
    ("scores", "false_alarm", "message"),
    [
        (np.arange(98.0), 0.01, "98 normal images are too few for false_alarm=0.01; give at least 99, or accept 0.01"),
        (np.arange(50.0), 0.01, "give at least 99, or accept 0.02 or more"),
        (np.arange(50.0), 0.0, "false_alarm=0.0 is out of range"),
        (np.arange(50.0), 1.0, "false_alarm=1.0 is out of range"),
        (np.array([1.0, np.nan]), 0.5, "1 of 2 normal images have no finite score"),
    ],
)
def test_what_cannot_be_guaranteed_is_refused(scores, false_alarm, message):
    with pytest.raises(aae_tf.InputError, match=message):
        evaluation.conformal_threshold(scores, false_alarm)


def test_quality_is_of_ranks_and_of_verdicts():
    scores, abnormal = np.array([1.0, 2, 3, 4, 5, 6, 7, 8]), np.array([0, 0, 0, 1, 0, 1, 1, 1], bool)
    found = evaluation.detection_quality(scores, abnormal, threshold=5.5)
    assert found["auroc"] == 15 / 16
    assert found["average_precision"] == pytest.approx((1 + 1 + 1 + 4 / 5) / 4)
    assert (found["false_positive_rate"], found["detection_rate"]) == (0.0, 0.75)
    low, high = found["false_positive_rate_interval"]
    assert (low, round(high, 4)) == (0.0, 0.6024)  # Clopper and Pearson: 1 - 0.025^(1/4)


def test_one_kind_of_image_has_no_auroc():
    found = evaluation.detection_quality(np.arange(10.0), np.zeros(10, bool), threshold=8.5)
    assert set(found) == {"false_positive_rate", "false_positive_rate_interval"}
    assert found["false_positive_rate"] == 0.1
