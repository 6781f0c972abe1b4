"""The `aae-tf` command: train, measure, draw, use and export from a shell. What uses a model is in `aae_tf.verbs`.

Exit codes: 0 done; 1 training failed; 2 bad input, said in one line; 130 or 143 interrupted by Ctrl-C or
SIGTERM (the same command goes on).
"""

import sys
from typing import Annotated

import typer

from aae_tf.cli.predict import COMMANDS
from aae_tf.config.registry import load_plugin
from aae_tf.errors import InputError, NonFiniteLossError, WorkerLostError

app = typer.Typer(
    help="Adversarial autoencoders: train, measure, draw and serve them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data_app = typer.Typer(help="Prepare datasets.", no_args_is_help=True)
app.add_typer(data_app, name="data")

Split = Annotated[
    str, typer.Option(metavar="validation|test", help="Held-out images to measure and draw: test only to report.")
]

Options = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Change any field of the recipe; repeat as needed."),
]
RunDirectory = Annotated[str, typer.Argument(metavar="RUN", help="A run directory.")]


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="The experiment; 'aae-tf recipes' lists them.")] = "gaussian",
    dataset: Annotated[
        str | None,
        typer.Option(
            help="mnist_5k, a TFDS name, a folder of images or a packed one, an .npz, .npy, .csv or .parquet file; "
            "by default the recipe's."
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training images.")] = None,
    labels: Annotated[
        str | None, typer.Option(help="Labelled training images, where the model uses labels: 100, 20% or all.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="The column of a table that holds the labels.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    out: Annotated[str | None, typer.Option(help="Run directory; training into it again resumes.")] = None,
    warm_start: Annotated[str | None, typer.Option(help="Run directory whose weights training starts from.")] = None,
    checkpoint_minutes: Annotated[float, typer.Option(min=0, help="Longest time without a checkpoint.")] = 10.0,
    from_last_good: Annotated[
        bool, typer.Option("--from-last-good", help="Go on from the last checkpoint by other learning rates.")
    ] = False,
    strategy: Annotated[
        str | None,
        typer.Option(help="mirrored: all GPUs of this machine; multi_worker: the workers that TF_CONFIG names."),
    ] = None,
    split: Split = "validation",
    options: Options = None,
):
    """Train a recipe: pictures, numbers and a servable model at the end."""
    changes = _changes(options, epochs=epochs, labels=labels, label=label, seed=seed, warm_start=warm_start)
    from aae_tf.recipes import get_recipe

    get_recipe(recipe).with_likely(**changes)  # refuse what cannot be, before TensorFlow is loaded where that can be
    from aae_tf.runs.train import train as train_recipe

    try:
        run = train_recipe(
            recipe,
            changes.pop("dataset", dataset),
            out_dir=out,
            strategy=strategy,
            split=split,
            checkpoint_minutes=checkpoint_minutes,
            from_last_good=from_last_good,
            **changes,
        )
    except (KeyboardInterrupt, SystemExit) as stop:
        _interrupted(stop)
    typer.echo(run.out_dir)


@app.command()
def compare(
    recipes: Annotated[list[str], typer.Argument(help="Two or more recipes.")],
    dataset: Annotated[str | None, typer.Option(help="As for train; by default the recipes' own.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training images, of each.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    out: Annotated[str, typer.Option(help="Its folder; finished runs in it are reused.")] = "runs/compare",
    split: Split = "validation",
    options: Options = None,
):
    """Train several recipes on the same images, or reuse their runs: one table, one figure."""
    changes = _changes(options, epochs=epochs, seed=seed)
    from aae_tf.runs.experiments import compare as compare_recipes

    try:
        found = compare_recipes(recipes, changes.pop("dataset", dataset), out_dir=out, split=split, **changes)
    except (KeyboardInterrupt, SystemExit) as stop:
        _interrupted(stop)
    _print_sideways(found.rows())
    typer.echo(found.out_dir / "comparison.png")


@app.command()
def sweep(
    recipes: Annotated[list[str], typer.Argument(help="One or more recipes.")],
    dataset: Annotated[str | None, typer.Option(help="As for train; by default the recipes' own.")] = None,
    seeds: Annotated[str, typer.Option(help="Seeds, each a training: 0-4 or 0,3,7.")] = "0-2",
    epochs: Annotated[int | None, typer.Option(help="Passes over the training images, of each.")] = None,
    labels: Annotated[str | None, typer.Option(help="Labelled training images: 100, or 100,1000 in turn.")] = None,
    out: Annotated[str, typer.Option(help="Its folder; finished runs in it are reused.")] = "runs/sweep",
    processes: Annotated[int, typer.Option(min=1, help="Trainings at a time, each with its share of cores.")] = 1,
    split: Split = "validation",
    options: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=A,B", help="Values to take in turn; by ';' where values have commas."),
    ] = None,
):
    """Train recipes with several seeds and settings; choose on validation images; one table, one figure."""
    from aae_tf.runs.experiments import seeds_of, values_of
    from aae_tf.runs.experiments import sweep as sweep_recipes

    changes = _changes(options, labels=labels)
    dataset = changes.pop("dataset", dataset)
    values = {name: values_of(recipes, name, text) for name, text in changes.items()}
    fixed = {name: each[0] for name, each in values.items() if len(each) == 1}
    fixed |= {} if epochs is None else {"epochs": epochs}
    try:
        found = sweep_recipes(
            recipes,
            dataset,
            seeds=seeds_of(seeds),
            grid={name: each for name, each in values.items() if len(each) > 1},
            out_dir=out,
            processes=processes,
            split=split,
            **fixed,
        )
    except (KeyboardInterrupt, SystemExit) as stop:
        _interrupted(stop)
    _print_sideways(found.rows())
    typer.echo(found.out_dir / "sweep.png")


@app.command()
def recipes(name: Annotated[str | None, typer.Argument(help="A recipe, to list all that can be set of it.")] = None):
    """List the recipes, or everything that can be set of one."""
    from rich.table import Table

    from aae_tf.recipes import get_recipe
    from aae_tf.recipes import recipes as known
    from aae_tf.recipes.changes import FIXED, settable
    from aae_tf.runs.experiment_results import shown

    if name is None:
        table = Table("recipe", "what it shows", "model", "dataset", "epochs", box=None)
        for recipe in known().values():
            table.add_row(recipe.name, recipe.summary, recipe.model, recipe.dataset, str(recipe.epochs))
    else:
        table = Table("--set", "value", "accepted", box=None)
        recipe = get_recipe(name).resolved()
        accepted = settable(recipe)
        for option, value in recipe.flat().items():
            if option not in FIXED:
                table.add_row(option, shown(value), accepted[option].accepts if option in accepted else "")
    _print(table)


@app.command()
def evaluate(
    run: RunDirectory,
    dataset: Annotated[str | None, typer.Option(help="The data again.")] = None,
    likelihood_samples: Annotated[
        int, typer.Option(min=0, help="Samples of the Parzen window (table 1 has 10000 and 10000000); 0 for none.")
    ] = 10_000,
    split: Split = "test",
):
    """Measure a run on held-out images, and write evaluation.json."""
    from rich.table import Table

    from aae_tf.training.progress import sample_progress

    loaded = _load(run, dataset)
    with sample_progress(likelihood_samples) as progress:
        report = loaded.evaluate(split, likelihood_samples=likelihood_samples, progress=progress)
    table = Table("measure", "value", "baseline", "unit", "n", box=None)
    for name, measure in report["metrics"].items():
        baseline = f"{measure['baseline']:.4g} ({measure['baseline_is']})" if "baseline" in measure else ""
        table.add_row(name, f"{measure['value']:.4g}", baseline, measure["unit"], f"{measure['n']:,}")
    _print(table)


@app.command()
def figures(
    run: RunDirectory,
    dataset: Annotated[str | None, typer.Option(help="The data again.")] = None,
    split: Split = "test",
):
    """Draw a run's figures."""
    loaded = _load(run, dataset)
    for name in loaded.figures(split):
        typer.echo(loaded.out_dir / "figures" / f"{name}.png")


@app.command()
def export(
    run: RunDirectory,
    dest: Annotated[str, typer.Argument(help="Folder of the served model.")],
    precision: Annotated[str, typer.Option(help="How weights are stored: float32 or float16.")] = "float32",
    png: Annotated[bool, typer.Option("--png", help="Add signatures that take PNG or JPEG files.")] = False,
):
    """Write a run's model as a SavedModel, DEST/<next version>."""
    typer.echo(_load(run, None).export(dest, precision, png))


for verb in COMMANDS:
    app.command()(verb)


@app.command()
def serve(
    dest: Annotated[str, typer.Argument(help="Folder of the served model, as export wrote it.")],
    builtin: Annotated[
        bool, typer.Option("--builtin", help="The small server of this package, to try it out.")
    ] = False,
    host: Annotated[str, typer.Option(help="Address to listen on (--builtin).")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the REST interface.")] = 8501,
):
    """Serve an exported model, by TensorFlow Serving where it is installed, or by --builtin."""
    from aae_tf.serving import launch

    if builtin:
        launch.serve_builtin(dest, host, port)
    else:
        launch.serve(dest, port)


@app.command()
def explore(
    run: RunDirectory,
    dataset: Annotated[str | None, typer.Option(help="The data again.")] = None,
    split: Split = "validation",
    host: Annotated[
        str, typer.Option(help="Address to listen on; this machine only unless told otherwise.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the page.")] = 5006,
    show: Annotated[bool, typer.Option("--open/--no-open", help="Whether to open a browser.")] = True,
):
    """Look around a run's latent space in a browser."""
    from aae_tf.explorer import explore as explore_run

    explore_run(_load(run, dataset), split, host, port, show)


@data_app.command()
def prepare(
    name: Annotated[str, typer.Argument(help="TFDS name, for example mnist.")],
    folder: Annotated[
        str | None, typer.Option("--from", help="Folder of the original files; no network is needed then.")
    ] = None,
):
    """Prepare a TFDS dataset (into TFDS_DATA_DIR, or TFDS's own folder)."""
    from aae_tf.data import prepare as prepare_dataset

    typer.echo(prepare_dataset(name, folder))


@data_app.command()
def pack(
    source: Annotated[str, typer.Argument(help="A folder of images, an .npy or .npz file, or a dataset's name.")],
    dest: Annotated[str, typer.Argument(help="Folder to write; train --dataset DEST reads it by index.")],
    image_size: Annotated[
        int, typer.Option(min=0, help="Side to which images are cropped and resized; 0 keeps them as they are.")
    ] = 0,
):
    """Write more images than fit in memory into a folder, once, from which training reads them."""
    from rich.console import Console

    from aae_tf.data import pack as pack_dataset

    try:
        with Console(stderr=True).status("packing") as status:
            packed = pack_dataset(source, dest, image_size, lambda count: status.update(f"{count:,} images packed"))
    except KeyboardInterrupt:
        typer.echo(f"interrupted; '{dest}' is not there: pack it again", err=True)
        raise typer.Exit(130) from None
    typer.echo(packed)


@app.callback()
def plugins(
    plugin: Annotated[
        list[str] | None,
        typer.Option(envvar="AAE_TF_PLUGINS", help="A Python file or module with priors, models, ... of your own."),
    ] = None,
):
    """Import what the user has registered of their own."""
    for each in plugin or []:
        load_plugin(each)


def _print_sideways(rows):
    """Print rows, a heading row first, as columns: there are more headings than fit side by side."""
    from rich.table import Table

    names, *columns = zip(*rows, strict=True)
    table = Table("", *names[1:], box=None)
    for heading, *values in columns:
        table.add_row(heading, *values)
    _print(table)


def _print(table):
    """Print a table, at its full width where the output is not a terminal."""
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _load(run, dataset):
    from aae_tf.runs.load import load_run

    return load_run(run, dataset)


def _changes(options, **named):
    """Return the recipe fields that the command line changes."""
    changes = dict(_split_option(option) for option in options or [])
    return changes | {name: value for name, value in named.items() if value is not None}


def _interrupted(stop):
    code = 130 if isinstance(stop, KeyboardInterrupt) else stop.code
    if code not in (130, 143):  # not a signal
        raise stop
    typer.echo("interrupted; what was done is kept: the same command goes on from there", err=True)
    raise typer.Exit(code) from None


def _split_option(option):
    name, equals, value = option.partition("=")
    if not equals or not name:
        raise InputError(f"--set {option} cannot be read; accepted: --set field=value")
    return name.strip(), value.strip()


def main(arguments=None):
    """Run the command and exit; bad input is one line and exit code 2, never a traceback."""
    try:
        app(arguments)
    except InputError as error:
        _fail(error, 2)
    except NonFiniteLossError as error:
        _fail(error, 1)
    except WorkerLostError as error:  # alone of these it says that the same again may do
        _fail(error, 3)


def _fail(error, code):
    print(f"error: {error}", file=sys.stderr)
    sys.exit(code)
