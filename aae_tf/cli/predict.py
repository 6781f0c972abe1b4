"""The verbs as commands: `aae-tf encode | decode | reconstruct | classify | sample | interpolate |
detect`."""

from typing import Annotated

import typer

from aae_tf.errors import InputError

BATCH = 256  # rows at a time

Model = Annotated[str, typer.Argument(metavar="RUN", help="A run directory, or the folder of an exported model.")]
Data = Annotated[
    list[str],
    typer.Argument(
        metavar="DATA...", help="Image files and folders of them; or one .npy, .npz, .csv or .parquet file."
    ),
]
Labels = Annotated[
    str | None, typer.Option(help="Labels for the rows in turn, 3 or 0,1,2, for models that take labels.")
]
Numbers = Annotated[str | None, typer.Option(help="File to write, .csv or .npz; by default CSV on standard output.")]
Pictures = Annotated[
    str | None, typer.Option(help="File to write: .png (a grid), .gif, .npz, or a folder for a PNG file each.")
]


def encode(run: Model, data: Data, out: Numbers = None):
    """Codes of images."""
    _use("encode", run, out, _data(data))


def decode(run: Model, data: Data, out: Pictures = None, labels: Labels = None):
    """Images of codes, as encode wrote them."""
    _use("decode", run, out, _data(data, labels))


def reconstruct(run: Model, data: Data, out: Pictures = None, labels: Labels = None):
    """Images encoded and decoded again."""
    _use("reconstruct", run, out, _data(data, labels))


def classify(run: Model, data: Data, out: Numbers = None):
    """Classes of images, or their clusters, and how probable each is."""
    _use("classify", run, out, _data(data))


def sample(
    run: Model,
    out: Pictures = None,
    count: Annotated[int, typer.Option(min=1, help="How many.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same images.")] = 0,
    labels: Labels = None,
):
    """New images."""

    def rows(inputs, element=None):
        from aae_tf.cli.inputs import seed_rows, with_labels

        wanted = "labels" in inputs
        return with_labels(seed_rows(seed, count), [-1] if wanted and labels is None else _numbers(labels), wanted)

    _use("sample", run, out, rows)


def interpolate(
    run: Model,
    data: Data,
    out: Pictures = None,
    steps: Annotated[int, typer.Option(min=2, help="Images from one to the next, both ends among them.")] = 10,
    labels: Labels = None,
):
    """Images on the way from one image to the next."""

    def rows(inputs, element=None):
        from aae_tf.cli.inputs import steps_between

        ends = {name: spec for name, spec in inputs.items() if name in ("images", "inputs", "labels")}
        return steps_between(_data(data, labels)(ends, element), steps)

    _use("interpolate", run, out, rows)


def detect(
    run: Model,
    data: Data,
    out: Numbers = None,
    normal: Annotated[
        str | None, typer.Option(help="Normal images that set the threshold; by default the run's validation images.")
    ] = None,
    false_alarm: Annotated[
        float | None, typer.Option(help="Share of normal images that may be called abnormal; by default 0.01.")
    ] = None,
    score: Annotated[str | None, typer.Option(help="reconstruction (the default), prior or both.")] = None,
    labels: Labels = None,
):
    """Whether images are unlike those that a run was trained on."""
    from aae_tf.cli.outputs import check_out
    from aae_tf.cli.trained import Trained, calibration_of, inputs_of, refuse_for_export, set_detector

    refuse_for_export(run, normal, false_alarm, score)
    trained = Trained(run)
    encode = trained.function("encode")  # whatever is wrong is said before the detector is another one
    found = _data(data, labels)(inputs_of(trained.function("reconstruct")), trained.element)
    check_out(out, {"score": encode.structured_outputs["codes"]}, len(found))
    set_detector(run, None if normal is None else _data([normal], labels), false_alarm, score)
    _use("detect", run, out, _data(data, labels))
    calibration = calibration_of(run)
    if calibration is not None:
        low, high = (f"{100 * end:.2g}" for end in calibration["guaranteed_interval"])
        rate, count = f"{100 * calibration['expected']:.2g}", calibration["n"]
        text = f"expected false-positive rate: {rate} % (95 % interval {low} to {high} %), from {count} held-out images"
        typer.echo(text, err=True)


COMMANDS = (encode, decode, reconstruct, classify, sample, interpolate, detect)


def _data(paths, labels=None):
    """Return the function from a signature's inputs to the rows of a user's data."""

    def rows(inputs, element=None):
        from aae_tf.cli.inputs import data_rows

        return data_rows(paths, inputs, _numbers(labels), element)

    return rows


def _numbers(labels):
    import numpy as np

    try:
        return None if labels is None else [int(np.int32(int(label))) for label in labels.split(",")]
    except (ValueError, OverflowError):
        raise InputError(f"--labels {labels} cannot be read; accepted: integers, 3 or 0,1,2") from None


def _use(verb, run, out, rows):
    """Ask a model for a verb's answers about rows, and write them.

    Args:
        verb: name of the signature.
        run: path of the model.
        out: where to write; None for standard output.
        rows: function from the signature's inputs (dict of name to `tf.TensorSpec`) and the model's
            `Element` to `Rows`.
    """
    from aae_tf.cli.outputs import check_out, write_results
    from aae_tf.cli.trained import Trained, inputs_of

    trained = Trained(run)
    function = trained.function(verb)
    found = rows(inputs_of(function), trained.element)
    check_out(out, function.structured_outputs, len(found))
    write_results(out, _answers(verb, function, found, trained), len(found))
    if out is not None:
        typer.echo(out)


def _answers(verb, function, rows, trained):
    """Yield (names, inputs, outputs) batch by batch, and show how far it is."""
    import numpy as np

    from aae_tf.backend import tf
    from aae_tf.cli.trained import inputs_of
    from aae_tf.training.progress import sample_progress

    wanted, class_names = inputs_of(function), trained.class_names
    classes = trained.classes if "labels" in wanted else None
    with sample_progress(len(rows)) as progress:
        for start in range(0, len(rows), BATCH):
            part = np.arange(start, min(start + BATCH, len(rows)))
            inputs = rows.read(part)
            if classes is not None:
                _refuse_unknown(inputs["labels"], verb, classes)
            outputs = function(**{name: tf.constant(inputs[name]) for name in wanted})
            outputs = {name: outputs[name].numpy() for name in sorted(outputs)}  # a run and its export write alike
            if class_names and "labels" in outputs:
                outputs["class_name"] = np.array(class_names)[outputs["labels"]]
            yield [rows.names[row] for row in part], inputs, outputs
            progress(verb, part[-1] + 1)


def _refuse_unknown(labels, verb, classes):
    least = -1 if verb == "sample" else 0
    if not (least <= labels.min() and labels.max() < classes):
        raise InputError(f"labels from {labels.min()} to {labels.max()} were given; accepted: {least} to {classes - 1}")
