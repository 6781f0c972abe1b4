"""The losses of consistency: their values by NumPy and scipy, and what a virtual adversarial perturbation does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import entropy

from aae_tf.backend import tf
from aae_tf.losses import adversarial_perturbation, divergence, mutual_information_loss

TOWARDS = np.random.default_rng(0).normal(size=(6, 2)).astype("float32")


def linear(images):
    return tf.linalg.matmul(tf.reshape(images, [-1, 6]), TOWARDS)


def perturbed(rows, size=1.5, logits_of=linear, seed=0):
    rows = tf.constant(rows, tf.float32)
    return adversarial_perturbation(logits_of, rows, logits_of(rows), size, tf.constant([0, seed])).numpy()


@given(seed=st.integers(0, 10_000), classes=st.integers(2, 12), spread=st.floats(1, 8))
@settings(max_examples=25, deadline=None)
def test_divergence_and_information_are_scipys(seed, classes, spread):
    logits, others = 3 * np.random.default_rng(seed).normal(size=(2, 9, classes)).astype("float32")
    p, q = softmax(logits, -1), softmax(others, -1)
    assert divergence(logits, others).numpy() == pytest.approx(entropy(p, q, axis=-1).mean(), rel=1e-3, abs=1e-6)
    assert divergence(logits, logits).numpy() == pytest.approx(0, abs=1e-6)
    expected = entropy(p, axis=-1).mean() - spread * entropy(p.mean(0))
    assert mutual_information_loss(tf.constant(p), spread).numpy() == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_no_gradient_goes_through_what_is_to_be_kept():
    logits, others = tf.constant([[1.0, 0.0]]), tf.constant([[0.0, 1.0]])
    with tf.GradientTape() as tape:
        tape.watch([logits, others])
        loss = divergence(logits, others)
    kept, moved = tape.gradient(loss, [logits, others])
    assert kept is None
    assert np.abs(moved.numpy()).max() > 0.1


@pytest.mark.parametrize("shape", [(6,), (3, 2, 1)])
def test_a_perturbation_goes_where_the_answer_changes_and_has_its_length(shape):
    rows = 0.3 * np.random.default_rng(1).normal(size=(40, 6))
    steps = perturbed(rows.reshape(-1, *shape)).reshape(-1, 6)
    lengths = np.linalg.norm(steps, axis=1)
    assert lengths.max() < 1.501
    assert np.mean(lengths > 1.49) > 0.9  # less where the random start was across the only direction that counts
    across = (TOWARDS[:, 0] - TOWARDS[:, 1]) / np.linalg.norm(TOWARDS[:, 0] - TOWARDS[:, 1])
    np.testing.assert_allclose(np.abs(steps @ across), lengths, rtol=1e-3)
    chance = np.random.default_rng(2).normal(size=(40, 6))
    chance *= 1.5 / np.linalg.norm(chance, axis=1, keepdims=True)
    moved, elsewhere = (divergence(linear(rows), linear(rows + step)).numpy() for step in (steps, chance))
    assert moved > 2 * elsewhere


def test_an_image_whose_class_is_sure_is_moved_less_and_alike_in_any_batch():
    sure = np.outer(np.linspace(0, 9, 16), TOWARDS[:, 0] - TOWARDS[:, 1])
    lengths = np.linalg.norm(perturbed(sure), axis=1)
    assert lengths[0] == pytest.approx(1.5, rel=1e-3)
    assert lengths[-1] < 0.15
    many = np.linalg.norm(perturbed(np.concatenate([sure, *[sure] * 9])), axis=1)
    np.testing.assert_allclose(many[:16], lengths, rtol=1e-3, atol=1e-6)


def test_half_precision_finds_the_perturbations_of_float32():
    rows = np.outer(np.linspace(0, 1, 2000), TOWARDS[:, 0] - TOWARDS[:, 1])

    def half(images):  # large values between, so that their gradients are small
        between = tf.linalg.matmul(tf.cast(images, tf.float16), tf.cast(1000 * TOWARDS, tf.float16))
        return tf.cast(between * tf.cast(0.001, tf.float16), tf.float32)

    lengths, exact = (np.linalg.norm(perturbed(rows, logits_of=each), axis=1) for each in (half, linear))
    assert np.quantile(np.abs(lengths - exact), 0.99) < 0.01
