"""The commands that use a trained model: encode, decode, reconstruct, classify, sample, interpolate and detect."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aae_tf.errors import InputError

if TYPE_CHECKING:
    from aae_tf.cli.inputs import Rows
    from aae_tf.cli.outputs import Results
    from aae_tf.cli.trained import Trained

BATCH = 256  # rows at a time

Model = Annotated[str, typer.Argument(metavar="RUN", help="A run directory, or the folder of an exported model.")]
Data = Annotated[
    list[str], typer.Argument(metavar="DATA...", help="Images and folders; or one .npy, .npz, .csv or .parquet file.")
]
Labels = Annotated[str | None, typer.Option(help="Labels for models that take them, repeated over the rows: 3 or 0,1.")]
Numbers = Annotated[str | None, typer.Option(help="File to write, .csv or .npz; by default CSV on standard output.")]
Pictures = Annotated[str | None, typer.Option(help="File to write: .png (a grid), .gif, .npz; or folder of PNGs.")]


def encode(run: Model, data: Data, out: Numbers = None) -> None:
    """Encode images to codes."""
    _run("encode", run, out, _data(data))


def decode(run: Model, data: Data, out: Pictures = None, labels: Labels = None) -> None:
    """Decode codes, as `encode` writes them, to images."""
    _run("decode", run, out, _data(data, labels))


def reconstruct(run: Model, data: Data, out: Pictures = None, labels: Labels = None) -> None:
    """Encode images and decode their codes."""
    _run("reconstruct", run, out, _data(data, labels))


def classify(run: Model, data: Data, out: Numbers = None) -> None:
    """Classify or cluster images, with probabilities."""
    _run("classify", run, out, _data(data))


def sample(
    run: Model,
    out: Pictures = None,
    count: Annotated[int, typer.Option(min=1, help="Number of images.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same images.")] = 0,
    labels: Labels = None,
) -> None:
    """Generate new images."""

    def rows(trained: "Trained", inputs: dict) -> "Rows":
        from aae_tf.cli.inputs import Rows, with_labels
        from aae_tf.serving.client import row_seeds

        seeds, wanted = row_seeds(seed, count), "labels" in inputs
        found = Rows([str(each) for each in seeds], lambda part: {"seeds": seeds[part]})
        return with_labels(found, [-1] if wanted and labels is None else _numbers(labels), wanted)

    _run("sample", run, out, rows)


def interpolate(
    run: Model,
    data: Data,
    out: Pictures = None,
    steps: Annotated[int, typer.Option(min=2, help="Images from one to the next, including both ends.")] = 10,
    labels: Labels = None,
) -> None:
    """Interpolate between consecutive images in the latent space."""

    def rows(trained: "Trained", inputs: dict) -> "Rows":
        from aae_tf.cli.inputs import interpolation_rows

        ends = {name: spec for name, spec in inputs.items() if name in ("images", "inputs", "labels")}
        return interpolation_rows(_data(data, labels)(trained, ends), steps)

    _run("interpolate", run, out, rows)


def detect(
    run: Model,
    data: Data,
    out: Numbers = None,
    normal: Annotated[str | None, typer.Option(help="Normal images for the threshold; by default the run's.")] = None,
    false_alarm: Annotated[float | None, typer.Option(help="Highest false-positive rate; by default 0.01.")] = None,
    score: Annotated[str | None, typer.Option(help="reconstruction (the default), prior or both.")] = None,
    labels: Labels = None,
) -> None:
    """Detect images that are unlike the training images."""
    from aae_tf.cli.outputs import check_out
    from aae_tf.cli.trained import DETECTOR, Trained, newest_version, set_detector

    exported = newest_version(Path(run)) is not None
    if exported and (normal, false_alarm, score) != (None, None, None):
        raise InputError(f"'{run}' is an export, whose detector is fixed; give the run directory")
    trained = Trained(run)
    encode = trained.function("encode")  # invalid input is refused before the run's detector is replaced
    found = _data(data, labels)(trained, trained.inputs("reconstruct"))
    check_out(out, {"score": encode.structured_outputs["codes"]}, len(found))
    if not exported:
        set_detector(trained, None if normal is None else _data([normal], labels), false_alarm, score)
    _run("detect", run, out, _data(data, labels))
    calibration = None if exported else json.loads((Path(run) / DETECTOR).read_text())["calibration"]
    if calibration is not None:
        low, high = (f"{100 * end:.2g}" for end in calibration["guaranteed_interval"])
        rate, count = f"{100 * calibration['expected']:.2g}", calibration["n"]
        text = f"expected false-positive rate: {rate} % (95 % interval {low} to {high} %), from {count} held-out images"
        typer.echo(text, err=True)


COMMANDS = (encode, decode, reconstruct, classify, sample, interpolate, detect)


def _data(paths: list[str], labels: str | None = None) -> Callable[["Trained", dict], "Rows"]:
    """Return the function (trained model, its inputs) to the rows of the user's data."""

    def rows(trained: "Trained", inputs: dict) -> "Rows":
        from aae_tf.cli.inputs import data_rows

        return data_rows(paths, inputs, trained.element, _numbers(labels))

    return rows


def _numbers(labels: str | None) -> list[int] | None:
    """Return the labels of a comma-separated text."""
    import numpy as np

    try:
        return None if labels is None else [int(np.int32(int(label))) for label in labels.split(",")]
    except (ValueError, OverflowError):
        raise InputError(f"--labels {labels} cannot be read; accepted: integers, 3 or 0,1,2") from None


def _run(name: str, run: str, out: str | None, rows: Callable[["Trained", dict], "Rows"]) -> None:
    """Compute a signature for the rows that `rows` returns, and write its outputs."""
    from aae_tf.cli.outputs import check_out, write_results
    from aae_tf.cli.trained import Trained

    trained = Trained(run)
    found = rows(trained, trained.inputs(name))
    check_out(out, trained.function(name).structured_outputs, len(found))
    write_results(out, _results(name, trained, found), len(found))
    if out is not None:
        typer.echo(out)


def _results(name: str, trained: "Trained", rows: "Rows") -> "Results":
    """Yield (row names, inputs, outputs) of each batch, and show the progress."""
    import numpy as np

    from aae_tf.backend import tf
    from aae_tf.training.progress import sample_progress

    function, wanted, least = trained.function(name), trained.inputs(name), -1 if name == "sample" else 0
    with sample_progress(len(rows)) as progress:
        for start in range(0, len(rows), BATCH):
            part = np.arange(start, min(start + BATCH, len(rows)))
            inputs = rows.read(part)
            if "labels" in wanted and trained.classes is not None:
                low, high, most = inputs["labels"].min(), inputs["labels"].max(), trained.classes - 1
                if not least <= low <= high <= most:
                    raise InputError(f"labels from {low} to {high} were given; accepted: {least} to {most}")
            outputs = function(**{each: tf.constant(inputs[each]) for each in wanted})
            outputs = {each: outputs[each].numpy() for each in sorted(outputs)}  # in one order
            if trained.class_names and "labels" in outputs:
                outputs["class_name"] = np.array(trained.class_names)[outputs["labels"]]
            yield [rows.names[row] for row in part], inputs, outputs
            progress(name, part[-1] + 1)
