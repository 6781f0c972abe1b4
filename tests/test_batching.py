"""Every signature under a model server's batching: TensorFlow Serving's rules, and TensorFlow's own batching kernel.

The rules are those of tensorflow/serving, `tensorflow_serving/batching/`: `ComputeTensorBatchSize` (batching_util.h),
`MergeInputTensors` and `SplitOutputTensors` (batching_session.cc). Warm-up requests go the same way, and the first that
fails stops the load (`saved_model_warmup_util.cc`). TensorFlow Serving itself is not run here.
"""

import concurrent.futures
from pathlib import Path

import numpy as np
import pytest
from conftest import model_of, mostly_e2e
from serving_processes import warm_up_requests

import aae_tf
from aae_tf import priors
from aae_tf.backend import tf, tfp
from aae_tf.export.saved_model import signatures
from aae_tf.export.warmup import example_inputs
from aae_tf.models import MODELS

EXAMPLE = Path(__file__).parents[1] / "saved_models" / "digits"
RECIPES = {recipe.model: name for name, recipe in reversed(aae_tf.recipes().items())}  # one for each model
QUICK = ("gaussian", "style", "semi_supervised", "reduction", "gan")


def rows_of(inputs):
    """Return how many rows a request has, or refuse it as the model server does."""
    assert inputs, "Batching Run() must have at least one input tensor"
    assert all(tensor.shape.rank for tensor in inputs.values()), "must have at least one dimension"
    sizes = {tensor.shape[0] for tensor in inputs.values()}
    assert len(sizes) == 1, "must have equal 0th-dimension size"
    return sizes.pop()


def batched(run, requests):
    """Return the answers of several requests of one signature, run as one batch by the model server's rules."""
    sizes = [rows_of(inputs) for inputs in requests]
    for name, first in requests[0].items():
        assert all(inputs[name].shape[1:] == first.shape[1:] for inputs in requests), "have different shapes"
    outputs = run(**{name: tf.concat([inputs[name] for inputs in requests], 0) for name in requests[0]})
    for tensor in outputs.values():
        assert tensor.shape.rank, "Batched output tensor has 0 dimensions"
        assert tensor.shape[0] == sum(sizes), "0th dimension does not equal the sum of the 0th dimension sizes"
    parts = {name: tf.split(tensor, sizes) for name, tensor in outputs.items()}
    return [{name: parts[name][number] for name in outputs} for number in range(len(requests))]


def row(inputs, number):
    """Return a request of one row of a request."""
    return {name: tensor[number : number + 1] for name, tensor in inputs.items()}


def assert_same(found, expected, name):
    assert set(found) == set(expected)
    for key in expected:
        np.testing.assert_allclose(found[key], expected[key], atol=2e-5, err_msg=f"{name}.{key}")


@pytest.fixture(params=["an export", "the example"])
def version(request, exported):
    """A version's folder: of a model without labels, and the one that is published."""
    return newest(exported if request.param == "an export" else EXAMPLE)


def newest(folder):
    return max(folder.glob("[0-9]*"), key=lambda path: int(path.name))


def test_the_model_server_can_batch_every_signature(version):
    loaded = tf.saved_model.load(str(version))  # which the signatures' variables live as long as
    served = loaded.signatures
    requests = warm_up_requests(version)
    assert set(requests) == set(served)
    assert {"sample", "encode_png", "interpolate"} <= set(requests)
    for name, inputs in requests.items():
        together = batched(served[name], [inputs, row(inputs, 1), inputs])
        for found, alone in zip(together, (inputs, row(inputs, 1), inputs), strict=True):
            assert_same(found, served[name](**alone), name)


@pytest.mark.parametrize("names", [("encode", "classify", "sample"), pytest.param((), id="all", marks=pytest.mark.e2e)])
def test_concurrent_requests_are_mixed_and_each_gets_its_own_answer(names):
    """Through the kernel that batches inside TensorFlow, which takes rows from several threads' calls at once."""
    version = newest(EXAMPLE)
    loaded = tf.saved_model.load(str(version))  # which the signatures' variables live as long as
    served = loaded.signatures
    requests = warm_up_requests(version)
    for name in names or requests:
        inputs = requests[name]
        keys, outputs, sizes = sorted(inputs), sorted(served[name].structured_outputs), []

        @tf.function(input_signature=[tf.TensorSpec([None, *inputs[key].shape[1:]], inputs[key].dtype) for key in keys])
        @tf.nondifferentiable_batch_function(1, 64, 30_000)
        def run(*tensors, name=name, keys=keys, outputs=outputs, sizes=sizes):
            seen = tf.numpy_function(lambda rows: sizes.append(len(rows)) or np.int32(0), tensors[:1], tf.int32)
            with tf.control_dependencies([seen]):
                found = served[name](**dict(zip(keys, map(tf.identity, tensors), strict=True)))
            return [found[key] for key in outputs]

        asked = [row(inputs, number % 2) if number % 3 else inputs for number in range(7)]
        with concurrent.futures.ThreadPoolExecutor(len(asked)) as pool:
            answers = list(pool.map(lambda each: run(*(each[key] for key in keys)), asked))  # noqa: B023
        assert sum(sizes) == sum(map(rows_of, asked))
        assert len(sizes) < len(asked), f"{name}: no two requests went together"
        for each, answer in zip(asked, answers, strict=True):
            assert_same(dict(zip(outputs, answer, strict=True)), served[name](**each), name)


def test_the_kernel_refuses_what_has_no_rows():
    run = tf.nondifferentiable_batch_function(1, 8, 1000)(lambda seed: seed + 1)
    with pytest.raises(tf.errors.InvalidArgumentError, match="at least one dimension"):
        run(tf.constant(3))
    with pytest.raises(AssertionError, match="at least one dimension"):
        batched(lambda seed: {"images": seed}, [{"seed": tf.constant(3)}])


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", mostly_e2e([*RECIPES.values()], QUICK))
def test_every_models_rows_are_answered_one_by_one(name, few):
    recipe = aae_tf.recipes()[name]
    hidden = [each for each in ("widths", "discriminator_widths") if recipe.resolved().options.get(each)]
    model = model_of(recipe.with_options(**dict.fromkeys(hidden, (16,))))
    images = (few[0][::80] / 255.0).astype("float32")
    for signature, (run, specs) in signatures(model).items():
        inputs = {key: tf.constant(value) for key, value in example_inputs(specs, images, model.priors, 3).items()}

        def named(run=run, specs=specs, **tensors):
            return run(*(tensors[spec.name] for spec in specs))

        expected = named(**inputs)
        turned = {key: tensor[::-1] for key, tensor in inputs.items()}
        for request in ([turned], [row(inputs, number) for number in (2, 1, 0)]):
            found = batched(named, request)
            joined = {key: tf.concat([each[key] for each in found], 0)[::-1] for key in expected}
            assert_same(joined, expected, signature)


def test_every_model_is_among_them():
    assert set(RECIPES) == set(MODELS)


def ring(n, seed):
    angle = 6.28 * tf.random.stateless_uniform([n], seed)
    return tf.stack([tf.cos(angle), tf.sin(angle)], -1)


@pytest.mark.parametrize(
    "prior",
    ["gaussian", "uniform", "mixture", "swiss_roll", "fitted_mixture", ring, "tfp"],
    ids=lambda prior: getattr(prior, "__name__", prior),
)
def test_a_seed_draws_the_same_code_by_itself_and_among_others(prior, trained, monkeypatch):
    tfd, means = tfp.distributions, 3 * np.eye(2, dtype="float32")
    mixture = tfd.MixtureSameFamily(tfd.Categorical(probs=[0.3, 0.7]), tfd.MultivariateNormalDiag(means))
    prior = priors.as_prior(mixture if prior == "tfp" else prior, 2)
    monkeypatch.setattr(trained.model, "prior", prior)
    seeds = np.arange(-1, 1999, dtype=np.int32)[::-1]
    found = tf.function(trained.model.draw_each)(tf.constant(seeds))[0]["z"].numpy()
    for number in (0, 7, 1999):
        np.testing.assert_allclose(found[number], prior.sample(1, int(seeds[number]))[0], atol=1e-5)
    usual = prior.sample(20_000, 0).numpy()
    spread = usual.std(0)
    np.testing.assert_allclose(found.mean(0), usual.mean(0), atol=0.12 * spread.max())  # 5 standard errors
    np.testing.assert_allclose(found.std(0), spread, rtol=0.12)
