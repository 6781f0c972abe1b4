import io
import json
import runpy
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from conftest import only_signatures
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2
from PIL import Image
from serving_processes import warm_up_requests
from sklearn.datasets import load_sample_image

import aae_tf
from aae_tf.backend import tf
from aae_tf.data.images.folders import read_image
from aae_tf.export.encoded_images import decode_files

ALONE = """
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
"""
LOADER = """
    import sys

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
        "sample": s["sample"](seeds=tf.constant([4, 9, 4]))["images"],
        "sampled codes": s["sample"](seeds=tf.constant([4, 9, 4]))["codes"],
        "error": s["score"](images=images)["reconstruction_error"],
        "logit": s["score"](images=images)["prior_logit"],
    }
    np.savez(sys.argv[3], **{name: value.numpy() for name, value in results.items()})
"""


@pytest.fixture(scope="module", params=["here", pytest.param("alone", marks=pytest.mark.e2e)])
def served(request, trained, exported, few, tmp_path_factory):
    """The outputs of every signature, read here or by a process that has TensorFlow alone."""
    folder = tmp_path_factory.mktemp("served")
    images = (few[0][:9] / 255.0).astype("float32")
    np.savez(folder / "given.npz", images=images, codes=trained.model.prior.sample(5, 1).numpy())
    loader, alone = folder / "loader.py", request.param == "alone"
    loader.write_text(textwrap.dedent(ALONE) * alone + textwrap.dedent(LOADER))
    command = [str(part) for part in (loader, exported / "1", folder / "given.npz", folder / "results.npz")]
    if alone:
        done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
    else:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", command)
            runpy.run_path(command[0])
    with np.load(folder / "given.npz") as given, np.load(folder / "results.npz") as results:
        return dict(given), dict(results)


def test_every_signature_gives_the_models_own_outputs(served, trained):
    given, results = served
    model = trained.model
    np.testing.assert_allclose(results["encode"], model.encode(given["images"]), atol=1e-5)
    np.testing.assert_array_equal(results["encode"], results["serving_default"])
    np.testing.assert_allclose(results["decode"], model.decode(given["codes"]), atol=1e-5)
    np.testing.assert_allclose(results["reconstruct"], model.reconstruct(given["images"]), atol=1e-5)
    np.testing.assert_allclose(results["sample"][:2], [model.sample(1, seed=seed)[0] for seed in (4, 9)], atol=1e-5)
    np.testing.assert_array_equal(results["sample"][0], results["sample"][2])
    np.testing.assert_allclose(results["sample"], model.decode(results["sampled codes"]), atol=1e-5)


def test_score_tells_digits_from_noise(served, trained, few):
    given, results = served
    expected = ((given["images"] - trained.model.reconstruct(given["images"])) ** 2).mean((1, 2, 3))
    np.testing.assert_allclose(results["error"], expected, atol=1e-5)
    assert results["logit"].shape == (9,)
    logits = trained.model.prior_logit({"z": trained.model.prior.sample(9, 0) + 1000.0}).numpy()
    assert not np.allclose(logits, results["logit"])


def test_versions_count_up_and_a_failed_export_leaves_nothing(trained, tmp_path, monkeypatch):
    with only_signatures("encode"):
        assert [trained.export(tmp_path / "m").name for _ in range(2)] == ["1", "2"]

    def fail(*_, **__):
        raise RuntimeError("disk full")

    monkeypatch.setattr("aae_tf.export.saved_model.signatures", fail)
    with pytest.raises(RuntimeError):
        trained.export(tmp_path / "m")
    assert sorted(path.name for path in (tmp_path / "m").iterdir() if path.is_dir()) == ["1", "2"]


def test_what_lies_beside_the_graph(trained, tmp_path):
    measured = trained.last_report()["metrics"]["reconstruction_error"]["value"]
    (tmp_path / "digits").mkdir()
    (tmp_path / "digits" / "models.config").write_text("mine")
    with only_signatures("decode", "score"):
        version = trained.export(tmp_path / "digits")
    described = json.loads((version / "signatures.json").read_text())
    assert described["decode"]["inputs"] == {"codes": {"dtype": "float32", "shape": [-1, 2]}}
    assert described["score"]["outputs"].keys() == {"prior_logit", "reconstruction_error"}
    card = (version / "model_card.md").read_text()
    assert f"| reconstruction_error | {measured:.4g} |" in card
    assert "`gaussian`" in card
    assert ".:/models/digits:ro" in (tmp_path / "digits" / "compose.yaml").read_text()
    assert (tmp_path / "digits" / "models.config").read_text() == "mine"


def batching_parameters():
    """Return an empty `BatchingParameters`, by the model server's session_bundle_config.proto: its package lacks it."""
    file = descriptor_pb2.FileDescriptorProto(
        name="batching.proto", syntax="proto3", dependency=[wrappers_pb2.DESCRIPTOR.name]
    )
    message = file.message_type.add(name="BatchingParameters")
    names = ("max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads")
    for number, name in enumerate(names, 1):
        message.field.add(name=name, number=number, label=1, type=11, type_name=".google.protobuf.Int64Value")
    message.field.add(name="thread_pool_name", number=5, label=1, type=11, type_name=".google.protobuf.StringValue")
    message.field.add(name="allowed_batch_sizes", number=6, label=3, type=3)
    message.field.add(name="pad_variable_length_inputs", number=7, label=1, type=8)
    pool = descriptor_pool.DescriptorPool()
    for each in (wrappers_pb2.DESCRIPTOR.serialized_pb, file.SerializeToString()):
        pool.AddSerializedFile(each)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("BatchingParameters"))()


def test_the_model_server_can_read_its_configuration(exported):
    servers = pytest.importorskip("tensorflow_serving.config.model_server_config_pb2").ModelServerConfig()
    text_format.Parse((exported / "models.config").read_text(), servers)
    (model,) = servers.model_config_list.config
    assert (model.name, model.base_path, model.model_platform) == ("digits", "/models/digits", "tensorflow")
    assert model.model_version_policy.latest.num_versions == 1
    batching = text_format.Parse((exported / "batching.config").read_text(), batching_parameters())
    assert batching.max_batch_size.value >= 32
    assert 0 < batching.batch_timeout_micros.value <= 10_000  # a single request waits that long
    assert batching.max_enqueued_batches.value > 0
    assert batching.num_batch_threads.value > 0
    assert list(batching.allowed_batch_sizes) in (
        [],
        [*batching.allowed_batch_sizes[:-1], batching.max_batch_size.value],
    )


def test_warm_up_requests_are_real_and_for_every_signature(exported):
    signatures = tf.saved_model.load(str(exported / "1")).signatures
    requests = warm_up_requests(exported / "1")
    assert set(requests) == set(signatures)
    for name, inputs in requests.items():
        assert all(np.isfinite(value).all() for value in signatures[name](**inputs).values())


def test_a_signature_without_rows_is_refused(trained, tmp_path, monkeypatch):
    def one_image(seed):
        return {"image": trained.model.decode_graph({"z": tf.zeros((1, 2))})[0]}

    one = one_image, [tf.TensorSpec((), tf.int32, "seed")]
    declared = trained.model.signatures()
    monkeypatch.setattr(trained.model, "signatures", lambda: {**declared, "one": one})
    with pytest.raises(aae_tf.InputError, match=r"'one' cannot be served: seed has shape \[\]"):
        trained.export(tmp_path / "m")
    assert list((tmp_path / "m").iterdir()) == []


def test_half_precision_is_half_the_size_and_says_what_it_changed(trained, few, tmp_path):
    with only_signatures("reconstruct"):
        whole, half = (trained.export(tmp_path / precision, precision) for precision in ("float32", "float16"))
    sizes = [sum(file.stat().st_size for file in (path / "variables").iterdir()) for path in (whole, half)]
    assert sizes[1] < 0.52 * sizes[0]
    images = tf.constant((few[0] / 255.0).astype("float32"))
    first, second = (tf.saved_model.load(str(path)).signatures["reconstruct"](images=images) for path in (whole, half))
    change = np.abs(first["images"] - second["images"]).max()
    assert 0 < change < 0.01
    assert "`reconstruct.images`" in (half / "model_card.md").read_text()
    assert second["images"].dtype == tf.float32
    with pytest.raises(aae_tf.InputError, match="float16"):
        trained.export(tmp_path / "none", "float8")


@pytest.mark.parametrize("form", ["png", "jpeg", "large png", "wide png", "colour png"])
def test_png_signatures_read_files_as_the_command_line_does(form, trained, few, exported):
    signature = tf.saved_model.load(str(exported / "1")).signatures["encode_png"]
    images = few[0][:3]
    if form == "large png":
        images = images.repeat(2, 1).repeat(2, 2)
    if form == "wide png":
        images = np.concatenate([images, images[:, :, :11]], 2)
    if form == "colour png":
        images = np.concatenate([images, images[::-1], images // 2], 3)
    write = tf.io.encode_jpeg if form == "jpeg" else tf.io.encode_png
    files = [write(image).numpy() for image in images]
    expected = trained.model.encode(np.stack([read_image(io.BytesIO(file), (28, 28, 1)) for file in files]))
    found = signature(image_bytes=tf.constant(files))["codes"].numpy()
    spread = trained.model.encode(few[0]).std()
    np.testing.assert_allclose(found, expected, atol=(0.05 if form == "jpeg" else 0.01) * spread)  # two decoders


@pytest.mark.parametrize("shape", [(48, 48, 1), (28, 40, 3)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_photographs_are_cropped_and_resized_as_the_command_line_does(kind, shape):
    photograph = load_sample_image("china.jpg")
    files = [io.BytesIO() for _ in range(3)]
    for file, part in zip(files, (photograph, photograph[:, :200], photograph[:33, :40]), strict=True):
        Image.fromarray(part).save(file, kind)
    found = decode_files(tf.constant([file.getvalue() for file in files]), shape).numpy()
    difference = np.abs(255 * found - np.stack([read_image(file, shape).astype("float32") for file in files]))
    assert difference.max() < 5 and difference.mean() < 1


def test_a_place_that_cannot_be_written_is_refused(trained, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(aae_tf.InputError, match="cannot export"):
        trained.export(tmp_path / "file")
