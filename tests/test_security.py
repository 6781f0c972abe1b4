"""What SECURITY.md says of files from strangers."""

import json
import shutil
import zipfile

import pytest

import aae_tf
from aae_tf import priors
from aae_tf.backend import keras


@pytest.fixture
def copied(trained, tmp_path):
    """A finished run of one's own, to be tampered with."""
    return shutil.copytree(trained.out_dir, tmp_path / "run")


def test_code_in_a_model_file_is_not_run(copied, few):
    images = keras.layers.Input((28, 28, 1))
    with_code = keras.Sequential([images, keras.layers.Lambda(lambda x: 2 * x)])
    with_code.save(copied / "model.keras")
    with pytest.raises(aae_tf.InputError, match="holds Python code"):
        aae_tf.load_run(copied, few)


def test_a_class_that_is_not_registered_is_not_called(copied, few, tmp_path):
    with zipfile.ZipFile(copied / "model.keras") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(files["config.json"])
    written = tmp_path / "written"
    foreign = {"module": "os", "class_name": "mkdir", "config": {"path": str(written)}, "registered_name": None}
    config["config"]["decoder"] = foreign
    with zipfile.ZipFile(copied / "model.keras", "w") as archive:
        for name, content in {**files, "config.json": json.dumps(config)}.items():
            archive.writestr(name, content)
    with pytest.raises(aae_tf.InputError, match="needs mkdir, which is not known here"):
        aae_tf.load_run(copied, few)
    assert not written.exists()


@pytest.mark.parametrize("name", ["kl_divergence", "__builtins__", "mvn_tril", "os.mkdir", "RegisterKL"])
def test_a_prior_in_a_file_is_of_a_known_distribution(name):
    config = {"distribution": {"distribution": name, "parameters": {}}}
    with pytest.raises(aae_tf.InputError, match="is no distribution of TensorFlow Probability"):
        priors.DistributionPrior.from_config(config)
