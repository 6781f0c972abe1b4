import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from aae_tf import InputError, priors
from aae_tf.backend import tf, tfp

ALL = {
    "gaussian": lambda: priors.Gaussian(3, 5.0),
    "uniform": lambda: priors.Uniform(3, -2, 4),
    "categorical": lambda: priors.Categorical(7),
    "mixture": priors.PetalMixture,
    "swiss roll": priors.SwissRoll,
    "tfp": lambda: priors.DistributionPrior(tfp.distributions.MultivariateNormalDiag([1.0, 2.0], [0.5, 2.0])),
    "function": lambda: priors.SamplerPrior(lambda n, seed: tf.random.stateless_uniform([n, 4], seed), 4),
}
WITH_DENSITY = [name for name in ALL if name not in ("swiss roll", "function")]


@pytest.mark.parametrize("name", ALL)
def test_samples_have_shape_dtype_and_depend_on_the_seed_alone(name):
    prior = ALL[name]()
    first = prior.sample(50, 3)
    assert first.shape == (50, prior.dim)
    assert first.dtype == tf.float32
    np.testing.assert_array_equal(first, prior.sample(50, 3))
    assert not np.array_equal(first, prior.sample(50, 4))
    graph = tf.function(lambda n, seed: prior.sample(n, seed))
    np.testing.assert_allclose(first, graph(tf.constant(50), tf.constant([0, 3])), atol=1e-5)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("name", WITH_DENSITY)
def test_sample_moments_are_the_distributions(name, jit):
    prior = ALL[name]()
    draw = tf.function(lambda seed: prior.sample(40_000, seed), jit_compile=jit)
    drawn = draw(tf.constant([0, 11])).numpy()
    reference = prior.distribution.sample(40_000, seed=[5, 6]).numpy().astype(float)
    spread = reference.std(0)
    np.testing.assert_allclose(drawn.mean(0), reference.mean(0), atol=5 * np.max(spread) / 200)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(reference.T), atol=0.04 * np.max(spread) ** 2)


@given(std=st.floats(0.1, 20), point=st.lists(st.floats(-30, 30), min_size=1, max_size=5))
@settings(max_examples=30, deadline=None)
def test_gaussian_density_is_scipys(std, point):
    prior = priors.Gaussian(len(point), std)
    expected = stats.norm(scale=std).logpdf(point).sum()
    np.testing.assert_allclose(prior.log_prob(np.array([point], "float32"))[0], expected, rtol=1e-4, atol=1e-3)


def test_mixture_density_is_scipys():
    prior = priors.PetalMixture(5, radius=3.0)
    points = np.random.default_rng(0).normal(size=(20, 2)).astype("float32") * 3
    parts = [
        stats.multivariate_normal(mean, axes @ axes.T).pdf(points)
        for mean, axes in zip(prior.means.astype(float), prior.axes.astype(float), strict=True)
    ]
    np.testing.assert_allclose(prior.log_prob(points), np.log(np.mean(parts, 0)), rtol=1e-3)


def test_petals_point_outwards_and_labels_choose_them():
    prior = priors.PetalMixture(10)
    for petal in range(10):
        drawn = prior.sample(4000, petal, labels=np.full(4000, petal)).numpy()
        angle = 2 * np.pi * petal / 10
        along = np.array([np.cos(angle), np.sin(angle)])
        across = np.array([-along[1], along[0]])
        np.testing.assert_allclose(drawn.mean(0), prior.radius * along, atol=0.1)
        np.testing.assert_allclose([(drawn @ along).std(), (drawn @ across).std()], [1.4, 0.3], rtol=0.06)


@pytest.mark.parametrize("prior", [priors.PetalMixture(6), priors.SwissRoll(6), priors.Categorical(6)])
def test_no_label_means_the_whole_prior(prior):
    labels = np.full(6000, -1)
    mixed = prior.sample(6000, 1, labels=labels).numpy()
    whole = prior.sample(6000, 2).numpy()
    np.testing.assert_allclose(mixed.mean(0), whole.mean(0), atol=0.25)
    np.testing.assert_allclose(mixed.std(0), whole.std(0), rtol=0.1)
    drawn = tf.function(lambda rows: prior.sample(tf.shape(rows)[0], 1, labels=tf.constant([5, -1, 0])))
    assert drawn(tf.zeros((3, 1))).shape[0] == 3
    for wrong in ([6], [-2], [0, 1], 3, [0.5], [np.nan], ["a"]):
        with pytest.raises(InputError, match=r"labels were given for 1 rows; accepted: \[1\] of -1 to 5"):
            prior.sample(1, 0, labels=wrong)


def test_swiss_roll_classes_are_stretches_in_order_and_points_are_spread_evenly():
    roll = priors.SwissRoll(4, noise=0.0)
    radii = [np.linalg.norm(roll.sample(500, 0, labels=np.full(500, k)), axis=1) for k in range(4)]
    for inner, outer in itertools.pairwise(radii):
        assert inner.max() <= outer.min() + 1e-4
    path = roll.along(np.linspace(0.05, 1, 400, dtype="float32")).numpy()
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    assert steps.max() / steps.min() < 1.2


@pytest.mark.parametrize("name", [name for name in ALL if name != "function"])
def test_config_round_trip_gives_the_same_samples(name):
    prior = ALL[name]()
    again = type(prior).from_config(prior.get_config())
    np.testing.assert_array_equal(prior.sample(20, 9), again.sample(20, 9))


def test_nested_tfp_distributions_survive_their_config():
    tfd = tfp.distributions
    mixture = tfd.MixtureSameFamily(
        tfd.Categorical(probs=[0.3, 0.7]),
        tfd.MultivariateNormalDiag([[0.0, 1.0], [2.0, 3.0]], [[1.0, 1.0], [0.1, 2.0]]),
    )
    prior = priors.as_prior(mixture, 2)
    again = priors.DistributionPrior.from_config(prior.get_config())
    np.testing.assert_allclose(prior.sample(20, 9), again.sample(20, 9), atol=1e-6)


def test_a_name_and_arguments_make_a_prior_of_the_codes_dimension():
    assert priors.as_prior("gaussian", 3).get_config() == {"dim": 3, "std": 1.0}
    assert priors.as_prior({"name": "gaussian", "std": 5.0}, 2).get_config() == {"dim": 2, "std": 5.0}
    assert priors.as_prior({"name": "swiss_roll", "turns": 3.0, "classes": 4}, 2).turns == 3.0
    assert priors.as_prior({"name": "fitted_mixture", "components": 3}, 5).means.shape == (3, 5)
    assert priors.as_prior("fitted_gaussian", 4).dim == 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: priors.as_prior(tfp.distributions.Normal(0.0, 1.0), 1), "event shape"),
        (lambda: priors.as_prior(priors.Gaussian(3), 2), "dimension 3 but the code has 2"),
        (lambda: priors.as_prior(3.0, 2), "not float"),
        (lambda: priors.as_prior("gausian", 2), "Did you mean 'gaussian'"),
        (lambda: priors.as_prior({"name": "mixture", "petals": 5}, 2), "petals"),
        (lambda: priors.as_prior("mixture", 3), "dimension 2 but the code has 3"),
        (lambda: priors.SwissRoll().log_prob(np.zeros((1, 2))), "no log_prob"),
        (lambda: priors.Gaussian().sample(3, 0, labels=[0, 1, 2]), "no classes"),
    ],
)
def test_what_cannot_be_a_prior_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize("prior", [priors.PetalMixture(10), priors.SwissRoll(10), priors.SwissRoll(10, noise=0.0)])
def test_samples_of_a_class_are_nearest_to_it(prior):
    labels = np.arange(2000) % 10
    found = prior.nearest_class(prior.sample(2000, 3, labels=labels))
    assert np.mean(found == labels) > 0.93
    with pytest.raises(InputError, match="has no classes"):
        priors.Gaussian().nearest_class(np.zeros((1, 2)))


def test_a_petals_logits_are_a_students_t_of_its_own_axes():
    prior = priors.PetalMixture(7, radius=3.0)
    codes = np.random.default_rng(0).normal(scale=3, size=(50, 2)).astype("float32")
    components = prior.distribution.components_distribution
    shapes = components.covariance().numpy()
    heavier = [stats.multivariate_t(mean, shape, df=3) for mean, shape in zip(prior.means, shapes, strict=True)]
    expected = np.stack([each.logpdf(codes) for each in heavier], -1)
    found = prior.class_logits(codes).numpy()
    np.testing.assert_allclose(found - found[:, :1], expected - expected[:, :1], atol=1e-3)
    np.testing.assert_array_equal(prior.nearest_class(codes), components.log_prob(codes[:, None]).numpy().argmax(-1))


@pytest.mark.parametrize("prior", [priors.PetalMixture(10), priors.SwissRoll(10)])
def test_a_code_is_sure_of_its_part_in_its_middle_and_of_none_far_away(prior):
    middle, _ = prior.class_axes(5)
    sure = tf.nn.softmax(prior.class_logits(middle.astype("float32"))).numpy()
    np.testing.assert_array_equal(sure[2::5].argmax(-1), np.arange(10))
    assert sure[2::5].max(-1).min() > 0.9
    far = tf.constant([[80.0, 80.0]])
    with tf.GradientTape() as tape:
        tape.watch(far)
        logits = prior.class_logits(far)
    assert tf.reduce_max(tf.nn.softmax(logits)) < 0.6  # opposite petals share an axis
    assert tf.norm(tape.gradient(logits, far)) < 1


def test_a_prior_with_classes_that_does_not_say_where_is_told_so():
    class Rings(priors.Prior):
        dim, classes = 2, 3

    with pytest.raises(InputError, match="define class_logits"):
        Rings().nearest_class(np.zeros((1, 2)))
