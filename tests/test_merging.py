"""Entries of y that are merged into clusters: the rule itself, and models that have more entries than clusters."""

import numpy as np
import pytest
from conftest import QUICK, SMALL, eager, model_of, only_signatures, small
from hypothesis import given, settings
from hypothesis import strategies as st

import aae_tf
from aae_tf.backend import keras, tf
from aae_tf.evaluation import majority_error
from aae_tf.models.cluster_merging import merge_entries, merging_matrix

OPTIONS = {**SMALL, **QUICK, "clusters": 4, "overclustering": 9, "batch_size": 160, "report": False}


def wavering(classes, each, count, chance, sure=0.9):
    """Return (y [count, classes * each], labels): sure of an entry of the class, and of the rest one of its others."""
    labels = chance.integers(0, classes, count)
    first, second = (labels * each + chance.integers(0, each, count) for _ in range(2))
    y = np.full((count, classes * each), 0.001)
    y[np.arange(count), first] += sure
    y[np.arange(count), second] += 1 - sure
    return y / y.sum(1, keepdims=True), labels


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 12))
def test_every_entry_is_in_one_cluster_whatever_their_order(seed, entries, clusters):
    chance = np.random.default_rng(seed)
    y, order = chance.dirichlet(np.full(entries, 0.3), 50), chance.permutation(entries)
    clusters = min(clusters, entries)
    groups = merge_entries(y, clusters)
    assert len(groups) == clusters and sorted(entry for group in groups for entry in group) == [*range(entries)]
    again = merge_entries(y[:, order], clusters)
    assert {frozenset(order[group]) for group in again} == {frozenset(group) for group in groups}
    np.testing.assert_allclose((y @ merging_matrix(groups)).sum(1), 1, rtol=1e-6)
    use = y.sum(0)
    assert all(use[group[0]] == use[group].max() for group in groups)


@pytest.mark.parametrize("sizes", ["alike", "unlike"])
def test_entries_between_which_answers_waver_are_one_cluster(sizes):
    y, labels = wavering(5, 3, 4000, np.random.default_rng(0))
    if sizes == "unlike":  # a class of a twentieth as many images as others
        kept = (labels > 0) | (np.arange(len(labels)) % 20 == 0)
        y, labels = y[kept], labels[kept]
    groups = merge_entries(y, 5)
    assert sorted(map(sorted, groups)) == [[3 * label, 3 * label + 1, 3 * label + 2] for label in range(5)]
    assert majority_error((y @ merging_matrix(groups)).argmax(1), labels) < 0.01


def test_an_entry_that_no_image_has_does_not_keep_others_apart():
    y, _ = wavering(3, 2, 500, np.random.default_rng(0))
    y = np.concatenate([np.zeros((500, 1)), y], 1)
    assert [1, 2] in [sorted(set(group) - {0}) for group in merge_entries(y, 3)]


@pytest.mark.parametrize(("used", "clusters"), [([0, 1, 2, 3], 2), ([0, 1, 2, 3, 4], 3), ([0, 0, 5, 2], 2)])
def test_where_no_image_is_in_two_entries_the_least_used_are_merged(used, clusters):
    groups = merge_entries(np.eye(6)[[*used, *used[:1]]], clusters)
    assert len(groups) == clusters and sorted(entry for group in groups for entry in group) == [*range(6)]
    assert used[0] in [group[0] for group in groups]


class Decoding(keras.callbacks.Callback):
    """Decodes every cluster after each epoch, and keeps the groups."""

    def on_epoch_end(self, epoch, logs=None):
        model = self.model
        model.decode(np.zeros((4, model.prior.dim)), np.arange(4))
        self.groups = [[*group] for group in model.groups]


@pytest.fixture(scope="module")
def decoding():
    return Decoding()


@pytest.fixture(scope="module")
def run(few, decoding, tmp_path_factory):
    folder = tmp_path_factory.mktemp("merging") / "run"
    with eager():
        made = aae_tf.train("clustering_views", few, out_dir=folder, callbacks=decoding, **OPTIONS)
        with only_signatures("classify", "encode"):
            made.export()
    return made


@pytest.mark.usefixtures("eagerly")
def test_all_that_is_seen_of_a_model_with_more_entries_are_its_clusters(run, few):
    model, images = run.model, few[0][:30]
    assert model.classes == 4 and model.head_size == 9 and model.encode(images, code="y").shape == (30, 9)
    probabilities = model.classify(images)
    assert probabilities.shape == (30, 4)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    heads = model.decode(np.zeros((4, model.prior.dim)), np.arange(4))
    for head, group in zip(heads, model.groups, strict=True):
        y = tf.one_hot([group[0]], 9)
        np.testing.assert_allclose(head, model.to_images({"z": tf.zeros((1, model.prior.dim)), "y": y})[0], atol=1e-6)
    with pytest.raises(aae_tf.InputError, match="of 0 to 3"):
        model.decode(np.zeros((1, model.prior.dim)), [4])
    assert run.evaluate(likelihood_samples=0)["metrics"]["clusters_used"]["unit"] == "clusters of 4 with images"


def test_validation_merges_by_its_own_images_and_leaves_the_model_as_it_is(run, decoding):
    assert decoding.groups == [[0, 4, 8], [1, 5], [2, 6], [3, 7]]  # those of a new model: only `finalize` sets others
    before = [[*group] for group in run.model.groups]
    validation = run.data.validation  # the averaged weights of the last epoch are the run's
    error = run.model.validate(validation)["val_clustering_error"]
    assert run.history[-1]["val_clustering_error"] == pytest.approx(error)
    assert [[*group] for group in run.model.groups] == before


def test_groups_that_are_no_clusters_are_refused(run):
    config = run.model.get_config()
    for groups in ([[0, 1], [2, 3]], [[*range(8)], [8], [1], [2]], [[*range(6)], [6], [7], [55]]):
        with pytest.raises(aae_tf.InputError, match="do not put each of 9 entries in one of 4 clusters"):
            aae_tf.models.ClusteringAAE.from_config({**config, "groups": groups})


def test_a_class_that_is_not_there_is_none_in_the_graph(run):
    """A server that puts several requests into one batch must not let one of them spoil the others."""
    y = run.model.y_of(tf.constant([0, 7, -1])).numpy()
    assert y[0].sum() == 1 and not y[1:].any()


@pytest.mark.usefixtures("eagerly")
def test_training_a_model_of_ones_own_again_into_its_directory_is_the_same_run(few, tmp_path):
    recipe = aae_tf.recipes()["clustering_views"].with_options(
        **small("clustering_views", clusters=4, overclustering=9, batch_size=320)
    )
    model = model_of(recipe)
    first, again = (  # the groups that it has then are others than it began with
        aae_tf.train(recipe, few, model=model, out_dir=tmp_path / "run", report=False, **QUICK) for _ in range(2)
    )
    assert again.out_dir == first.out_dir and again.history == first.history


def test_the_clusters_are_kept_and_served(run, few):
    images = few[0][:30]
    expected = run.model.classify(images)
    for again in (aae_tf.load_run(run.out_dir, few).model, keras.models.load_model(run.out_dir / "model.keras")):
        assert [list(group) for group in again.groups] == [list(group) for group in run.model.groups]
        np.testing.assert_allclose(again.classify(images), expected, atol=1e-6)
    served = tf.saved_model.load(str(run.out_dir / "saved_model" / "1")).signatures
    found = served["classify"](images=tf.constant(images / 255.0, tf.float32))
    np.testing.assert_allclose(found["probabilities"], expected, atol=1e-5)
    found = served["encode"](images=tf.constant(images / 255.0, tf.float32))
    np.testing.assert_allclose(found["label_probabilities"], expected, atol=1e-5)


def test_clusters_are_merged_by_training_images_and_no_label(run, few):
    train = run.data.train.images
    assert [list(group) for group in run.model.groups] == merge_entries(run.model.encode(train, code="y"), 4)


@pytest.mark.usefixtures("eagerly")
def test_a_map_has_the_heads_of_all_entries(few, tmp_path):
    options = {**OPTIONS, "labels": 0, "epochs": 1}
    run = aae_tf.train("reduction_views", few, out_dir=tmp_path / "run", **options)
    assert run.model.centroids.centroids.shape == (9, 2) and run.model.classify(few[0][:3]).shape == (3, 4)
    (axes,) = aae_tf.reporting.FIGURES["map"](run.model, run.held_out("validation")).axes
    assert "9 centroids of 4 clusters" in axes.get_title()
    for line, group in zip(axes.lines, run.model.groups, strict=True):
        np.testing.assert_array_equal(np.transpose(line.get_data()), run.model.centroids.centroids.numpy()[group])


def test_fewer_entries_than_clusters_are_as_many():
    recipe = aae_tf.recipes()["clustering_views"].with_options(
        **small("clustering_views", clusters=12, overclustering=5)
    )
    model = model_of(recipe)
    assert model.head_size == model.classes == 12 and not model.needs_finalizing
    assert not {"clusters", "groups"} & set(model.get_config())  # so that it is the model that it was
