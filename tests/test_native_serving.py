"""The export through TensorFlow's C API, compiled here against the installed wheel: what the model server uses."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from aae_tf.backend import tf
from aae_tf.export.warmup import example_inputs

pytestmark = pytest.mark.e2e
SOURCE = Path(__file__).parent / "native" / "run_signatures.c"


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The compiled C program."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler is here")
    library = Path(tf.sysconfig.get_lib())
    built = tmp_path_factory.mktemp("native") / "run_signatures"
    libraries = [
        next(library.glob(pattern)).name for pattern in ("libtensorflow_cc.so.*", "libtensorflow_framework.so.*")
    ]
    command = [
        compiler,
        "-O1",
        "-Wall",
        str(SOURCE),
        "-o",
        str(built),
        f"-I{tf.sysconfig.get_include()}",
        f"-L{library}",
    ]
    command += [f"-l:{name}" for name in libraries] + [f"-Wl,-rpath,{library}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return built


def signature_tensors(folder):
    """Return, for each signature, its inputs and outputs as {name: (operation, index)}, read from the protobuf."""
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())

    def places(tensors):
        return {name: tuple(tensor.name.rsplit(":", 1)) for name, tensor in tensors.items()}

    described = saved.meta_graphs[0].signature_def
    return {
        name: (places(each.inputs), places(each.outputs))
        for name, each in described.items()
        if not name.startswith("__")
    }


def plan_lines(tensors, inputs, folder):
    """Return the plan's lines for one run, and the files of its outputs by name."""
    found, given = {name: folder / f"out-{name}" for name in tensors[1]}, []
    for name, array in inputs.items():
        operation, index = tensors[0][name]
        array.tofile(folder / f"in-{name}")
        dtype = tf.as_dtype(array.dtype).as_datatype_enum
        sizes = " ".join(map(str, array.shape))
        given.append(f"{operation} {index} {dtype} {array.ndim} {sizes} {folder / f'in-{name}'}")
    wanted = [f"{operation} {index} {found[name]}" for name, (operation, index) in tensors[1].items()]
    return [f"run {len(given)} {len(wanted)}", *given, *wanted], found


def test_every_signature_through_the_c_api(program, trained, few, tmp_path):
    version = trained.export(tmp_path / "model")
    loaded = tf.saved_model.load(str(version))
    images = (few[0][:5] / 255.0).astype("float32")
    lines, files, expected = [], {}, {}
    for name, tensors in signature_tensors(version).items():
        specs = [
            tf.TensorSpec(spec.shape, spec.dtype, key)
            for key, spec in loaded.signatures[name].structured_input_signature[1].items()
        ]
        inputs = {
            key: np.array(value, order="C")
            for key, value in example_inputs(specs, images, trained.model.priors, 5).items()
        }
        folder = tmp_path / name
        folder.mkdir()
        more, files[name] = plan_lines(tensors, inputs, folder)
        lines += more
        expected[name] = loaded.signatures[name](**{key: tf.constant(value) for key, value in inputs.items()})
        if name == "encode":
            np.testing.assert_allclose(expected[name]["codes"], trained.model.encode(images), atol=1e-5)
    done = subprocess.run(
        [program, str(version)], input="\n".join(lines) + "\n", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert set(files) == {"encode", "decode", "reconstruct", "sample", "interpolate", "score", "serving_default"}
    for name, outputs in files.items():
        for key, path in outputs.items():
            value = expected[name][key].numpy()
            found = np.fromfile(path, value.dtype).reshape(value.shape)
            np.testing.assert_allclose(found, value, atol=1e-5, err_msg=f"{name}.{key}")
