import subprocess
import sys
import textwrap

import numpy as np
import pytest

import aae_tf

LOADER = """
    import sys

    from importlib.machinery import PathFinder

    class WithoutOurLibraries:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name.split(".")[0] in ("keras", "tf_keras", "tensorflow_probability", "aae_tf"):
                return None
            return PathFinder.find_spec(name, path, target)

    sys.meta_path = [WithoutOurLibraries if finder is PathFinder else finder for finder in sys.meta_path]
    sys.meta_path = [finder for finder in sys.meta_path if "editable" not in str(finder)]
    for name in ("keras", "aae_tf"):
        try:
            __import__(name)
        except ImportError:
            continue
        raise SystemExit(f"{name} could be imported: this test would prove nothing")
    import numpy as np
    import tensorflow as tf

    loaded = tf.saved_model.load(sys.argv[1])
    given = np.load(sys.argv[2])
    images, codes = tf.constant(given["images"]), tf.constant(given["codes"])
    s = loaded.signatures
    results = {
        "encode": s["encode"](images=images)["codes"],
        "serving_default": s["serving_default"](images=images)["codes"],
        "decode": s["decode"](codes=codes)["images"],
        "reconstruct": s["reconstruct"](images=images)["images"],
        "sample": s["sample"](seed=tf.constant(4), count=tf.constant(6))["images"],
        "sampled codes": s["sample"](seed=tf.constant(4), count=tf.constant(6))["codes"],
        "error": s["score"](images=images)["reconstruction_error"],
        "logit": s["score"](images=images)["prior_logit"],
    }
    np.savez(sys.argv[3], **{name: value.numpy() for name, value in results.items()})
"""


@pytest.fixture(scope="module")
def served(trained, few, tmp_path_factory):
    """The outputs of every signature, by a process that has TensorFlow alone."""
    folder = tmp_path_factory.mktemp("served")
    version = trained.export(folder / "model")
    images = (few[0][:9] / 255.0).astype("float32")
    np.savez(folder / "given.npz", images=images, codes=trained.model.prior.sample(5, 1).numpy())
    (folder / "loader.py").write_text(textwrap.dedent(LOADER))
    arguments = [version, folder / "given.npz", folder / "results.npz"]
    done = subprocess.run(
        [sys.executable, folder / "loader.py", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(folder / "given.npz") as given, np.load(folder / "results.npz") as results:
        return dict(given), dict(results)


def test_every_signature_gives_the_models_own_outputs(served, trained):
    given, results = served
    model = trained.model
    np.testing.assert_allclose(results["encode"], model.encode(given["images"]), atol=1e-5)
    np.testing.assert_array_equal(results["encode"], results["serving_default"])
    np.testing.assert_allclose(results["decode"], model.decode(given["codes"]), atol=1e-5)
    np.testing.assert_allclose(results["reconstruct"], model.reconstruct(given["images"]), atol=1e-5)
    np.testing.assert_allclose(results["sample"], model.sample(6, seed=4), atol=1e-5)
    np.testing.assert_allclose(results["sample"], model.decode(results["sampled codes"]), atol=1e-5)


def test_score_tells_digits_from_noise(served, trained, few):
    given, results = served
    expected = ((given["images"] - trained.model.reconstruct(given["images"])) ** 2).mean((1, 2, 3))
    np.testing.assert_allclose(results["error"], expected, atol=1e-5)
    assert results["logit"].shape == (9,)
    logits = trained.model.prior_logit({"z": trained.model.prior.sample(9, 0) + 1000.0}).numpy()
    assert not np.allclose(logits, results["logit"])


def test_versions_count_up_and_a_failed_export_leaves_nothing(trained, tmp_path, monkeypatch):
    assert [trained.export(tmp_path / "m").name for _ in range(2)] == ["1", "2"]

    def fail(*_, **__):
        raise RuntimeError("disk full")

    monkeypatch.setattr("aae_tf.serving.saved_model.signatures", fail)
    with pytest.raises(RuntimeError):
        trained.export(tmp_path / "m")
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["1", "2"]


def test_a_place_that_cannot_be_written_is_refused(trained, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(aae_tf.InputError, match="cannot export"):
        trained.export(tmp_path / "file")
